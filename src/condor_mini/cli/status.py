"""``condor-mini status``: show the nodes, daemons, slots and jobs of a pool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    WatchCommand,
    engine_option,
    name_option,
    output_option,
    show_json,
    show_problems,
    table,
    watch_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.cli.watch import Look
    from condor_mini.pool import Pool
    from condor_mini.reports.status import NodeStatus, PoolStatus


@click.command("status", cls=WatchCommand)
@name_option
@watch_option
@output_option
@engine_option
@click.pass_context
def command(
    ctx: click.Context, *, name: str, watch_s: float | None, output: str, engine: str | None
) -> None:
    """Show a pool's nodes, daemons, slots and jobs, and whether it is usable.

    The exit code is 0 if the pool is usable, and 5 if it is starting, stopped or broken. With
    --watch it is 130, that of Ctrl-C.
    """
    from condor_mini.base.errors import PoolNotReady
    from condor_mini.engines import find_engine
    from condor_mini.pool import Pool
    from condor_mini.reports.status import Verdict

    pool = Pool(find_engine(engine), name)
    if watch_s is not None:
        from condor_mini.cli.watch import display_for_stdout, watch

        watch(lambda: _look(pool, output), display_for_stdout(output, watch_s), every_s=watch_s)
    found = pool.status()
    show_problems(found.problems)
    if output == "json":
        show_json(found.to_json())
    else:
        for line in _lines(found):
            click.echo(line)
    ctx.exit(0 if found.verdict is Verdict.USABLE else PoolNotReady.exit_code)


def _look(pool: Pool, output: str) -> Look:
    from condor_mini.cli.watch import Look

    found = pool.status()
    row = found.to_json()
    lines = [json.dumps(row, ensure_ascii=False)]
    if output == "text":
        lines = [*(f"Warning: {problem}" for problem in found.problems), *_lines(found)]
    return Look(lines=lines, state=_timeless(row))


_PASSING = ("heard_at", "time_left")
"""Keys of the JSON whose values change while the pool does not."""


def _timeless(value: object) -> object:
    match value:
        case dict():
            return {key: _timeless(item) for key, item in value.items() if key not in _PASSING}
        case list():
            return [_timeless(item) for item in value]
    return value


def _lines(found: PoolStatus) -> Iterator[str]:
    versions = ", ".join(found.versions) or f"series {found.series}"
    what = f"nodes {found.name} in the pool at {found.joins} are" if found.joins else ""
    yield f"The {what or f'pool {found.name} is'} {found.verdict} (HTCondor {versions})."
    for reason in found.reasons:
        yield f"  {reason}"
    if found.reasons:
        yield f"  {found.advice}"
    if found.exposed_at:
        yield f"Other hosts join it at {found.exposed_at}."
    yield from _faults(found)
    yield ""
    yield from _nodes(found)
    yield from _joined(found)
    yield from _requests(found)
    yield from _slurm(found)
    yield from _slots(found)
    if found.jobs:
        yield ""
        yield from table(
            ["JOBS ON", "IDLE", "RUNNING", "HELD", "REMOVED", "COMPLETED"],
            [
                [
                    row.access_point,
                    *map(str, (row.idle, row.running, row.held, row.removed, row.completed)),
                ]
                for row in found.jobs
            ],
        )


def _faults(found: PoolStatus) -> Iterator[str]:
    from condor_mini.base.times import ago, rfc3339

    if not found.faults:
        return
    yield ""
    yield from table(
        ["FAULT", "TARGET", "SINCE", "UNTIL", "HELD BY"],
        [
            [
                each.fault,
                each.target,
                ago(each.since),
                rfc3339(each.until.replace(microsecond=0)) if each.until else "healed",
                f"process {each.pid} on {each.host}" if each.host else "-",
            ]
            for each in found.faults
        ],
    )
    yield f"Undo them: condor-mini heal -n {found.name}"


def _nodes(found: PoolStatus) -> Iterator[str]:
    from condor_mini.base.times import ago

    daemons: dict[str, list[str]] = {}
    for daemon in found.daemons:
        shown = daemon.type if daemon.alive else f"{daemon.type} (silent)"
        daemons.setdefault(daemon.node, []).append(shown)
    rows = [
        [
            node.name,
            node.group or "-",
            node.host or "-",
            _state(node),
            node.address or "-",
            ", ".join(f"{where}->{port}" for port, where in node.ports.items()) or "-",
            ago(node.started_at) if node.started_at else "-",
            " ".join(daemons.get(node.name, [])) or "-",
        ]
        for node in found.nodes
    ]
    columns = ["NODE", "GROUP", "HOST", "STATE", "ADDRESS", "PORTS", "STARTED", "DAEMONS"]
    empty = {1: "GROUP", 2: "HOST", 5: "PORTS"}
    dropped = [place for place in empty if all(row[place] == "-" for row in rows)]
    yield from table(*_without(columns, rows, dropped))


def _joined(found: PoolStatus) -> Iterator[str]:
    from condor_mini.base.times import ago

    if not found.joined:
        return
    yield ""
    yield from table(
        ["NODE OF ANOTHER HOST", "HOST", "ADDRESS", "SLOTS", "LAST HEARD", "DAEMONS"],
        [
            [
                node.name,
                node.host,
                node.address or "-",
                str(node.slots) if node.slots else "-",
                ago(node.heard_at) if node.heard_at else "-",
                " ".join(node.daemons),
            ]
            for node in found.joined
        ],
    )


def _requests(found: PoolStatus) -> Iterator[str]:
    if not found.requests:
        return
    yield ""
    yield from table(
        ["ASKS FOR A TOKEN", "ADDRESS", "REQUEST"],
        [[each.client, each.address, each.id] for each in found.requests],
    )
    yield f"Let in those that you know: condor-mini approve -n {found.name} REQUEST..."


def _slurm(found: PoolStatus) -> Iterator[str]:
    if not found.slurm:
        return
    yield ""
    yield from table(
        ["SLURM JOB", "STATE", "NODES", "HOSTS", "TIME LEFT"],
        [
            [
                each.job,
                f"{each.state} ({each.reason})" if each.reason else each.state,
                str(each.nodes),
                each.hosts or "-",
                each.time_left or "-",
            ]
            for each in found.slurm
        ],
    )


def _without(
    columns: list[str], rows: list[list[str]], dropped: list[int]
) -> tuple[list[str], list[list[str]]]:
    kept = [place for place in range(len(columns)) if place not in dropped]
    return [columns[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _state(node: NodeStatus) -> str:
    if node.exit_code is not None:
        return f"{node.state} ({node.exit_code})"
    # "starting" is not shown: an engine reports it until its first health check, and the daemons'
    # ads are newer.
    return f"{node.state} ({node.health})" if node.health == "unhealthy" else node.state


def _slots(found: PoolStatus) -> Iterator[str]:
    slots = found.slots
    dynamic = f", and {slots.dynamic} dynamic slots" if slots.dynamic else ""
    states = "; ".join(f"{count} {state}" for state, count in slots.by_state.items())
    elsewhere = sum(node.slots for node in found.joined)
    joined = f", and {elsewhere} on other hosts" if elsewhere else ""
    yield ""
    yield (
        f"Slots: {slots.configured} of {slots.expected}{dynamic}{joined}"
        + (f": {states}" if states else "")
    )
