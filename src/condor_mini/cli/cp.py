"""``condor-mini cp``: copy files between this machine and a node."""

from __future__ import annotations

from pathlib import Path

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import engine_option, name_option, open_node


@click.command("cp")
@click.argument("source")
@click.argument("target")
@name_option
@engine_option
def command(*, source: str, target: str, name: str, engine: str | None) -> None:
    """Copy a file or a directory from SOURCE to TARGET. One of them is NODE:PATH.

    Without NODE (":results"), it is the first access point. A PATH that does not begin with a slash
    is in the home directory there. Symbolic links are copied as links, and never followed. A link
    from a node that leads out of the copied directory is not copied, and is reported.
    """
    from condor_mini.base.archives import shown
    from condor_mini.nodes import files

    on_node = [":" in _before_slash(source), ":" in _before_slash(target)]
    if on_node == [True, False]:
        node, _, path = source.partition(":")
        files.copy_out(open_node(name, node or None, engine), path, Path(target))
    elif on_node == [False, True]:
        node, _, path = target.partition(":")
        skipped = files.copy_in(open_node(name, node or None, engine), Path(source), path)
        for entry in skipped:
            click.echo(f"Not copied: {shown(entry)}: neither a file nor a directory", err=True)
    else:
        raise UsageError(
            "one of SOURCE and TARGET must be on a node, and the other on this machine",
            hint="Copy to a node: condor-mini cp data.csv execute-1:/tmp. "
            "Copy from a node: condor-mini cp :results .",
        )


def _before_slash(path: str) -> str:
    """Return the part before the first slash. A colon after a slash belongs to a file name."""
    return path.partition("/")[0]
