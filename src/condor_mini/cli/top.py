"""``condor-mini top``: watch nodes, owners and jobs in a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import WATCH_INTERVAL_S, PoolCommand, engine_option, name_option, table
from condor_mini.cli.queue import clean, job_columns, job_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.cli.watch import Look as Shown
    from condor_mini.dashboard.look import Look
    from condor_mini.reports.overview import Slot

MOST_NODES, MOST_OWNERS, MOST_JOBS = 20, 8, 12
BAR = 10
_URGENT = ("held", "transferring", "suspended", "running", "idle", "removed", "completed")
"""The states of jobs, in the order in which jobs are shown."""


@click.command("top", cls=PoolCommand)
@name_option
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(1, 86_400),
    default=WATCH_INTERVAL_S,
    show_default=True,
    metavar="S",
    help="Look again every S seconds.",
)
@engine_option
def command(*, name: str, every_s: float, engine: str | None) -> None:
    """Watch how busy nodes are, whose the jobs are, and which are held or run, until Ctrl-C.

    A terminal is redrawn; a pipe gets what has changed.
    """
    from condor_mini.cli.watch import display_for_stdout, watch
    from condor_mini.dashboard.look import PoolSource
    from condor_mini.engines import reached

    source = PoolSource(reached(engine), name)
    watch(lambda: _shown(source.look()), display_for_stdout("text", every_s), every_s=every_s)


def _shown(look: Look) -> Shown:
    from condor_mini.cli.watch import Look as Shown

    status = look.overview.status
    state = (status.verdict, status.reasons, look.overview.slots, look.jobs, look.notes)
    return Shown(lines=[*lines(look)], state=state)


def lines(look: Look) -> Iterator[str]:
    """Yield what is shown of a look."""
    from condor_mini.jobs.queue import by_state

    status = look.overview.status
    yield f"The pool {status.name} is {status.verdict}."
    yield from (f"  {reason}" for reason in [*status.reasons, *look.notes])
    states = ", ".join(f"{number} {state}" for state, number in by_state(look.jobs).items())
    completed = sum(row.completed for row in status.jobs)
    yield f"Jobs: {states or 'none'}; {completed} completed"
    if status.faults:
        made = ", ".join(f"{each.fault} {each.target}" for each in status.faults)
        yield f"Faults in force: {made}"
    yield ""
    yield from _nodes(look)
    yield from _owners(look)
    yield from _jobs(look)


def _nodes(look: Look) -> Iterator[str]:
    status = look.overview.status
    states = {node.name: node.state for node in status.nodes if node.role in ("execute", "mini")}
    states |= {node.name: f"of {node.host}" for node in status.joined if node.slots}
    slots: dict[str, list[Slot]] = {name: [] for name in states}
    for slot in look.overview.slots:
        slots.setdefault(slot.node, []).append(slot)
    rows = [
        [name, states.get(name, "-"), *_use(found)]
        for name, found in sorted(slots.items(), key=lambda item: -_claimed(item[1]))[:MOST_NODES]
    ]
    if rows:
        yield from table(["NODE", "STATE", "CORES IN USE", "", "JOBS"], rows)
    if len(slots) > MOST_NODES:
        yield f"and {len(slots) - MOST_NODES} more nodes"


def _claimed(slots: Sequence[Slot]) -> float:
    return sum(slot.cpus for slot in slots if slot.state == "Claimed")


def _use(slots: Sequence[Slot]) -> list[str]:
    """Return a bar of the cores in use, their number, and the jobs."""
    claimed, total = _claimed(slots), sum(slot.cpus for slot in slots)
    filled = round(BAR * claimed / total) if total else 0
    jobs = [slot.job for slot in slots if slot.job]
    named = " ".join(jobs[:4]) + (f" and {len(jobs) - 4} more" if len(jobs) > 4 else "")
    return ["#" * filled + "." * (BAR - filled), f"{claimed:g} of {total:g}", named or "-"]


def _owners(look: Look) -> Iterator[str]:
    found: dict[str, Counter[str]] = {}
    for job in look.jobs:
        found.setdefault(job.owner, Counter())[job.state] += 1
    priorities = {
        each.name.partition("@")[0]: f"{each.priority:.2f}"
        for each in look.overview.submitters
        if not each.is_group
    }
    most = sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))[:MOST_OWNERS]
    rows = [
        [
            clean(owner),
            *(str(each[state]) for state in ("idle", "running", "held")),
            priorities.get(owner, "-"),
        ]
        for owner, each in most
    ]
    if rows:
        yield ""
        yield from table(["OWNER", "IDLE", "RUNNING", "HELD", "PRIORITY"], rows)


def _jobs(look: Look) -> Iterator[str]:
    order = {state: place for place, state in enumerate(_URGENT)}
    jobs = sorted(look.jobs, key=lambda job: order.get(job.state, len(order)))[:MOST_JOBS]
    if jobs:
        several = len({job.access_point for job in look.jobs}) > 1
        yield ""
        rows = [job_row(job, several=several) for job in jobs]
        yield from table(job_columns(several=several), rows)
    if len(look.jobs) > len(jobs):
        yield f"and {len(look.jobs) - len(jobs)} more jobs"
