"""The status of a pool in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.engine import FakeOutcome
from condor_mini.pool import Pool
from condor_mini.reports.status import STARTING, Verdict, status, status_of
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeEngine
    from condor_mini.reports.status import PoolStatus
    from fake_pool import FakePool


def later(pool: Pool) -> PoolStatus:
    """Its status when there was time enough to start."""
    nodes = pool.nodes
    started = max(node.info.started_at for node in nodes if node.info.started_at)
    return status_of(pool.name, nodes, now=started + STARTING + timedelta(seconds=1))


def test_pool_with_all_ads_is_usable(pool: FakePool) -> None:
    """All daemons and slots at the collector make a pool usable."""
    assert (status(pool).verdict, status(pool).reasons) == (Verdict.USABLE, ())


def test_daemons_are_named_as_htcondor_names_them(pool: FakePool) -> None:
    """Each daemon stands under its node."""
    assert [(daemon.node, daemon.type) for daemon in status(pool).daemons] == [
        ("ci-master", "collector"),
        ("ci-master", "negotiator"),
        ("ci-submit-1", "schedd"),
        ("ci-execute-1", "startd"),
    ]


def test_startd_without_ad_of_its_own(pool: FakePool) -> None:
    """HTCondor 23 has no ads of startds: a slot's tells of it."""
    pool.forget("ci-execute-1", "StartD")
    assert status(pool).daemons[-1].type == "startd"
    assert status(pool).verdict is Verdict.USABLE


def test_slot_that_is_back_before_the_startds_own_ad(pool: FakePool) -> None:
    """After a crash the startd's own ad may still be the one before: a slot tells of it."""
    for ad in pool.ads:
        if (ad["CondorMiniNode"], ad["MyType"]) == ("ci-execute-1", "StartD"):
            ad["LastHeardFrom"] -= 3600
    found = later(pool)
    startds = [daemon for daemon in found.daemons if daemon.node == "ci-execute-1"]
    assert [(daemon.type, daemon.alive) for daemon in startds] == [("startd", True)]
    assert found.verdict is Verdict.USABLE


def test_node_found_by_its_address(pool: FakePool) -> None:
    """An ad that bears another host name is its node's by the address."""
    address = next(node.address for node in pool.nodes if node.name == "ci-submit-1")
    pool.forget("ci-submit-1")
    pool.ads.append(pool.ad("elsewhere", "Scheduler", MyAddress=f"<{address}:9618?sock=x>"))
    assert status(pool).verdict is Verdict.USABLE


def test_missing_daemon_may_still_come(pool: FakePool) -> None:
    """A node that was started just now is starting."""
    pool.forget("ci-submit-1")
    found = status(pool)
    assert found.verdict is Verdict.STARTING
    assert found.reasons == ("no schedd of ci-submit-1 is at the collector",)


def test_missing_daemon_later_is_broken(pool: FakePool) -> None:
    """What is not there a minute after the start does not come any more."""
    pool.forget("ci-submit-1")
    assert later(pool).verdict is Verdict.BROKEN


def test_ad_of_an_earlier_life_does_not_count(pool: FakePool) -> None:
    """The ad that a crashed node has left is not its own after a restart."""
    for ad in pool.ads:
        if ad["CondorMiniNode"] == "ci-execute-1":
            ad["LastHeardFrom"] -= 3600
    found = later(pool)
    assert not found.daemons[-1].alive
    assert "no startd of ci-execute-1 is at the collector" in found.reasons


def test_slots_of_a_node_that_has_ended_do_not_count(pool: FakePool) -> None:
    """Its ads are still at the collector, and nobody can use the slots."""
    before = status(pool).slots
    pool.engine.end("ci-execute-1", exit_code=137)
    after = status(pool).slots
    assert (before.configured, before.expected) == (1, 1)
    assert (after.configured, after.expected, after.by_state) == (0, 0, {})


def test_ended_node_is_broken(pool: FakePool) -> None:
    """A node that ended by itself is named with its status."""
    pool.engine.end("ci-execute-1", exit_code=137)
    found = status(pool)
    assert (found.verdict, found.reasons) == (
        Verdict.BROKEN,
        ("ci-execute-1 has ended with 137",),
    )


def test_stopped_pool(pool: FakePool) -> None:
    """A pool of which no node runs is stopped, and no node is asked."""
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    pool.engine.calls.clear()
    assert status(pool).verdict is Verdict.STOPPED
    assert {call.method for call in pool.engine.calls} == {"containers", "volumes"}


def test_pool_without_central_manager(pool: FakePool) -> None:
    """What is left of a pool is shown, too."""
    pool.engine.remove("ci-master")
    found = status(pool)
    assert (found.verdict, len(found.nodes)) == (Verdict.BROKEN, 2)
    assert "incomplete" in found.reasons[0]


def test_pool_whose_central_manager_ended(pool: FakePool) -> None:
    """Without a central manager nothing is known of daemons, but all of nodes."""
    pool.engine.end("ci-master", exit_code=1)
    found = status(pool)
    assert (found.daemons, found.reasons) == ((), ("ci-master has ended with 1",))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (FakeOutcome(returncode=124), "does not answer in 5 s"),
        (FakeOutcome(returncode=1, stderr="x\nconnection refused\n"), "connection refused"),
        (FakeOutcome(returncode=1), "(no output)"),
        (FakeOutcome(stdout="nonsense"), "is not JSON"),
        (FakeOutcome(seconds=99), "cannot be queried"),
    ],
    ids=["silent", "refused", "dumb", "confused", "hanging"],
)
def test_collector_that_does_not_answer(pool: FakePool, answer: FakeOutcome, words: str) -> None:
    """The nodes are shown all the same, and why no more is known."""
    pool.answer = answer
    found = later(pool)
    assert (found.verdict, len(found.nodes)) == (Verdict.BROKEN, 3)
    assert words in found.reasons[0]


def test_empty_answer_is_no_ads(pool: FakePool) -> None:
    """condor_status writes nothing at all where it finds nothing."""
    pool.answer = FakeOutcome()
    assert status(pool).daemons == ()


def test_unhealthy_node_is_named(pool: FakePool) -> None:
    """The engine's own health check counts."""
    pool.engine.set_health("ci-submit-1", "unhealthy")
    assert later(pool).reasons == ("ci-submit-1 is unhealthy",)


def test_expected_slots_are_the_specs(make_pool: Callable[..., FakePool]) -> None:
    """A group of static slots is expected in full."""
    spec = PoolSpec.model_validate({"name": "ci", "execution_points": [{"slots": 3}]})
    pool = make_pool("ci", spec=spec.to_json())
    found = later(pool)
    assert (found.slots.expected, found.slots.configured) == (3, 1)
    assert found.reasons == ("2 slots of ci-execute-1 are not at the collector",)


def test_slots_by_state(pool: FakePool) -> None:
    """What jobs have cut out counts in the states, not among the configured."""
    dynamic = {"SlotType": "Dynamic", "State": "Claimed", "Activity": "Busy"}
    pool.ads.append(pool.ad("ci-execute-1", "Machine", **dynamic))
    slots = status(pool).slots
    assert (slots.configured, slots.dynamic) == (1, 1)
    assert slots.by_state == {"Claimed/Busy": 1, "Unclaimed/Idle": 1}


def test_jobs_of_all_universes(pool: FakePool) -> None:
    """Local and scheduler jobs are jobs, too."""
    pool.forget("ci-submit-1")
    counts = {"TotalIdleJobs": 1, "TotalLocalJobsIdle": 2, "TotalRunningJobs": 4}
    pool.ads.append(pool.ad("ci-submit-1", "Scheduler", JobsCompleted=9, **counts))
    (jobs,) = status(pool).jobs
    assert (jobs.idle, jobs.running, jobs.completed) == (3, 4, 9)


def test_no_such_pool(fake: FakeEngine) -> None:
    """A pool that is not there cannot be looked at."""
    with pytest.raises(NotFound, match="no pool nope"):
        status(Pool(fake, "nope"))


def test_one_question_each(pool: FakePool) -> None:
    """Two questions to the engine and one to the collector: it is to be fast."""
    pool.engine.calls.clear()
    status(pool)
    methods = [call.method for call in pool.engine.calls]
    assert (sorted(methods[:2]), methods[2:]) == (["containers", "volumes"], ["exec"])
