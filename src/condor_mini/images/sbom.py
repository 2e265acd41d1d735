"""Software bills of materials: which of Debian's packages, in which versions, an image holds.

They are written by debsbom (https://pypi.org/project/debsbom), which reads what dpkg knows, and
which comes with ``pip install condor-mini[sbom]``.
"""

from __future__ import annotations

import io
import secrets
import sys
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.base.layout import LABEL
from condor_mini.base.parallel import each
from condor_mini.base.series import catalogue
from condor_mini.base.signals import held_back
from condor_mini.base.tree import named
from condor_mini.engine import ContainerSpec, command
from condor_mini.images import builder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.images.builder import Built

FORMATS = {"cyclonedx": "cdx", "spdx": "spdx"}
"""Each standard, and what debsbom calls it."""
TIMEOUT_S = 120.0
_KNOWN = ("var/lib/dpkg/status", "usr/lib/os-release")
"""What dpkg has installed, and whose release it is."""


def is_installed() -> bool:
    """Whether bills can be written here."""
    return _found() is not None


def debsbom() -> str:
    """Where debsbom is, that of our own Python's environment first; ``UsageError`` without it."""
    found = _found()
    if found is None:
        raise UsageError(
            "bills of materials are written by debsbom, which is not installed",
            hint="Get it: pip install 'condor-mini[sbom]'",
        )
    return found


def _found() -> str | None:
    beside = Path(sys.executable).with_name("debsbom")
    return str(beside) if beside.exists() else which("debsbom")


def own_folder() -> Path:
    """Where bills go if nobody says where: among the user's own data."""
    from platformdirs import user_data_path

    return user_data_path("condor-mini", appauthor=False) / "sbom"


def files(folder: Path, reference: str) -> list[Path]:
    """The bills that an image has in a folder once ``write`` has written them, one a format."""
    name = reference.replace("/", "_").replace(":", "-")
    return [folder / f"{name}.{ending}.json" for ending in FORMATS.values()]


def bill(engine: Engine, reference: str, form: str = "cyclonedx") -> str:
    """The bill of materials of an image, as JSON: every package, its version and its source.

    Args:
        engine: Where the image is.
        reference: Any image of Debian or Ubuntu.
        form: Of ``FORMATS``.

    Raises:
        UsageError: debsbom is not installed.
        NotFound: There is no such image, or no list of dpkg's in it.
        CommandFailed: debsbom failed.
    """
    return _written(engine, reference, [FORMATS[form]])[0]


def write(engine: Engine, references: Sequence[str], folder: Path) -> list[Path]:
    """Write the bills of these images into a folder, in each format; the files.

    Raises:
        StateError: The folder cannot be written.
        UsageError, NotFound, CommandFailed: See ``bill``.
    """
    formats = list(FORMATS.values())
    texts = each(lambda reference: _written(engine, reference, formats), references)
    made = []
    for reference, bills in zip(references, texts, strict=True):
        for file, text in zip(files(folder, reference), bills, strict=True):
            try:
                _write(file, text)
            except OSError as error:
                raise StateError(f"{file} cannot be written: {error.strerror}") from None
            made.append(file)
    return made


def write_missing(
    engine: Engine, images: Sequence[Built], folder: Path | None, progress: Progress
) -> None:
    """Write the bills of images that were built just now, or that have none yet.

    Args:
        engine: Engine that has the images.
        images: What ``builder.build`` has returned.
        folder: Directory to write to. None for ``own_folder``, and then no bills are written where
            debsbom is not installed, or where the folder cannot be written.
        progress: Told of the phase.

    Raises:
        StateError: ``folder`` was given, and cannot be written.
    """
    place = folder or own_folder()
    wanting = [
        image.reference
        for image in images
        if image.fresh or not all(file.exists() for file in files(place, image.reference))
    ]
    # An engine that composes its images has no list of dpkg's in them.
    if not wanting or not (folder or (is_installed() and engine.info().builds)):
        return
    try:
        with progress.step("Writing bills of materials", done=f"Bills of materials: {place}"):
            write(engine, wanting, place)
    except StateError as error:
        if folder is not None:
            raise
        progress.note(f"No bills of materials were written: {error.message}")


def _write(file: Path, text: str) -> None:
    tree, folder = named(file.parent, make=True)
    with tree:
        tree.make(folder)
        tree.write(f"{folder}/{file.name}", io.BytesIO(text.encode()), 0o644)


def _written(engine: Engine, reference: str, kinds: Sequence[str]) -> list[str]:
    """What debsbom writes of an image, a text for each of its kinds."""
    program = debsbom()
    image = engine.image(reference)
    if image is None:
        raise NotFound(f"there is no image {reference}", hint="See which: condor-mini images list")
    argv = [program, "generate"]
    if builder.DIGEST_LABEL in image.labels:
        # The one program in our images that is no package of Debian's.
        argv += ["--add-meta-data", f"uv={catalogue().uv}"]
    with TemporaryDirectory(prefix="condor-mini-") as scratch:
        release = _copied(engine, reference, Path(scratch))
        vendor = "ubuntu" if release.get("ID") == "ubuntu" else "debian"
        argv += ["--base-distro-vendor", vendor, "--distro-name", release.get("NAME", vendor)]
        argv += ["--distro-version", release.get("VERSION_ID", ""), "--root", scratch]
        argv += ["--out", f"{scratch}/bill", *(f"--sbom-type={kind}" for kind in kinds)]
        command.run(argv, timeout_s=TIMEOUT_S)
        return [Path(scratch, f"bill.{kind}.json").read_text("utf-8") for kind in kinds]


def _copied(engine: Engine, reference: str, root: Path) -> dict[str, str]:
    """Copy what debsbom reads out of an image; what the image says of its release."""
    name = f"condor-mini-sbom-{secrets.token_hex(4)}"
    spec = ContainerSpec(image=reference, name=name, labels={f"{LABEL}.kind": "sbom"})
    try:
        with held_back():
            engine.create(spec)
        for path in _KNOWN:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(engine.copy_out(name, f"/{path}"))
    except NotFound:
        raise NotFound(
            f"{reference} has no list of Debian's packages in it",
            hint="Of an image of Debian or Ubuntu there is one: condor-mini build --engine docker",
        ) from None
    finally:
        with held_back():
            engine.remove(name)
    lines = (root / _KNOWN[1]).read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    return {key: value.strip("\"'") for key, value in pairs}
