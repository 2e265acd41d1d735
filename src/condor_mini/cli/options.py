"""Options that several commands share, and the way in which results are shown."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from condor_mini.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.members.membership import Members
    from condor_mini.nodes.holdings import LabelProblem
    from condor_mini.pool import Pool

engine_option = click.option(
    "--engine",
    envvar="CONDOR_MINI_ENGINE",
    metavar="NAME",
    help="auto (the default), docker, podman, or embedded: none at all. Also CONDOR_MINI_ENGINE.",
)
series_option = click.option(
    "--htcondor",
    "series",
    metavar="SERIES",
    help="HTCondor 25 (the default) or 23. Also CONDOR_MINI_HTCONDOR.",
)
host_files_option = click.option(
    "--host-files",
    is_flag=False,
    flag_value="ro",
    type=click.Choice(["ro", "rw"]),
    help="Jobs find the host's programs, and your home: ro (the default) or rw. Embedded engine.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="text (the default), or json for programs: see docs/reference/json.md.",
)


def _pool_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion; silent where there is no engine."""
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.pool import Pool

    try:
        return [pool.name for pool in Pool.list() if pool.name.startswith(incomplete)]
    except CondorMiniError:
        return []


def node_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The same for the nodes of the pool that the line names."""
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.pool import Pool

    try:
        pool = Pool.open(ctx.params.get("name") or "mini")
        return [node.name for node in pool.nodes if node.name.startswith(incomplete)]
    except CondorMiniError:
        return []


name_option = click.option(
    "-n",
    "--name",
    envvar="CONDOR_MINI_NAME",
    default="mini",
    metavar="NAME",
    callback=lambda _ctx, _param, value: valid_name(value),
    shell_complete=_pool_names,
    help="The pool; mini if none is named. Also CONDOR_MINI_NAME.",
)
container_option = click.option(
    "--container",
    metavar="NAME",
    help="In place of a pool: a central manager that was started with the engine alone.",
)
node_option = click.option(
    "--node",
    metavar="NODE",
    shell_complete=node_names,
    help="A node's name, with or without the pool's: execute-2. The first access point if none.",
)
node_option_or_all = click.option(
    "--node", metavar="NODE", shell_complete=node_names, help="Only this node."
)
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    metavar="S",
    help="Seconds until the pool must be usable.",
)


def valid_name(name: str) -> str:
    """A name that an engine takes for containers and networks, and DNS for hosts."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise UsageError(
            f"--name {name}: a name has lower-case letters, digits and hyphens, at most 40"
        )
    return name


def open_pool(name: str, engine: str | None) -> Pool:
    """The pool of that name on the engine that was chosen."""
    from condor_mini.pool import Pool

    return Pool.open(name, engine=engine)


def find_members(name: str, container: str | None, engine: str | None) -> Members:
    """Who is let into the pool of that name, or by that container."""
    from condor_mini.members.membership import Members

    if container is not None:
        return Members.of_container(container, engine=engine)
    return open_pool(name, engine).members


def reach_engine(choice: str | None, progress: Progress) -> Engine:
    """The engine that is there; or, as root on Debian, installed or started now.

    A person at a terminal is asked first.
    """
    from condor_mini.setup.engine_installation import ensure_engine

    def ask(question: str) -> bool:
        return click.confirm(question, default=True, err=True)

    at_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    return ensure_engine(choice, confirm=ask if at_terminal else None, say=progress.note)


def show_json(value: Any, *, file: TextIO | None = None) -> None:  # noqa: ANN401 (whatever JSON can say)
    """A result for programs, on stdout or in a file."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False), file=file)


def show_problems(problems: Sequence[LabelProblem]) -> None:
    """A line on stderr for each thing whose labels are not believed, or not understood."""
    for problem in problems:
        click.echo(f"Warning: {problem}", err=True)


def show_table(columns: list[str], rows: list[list[str]]) -> None:
    """A result for people, on stdout: columns as wide as they need, nothing cut."""
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    for row in [columns, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
