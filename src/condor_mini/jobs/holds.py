"""Held jobs: which of them HTCondor may release by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from condor_mini.jobs.job_ads import HELD
from condor_mini.jobs.runners import answer
from condor_mini.nodes.condor_config import SPOOLING_INPUT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from condor_mini.jobs.job_ads import JobAd, Runner

USER_REQUEST = 1
"""HoldReasonCode of a job that somebody holds with condor_hold.

HTCondor evaluates no policy for it (``UserPolicy::AnalyzePolicy``, user_job_policy.cpp).
"""
YEAR_S = 366 * 24 * 3600
_EXPRESSION = re.compile(r"(?s)^/Expr\((.*)\)/$")
"""How the tools' JSON shows an expression that is not a literal."""
_NOW = re.compile(r"(?i)\btime\(\s*\)|\bCurrentTime\b")
_SYSTEM = "SYSTEM_PERIODIC_RELEASE"
_MOST = "SYSTEM_MAX_RELEASES"
"""The knob for the number of holds after which no policy releases a job."""


def held_for_good(runner: Runner, held: Sequence[JobAd]) -> list[JobAd]:
    """Return those held jobs that nothing releases by itself.

    A job's ``periodic_release`` and the access point's ``SYSTEM_PERIODIC_RELEASE`` release a held
    job when they are true (HTCondor's manual, condor_submit and "Configuration Macros"). The
    schedd evaluates them every ``PERIODIC_EXPR_INTERVAL``. An expression that is false now, and
    false in a year if nothing but the time changes, releases nothing.

    Args:
        runner: Access point or personal pool that has the jobs.
        held: Ads of held jobs, with their ``PeriodicRelease``.

    Raises:
        PoolNotReady: The schedd does not answer, or refuses an expression.
    """
    judged = [ad for ad in held if ad.get("HoldReasonCode") not in (SPOOLING_INPUT, USER_REQUEST)]
    staying = {_id(ad) for ad in held if ad.get("HoldReasonCode") == USER_REQUEST}
    if judged:
        of_the_pool, most = _pool_policies(runner)
        by_policies: dict[tuple[str, ...], set[tuple[int, int]]] = {}
        for ad in judged:
            by_policies.setdefault((*_own_policy(ad), *of_the_pool), set()).add(_id(ad))
        for policies, jobs in by_policies.items():
            staying |= jobs & _staying(runner, jobs, policies, most) if policies else jobs
    return [ad for ad in held if _id(ad) in staying]


def _id(ad: JobAd) -> tuple[int, int]:
    return ad["ClusterId"], ad["ProcId"]


def _own_policy(ad: JobAd) -> tuple[str, ...]:
    """Return the job's own expression; nothing if it is absent or false."""
    value = ad.get("PeriodicRelease")
    if isinstance(value, str) and (found := _EXPRESSION.match(value)):
        return (found[1],)
    return ("true",) if value is True else ()


def _pool_policies(runner: Runner) -> tuple[tuple[str, ...], str]:
    """Return the access point's own expressions, with or without a name, and the most holds."""
    output = answer(runner, ["condor_config_val", "-dump", "-expand", f"{_SYSTEM}|{_MOST}"])
    lines = (line.partition(" = ") for line in output.splitlines())
    values = {name.strip().upper(): value.strip() for name, _, value in lines}
    names = re.split(r"[\s,]+", values.get(f"{_SYSTEM}_NAMES", ""))
    knobs = (_SYSTEM, *(f"{_SYSTEM}_{name}".upper() for name in names if name))
    most = values.get(_MOST, "-1")
    return tuple(value for knob in knobs if (value := values.get(knob))), most


def _staying(
    runner: Runner, jobs: Iterable[tuple[int, int]], policies: Sequence[str], most_holds: str
) -> set[tuple[int, int]]:
    """Return the ids of the held jobs that none of the policies releases, now or in a year.

    A job that was released in the meantime is not among them, whatever its policy is by then.
    """
    both = [(policy, _NOW.sub(rf"(\g<0> + {YEAR_S})", policy)) for policy in policies]
    released = " || ".join(f"(({now}) =?= true || ({later}) =?= true)" for now, later in both)
    if most_holds != "-1":
        released = f"({released}) && (NumHolds ?: 0) < ({most_holds})"
    numbers = [str(cluster) for cluster in sorted({cluster for cluster, _ in jobs})]
    staying = f"JobStatus =?= {HELD} && !({released})"
    argv = ["condor_q", *numbers, "-constraint", staying, "-af", "ClusterId", "ProcId"]
    ids = (line.split() for line in answer(runner, argv).splitlines())
    return {(int(cluster), int(proc)) for cluster, proc in ids}
