"""``condor-mini cp``: files between here and a node."""

from __future__ import annotations

from pathlib import Path

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import engine_option, name_option, open_pool


@click.command("cp")
@click.argument("source")
@click.argument("target")
@name_option
@engine_option
def command(*, source: str, target: str, name: str, engine: str | None) -> None:
    """Copy a file or a directory from SOURCE to TARGET; one of them is NODE:PATH.

    NODE may be left out for the first access point (":results"); a PATH that does not begin with a
    slash is in the home directory there. Symbolic links are copied as links, and never followed:
    one that leads out of the directory that is copied stays there, and is told.
    """
    from condor_mini.base.archives import shown
    from condor_mini.nodes import files

    there = [":" in _before_slash(source), ":" in _before_slash(target)]
    if there == [True, False]:
        node, _, path = source.partition(":")
        files.copy_out(open_pool(name, engine).node(node or None), path, Path(target))
    elif there == [False, True]:
        node, _, path = target.partition(":")
        skipped = files.copy_in(open_pool(name, engine).node(node or None), Path(source), path)
        for left in skipped:
            click.echo(f"Not copied: {shown(left)}: neither a file nor a directory", err=True)
    else:
        raise UsageError(
            "one of the two is to be on a node: condor-mini cp data.csv execute-1:/tmp, "
            "or condor-mini cp :results ."
        )


def _before_slash(path: str) -> str:
    """A colon behind a slash is part of a file's name."""
    return path.partition("/")[0]
