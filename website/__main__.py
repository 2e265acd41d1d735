"""Build the documentation site. ``scripts/site --help`` shows how."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from website.build import build, check_links
from website.links import ROOT, BrokenLink
from website.recorder import RecordingFailed


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--no-recordings", is_flag=True, help="Leave the recordings out, which need Linux.")
@click.option(
    "--links", is_flag=True, help="Check the links to other hosts too, and build nothing."
)
@click.option(
    "--into",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=ROOT / "_site",
    help="Write the site to DIR/html; the default is _site.",
)
def main(*, no_recordings: bool, links: bool, into: Path) -> None:
    """Build the documentation site from the pages of docs and from the program itself.

    Warnings are errors. The recordings are made now, on pools that need no container engine.
    """
    into = into.resolve()
    try:
        if links:
            sys.exit(check_links(into))
        status = build(into, recordings=not no_recordings)
    except (BrokenLink, RecordingFailed) as error:
        raise click.ClickException(str(error)) from None
    if status == 0:
        click.echo(f"The site is there: {(into / 'html/index.html').as_uri()}")
    sys.exit(status)


main(prog_name="scripts/site")
