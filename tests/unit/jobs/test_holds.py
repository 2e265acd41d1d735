"""Which held jobs HTCondor may release by itself, on a queue whose tools answer as told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import CommandResult
from condor_mini.jobs.holds import YEAR_S, held_for_good

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.jobs.job_ads import JobAd

NAMED = """\
SYSTEM_PERIODIC_RELEASE_NAMES = x, y
SYSTEM_PERIODIC_RELEASE_X = A
SYSTEM_PERIODIC_RELEASE_y = B == 1
SYSTEM_PERIODIC_RELEASE_z = C
"""


@dataclass
class Tools:
    """Answers of condor_config_val and condor_q, and the constraints that condor_q got."""

    config: str = ""
    released: str = ""
    constraints: list[str] = field(default_factory=list)

    def exec(
        self, argv: Sequence[str], *, workdir: str = "", timeout_s: float = 0
    ) -> CommandResult:
        """Answer."""
        del workdir, timeout_s
        if argv[0] == "condor_config_val":
            return CommandResult(argv=tuple(argv), returncode=0, stdout=self.config, stderr="")
        self.constraints.append(argv[argv.index("-constraint") + 1])
        return CommandResult(argv=tuple(argv), returncode=0, stdout=self.released, stderr="")


def job(proc: int = 0, *, code: int = 3, release: bool | str = False) -> JobAd:
    """A held job."""
    return {
        "ClusterId": 7,
        "ProcId": proc,
        "JobStatus": 5,
        "HoldReasonCode": code,
        "PeriodicRelease": release,
    }


def test_no_policy_releases_nothing() -> None:
    """A job without a policy is held for good, and HTCondor is not asked."""
    tools = Tools()
    assert held_for_good(tools, [job()]) == [job()]
    assert tools.constraints == []


def test_spooled_job_is_released_when_its_files_are_there() -> None:
    """A job that is held while its inputs are spooled is not held for good."""
    assert held_for_good(Tools(), [job(code=16)]) == []


def test_no_policy_is_for_a_hold_by_hand() -> None:
    """HTCondor evaluates no policy for a job that somebody holds."""
    ad = job(code=1, release=True)
    assert held_for_good(Tools(released="7 0\n"), [ad]) == [ad]


def test_jobs_own_policy() -> None:
    """HTCondor evaluates the job's expression, now and in a year."""
    tools = Tools(released="7 0\n")
    held = [job(release="/Expr(time() > 5)/"), job(1)]
    assert held_for_good(tools, held) == [job(1)]
    assert tools.constraints == [f"((time() > 5) =?= true || ((time() + {YEAR_S}) > 5) =?= true)"]


def test_policy_of_another_job_does_not_count() -> None:
    """What the policy of one job says of another is not asked for."""
    tools = Tools(released="7 0\n7 1\n")
    held = [job(release="/Expr(A)/"), job(1)]
    assert held_for_good(tools, held) == [job(1)]


@pytest.mark.parametrize(
    ("config", "constraint"),
    [
        ("SYSTEM_PERIODIC_RELEASE = A\n", "((A) =?= true || (A) =?= true)"),
        (
            NAMED,
            "((A) =?= true || (A) =?= true) || ((B == 1) =?= true || (B == 1) =?= true)",
        ),
        (
            "SYSTEM_PERIODIC_RELEASE = A\nSYSTEM_MAX_RELEASES = 3\n",
            "(((A) =?= true || (A) =?= true)) && (NumHolds ?: 0) < (3)",
        ),
    ],
)
def test_pools_own_policies(config: str, constraint: str) -> None:
    """The access point's own policies release jobs too, those with names included."""
    tools = Tools(config=config)
    held_for_good(tools, [job()])
    assert tools.constraints == [constraint]
