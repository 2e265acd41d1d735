"""``condor-mini images``: list, build, save, load and import images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.cli import build
from condor_mini.cli.options import (
    engine_option,
    output_option,
    quiet_option,
    series_option,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from condor_mini.images import builder


@click.group("images")
def command() -> None:
    """List, build, save and load the images."""


command.add_command(build.command)


@command.command("list")
@output_option
@engine_option
def list_images(*, output: str, engine: str | None) -> None:
    """List all images, and whether they are built and up to date."""
    from condor_mini.engines import find_engine
    from condor_mini.images import builder

    found = builder.listing(find_engine(engine))
    if output == "json":
        show_json([image.to_json() for image in found])
        return
    show_table(
        ["IMAGE", "ROLE", "SERIES", "HTCONDOR", "SIZE", "STATE"],
        [
            [
                image.reference,
                image.role,
                image.series,
                image.version or "-",
                "-" if image.size_bytes is None else f"{image.size_bytes / 1e6:.0f} MB",
                _state(image),
            ]
            for image in found
        ],
    )


@command.command("save")
@click.argument("file", metavar="FILE")
@series_option
@engine_option
@quiet_option
def save(*, file: str, series: str | None, engine: str | None, quiet: bool) -> None:
    """Save the images to FILE, for a machine without a network. The default is all series."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.engines import find_engine
    from condor_mini.images import transfer

    chosen = catalogue().get(series) if series else None
    reached = find_engine(engine)
    with progress_for_stderr(quiet=quiet).step(f"Saving the images in {file}"):
        names = transfer.save(reached, Path(file), chosen)
    click.echo("\n".join(names))


@command.command("load")
@click.argument("file", metavar="FILE")
@engine_option
@quiet_option
def load(*, file: str, engine: str | None, quiet: bool) -> None:
    """Load the images from FILE, which `images save` has written."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.engines import find_engine
    from condor_mini.images import transfer

    reached = find_engine(engine)
    with progress_for_stderr(quiet=quiet).step(f"Loading the images of {file}"):
        names = transfer.load(reached, Path(file))
    click.echo("\n".join(names))


@command.command("import")
@click.argument("file", metavar="FILE")
@click.argument("reference", metavar="NAME")
@engine_option
@quiet_option
def import_root(*, file: str, reference: str, engine: str | None, quiet: bool) -> None:
    """Import FILE, the tar of a root file system, as image NAME, for `create --execute-image`."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.engines import find_engine
    from condor_mini.images import transfer

    reached = find_engine(engine)
    with progress_for_stderr(quiet=quiet).step(f"Importing {file}"):
        transfer.import_root(reached, Path(file), reference)
    click.echo(reference)


@command.command("sbom")
@click.argument("reference", metavar="IMAGE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    help="Print cyclonedx (the default) or spdx, as JSON.",
)
@engine_option
def bill(*, reference: str, form: str, engine: str | None) -> None:
    """Print the software bill of materials of IMAGE: its packages, their versions and sources."""
    from condor_mini.engines import find_engine
    from condor_mini.images import sbom

    click.echo(sbom.bill(find_engine(engine), reference, form))


def _state(image: builder.Listed) -> str:
    if image.size_bytes is None:
        return "not built"
    return "up to date" if image.up_to_date else "outdated"
