"""What the buttons of the page do: what the command line does, as the same user."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.signals import start_thread
from condor_mini.base.words import counted
from condor_mini.faults.catalogue import fault_named
from condor_mini.faults.fault import Strikes
from condor_mini.jobs import actions as job_actions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from condor_mini.faults.in_force import FaultInForce
    from condor_mini.jobs.actions import Action
    from condor_mini.pool import Pool

_JOB_ACTIONS = {
    "hold": job_actions.HOLD,
    "release": job_actions.RELEASE,
    "remove": job_actions.REMOVE,
}
MOST_SHOWN = 5
MOST_JOBS = 200
MOST_EXECUTION_POINTS = 1000
DAY_S = 86_400
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Order:
    """Something to be done to a pool."""

    what: str
    """``Hold 3.0``."""
    do: Callable[[Pool], str]
    """Does it, and returns what came of it."""
    alone: bool = False
    """Whether it changes nodes."""
    is_held: bool = False
    """Whether it leaves something that this process has to undo when it ends."""


def order(name: str, body: Mapping[str, Any]) -> Order:
    """Return what a request of the page asks for.

    Raises:
        UsageError: There is no such thing to do, or the request lacks something.
    """
    if name in _JOB_ACTIONS:
        return _job_order(name, _JOB_ACTIONS[name], body)
    make = {"submit": _submit, "scale": _scale, "fault": _fault, "heal": _heal}.get(name)
    if make is None:
        raise UsageError(f"the page cannot do {name!r}")
    return make(body)


def _job_order(name: str, action: Action, body: Mapping[str, Any]) -> Order:
    wanted: dict[str | None, list[str]] = {}
    for job in _list(body, "jobs"):
        named = job if isinstance(job, dict) else {}
        place, number = named.get("access_point"), named.get("id")
        if not isinstance(number, str) or not (place is None or isinstance(place, str)):
            raise UsageError("a job is an access point and an id")
        wanted.setdefault(place, []).append(number)
    ids = [number for numbers in wanted.values() for number in numbers]
    if not ids:
        raise UsageError("choose jobs first")
    if len(ids) > MOST_JOBS:
        raise UsageError(f"choose at most {MOST_JOBS} jobs, or name their cluster")

    def do(pool: Pool) -> str:
        changed = 0
        for place, numbers in wanted.items():
            outcome = job_actions.act(pool, action, numbers, node=place)
            changed += sum(len(each.changed) for each in outcome.clusters)
            outcome.checked()
        return f"{action.done} {counted(changed, 'job')}"

    more = f" and {len(ids) - MOST_SHOWN} more" if len(ids) > MOST_SHOWN else ""
    return Order(what=f"{name.capitalize()} {', '.join(ids[:MOST_SHOWN])}{more}", do=do)


def _submit(body: Mapping[str, Any]) -> Order:
    file = Path(_text(body, "file")).expanduser()
    node = _text(body, "node", required=False) or None

    def do(pool: Pool) -> str:
        submission = pool.submit(file, node=node)
        clusters = ", ".join(map(str, submission.clusters)) or "none"
        again = " ".join(["condor-mini wait -n", pool.name, *map(str, submission.clusters)])
        return f"Cluster: {clusters}. Fetch the results: {again}"

    return Order(what=f"Submit {file}", do=do)


def _scale(body: Mapping[str, Any]) -> Order:
    number = body.get("execution_points")
    group = _text(body, "group", required=False) or None
    if not isinstance(number, int) or isinstance(number, bool):
        raise UsageError("the number of execution points is missing")
    if not 0 <= number <= MOST_EXECUTION_POINTS:
        raise UsageError(f"the number of execution points is 0 to {MOST_EXECUTION_POINTS}")

    def do(pool: Pool) -> str:
        pool.scale(number, group=group)
        return f"There are {counted(number, 'execution point')}"

    which = f" of {group}" if group else ""
    return Order(what=f"Scale to {counted(number, 'execution point')}{which}", do=do, alone=True)


def _fault(body: Mapping[str, Any]) -> Order:
    fault = fault_named(_text(body, "fault"))
    nodes = [str(node) for node in _list(body, "nodes") if node]
    daemon = _text(body, "daemon", required=False)
    jobs = [str(job) for job in _list(body, "jobs") if job]
    options = {str(key): str(value) for key, value in _dict(body, "options").items() if value != ""}
    if fault.strikes is Strikes.JOBS:
        if not jobs:
            raise UsageError(f"{fault.name} needs jobs: 3.0, or a cluster: 3")
        node: str | list[str] | None = nodes[0] if nodes else None
        target = " ".join(jobs)
    else:
        if not nodes:
            raise UsageError(f"{fault.name} needs a node")
        node = nodes if fault.strikes is Strikes.NODES else nodes[0]
        target = " ".join([*nodes, *([daemon] if daemon else [])])

    for_s = _seconds(body, "for_s")

    def do(pool: Pool) -> str:
        made = pool.faults.strike(
            fault.name,
            node,
            daemon,
            jobs=jobs,
            options=options,
            for_s=for_s,
            held=for_s is not None,
        )
        if made is None:
            return "Done"
        if for_s is None:
            return f"{made} is in force until it is healed"
        _heal_after(made, for_s)
        return f"{made} is in force for {for_s:g} s"

    alone = fault.strikes is not Strikes.JOBS
    what = f"{fault.name} {target}"
    return Order(what=what, do=do, alone=alone, is_held=for_s is not None)


def _heal_after(made: FaultInForce, seconds: float) -> None:
    """Heal a fault when its time is over. If we end before, the end of the dashboard does."""

    def heal() -> None:
        try:
            made.heal()
        except CondorMiniError as error:
            _log.warning("%s could not be healed: %s", made, error)

    timer = threading.Timer(seconds, heal)
    timer.daemon = True
    start_thread(timer)


def _heal(body: Mapping[str, Any]) -> Order:
    what = _text(body, "what", required=False) or None

    def do(pool: Pool) -> str:
        healed = pool.faults.heal(what)
        return f"Healed {', '.join(map(str, healed))}" if healed else "There was nothing to heal"

    return Order(what=f"Heal {what or 'all faults'}", do=do, alone=True)


def _text(body: Mapping[str, Any], key: str, *, required: bool = True) -> str:
    value = body.get(key, "")
    if not isinstance(value, str) or (required and not value.strip()):
        raise UsageError(f"{key} is missing")
    return value.strip()


def _seconds(body: Mapping[str, Any], key: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value <= DAY_S:
        raise UsageError(f"{key} is a number of seconds: 1 to {DAY_S}")
    return float(value)


def _list(body: Mapping[str, Any], key: str) -> list[Any]:
    value = body.get(key, [])
    if not isinstance(value, list):
        raise UsageError(f"{key} is no list")
    return value


def _dict(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{key} is no object")
    return value
