"""What a failing test's report says of its pools: their logs of that time, and the jobs."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from condor_mini.base.redaction import redact
from condor_mini.base.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    import pytest

    from condor_mini import ClassAd, Pool

MOST_LINES = 500
"""Lines of the logs that a report holds at most, the last ones."""
MOST_JOBS = 100
"""Jobs that a report holds at most, the last ones."""
NOISE = "procd"
"""A daemon that writes several lines per job and second, and says of jobs only that they live."""
_NAMES = ("idle", "running", "removed", "completed", "held", "transferring", "suspended")
_STATES = dict(enumerate(_NAMES, start=1))
"""Names of JobStatus; HTCondor's manual, appendix "Job ClassAd Attributes"."""
_ATTRIBUTES = (
    *("ClusterId", "ProcId", "Owner", "JobStatus", "ExitBySignal", "ExitCode", "ExitSignal"),
    *("HoldReason", "RemoveReason", "LastRejMatchReason", "Cmd", "Arguments"),
)


def attach(item: pytest.Item, report: pytest.TestReport, begun: datetime) -> None:
    """Add a section for the jobs and one for the logs of each pool that a test uses.

    Args:
        item: The test.
        report: The report of its failure.
        begun: When the test began.
    """
    for pool in pools_of(item):
        jobs = redact("\n".join(_readable(_jobs(pool, begun))))
        logs = redact("\n".join(_readable(_logs(pool, begun))))
        report.sections.append((f"HTCondor jobs, pool {pool.name}", jobs))
        report.sections.append((f"HTCondor logs, pool {pool.name}", logs))


def pools_of(item: pytest.Item) -> list[Pool]:
    """Return the shared pool, if a test uses it, and those that its factories have created."""
    from condor_mini.pytest_plugin.factory import PoolFactory

    values: Mapping[str, Any] = getattr(item, "funcargs", {})
    shared = [values["condor_pool"]] if "condor_pool" in values else []
    factories = [value for value in values.values() if isinstance(value, PoolFactory)]
    return shared + [pool for factory in factories for pool in factory.pools]


def _readable(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines, and in place of what cannot be had the reason."""
    from condor_mini import CondorMiniError

    try:
        yield from lines
    except (CondorMiniError, OSError) as error:
        yield f"not available: {error}"


def _jobs(pool: Pool, begun: datetime) -> Iterator[str]:
    """Yield a line for each job in the queue, and for each that ended during the test."""
    ended = f"EnteredCurrentStatus >= {int(begun.timestamp())}"
    ads = pool.job_ads(projection=_ATTRIBUTES)
    ads += pool.job_ads(ended, projection=_ATTRIBUTES, history=True)
    if not ads:
        yield "no job is in the queue, and none ended during the test"
    by_id = {(_number(ad, "ClusterId"), _number(ad, "ProcId")): ad for ad in ads}
    kept = sorted(by_id)[-MOST_JOBS:]
    if len(kept) < len(by_id):
        yield f"{len(by_id) - len(kept)} jobs before these are left out"
    for cluster, process in kept:
        ad = by_id[cluster, process]
        yield f"{cluster}.{process}  {ad.get('Owner')}  {_state(ad)}  {_command(ad)}".rstrip()


def _state(ad: ClassAd) -> str:
    """Return a job's state, with its exit code or the reason for it: ``completed, exit 3``."""
    state = _STATES.get(_number(ad, "JobStatus"), "unknown")
    if state == "completed" and ad.get("ExitBySignal") is True:
        return f"{state}, signal {ad.get('ExitSignal')}"
    why = {
        "completed": f"exit {ad.get('ExitCode')}",
        "held": ad.get("HoldReason"),
        "removed": ad.get("RemoveReason"),
        "idle": ad.get("LastRejMatchReason"),
    }.get(state)
    return f"{state}, {why}" if why else state


def _command(ad: ClassAd) -> str:
    return f"{ad.get('Cmd', '')} {ad.get('Arguments', '')}".strip()


def _number(ad: ClassAd, attribute: str) -> int:
    value = ad.get(attribute)
    return value if isinstance(value, int) else 0


def _logs(pool: Pool, begun: datetime) -> Iterator[str]:
    """Yield what the daemons have written since the test began."""
    written = (line for line in pool.logs(since=begun) if line.daemon != NOISE)
    lines = deque(written, maxlen=MOST_LINES + 1)
    if not lines:
        yield "the daemons wrote nothing during the test"
    if len(lines) > MOST_LINES:
        lines.popleft()
        since = rfc3339(begun)
        yield f"earlier lines are left out: condor-mini logs -n {pool.name} --since {since}"
    for line in lines:
        yield f"{line.node}  {line.daemon}: {line.text}"
