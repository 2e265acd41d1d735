"""Software bills of materials: the Debian packages in an image, with their versions.

Those of ``condor-notebook`` have its Python packages, too.

debsbom (https://pypi.org/project/debsbom) writes them from dpkg's list of packages. Install it with
``pip install 'debsbom[cdx,spdx]'``.
"""

from __future__ import annotations

import io
import secrets
import sys
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.base.layout import LABEL
from condor_mini.base.parallel import each
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.signals import held_back
from condor_mini.base.tree import named
from condor_mini.engine import ContainerSpec, ImageBuilder, command
from condor_mini.images.python_packages import LIST, with_packages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.images.builder import Built

FORMATS = {"cyclonedx": "cdx", "spdx": "spdx"}
"""The supported standards, each with debsbom's name for it."""
TIMEOUT_S = 120.0
_KNOWN = ("var/lib/dpkg/status", "usr/lib/os-release")
"""The files that debsbom needs: dpkg's list of packages, and the release of the distribution."""


def is_installed() -> bool:
    """Return whether debsbom is installed, so that bills can be written."""
    return _found() is not None


def debsbom() -> str:
    """Return the path of debsbom, preferably that of our own Python environment.

    Raises:
        UsageError: debsbom is not installed.
    """
    found = _found()
    if found is None:
        raise UsageError(
            "bills of materials need debsbom, which is not installed",
            hint="Install it: pip install 'debsbom[cdx,spdx]'",
        )
    return found


def _found() -> str | None:
    beside = Path(sys.executable).with_name("debsbom")
    return str(beside) if beside.exists() else which("debsbom")


def own_folder() -> Path:
    """Return the default folder for bills, in the user's data directory."""
    from platformdirs import user_data_path

    return user_data_path("condor-mini", appauthor=False) / "sbom"


def files(folder: Path, reference: str) -> list[Path]:
    """Return the paths of the bills that ``write`` writes for an image, one per format."""
    name = reference.replace("/", "_").replace(":", "-")
    return [folder / f"{name}.{ending}.json" for ending in FORMATS.values()]


def bill(engine: Engine, reference: str, form: str = "cyclonedx") -> str:
    """Return the bill of materials of an image, as JSON: all packages, versions and sources.

    Args:
        engine: Engine that has the image.
        reference: Name of any image of Debian or Ubuntu.
        form: A key of ``FORMATS``.

    Raises:
        UsageError: debsbom is not installed.
        NotFound: There is no such image, or it contains no package list of dpkg's.
        CommandFailed: debsbom failed.
    """
    return _written(engine, reference, [FORMATS[form]])[0]


def write(engine: Engine, references: Sequence[str], folder: Path) -> list[Path]:
    """Write the bills of these images to a folder, in all formats, and return the files.

    Raises:
        StateError: The folder cannot be written.
        UsageError, NotFound, CommandFailed: As for ``bill``.
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
    """Write the bills of images that were just built, or that have no bills yet.

    Args:
        engine: Engine that has the images.
        images: Images that ``builder.build`` returned.
        folder: Directory to write to. None for ``own_folder``; no bills are written then if debsbom
            is not installed, if the folder cannot be written, or if the engine composes its images.
        progress: Receives the phase.

    Raises:
        StateError: ``folder`` is given and cannot be written.
        UsageError, NotFound, CommandFailed: As for ``bill``.
    """
    place = folder or own_folder()
    missing = [
        image.reference
        for image in images
        if image.fresh or not all(file.exists() for file in files(place, image.reference))
    ]
    # Composed images contain no package list of dpkg's.
    if not missing or not (folder or (is_installed() and isinstance(engine, ImageBuilder))):
        return
    try:
        with progress.step("Writing bills of materials", done=f"Bills of materials: {place}"):
            write(engine, missing, place)
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
    """Return the bills that debsbom writes for an image, one per kind."""
    program = debsbom()
    image = engine.image(reference)
    if image is None:
        raise NotFound(
            f"there is no image {reference}", hint="List the images: condor-mini images list"
        )
    argv = [program, "generate"]
    with ScratchDirectory() as scratch:
        release, requirements = _copied(engine, reference, Path(scratch))
        vendor = "ubuntu" if release.get("ID") == "ubuntu" else "debian"
        argv += ["--base-distro-vendor", vendor, "--distro-name", release.get("NAME", vendor)]
        argv += ["--distro-version", release.get("VERSION_ID", ""), "--root", scratch]
        argv += ["--out", f"{scratch}/bill", *(f"--sbom-type={kind}" for kind in kinds)]
        command.run(argv, timeout_s=TIMEOUT_S)
        return [
            with_packages(Path(scratch, f"bill.{kind}.json").read_text("utf-8"), kind, requirements)
            if requirements
            else Path(scratch, f"bill.{kind}.json").read_text("utf-8")
            for kind in kinds
        ]


def _copied(engine: Engine, reference: str, root: Path) -> tuple[dict[str, str], str]:
    """Copy the files that debsbom reads out of an image.

    Returns:
        Its release's settings, and the list of its Python packages; empty if it has none.
    """
    name = f"condor-mini-sbom-{secrets.token_hex(4)}"
    spec = ContainerSpec(image=reference, name=name, labels={f"{LABEL}.kind": "sbom"})
    try:
        with held_back():
            engine.create(spec)
        for path in _KNOWN:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(engine.copy_out(name, f"/{path}"))
        requirements = ""
        with suppress(NotFound):
            requirements = engine.copy_out(name, LIST).decode()
    except NotFound:
        raise NotFound(
            f"{reference} contains no list of Debian packages",
            hint="Use an image of Debian or Ubuntu: condor-mini build --engine docker",
        ) from None
    finally:
        with held_back():
            engine.remove(name)
    lines = (root / _KNOWN[1]).read_text("utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    return {key: value.strip("\"'") for key, value in pairs}, requirements
