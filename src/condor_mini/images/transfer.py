"""Saving images to a file, and loading them from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, StateError
from condor_mini.base.series import catalogue
from condor_mini.base.tree import replacing
from condor_mini.engine import require_builder
from condor_mini.images import fault_tools
from condor_mini.images.builder import listing
from condor_mini.images.debian import debian_names

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.base.series import Series
    from condor_mini.engine import Engine


def save(engine: Engine, file: Path, series: Series | None = None) -> list[str]:
    """Write the images to a file, for a machine that cannot build them, and return their names.

    The file also contains the Debian image that they are built on. Without it they would count as
    outdated. It contains the image for faults if there is one.

    Args:
        engine: Engine that has the images.
        file: File to create, or to replace when all is written.
        series: Save only images of this series. None for all series.

    Raises:
        NotFound: There are no images to save.
        StateError: The file cannot be written.
    """
    names = [
        image.reference
        for image in listing(engine)
        if image.size_bytes is not None and series in (None, catalogue().get(image.series))
    ]
    if not names:
        raise NotFound("there are no images to save", hint="Build them: condor-mini build")
    more = (*debian_names(), fault_tools.reference())
    names += [name for name in more if engine.image(name)]
    image_builder = require_builder(engine, f"save {', '.join(names)} to {file}")
    try:
        with replacing(file) as partial:
            image_builder.save_images(names, partial)
    except OSError as error:
        raise StateError(f"{file} cannot be written: {error.strerror}") from None
    return names


def load(engine: Engine, file: Path) -> list[str]:
    """Load the images from a file that ``save`` wrote, and return their names.

    Raises:
        NotFound: There is no such file.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    return require_builder(engine, f"load {file}").load_images(file)


def import_root(engine: Engine, file: Path, reference: str) -> None:
    """Import a root file system as an image for execution points.

    Args:
        engine: Engine that is to have the image.
        file: Tar archive of the root file system.
        reference: Name of the image.

    Raises:
        NotFound: There is no such file.
        CommandFailed: The file is not a tar archive.
    """
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    engine.import_image(file, reference, labels={})
