"""What the doctor says of held jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from checkup_answers import found
from condor_mini.doctor.findings import Finding, Level
from condor_mini.doctor.held_jobs import MOST_JOBS
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool

NO_FILE, USER_REQUEST = 6, 1


def findings(pool: FakePool, *ads: dict[str, object]) -> dict[str, Finding]:
    """Return what is found of held jobs with these attributes."""
    jobs = [
        {"ClusterId": 4, "ProcId": proc, "HoldReason": "why", "HoldReasonCode": NO_FILE, **ad}
        for proc, ad in enumerate(ads)
    ]

    def tell(call: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=json.dumps(jobs) if "-json" in call.argv else "")

    pool.engine.on_exec(["condor_q"], tell)
    pool.engine.on_exec(["condor_config_val"], lambda _: FakeOutcome())
    return found("ci")


@pytest.mark.usefixtures("inside")
def test_held_job(pool: FakePool) -> None:
    """A held job is a warning with its reason, and with the commands that release and remove it."""
    result = findings(pool, {"HoldReason": "no such file"})["job 4.0 on ci-submit-1"]
    assert (result.level, result.evidence) == (Level.WARN, "held: no such file")
    assert "condor-mini exec -n ci --node ci-submit-1 -- condor_release 4.0" in str(result.hint)


@pytest.mark.usefixtures("inside")
def test_job_that_somebody_holds(pool: FakePool) -> None:
    """A job that somebody holds with condor_hold is as they want it."""
    result = findings(pool, {"HoldReasonCode": USER_REQUEST})["job 4.0 on ci-submit-1"]
    assert result.level is Level.OK


@pytest.mark.usefixtures("inside")
def test_job_that_its_policy_may_release(pool: FakePool) -> None:
    """A held job that its own periodic_release may release needs nobody."""
    result = findings(pool, {"PeriodicRelease": True})["job 4.0 on ci-submit-1"]
    assert result.level is Level.OK
    assert "its policy may release it" in result.evidence


@pytest.mark.usefixtures("inside")
def test_many_held_jobs(pool: FakePool) -> None:
    """Of many held jobs the first are shown, and the others are counted."""
    result = findings(pool, *[{} for _ in range(MOST_JOBS + 3)])
    assert len([subject for subject in result if subject.startswith("job 4.")]) == MOST_JOBS
    assert result["held jobs on ci-submit-1"].evidence == "not shown: 3"


@pytest.mark.usefixtures("inside")
def test_queue_that_does_not_answer(pool: FakePool) -> None:
    """condor_q's own words are shown if it fails."""
    failed = FakeOutcome(returncode=1, stderr="Failed to fetch ads")
    pool.engine.on_exec(["condor_q"], lambda _: failed)
    finding = found("ci")["held jobs on ci-submit-1"]
    assert (finding.level, "Failed to fetch ads" in finding.evidence) == (Level.FAIL, True)
