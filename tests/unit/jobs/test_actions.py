"""Removing, holding and releasing jobs over access points in memory."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady, UsageError
from condor_mini.jobs.actions import REMOVE, ChangedJobs, act
from condor_mini.pool import Pool
from fake_queue import NODE
from fake_schedds import HELD, RUNNING, SECOND, Schedds


@pytest.fixture
def schedds() -> Schedds:
    """The queues: cluster 3 of three jobs at the first access point, job 4.0 at the second."""
    schedds = Schedds()
    schedds.add("3.0", RUNNING)
    schedds.add("3.1")
    schedds.add("3.2", HELD)
    schedds.add("4.0", node=SECOND)
    return schedds


@pytest.fixture
def pool(schedds: Schedds) -> Pool:
    """The pool that they are of."""
    return Pool(schedds.engine, "mini")


def _changed(
    cluster: int, *changed: int, unchanged: tuple[int, ...] = (), at: str = NODE
) -> ChangedJobs:
    return ChangedJobs(access_point=at, cluster=cluster, changed=changed, unchanged=unchanged)


def test_cluster_is_removed(pool: Pool, schedds: Schedds) -> None:
    """A cluster is removed by one call of the tool, at the access point that has it."""
    assert pool.remove_jobs([3]) == [_changed(3, 0, 1, 2)]
    assert schedds.calls == [("condor_rm", "3")]


def test_jobs_of_several_access_points(pool: Pool, schedds: Schedds) -> None:
    """Each job is removed where it is."""
    assert pool.remove_jobs(["3.1", "4.0"]) == [_changed(3, 1), _changed(4, 0, at=SECOND)]
    assert schedds.calls == [("condor_rm", "3.1"), ("condor_rm", "4.0")]


def test_none_is_all_of_the_user(pool: Pool, schedds: Schedds) -> None:
    """Without names all of the user's jobs are meant, and nobody else's."""
    schedds.add("5.0", owner="alice")
    assert pool.remove_jobs(None) == [_changed(3, 0, 1, 2), _changed(4, 0, at=SECOND)]
    assert ("condor_rm", "3") in schedds.calls


def test_nothing_named_is_nothing_done(pool: Pool, schedds: Schedds) -> None:
    """An empty list is no job: it is not taken for all."""
    assert (pool.remove_jobs([]), schedds.calls) == ([], [])


def test_hold_has_the_reason(pool: Pool, schedds: Schedds) -> None:
    """A reason goes to HTCondor; what is held already is told apart."""
    assert pool.hold_jobs(["3"], reason="disk is full") == [_changed(3, 0, 1, unchanged=(2,))]
    assert schedds.calls == [("condor_hold", "-reason", "disk is full", "3")]


def test_release(pool: Pool) -> None:
    """Only held jobs are released."""
    assert pool.release_jobs([3]) == [_changed(3, 2, unchanged=(0, 1))]


def test_held_again_is_released(pool: Pool, schedds: Schedds) -> None:
    """A job that its own policy holds again at once was released all the same."""
    schedds.held_again = True
    assert pool.release_jobs(["3.2"]) == [_changed(3, 2)]


def test_what_is_so_already_is_left_alone(pool: Pool, schedds: Schedds) -> None:
    """The tool is not called where there is nothing to change."""
    assert pool.release_jobs(["3.0"]) == [_changed(3, unchanged=(0,))]
    assert schedds.calls == []


def test_absent_job_is_not_found_and_others_are_removed(pool: Pool) -> None:
    """What is there is removed; the error names what is not."""
    outcome = act(pool, REMOVE, ["3.0", "3.9", "77"])
    assert outcome.clusters == [_changed(3, 0)]
    with pytest.raises(NotFound, match=r"no queue of the pool mini has job 3\.9, cluster 77"):
        outcome.checked()


def test_same_number_at_two_access_points_is_refused(pool: Pool, schedds: Schedds) -> None:
    """A number that two access points have is not guessed; with --node it is clear."""
    schedds.add("3.0", node=SECOND)
    with pytest.raises(UsageError, match=r"(?s)cluster 3 at each.*--node mini-submit-1"):
        pool.remove_jobs([3])
    assert schedds.calls == []
    assert pool.remove_jobs([3], node="submit-2") == [_changed(3, 0, at=SECOND)]


def test_other_users_jobs_are_refused(pool: Pool, schedds: Schedds) -> None:
    """The tool's words are the error, and what to type as that user the hint."""
    schedds.add("5.0", owner="alice")
    with pytest.raises(
        CondorMiniError, match=r"(?s)change job 5.0:\nPermission denied.*--user alice"
    ):
        pool.remove_jobs([3, 5])
    assert schedds.jobs[NODE][0]["JobStatus"] == 3


@pytest.mark.parametrize("word", ["x", "3.", ".0", "-1", "0", "3.01", "3 4", "٣"])
def test_what_is_no_job_is_refused(pool: Pool, word: str) -> None:
    """Anything but a cluster's number or a job's id is a mistake."""
    with pytest.raises(UsageError, match="neither a cluster"):
        pool.remove_jobs([word])


@pytest.mark.parametrize("reason", ["", " ", "two\nlines"])
def test_reason_is_a_line(pool: Pool, reason: str) -> None:
    """A reason is one line of text."""
    with pytest.raises(UsageError, match="one line"):
        pool.hold_jobs([3], reason=reason)


def test_stopped_access_points_are_not_ready(pool: Pool, schedds: Schedds) -> None:
    """Without an access point that runs, nothing is known of jobs."""
    schedds.engine.stop(NODE, SECOND, timeout_s=1)
    with pytest.raises(PoolNotReady):
        pool.remove_jobs([3])


def test_node_must_be_an_access_point(pool: Pool) -> None:
    """Other nodes have no queue."""
    with pytest.raises(UsageError, match="not an access point"):
        pool.remove_jobs([3], node="execute-1")
