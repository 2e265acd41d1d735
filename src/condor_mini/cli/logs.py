"""``condor-mini logs``: show the daemons' logs of all nodes, merged by time."""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    name_option,
    node_names,
    open_pool,
    output_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.reports.logs import LogLine

_COLOURS = (
    *("cyan", "yellow", "green", "magenta", "blue"),
    *("bright_cyan", "bright_yellow", "bright_green", "bright_magenta", "bright_blue"),
)


SHOWN = 50
"""Number of lines that are shown on a terminal if nothing says how many."""
ALL = "all"


def _tail(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | str | None:
    """Return the number of lines, ``all``, or None if nothing was given."""
    if value is None or value == ALL:
        return value
    if not value.isdecimal():
        raise UsageError(f"--tail {value}: must be a number of lines, or {ALL}")
    return int(value)


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _daemon_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from condor_mini.reports.logs import DAEMONS

    return [name for name in DAEMONS if name.startswith(incomplete)]


@click.command("logs", cls=PoolCommand)
@name_option
@click.option(
    "--node",
    "nodes",
    metavar="NODE",
    multiple=True,
    shell_complete=node_names,
    help="Show only this node, named with or without the pool's name: execute-2. May be repeated.",
)
@click.option(
    "--daemon",
    "daemons",
    metavar="DAEMON",
    multiple=True,
    shell_complete=_daemon_names,
    help="Show only this daemon: schedd, startd, collector. May be repeated.",
)
@click.option(
    "-f", "--follow", is_flag=True, help="Continue with each new line until no node runs."
)
@click.option(
    "--since",
    metavar="WHEN",
    help="Show only lines from then on: 10m, 1h30m, 2026-11-21T09:00:00[Z].",
)
@click.option(
    "--tail",
    callback=_tail,
    metavar="N",
    help="Show only the last N lines of each node, or all. The default is all; on a terminal, "
    "without --since, the last 50 lines of the pool.",
)
@click.option(
    "--no-color", is_flag=True, help="Print no colours. NO_COLOR or a pipe have the same effect."
)
@output_option
@engine_option
def command(
    *,
    name: str,
    nodes: tuple[str, ...],
    daemons: tuple[str, ...],
    follow: bool,
    since: str | None,
    tail: int | str | None,
    no_color: bool,
    output: str,
    engine: str | None,
) -> None:
    """Show what the daemons of all nodes write, in order of time.

    A line is NODE DAEMON | TEXT. With -o json, each line is one object.
    """
    from condor_mini.base.times import parse_since
    from condor_mini.nodes.pool_nodes import NodesNow
    from condor_mini.reports import logs

    begin = parse_since(since) if since else None
    for daemon in daemons:
        logs.known_daemon(daemon)
    pool: PoolNodes = open_pool(name, engine)
    if not follow:
        pool = NodesNow(pool)
    if output == "json":
        show: Callable[[LogLine], None] = _show_json
    else:
        in_colour = not no_color and not os.environ.get("NO_COLOR") and _is_terminal()
        show = _shower([node.name for node in pool.nodes], in_colour=in_colour)
    is_short = tail is None and begin is None and output == "text" and _is_terminal()
    found = (logs.follow if follow else logs.lines)(
        pool,
        nodes=nodes,
        daemons=daemons,
        since=begin,
        tail=SHOWN if is_short else tail if isinstance(tail, int) else None,
    )
    if is_short and not follow:
        click.echo(f"The last {SHOWN} lines at most; all: --tail all", err=True)
        found = iter(deque(found, maxlen=SHOWN))
    for line in found:
        show(line)


def _show_json(line: LogLine) -> None:
    click.echo(json.dumps(line.to_json(), ensure_ascii=False))


def _shower(nodes: Sequence[str], *, in_colour: bool) -> Callable[[LogLine], None]:
    """Return a function that prints a line for people.

    The column of nodes is as wide as the longest name, and each node has a colour.
    """
    width = max(map(len, nodes), default=0)
    order = list(nodes)

    def show(line: LogLine) -> None:
        if not in_colour:
            click.echo(f"{line.node:{width}} {line.daemon:11} | {line.text}")
            return
        if line.node not in order:
            order.append(line.node)
        colour = _COLOURS[order.index(line.node) % len(_COLOURS)]
        node = click.style(f"{line.node:{width}}", fg=colour)
        daemon = click.style(f"{line.daemon:11} |", dim=True)
        click.echo(f"{node} {daemon} {line.text}", color=True)

    return show
