"""The last look in Prometheus's text format, version 0.0.4."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from condor_mini.reports.status import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from condor_mini.dashboard.feed import Feed
    from condor_mini.dashboard.look import Look

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("idle", "running", "held", "transferring", "suspended", "removed", "completed")
Labels = tuple[tuple[str, str], ...]


def metrics(feed: Feed) -> str:
    """Return what is known of the pool, and what looking at it has cost."""
    lines: list[str] = []
    if feed.look is not None:
        lines += _of_pool(feed.look)
    lines += _family(
        "condor_mini_up",
        "gauge",
        "Whether the last look at the pool succeeded.",
        {(): float(feed.look is not None and not feed.has_failed)},
    )
    lines += _family(
        "condor_mini_looks_total", "counter", "Looks at the pool.", {(): float(feed.looks)}
    )
    lines += _family(
        "condor_mini_look_failures_total",
        "counter",
        "Looks that failed.",
        {(): float(feed.failures)},
    )
    lines += _family(
        "condor_mini_look_seconds_total",
        "counter",
        "Seconds that all looks took together.",
        {(): feed.look_seconds},
    )
    lines += _family(
        "condor_mini_pages",
        "gauge",
        "Pages that are open and visible.",
        {(): float(feed.watchers)},
    )
    return "".join(f"{line}\n" for line in lines)


def _of_pool(look: Look) -> Iterator[str]:
    status, pool = look.overview.status, look.overview.status.name
    jobs = Counter((job.state, job.owner) for job in look.jobs)
    slots = Counter((slot.state, slot.activity) for slot in look.overview.slots)
    nodes = Counter((node.role, node.state) for node in status.nodes)
    yield from _family(
        "condor_mini_usable",
        "gauge",
        "Whether the pool is usable: condor-mini status.",
        {(("pool", pool),): float(status.verdict is Verdict.USABLE)},
    )
    by_state: dict[Labels, float] = {(("pool", pool), ("state", state)): 0.0 for state in STATES}
    for job in look.jobs:
        labels: Labels = (("pool", pool), ("state", job.state))
        by_state[labels] = by_state.get(labels, 0.0) + 1
    yield from _family("condor_mini_jobs", "gauge", "Jobs in the queues, by state.", by_state)
    yield from _family(
        "condor_mini_jobs_by_owner",
        "gauge",
        "Jobs in the queues, by state and owner.",
        {
            (("pool", pool), ("state", state), ("owner", owner)): float(number)
            for (state, owner), number in sorted(jobs.items())
        },
    )
    yield from _family(
        "condor_mini_jobs_completed_total",
        "counter",
        "Jobs that have completed since their schedd was started.",
        {
            (("pool", pool), ("access_point", row.access_point)): float(row.completed)
            for row in status.jobs
        },
    )
    yield from _family(
        "condor_mini_slots",
        "gauge",
        "Slots at the collector, by state and activity.",
        {
            (("pool", pool), ("state", state), ("activity", activity)): float(number)
            for (state, activity), number in sorted(slots.items())
        },
    )
    yield from _family(
        "condor_mini_nodes",
        "gauge",
        "Nodes, by role and state.",
        {
            (("pool", pool), ("role", role), ("state", state)): float(number)
            for (role, state), number in sorted(nodes.items())
        },
    )
    yield from _family(
        "condor_mini_faults",
        "gauge",
        "Faults in force.",
        {(("pool", pool),): float(len(status.faults))},
    )


def _family(name: str, kind: str, what: str, values: Mapping[Labels, float]) -> Iterator[str]:
    if not values:
        return
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield f"{name}{_shown(labels)} {value:.10g}"


def _shown(labels: Iterable[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
