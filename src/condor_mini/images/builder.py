"""The images: which there are, what they are called, and how they are built.

An image is rebuilt when its folder, its arguments or the image below it have changed: a digest of
these three is one of its labels.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    CommandFailed,
    EngineCapabilityError,
    ImageBuildFailed,
    NotFound,
    StateError,
)
from condor_mini.base.layout import LABEL
from condor_mini.base.parallel import each
from condor_mini.base.series import catalogue
from condor_mini.base.tree import replacing
from condor_mini.engine import BuildSpec, ContainerSpec, command
from condor_mini.images.debian import debian_base

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine, ImageInfo

ROLES = ("base", "mini", "master", "submit", "execute")
"""Every image, the one that the others stand on first."""

DIGEST_LABEL = f"{LABEL}.digest"
VERSION_LABEL = "org.opencontainers.image.version"
VERSION_FILE = "/usr/local/share/condor-mini/htcondor-version"
UV_TIMEOUT_S = 300.0

_NO_APT = re.compile(r"apt-get: (command )?not found|exec: \"?/bin/sh\"?: .*no such file")
_NO_NETWORK = re.compile(
    r"Temporary failure resolving|Could not resolve|Could not connect|Unable to connect"
    r"|Connection timed out|Network is unreachable|Failed to establish a new connection"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image that is there now."""

    reference: str
    size_bytes: int
    fresh: bool
    """Whether it was built just now, rather than found up to date."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An image that there is, or could be."""

    reference: str
    role: str
    series: str
    size_bytes: int | None
    """None where the engine has none of that name."""
    up_to_date: bool
    """Whether ``build`` would leave it as it is."""
    version: str | None
    """HTCondor's in it, as Debian's package has it."""

    def to_json(self) -> dict[str, str | int | bool | None]:
        """For programs: docs/reference/json.md."""
        return asdict(self)


def reference(role: str, series: Series, tag: str | None = None) -> str:
    """The name of a role's image: ``condor-mini:25``, or with the tag that was asked for."""
    return f"condor-{role}:{tag or series.number}"


def build(
    engine: Engine,
    roles: Iterable[str],
    series: Series,
    progress: Progress,
    *,
    tag: str | None = None,
    base: str | None = None,
    build_args: Mapping[str, str] | None = None,
    no_cache: bool = False,
) -> list[Built]:
    """Build these roles' images, and the base below them, unless they are up to date.

    Args:
        engine: Where.
        roles: Of ``ROLES``.
        series: Which HTCondor.
        progress: Told of each image.
        tag: In place of the series' number; without it the default series is ``latest`` too.
        base: Any Debian or Ubuntu image to stand on, in place of the default.
        build_args: More arguments for the base image's Dockerfile.
        no_cache: Build everything anew.

    Returns:
        One entry per role that was asked for, in the order of ``ROLES``.

    Raises:
        ImageBuildFailed: with the last lines of the build.
    """
    wanted = set(roles)
    if not engine.info().builds:
        if tag or base or build_args:
            raise EngineCapabilityError(
                f"{engine.name} makes its images of the runtime, and has no base, tag or arguments",
                hint="Use a container engine for that: --engine docker",
            )
        return [_composed(engine, role, series, progress) for role in ROLES if role in wanted]
    base_args = {"HTCONDOR": series.number, **(build_args or {})}
    base_args["BASE"] = base or debian_base(engine, progress)
    below = engine.image(base_args["BASE"])
    results = []
    for role in ROLES:
        if role != "base" and role not in wanted:
            continue
        arguments = base_args if role == "base" else {"BASE": reference("base", series, tag)}
        image, fresh = _build_one(
            engine, role, series, progress, tag, arguments, below, no_cache=no_cache
        )
        if role == "base":
            below = image
        if role in wanted:
            name = reference(role, series, tag)
            results.append(Built(reference=name, size_bytes=image.size_bytes, fresh=fresh))
    return results


def _composed(engine: Engine, role: str, series: Series, progress: Progress) -> Built:
    from condor_mini.images.composition import compose

    name = reference(role, series)
    fresh = compose(engine, role, series, progress, reference=name, label=DIGEST_LABEL)
    image = engine.image(name)
    return Built(reference=name, size_bytes=image.size_bytes if image else 0, fresh=fresh)


def listing(engine: Engine) -> list[Listed]:
    """Every image that there can be, built or not: by series, the default one first."""
    known = catalogue()
    builds = engine.info().builds
    order = sorted(known.series.values(), key=lambda series: series.number != known.default)
    base = next((name for name in _debian_names() if engine.image(name)), "") if builds else None
    return each(
        lambda wanted: _listed(engine, *wanted, base),
        [(series, role) for series in order for role in ROLES if builds or role != "base"],
    )


def save(engine: Engine, file: Path, series: Series | None = None) -> list[str]:
    """Write the images to a file, for a machine that cannot build them; their names.

    With them goes the Debian image that they stand on: without it they would count as outdated.

    Args:
        engine: Where they are.
        file: Is made, or replaced once all is written.
        series: Only of this one; None for all.

    Raises:
        NotFound: There are none.
        StateError: The file cannot be written.
    """
    names = [
        image.reference
        for image in listing(engine)
        if image.size_bytes is not None and series in (None, catalogue().get(image.series))
    ]
    if not names:
        raise NotFound("there are no images to save", hint="Build them: condor-mini build")
    names += [name for name in _debian_names() if engine.image(name)]
    try:
        with replacing(file) as partial:
            engine.save_images(names, partial)
    except OSError as error:
        raise StateError(f"{file} cannot be written: {error.strerror}") from None
    return names


def load(engine: Engine, file: Path) -> list[str]:
    """Take in what ``save`` has written; the images' names.

    Raises:
        NotFound: There is no such file.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    return engine.load_images(file)


def import_root(engine: Engine, file: Path, reference: str) -> None:
    """Take in a root file system, a tar, as an image for execution points.

    Raises:
        NotFound: There is no such file.
        CommandFailed: It is no tar archive.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    engine.import_image(file, reference, labels={})


def _debian_names() -> tuple[str, str]:
    """What ``debian_base`` looks for, in its order; it pulls or makes one where neither is."""
    return catalogue().base, f"condor-mini-debian:{catalogue().debian}"


def _listed(engine: Engine, series: Series, role: str, base: str | None) -> Listed:
    """One of the list; ``base`` is None where images are composed."""
    name = reference(role, series)
    there = engine.image(name)
    digest = None
    if there and base is None:
        from condor_mini.images import composition

        digest = composition.digest(role, series)
    elif there:
        digest = _built_digest(engine, series, role, base or "")
    return Listed(
        reference=name,
        role=role,
        series=series.number,
        size_bytes=there.size_bytes if there else None,
        up_to_date=there is not None and there.labels.get(DIGEST_LABEL) == digest,
        version=there.labels.get(VERSION_LABEL) if there else None,
    )


def _built_digest(engine: Engine, series: Series, role: str, base: str) -> str:
    """The digest that an image has if nothing has changed since it was built."""
    below = base if role == "base" else reference("base", series)
    arguments = {"HTCONDOR": series.number, "BASE": base} if role == "base" else {"BASE": below}
    with as_file(files("condor_mini").joinpath(f"images/condor-{role}")) as folder:
        under = engine.image(below) if below else None
        return _digest(folder, arguments, under.id if under else "")


def ensure(engine: Engine, role: str, series: Series, progress: Progress) -> str:
    """The reference of a role's image, built first if the engine has none or an outdated one."""
    build(engine, [role], series, progress)
    return reference(role, series)


def _build_one(
    engine: Engine,
    role: str,
    series: Series,
    progress: Progress,
    tag: str | None,
    arguments: Mapping[str, str],
    below: ImageInfo | None,
    *,
    no_cache: bool,
) -> tuple[ImageInfo, bool]:
    """The image, which stands on ``below``, and whether it was built just now."""
    name = reference(role, series, tag)
    with as_file(files("condor_mini").joinpath(f"images/condor-{role}")) as folder:
        digest = _digest(folder, arguments, below.id if below else "")
        there = engine.image(name)
        if there and there.labels.get(DIGEST_LABEL) == digest and not no_cache:
            return there, False
        is_default = tag is None and series.number == catalogue().default
        tags = (name, reference(role, series, "latest")) if is_default else (name,)
        with (
            tempfile.TemporaryDirectory(prefix="condor-mini-") as scratch,
            progress.step(f"Building {name}") as detail,
        ):
            context = Path(scratch) / role
            shutil.copytree(folder, context)
            if role == "base":
                fetch_uv(context / "bin", engine.info().architecture)
            spec = BuildSpec(
                context=context,
                tags=tags,
                build_args=arguments,
                labels={DIGEST_LABEL: digest},
                no_cache=no_cache,
            )
            _build(engine, spec, detail)
            if role == "base":
                _label_with_version(engine, spec, detail)
    made = engine.image(name)
    if made is None:
        raise ImageBuildFailed(f"the engine built {name}, but does not have it")
    return made, True


def _build(engine: Engine, spec: BuildSpec, detail: Callable[[str], None]) -> None:
    """Build, and where it fails for want of a network, say so in place of a hundred lines."""
    unreachable: list[str] = []

    def on_line(line: str) -> None:
        detail(line)
        log.debug("%s", line)
        if _NO_NETWORK.search(line):
            unreachable.append(line.strip())

    try:
        engine.build(spec, on_line=on_line)
    except ImageBuildFailed as failure:
        if _NO_APT.search(failure.output):
            raise ImageBuildFailed(
                f"{spec.tags[0]} cannot be built on {spec.build_args['BASE']}: it has no apt-get",
                hint="Choose an image of Debian or Ubuntu: condor-mini build --base IMAGE",
            ) from failure
        if not unreachable:
            failure.hint = "See each line of it: condor-mini -v build --no-cache"
            raise
        raise ImageBuildFailed(
            f"{spec.tags[0]} could not be built, because Debian's packages cannot be reached:\n"
            f"{unreachable[0]}",
            hint="Is there a network, and can containers reach it? Try: "
            f"{engine.name} run --rm {spec.build_args['BASE']} apt-get update",
        ) from failure


def _digest(folder: Path, arguments: Mapping[str, str], below: str) -> str:
    """A digest of all that decides what an image holds."""
    sha256 = hashlib.sha256(repr((sorted(arguments.items()), below)).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            sha256.update(f"{path.relative_to(folder)} {mode}\0".encode())
            sha256.update(path.read_bytes())
    return sha256.hexdigest()


def _label_with_version(engine: Engine, spec: BuildSpec, detail: Callable[[str], None]) -> None:
    """Put the version that was really installed into the label; the layers are all cached."""
    container = engine.create(
        ContainerSpec(image=spec.tags[0], name=f"condor-mini-version-{os.getpid()}")
    )
    try:
        version = engine.copy_out(container, VERSION_FILE).decode().strip()
    finally:
        engine.remove(container)
    labels = {**spec.labels, VERSION_LABEL: version}
    again = BuildSpec(
        context=spec.context, tags=spec.tags, build_args=spec.build_args, labels=labels
    )
    engine.build(again, on_line=detail)


def fetch_uv(folder: Path, architecture: str) -> None:
    """Put uv into the base image's folder ``bin``, by the host's own pip.

    That one knows the mirror, the proxy and the certificates.

    Where that cannot be, the build fetches it itself.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(architecture, architecture)
    with tempfile.TemporaryDirectory(prefix="condor-mini-") as scratch:
        argv = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary", ":all:", "--platform", f"manylinux2014_{machine}"),
            *("--dest", scratch, f"uv=={catalogue().uv}"),
        ]
        try:
            command.run(argv, timeout_s=UV_TIMEOUT_S)
        except CommandFailed as failure:
            log.info("no uv by the host's pip: %s", failure)
            return
        with zipfile.ZipFile(next(Path(scratch).glob("uv-*.whl"))) as wheel:
            program = next(name for name in wheel.namelist() if name.endswith("/scripts/uv"))
            (folder / "uv").write_bytes(wheel.read(program))
        (folder / "uv").chmod(0o755)
