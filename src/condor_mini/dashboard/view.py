"""What the page gets to see: small JSON, summed up here and not in the browser.

A state has nothing in it that passes with time alone, so two of them are equal if nothing changed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from condor_mini.base.times import rfc3339
from condor_mini.dashboard.history import owners
from condor_mini.jobs.queue import by_state
from condor_mini.reports.status import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from condor_mini.dashboard.history import Change, History, Span
    from condor_mini.dashboard.look import Look
    from condor_mini.jobs.queue import QueuedJob
    from condor_mini.reports.overview import Slot, Submitter
    from condor_mini.reports.status import NodeStatus

Json = dict[str, Any]

MOST_CARDS, MOST_CARD_SLOTS = 48, 400
"""With more nodes or slots than these, there are no cards, but a map of small cells."""
MOST_OWNERS = 50
MOST_ROWS = 200
MOST_SHOWN_CHANGES = 200
_CODES = {
    ("Claimed", "Busy"): "b",
    ("Claimed", "Suspended"): "s",
    ("Unclaimed", "Benchmarking"): "f",
    ("Unclaimed", "Idle"): "f",
}
_CODES_BY_STATE = {"Claimed": "c", "Drained": "d", "Owner": "o", "Preempting": "p"}
LOST = "x"
"""Code of a slot whose node does not run: its ad stays at the collector for a while."""


def state(look: Look) -> Json:
    """Return the state of the page for a look."""
    status, slots = look.overview.status, look.overview.slots
    down = {node.name for node in status.nodes if node.state != "running"}
    by_node: dict[str, list[Slot]] = {}
    for slot in slots:
        by_node.setdefault(slot.node, []).append(slot)
    names = [node.name for node in status.nodes] + [node.name for node in status.joined]
    counts = Counter(
        code for slot in slots if (code := code_of(slot, down=slot.node in down)) is not None
    )
    few = len(names) <= MOST_CARDS and len(slots) <= MOST_CARD_SLOTS
    return {
        "pool": {
            "name": status.name,
            "verdict": str(status.verdict),
            "reasons": list(status.reasons),
            "advice": "" if status.verdict is Verdict.USABLE else status.advice,
            "version": ", ".join(status.versions) or f"series {status.series}",
            "exposed_at": status.exposed_at,
            "joins": status.joins,
            "notes": [*look.notes, *map(str, status.problems)],
        },
        "nodes": _counts_of_nodes(status.nodes, len(status.joined)),
        "groups": _groups(status.nodes),
        "slots": dict(sorted(counts.items())),
        "cards": _cards(look, by_node) if few else None,
        "map": [[name, name in down, _codes(by_node.get(name, ()), name in down)] for name in names]
        if not few
        else None,
        "jobs": _jobs(look),
        "users": [_user(user) for user in look.overview.submitters],
        "faults": [
            {
                "fault": fault.fault,
                "target": fault.target,
                "since": rfc3339(fault.since),
                "until": _time(fault.until),
            }
            for fault in status.faults
        ],
    }


def code_of(slot: Slot, *, down: bool = False) -> str | None:
    """Return the letter for a slot's state; None for a partitionable slot with nothing left."""
    if slot.kind == "Partitionable" and not slot.cpus and slot.state != "Drained":
        return None
    if down:
        return LOST
    found = _CODES.get((slot.state, slot.activity)) or _CODES_BY_STATE.get(slot.state)
    return found or "?"


def _codes(slots: Iterable[Slot], down: bool) -> str:
    return "".join(code for slot in slots if (code := code_of(slot, down=down)) is not None)


def _counts_of_nodes(nodes: Sequence[NodeStatus], joined: int) -> Json:
    running = sum(node.state == "running" for node in nodes)
    return {"running": running, "down": len(nodes) - running, "joined": joined}


def _groups(nodes: Sequence[NodeStatus]) -> Json:
    """Return the number of execution points of each group."""
    return dict(Counter(node.group for node in nodes if node.role == "execute"))


def _cards(look: Look, by_node: dict[str, list[Slot]]) -> list[Json]:
    status = look.overview.status
    daemons: dict[str, list[Json]] = {}
    for daemon in status.daemons:
        daemons.setdefault(daemon.node, []).append({"type": daemon.type, "alive": daemon.alive})
    faults: dict[str, list[str]] = {}
    for fault in status.faults:
        faults.setdefault(fault.target.partition("/")[0], []).append(fault.fault)
    cards = [
        {
            "name": node.name,
            "role": node.role,
            "group": node.group,
            "host": node.host,
            "state": node.state if node.exit_code is None else f"{node.state} ({node.exit_code})",
            "up": node.state == "running",
            "unhealthy": node.health == "unhealthy",
            "address": node.address,
            "daemons": daemons.get(node.name, []),
            "faults": faults.get(node.name, []),
        }
        for node in status.nodes
    ]
    cards += [
        {
            "name": node.name,
            "role": "joined",
            "group": "",
            "host": node.host,
            "state": f"joined from {node.host}",
            "up": True,
            "unhealthy": False,
            "address": node.address,
            "daemons": [{"type": kind, "alive": True} for kind in node.daemons],
            "faults": [],
        }
        for node in status.joined
    ]
    for card in cards:
        own = by_node.get(str(card["name"]), [])
        card["slots"] = [slot_row(slot, down=not card["up"]) for slot in own if code_of(slot)]
    return cards


def slot_row(slot: Slot, *, down: bool = False) -> Json:
    """Return what is shown of one slot."""
    return {
        "name": slot.name.partition("@")[0],
        "code": code_of(slot, down=down),
        "state": f"{slot.state}/{slot.activity}",
        "cpus": slot.cpus,
        "memory_mb": slot.memory_mb,
        "owner": slot.owner,
        "job": slot.job,
    }


def _jobs(look: Look) -> Json:
    by_owner = owners(look.jobs)
    shown = [*by_owner.items()][:MOST_OWNERS]
    return {
        "total": len(look.jobs),
        "by_state": by_state(look.jobs),
        "by_owner": [{"owner": owner, **states} for owner, states in shown],
        "owners": len(by_owner),
        "completed": sum(row.completed for row in look.overview.status.jobs),
        "access_points": [row.access_point for row in look.overview.status.jobs],
    }


def _user(user: Submitter) -> Json:
    return {
        "name": user.name,
        "is_group": user.is_group,
        "priority": round(user.priority, 2),
        "factor": round(user.factor, 2),
        "in_use": round(user.in_use, 2),
        "used_hours": round(user.used_hours, 3),
        "quota": user.quota,
    }


def job_rows(
    jobs: Sequence[QueuedJob],
    *,
    states: Sequence[str] = (),
    owner: str = "",
    text: str = "",
    offset: int = 0,
    limit: int = MOST_ROWS,
) -> Json:
    """Return some of the jobs, the last submitted first, and how many there are of the kind.

    Args:
        jobs: All jobs.
        states: Only those in these states. Empty for all.
        owner: Only those of this owner. Empty for all.
        text: Only those whose id begins with it, or whose command, node or reason has it.
        offset: Leave out so many of them.
        limit: Return at most so many, and never more than ``MOST_ROWS``.
    """
    wanted = text.casefold()
    found = [
        job
        for job in reversed(jobs)
        if (not states or job.state in states)
        and (not owner or job.owner == owner)
        and (not wanted or _has(job, wanted))
    ]
    rows = found[offset : offset + min(limit, MOST_ROWS)]
    return {"total": len(found), "offset": offset, "rows": [_job_row(job) for job in rows]}


def _has(job: QueuedJob, text: str) -> bool:
    if job.id.startswith(text):
        return True
    places = (job.command, job.node or "", job.reason or "")
    return any(text in place.casefold() for place in places)


def _job_row(job: QueuedJob) -> Json:
    return {
        "access_point": job.access_point,
        "id": job.id,
        "owner": job.owner,
        "state": job.state,
        "since": _time(job.since),
        "command": job.command,
        "node": job.node,
        "reason": job.reason,
    }


def change_rows(changes: Iterable[Change]) -> list[Json]:
    """Return the last changes, the newest first."""
    rows = [
        {"number": each.number, "at": rfc3339(each.at), "about": each.about, "text": each.text}
        for each in changes
    ]
    return rows[::-1][:MOST_SHOWN_CHANGES]


def point_rows(history: History) -> list[list[float]]:
    """Return times, idle, running and held jobs, and claimed slots: a list for each."""
    points = history.points
    return [
        [round(each.at.timestamp(), 1) for each in points],
        *([getattr(each, name) for each in points] for name in ("idle", "running", "held")),
        [each.claimed for each in points],
    ]


def span_rows(spans: Iterable[Span]) -> list[Json]:
    """Return the jobs on machines, for the timeline."""
    return [
        {
            "job": span.job,
            "owner": span.owner,
            "node": span.node,
            "began": span.began.timestamp(),
            "ended": span.ended.timestamp() if span.ended else None,
        }
        for span in spans
    ]


def _time(when: datetime | None) -> str | None:
    return rfc3339(when) if when else None
