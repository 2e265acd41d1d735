"""What is said of jobs at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condor_mini.chaos.jobs import JobResult
from condor_mini.chaos.planned_fault import PlannedFault
from condor_mini.chaos.result import ScenarioResult, StruckFault, ranges
from condor_mini.chaos.values import Moment

JOB = JobResult(
    access_point="ci-submit-1",
    cluster=3,
    proc=0,
    state="completed",
    exit_code=0,
    exit_signal=None,
    starts=1,
    holds=0,
    reason=None,
)
STEP = PlannedFault(at=Moment(seconds=1.0), fault="evict", jobs="true")


def result(*jobs: JobResult, **other: object) -> ScenarioResult:
    """The result of a scenario with these jobs."""
    made = StruckFault(planned=STEP, struck_s=1.2)
    whole = ScenarioResult(pool="ci", seed=7, took_s=3.0, faults=(made,), jobs=jobs)
    return replace(whole, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        (JOB, "completed, exit 0"),
        (replace(JOB, exit_code=3, starts=2), "completed, exit 3, 2 starts"),
        (replace(JOB, exit_code=None, exit_signal=9), "completed, by signal 9"),
        (replace(JOB, entries=2), "completed, exit 0, ended 2 times"),
        (
            replace(JOB, state="held", exit_code=None, holds=1, reason="no input"),
            "held, held once: no input",
        ),
        (replace(JOB, state="lost", exit_code=None, starts=0, entries=0), "lost"),
    ],
)
def test_outcomes(job: JobResult, outcome: str) -> None:
    """Each fate in words; only one that has completed once with 0 is whole."""
    assert job.outcome == outcome
    assert job.is_whole == (outcome == "completed, exit 0")
    assert result(JOB, job).is_whole == job.is_whole


def test_outcomes_are_summed_up() -> None:
    """The most frequent first, with the ids in few words."""
    jobs = [replace(JOB, proc=n) for n in (0, 1, 2, 5)]
    odd = replace(JOB, cluster=4, exit_code=1)
    assert [(words, ranges(of)) for words, of in result(odd, *jobs).outcomes()] == [
        ("completed, exit 0", "3.0 to .2, 3.5"),
        ("completed, exit 1", "4.0"),
    ]
    other = replace(JOB, access_point="ci-submit-2")
    assert ranges([JOB, other]) == "3.0 on ci-submit-1, 3.0 on ci-submit-2"


def test_a_step_that_was_not_made_is_no_success() -> None:
    """A test that relies on it would test nothing. A drawn one may find nothing to strike."""
    missing = StruckFault(planned=STEP, problem="no job is ProcId == 9")
    assert not result(JOB, faults=(missing,)).is_whole
    drawn = replace(missing, planned=replace(STEP, is_drawn=True))
    assert result(JOB, faults=(drawn,)).is_whole


def test_problems_and_commands() -> None:
    """A problem is no success; the status of a command stands for those of its jobs."""
    assert not result(JOB, problems=("not over after 3 s",)).is_whole
    failed = replace(JOB, exit_code=1)
    assert result(failed, command_status=0).is_whole
    assert not result(JOB, command_status=2).is_whole
