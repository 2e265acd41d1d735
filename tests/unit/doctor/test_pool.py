"""What is found wrong with a pool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checkup_answers import found
from condor_mini.doctor.findings import Level
from condor_mini.doctor.pool import analyses
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool

ANALYSIS = Path(__file__).with_name("analysis.txt").read_text()
ANALYSIS_23 = Path(__file__).with_name("analysis-23.txt").read_text()
"""Of condor_q -better-analyze of HTCondor 25.14.1, for a job that no slot fits and a held one."""


@pytest.mark.usefixtures("inside")
def test_ended_node(pool: FakePool) -> None:
    """A node that has ended is shown with its last words and how to start it."""
    pool.engine.end("ci-execute-1", exit_code=137, log="out of memory\n")
    finding = found("ci")["node ci-execute-1"]
    assert (finding.level, "out of memory" in finding.evidence) == (Level.FAIL, True)
    assert "condor-mini start -n ci" in (finding.hint or "")


@pytest.mark.usefixtures("inside")
def test_unhealthy_node(pool: FakePool) -> None:
    """An unhealthy node is shown with its own words."""
    pool.health["ci-submit-1"] = "SCHEDD is not running"
    assert found("ci")["node ci-submit-1"].evidence == "SCHEDD is not running"


@pytest.mark.usefixtures("inside")
def test_stopped_pool_is_a_warning(pool: FakePool) -> None:
    """A stopped pool is a warning, and its nodes are not checked."""
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    findings = found("ci")
    assert findings["pool ci"].level is Level.WARN
    assert "node ci-master" not in findings


@pytest.mark.usefixtures("inside")
def test_idle_job_that_no_slot_fits(pool: FakePool) -> None:
    """The condition that no slot meets is named, with what the job asks for."""
    answers = {"-allusers": "3.0 0\n", "-better-analyze": ANALYSIS}
    pool.engine.on_exec(["condor_q"], lambda call: FakeOutcome(stdout=answers[call.argv[1]]))
    finding = found("ci")["job 3.0 on ci-submit-1"]
    assert finding.level is Level.WARN
    assert finding.evidence == (
        "idle: none of 2 slots meets TARGET.Memory >= RequestMemory (RequestMemory = 900000 (mb))"
    )


def test_analysis() -> None:
    """HTCondor's text, read job by job."""
    unfit, fits = analyses(ANALYSIS)[:2]
    assert (unfit.job, unfit.slots, unfit.matching) == ("3.0", 2, 0)
    assert (fits.job, fits.matching > 0, fits.unmet) == ("4.0", True, ())


def test_analysis_by_23() -> None:
    """HTCondor 23 says the same in other words."""
    (unfit,) = analyses(ANALYSIS_23)
    assert (unfit.job, unfit.slots, unfit.matching, unfit.refused) == ("2.0", 1, 0, 0)
    assert unfit.unmet == ("TARGET.Memory >= RequestMemory (RequestMemory = 9000000 (mb))",)


def test_analysis_of_nonsense() -> None:
    """No text is no analysis."""
    assert analyses("") == analyses("what?\n") == []
