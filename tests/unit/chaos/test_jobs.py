"""What became of jobs, by the queue and the history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.chaos.jobs import Jobs
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool

END = {
    "ClusterId": 5,
    "ProcId": 27,
    "JobStatus": 4,
    "ExitCode": 0,
    "CompletionDate": 1796007087,
    "JobCurrentStartDate": 1796007080,
}


@pytest.mark.parametrize(
    ("entries", "count"),
    [
        ([END], 1),
        ([END, END], 1),
        ([END, {**END, "CompletionDate": 1796007099}], 1),
        ([END, {**END, "JobCurrentStartDate": 1796007099, "CompletionDate": 1796007106}], 2),
    ],
    ids=["one", "written again", "written again after a reconnect", "ran again"],
)
def test_different_ends_are_counted(
    pool: FakePool, entries: list[dict[str, Any]], count: int
) -> None:
    """The entries that a schedd which was killed writes again are of the same run of the job."""
    pool.engine.on_exec(["condor_q"], lambda _: FakeOutcome(stdout=""))
    pool.engine.on_exec(["condor_history"], lambda _: FakeOutcome(stdout=json.dumps(entries)))
    (access_point,) = (node for node in pool.nodes if node.name == "ci-submit-1")
    (job,) = Jobs(where={"ci-submit-1": (access_point, "true")}).results()
    assert (job.entries, job.is_whole) == (count, count == 1)
