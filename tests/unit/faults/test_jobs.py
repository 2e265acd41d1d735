"""Faults of jobs, in a queue in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, NotFound, UsageError
from condor_mini.faults.jobs import REASON, constraint_of

if TYPE_CHECKING:
    from fake_pool import FakePool
    from struck_nodes import StruckNodes


@pytest.mark.parametrize(
    ("jobs", "constraint"),
    [
        (["7"], "ClusterId == 7"),
        (["7", "8.1"], "ClusterId == 7 || (ClusterId == 8 && ProcId == 1)"),
        (['Owner == "jovyan"'], 'Owner == "jovyan"'),
    ],
)
def test_jobs_are_ids_or_an_expression(jobs: list[str], constraint: str) -> None:
    """Ids of jobs and clusters become an expression; an expression stays as it is."""
    assert constraint_of(jobs) == constraint


@pytest.mark.parametrize("jobs", [[], [" "], ["7", "true"]])
def test_other_words_are_refused(jobs: list[str]) -> None:
    """Nothing, and an expression beside ids, are usage errors with an example."""
    with pytest.raises(UsageError, match="one ClassAd expression"):
        constraint_of(jobs)


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("hold", ("condor_hold", "-reason", REASON, "7.0", "7.1", "7.4")),
        ("release", ("condor_release", "7.2")),
        ("evict", ("condor_vacate_job", "-fast", "7.1", "7.4")),
        ("vacate", ("condor_vacate_job", "7.1", "7.4")),
        ("remove", ("condor_rm", "7.0", "7.1", "7.2", "7.4")),
        ("suspend", ("condor_suspend", "7.1")),
        ("continue", ("condor_continue", "7.4")),
    ],
)
def test_only_jobs_in_a_fit_state_are_struck(
    pool: FakePool, struck: StruckNodes, name: str, argv: tuple[str, ...]
) -> None:
    """HTCondor's command gets the jobs that it can do something to."""
    struck.jobs = {"7.0": 1, "7.1": 2, "7.2": 5, "7.3": 4, "7.4": 7}
    assert pool.faults.strike(name, jobs=["7"]) is None
    assert struck.asked == [argv]


def test_hold_has_a_reason_and_codes(pool: FakePool, struck: StruckNodes) -> None:
    """The reason and the subcode are condor_hold's; the code is edited afterwards."""
    struck.jobs = {"7.0": 2}
    pool.faults.hold("7.0", reason="no input", code=13, subcode=2)
    assert struck.asked == [
        ("condor_hold", "-reason", "no input", "-subcode", "2", "7.0"),
        ("condor_qedit", "7.0", "HoldReasonCode", "13"),
    ]


@pytest.mark.parametrize(
    ("jobs", "words"),
    [({}, "no job is 7, on ci-submit-1"), ({"7.0": 1, "7.1": 5}, "none of 7 can be: held, idle")],
)
def test_no_job_that_fits(
    pool: FakePool, struck: StruckNodes, jobs: dict[str, int], words: str
) -> None:
    """A job that is not there, or not in a fit state, is not found; the states are named."""
    struck.jobs = jobs
    with pytest.raises(NotFound, match=words) as caught:
        pool.faults.evict("7")
    assert caught.value.hint == "See the queue: condor-mini queue -n ci"
    assert struck.asked == []


def test_expression_that_htcondor_refuses(pool: FakePool, struck: StruckNodes) -> None:
    """What is no ClassAd expression is a usage error with HTCondor's words."""
    del struck
    with pytest.raises(UsageError, match="invalid constraint"):
        pool.faults.hold("(")


def test_suspension_needs_processes_that_stop(pool: FakePool, struck: StruckNodes) -> None:
    """Where SIGSTOP stops nothing, jobs are not suspended: they would go on."""
    struck.jobs = {"7.0": 2}
    info = pool.engine.info()
    pool.engine.info = lambda: replace(info, stops_processes=False)  # type: ignore[method-assign]
    with pytest.raises(EngineCapabilityError, match="cannot be stopped"):
        pool.faults.suspend("7")
    assert struck.asked == []
