"""The jobs in the queues of access points in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeOutcome
from condor_mini.jobs.queue import QueuedJob, by_cluster
from condor_mini.pool import Pool
from fake_queue import NODE
from fake_schedds import COMPLETED, HELD, NOON, RUNNING, SECOND, Schedds

SLOT = "slot1_1@mini-execute-1.nodes.internal"


@pytest.fixture
def schedds() -> Schedds:
    """Queues without jobs."""
    return Schedds()


@pytest.fixture
def pool(schedds: Schedds) -> Pool:
    """The pool that they are of."""
    return Pool(schedds.engine, "mini")


def test_job_that_runs(pool: Pool, schedds: Schedds) -> None:
    """A job has its owner, its state since when, its command, its slot and its node."""
    schedds.add("3.0", RUNNING, RemoteHost=SLOT)
    assert pool.queue() == [
        QueuedJob(
            access_point=NODE,
            cluster=3,
            proc=0,
            owner="jovyan",
            state="running",
            since=datetime.fromtimestamp(NOON, UTC),
            command="sleep 60",
            slot=SLOT,
            node="mini-execute-1",
            reason=None,
        )
    ]


@pytest.mark.parametrize(
    ("status", "ad", "expected"),
    [
        (HELD, {"HoldReason": "no file"}, ("held", None, "no file")),
        (3, {"RemoveReason": "via condor_rm"}, ("removed", None, "via condor_rm")),
        (1, {"HoldReason": "old", "RemoteHost": SLOT}, ("idle", None, None)),
        (COMPLETED, {}, ("completed", None, None)),
        (RUNNING, {"JobUniverse": 12}, ("running", NODE, None)),
        (RUNNING, {"RemoteHost": "slot1@10.0.0.7"}, ("running", "10.0.0.7", None)),
    ],
    ids=["held", "removed", "idle", "completed", "local universe", "address"],
)
def test_state_place_and_reason(
    pool: Pool, schedds: Schedds, status: int, ad: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """A job has a place only while it has a slot, and a reason only if it is held or removed."""
    schedds.add("3.0", status, **ad)
    (job,) = pool.queue()
    assert (job.state, job.node, job.reason) == expected


@pytest.mark.parametrize(
    ("ad", "command"),
    [
        ({"Arguments": "a 'b c'", "Args": ""}, "sleep a 'b c'"),
        ({"SUBMIT_Cmd": "/home/me/run.sh"}, "run.sh 60"),
        ({"JobDescription": "step 4"}, "step 4"),
    ],
)
def test_command(pool: Pool, schedds: Schedds, ad: dict[str, Any], command: str) -> None:
    """A job's command is as its owner knows it."""
    schedds.add("3.0", **ad)
    assert pool.queue()[0].command == command


def test_all_access_points_in_order(pool: Pool, schedds: Schedds) -> None:
    """The jobs of all users at all access points, by access point and id."""
    schedds.add("10.0")
    schedds.add("9.1", owner="alice")
    schedds.add("9.0")
    schedds.add("1.0", node=SECOND)
    assert [job.id for job in pool.queue()] == ["9.0", "9.1", "10.0", "1.0"]


def test_access_point_that_does_not_run_is_noted(pool: Pool, schedds: Schedds) -> None:
    """The jobs of the others are returned, and a note says what is missing."""
    notes: list[str] = []

    class Notes(Progress):
        def note(self, text: str) -> None:
            notes.append(text)

    schedds.add("3.0")
    schedds.engine.stop(SECOND, timeout_s=1)
    assert [job.id for job in pool.queue(progress=Notes())] == ["3.0"]
    assert notes == [f"The access point {SECOND} does not run: its jobs are left out."]


@pytest.mark.parametrize(
    "output",
    [
        "Failed to fetch ads from: <10.0.0.2:9618>",
        "Error: Can't find address for schedd mini-submit-1.nodes.internal",
    ],
    ids=["stopped", "not started yet"],
)
def test_schedd_that_does_not_answer(pool: Pool, schedds: Schedds, output: str) -> None:
    """A schedd that is away is told as such."""
    failure = FakeOutcome(returncode=1, stderr=f"{output}\n")
    schedds.engine.on_exec(["condor_q"], lambda _: failure)
    with pytest.raises(PoolNotReady, match="gets no answer"):
        pool.queue()


def test_no_access_point_runs(pool: Pool, schedds: Schedds) -> None:
    """A stopped pool has no queue to ask."""
    schedds.engine.stop(NODE, SECOND, timeout_s=1)
    with pytest.raises(PoolNotReady, match="has ended"):
        pool.queue()


def test_absent_pool(schedds: Schedds) -> None:
    """There is no such pool."""
    with pytest.raises(NotFound):
        Pool(schedds.engine, "nope").queue()


def test_clusters_are_summed_up(pool: Pool, schedds: Schedds) -> None:
    """A cluster has its jobs by state, node and reason; the same number elsewhere is another."""
    schedds.add("3.0", HELD, HoldReason="full")
    schedds.add("3.1", RUNNING, RemoteHost=SLOT, EnteredCurrentStatus=NOON - 60)
    schedds.add("3.2", RUNNING, RemoteHost=SLOT)
    schedds.add("3.0", node=SECOND)
    first, second = by_cluster(pool.queue())
    assert [*first.states.items()] == [("running", 2), ("held", 1)]
    assert (first.nodes, first.reasons) == ({"mini-execute-1": 2}, {"full": 1})
    assert first.since == datetime.fromtimestamp(NOON - 60, UTC)
    assert (second.access_point, second.states) == (SECOND, {"idle": 1})
