"""The images: their names, and how they are listed, built, saved and loaded.

An image is rebuilt if its folder, its build arguments or the image below it have changed. A digest
of these three is stored as a label of the image.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    EngineCapabilityError,
    ImageBuildFailed,
)
from condor_mini.base.layout import LABEL
from condor_mini.base.parallel import each
from condor_mini.base.series import catalogue
from condor_mini.engine import (
    BuildSpec,
    ContainerSpec,
    ImageBuilder,
    ImageComposer,
    require_builder,
)
from condor_mini.images.debian import debian_base, debian_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine, ImageInfo

ROLES = ("base", "mini", "master", "submit", "execute")
"""The images that are built if none is named; the first one is the base of the others."""
NOTEBOOK = "notebook"
"""The image that is built on demand: ``mini`` with JupyterLab."""
ALL_ROLES = (*ROLES, NOTEBOOK)

DIGEST_LABEL = f"{LABEL}.digest"
VERSION_LABEL = "org.opencontainers.image.version"
VERSION_FILE = "/usr/local/share/condor-mini/htcondor-version"

_NO_APT = re.compile(r"apt-get: (command )?not found|exec: \"?/bin/sh\"?: .*no such file")
_NO_NETWORK = re.compile(
    r"Temporary failure resolving|Could not resolve|Could not connect|Unable to connect"
    r"|Connection timed out|Network is unreachable|Failed to establish a new connection"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image that is up to date."""

    reference: str
    size_bytes: int
    fresh: bool
    """Whether this call built it; false if it was up to date already."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An image that can be built, whether or not it exists."""

    reference: str
    role: str
    series: str
    size_bytes: int | None
    """None if the engine has no image of that name."""
    up_to_date: bool
    """Whether ``build`` would leave the image as it is."""
    version: str | None
    """Version of HTCondor's Debian package in the image; None if there is no such image."""

    def to_json(self) -> dict[str, str | int | bool | None]:
        """Return the object that docs/reference/json.md describes."""
        return asdict(self)


def reference(role: str, series: Series, tag: str | None = None) -> str:
    """Return the name of a role's image: ``condor-mini:25``, or with ``tag`` after the colon."""
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
    """Build the images of these roles, and those below them, unless they are up to date.

    Args:
        engine: Engine to build the images on.
        roles: Names from ``ALL_ROLES``.
        series: Series of HTCondor.
        progress: Receives a phase for each image.
        tag: Tag of the images. None for the series' number; images of the default series also get
            the tag ``latest`` then.
        base: Any Debian or Ubuntu image to build on. None for the default.
        build_args: More build arguments for the base image's Dockerfile.
        no_cache: Build all layers again.

    Returns:
        One entry per requested role, in the order of ``ALL_ROLES``.

    Raises:
        ImageBuildFailed: A build failed; has the last lines of the build.
        EngineCapabilityError: ``tag``, ``base``, ``build_args`` or ``notebook`` is given, and the
            engine composes its images.
    """
    wanted = set(roles)
    if isinstance(engine, ImageComposer):
        if NOTEBOOK in wanted:
            raise EngineCapabilityError(
                f"{engine.name} has no image with JupyterLab: it uses the one of this machine",
                hint="Install that: pip install jupyterlab htcondor. Or use a container engine: "
                "condor-mini build --engine docker notebook",
            )
        if tag or base or build_args:
            raise EngineCapabilityError(
                f"{engine.name} composes its images from the runtime, and supports no base, tag or "
                "build arguments",
                hint="Use a container engine: condor-mini build --engine docker",
            )
        return [_composed(engine, role, series, progress) for role in ROLES if role in wanted]
    image_builder = require_builder(engine, f"build {', '.join(sorted(wanted))}")
    base_args = {"HTCONDOR": series.number, **(build_args or {})}
    needed = wanted.union(*map(_all_below, wanted), ["base"])
    names = [reference(role, series, tag) for role in needed]
    there = image_builder.images([*([base] if base else debian_names()), *names])
    chosen = base or next((name for name in debian_names() if name in there), None)
    chosen = base_args["BASE"] = chosen or debian_base(image_builder, progress)
    made: dict[str | None, ImageInfo | None] = {None: there.get(chosen) or engine.image(chosen)}
    results = []
    for role in ALL_ROLES:
        if role not in needed:
            continue
        parent = _below(role)
        arguments = {"BASE": reference(parent, series, tag)} if parent else base_args
        image, fresh = _build_one(
            image_builder,
            role,
            series,
            progress,
            tag,
            arguments,
            made[parent],
            there.get(reference(role, series, tag)),
            no_cache=no_cache,
        )
        made[role] = image
        if role in wanted:
            name = reference(role, series, tag)
            results.append(Built(reference=name, size_bytes=image.size_bytes, fresh=fresh))
    return results


def _below(role: str) -> str | None:
    """Return the role whose image a role's image is built on; None for the base image."""
    if role == "base":
        return None
    return "mini" if role == NOTEBOOK else "base"


def _all_below(role: str) -> list[str]:
    parent = _below(role)
    return [parent, *_all_below(parent)] if parent else []


def _composed(engine: ImageComposer, role: str, series: Series, progress: Progress) -> Built:
    from condor_mini.images.composition import compose

    name = reference(role, series)
    fresh = compose(engine, role, series, progress, reference=name, label=DIGEST_LABEL)
    image = engine.image(name)
    return Built(reference=name, size_bytes=image.size_bytes if image else 0, fresh=fresh)


def listing(engine: Engine) -> list[Listed]:
    """Return all images that can be built, built or not, by series; the default series first."""
    known = catalogue()
    builds = isinstance(engine, ImageBuilder)
    order = sorted(known.series.values(), key=lambda series: series.number != known.default)
    base = next((name for name in debian_names() if engine.image(name)), "") if builds else None
    return each(
        lambda wanted: _listed(engine, *wanted, base),
        [
            (series, role)
            for series in order
            for role in ALL_ROLES
            if builds or role not in ("base", NOTEBOOK)
        ],
    )


def _listed(engine: Engine, series: Series, role: str, base: str | None) -> Listed:
    """Return an image's entry in the list; ``base`` is None if the engine composes images."""
    name = reference(role, series)
    existing = engine.image(name)
    digest = None
    if existing and base is None:
        from condor_mini.images import composition

        digest = composition.digest(role, series)
    elif existing:
        digest = _built_digest(engine, series, role, base or "")
    return Listed(
        reference=name,
        role=role,
        series=series.number,
        size_bytes=existing.size_bytes if existing else None,
        up_to_date=existing is not None and existing.labels.get(DIGEST_LABEL) == digest,
        version=existing.labels.get(VERSION_LABEL) if existing else None,
    )


def _built_digest(engine: Engine, series: Series, role: str, base: str) -> str:
    """Return the digest that an image has if nothing has changed since it was built."""
    parent = _below(role)
    below = reference(parent, series) if parent else base
    arguments = {"BASE": below} if parent else {"HTCONDOR": series.number, "BASE": base}
    with as_file(files("condor_mini").joinpath(f"images/condor-{role}")) as folder:
        under = engine.image(below) if below else None
        return digest_of(folder, arguments, under.id if under else "")


def ensure(engine: Engine, role: str, series: Series, progress: Progress) -> str:
    """Build a role's image if it is absent or outdated, and return its reference."""
    build(engine, [role], series, progress)
    return reference(role, series)


def _build_one(
    engine: ImageBuilder,
    role: str,
    series: Series,
    progress: Progress,
    tag: str | None,
    arguments: Mapping[str, str],
    below: ImageInfo | None,
    existing: ImageInfo | None,
    *,
    no_cache: bool,
) -> tuple[ImageInfo, bool]:
    """Build an image on ``below`` if what is there is outdated; return it, and whether it was."""
    name = reference(role, series, tag)
    with as_file(files("condor_mini").joinpath(f"images/condor-{role}")) as folder:
        digest = digest_of(folder, arguments, below.id if below else "")
        if existing and existing.labels.get(DIGEST_LABEL) == digest and not no_cache:
            return existing, False
        is_default = tag is None and series.number == catalogue().default
        tags = (name, reference(role, series, "latest")) if is_default else (name,)
        with (
            _context(engine, role, folder, arguments["BASE"], progress) as context,
            progress.step(f"Building {name}") as detail,
        ):
            spec = BuildSpec(
                context=context,
                tags=tags,
                build_args=arguments,
                labels={DIGEST_LABEL: digest},
                no_cache=no_cache,
            )
            run_build(engine, spec, detail)
            if role == "base":
                _label_with_version(engine, spec, detail)
    made = engine.image(name)
    if made is None:
        raise ImageBuildFailed(f"the engine built {name}, but does not have it")
    return made, True


def _context(
    engine: Engine, role: str, folder: Path, base: str, progress: Progress
) -> AbstractContextManager[Path]:
    """Return the directory to build a role's image in: its folder, with what is fetched for it."""
    if role == NOTEBOOK:
        from condor_mini.images.wheels import with_wheels

        return with_wheels(engine, folder, base, progress)
    return nullcontext(folder)


def run_build(engine: ImageBuilder, spec: BuildSpec, detail: Callable[[str], None]) -> None:
    """Build an image; if there is no network, raise an error that says so in a few lines."""
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
            failure.hint = "See all lines of the build: condor-mini -v build --no-cache"
            raise
        raise ImageBuildFailed(
            f"{spec.tags[0]} could not be built, because Debian's packages cannot be reached:\n"
            f"{unreachable[0]}",
            hint="Check that containers reach the network: "
            f"{engine.name} run --rm {spec.build_args['BASE']} apt-get update",
        ) from failure


def digest_of(folder: Path, arguments: Mapping[str, str], below: str) -> str:
    """Return a digest of all that determines the contents of an image."""
    sha256 = hashlib.sha256(repr((sorted(arguments.items()), below)).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            mode = "x" if path.stat().st_mode & 0o100 else "-"
            sha256.update(f"{path.relative_to(folder)} {mode}\0".encode())
            sha256.update(path.read_bytes())
    return sha256.hexdigest()


def _label_with_version(
    engine: ImageBuilder, spec: BuildSpec, detail: Callable[[str], None]
) -> None:
    """Build the image again, from cached layers, with the installed version as a label."""
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
