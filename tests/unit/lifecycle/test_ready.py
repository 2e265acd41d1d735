"""When a pool is usable, and why it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import PoolNotReady
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle import creation
from condor_mini.nodes.node import Role, pool_nodes
from pool_ci import WHOLE, create, held, spec_of

if TYPE_CHECKING:
    from pool_engine import PoolEngine


def test_pool_without_a_probe_job_runs_none(pools: PoolEngine) -> None:
    """With ``probe_job: false`` nothing is submitted."""
    spec = spec_of(probe_job=False)
    creation.create(pools, spec, Progress(), timeout_s=5)
    assert not [call for call in pools.calls if "probe-job" in repr(call.argv)]


def test_every_access_point_is_probed(pools: PoolEngine) -> None:
    """Each access point must have run a job."""
    spec = spec_of(access_points=[{"count": 3}])
    creation.create(pools, spec, Progress(), timeout_s=5)
    probed = {call.target for call in pools.calls if "probe-job" in repr(call.argv)}
    assert probed == {n.info.id for n in pool_nodes(pools, "ci") if n.role is Role.ACCESS_POINT}


def test_node_that_ends_is_told_with_its_last_words(pools: PoolEngine) -> None:
    """A node that ends while the others are awaited is named, with its status and its log."""
    pools.die_at_start["ci-execute-2"] = (44, "condor-mini: no such core\n")
    with pytest.raises(PoolNotReady, match=r"ci-execute-2 has ended with 44.*\ncondor-mini: no su"):
        create(pools)


def test_node_that_ends_is_not_to_be_started_again(pools: PoolEngine) -> None:
    """The error does not advise to start a pool that is removed."""
    pools.die_at_start["ci-execute-2"] = (44, "")
    with pytest.raises(PoolNotReady) as caught:
        create(pools)
    assert "condor-mini start" not in str(caught.value)


def test_node_that_ends_while_its_slot_is_awaited_is_told(pools: PoolEngine) -> None:
    """A node that ends later is noticed after the next question, not at the deadline."""

    def die(_: object) -> FakeOutcome:
        pools.end("ci-execute-1", exit_code=9, log="killed\n")
        return FakeOutcome(returncode=1, stdout="no Machine ads of ci-execute-1\n")

    pools.on_exec([f"{REQUEST_SCRIPTS}/await-ads"], die)
    with pytest.raises(PoolNotReady, match=r"ci-execute-1 has ended with 9.*\nkilled"):
        create(pools)


def test_node_that_ends_under_the_probe_job_is_told(pools: PoolEngine) -> None:
    """The same where only the probe job is still to run."""

    def die(_: object) -> FakeOutcome:
        pools.end("ci-execute-1", exit_code=9, log="killed\n")
        return FakeOutcome(returncode=1, stdout="it is idle\n")

    pools.probe = die
    with pytest.raises(PoolNotReady, match=r"ci-execute-1 has ended with 9.*\nkilled"):
        create(pools)


def test_missing_slot_is_told_with_the_nodes_own_words(pools: PoolEngine) -> None:
    """At the deadline the error names the ad, and what the node says of itself."""
    pools.lacking["ci-execute-1"] = "STARTD is not running, see /var/log/condor/StartLog"
    with pytest.raises(
        PoolNotReady, match=r"no Machine ads of ci-execute-1 .*\nci-execute-1 says: STARTD is not r"
    ):
        create(pools, timeout_s=0)


def test_question_that_is_not_answered_is_asked_again(pools: PoolEngine) -> None:
    """An engine that is too slow for one question is no reason to give up before the deadline."""
    slow = iter([FakeOutcome(seconds=1000)])
    pools.probe = lambda _: next(slow, FakeOutcome())
    create(pools)
    assert held(pools) == WHOLE


def test_hanging_question_is_told_at_the_deadline(pools: PoolEngine) -> None:
    """A question that is never answered is named in the error."""
    pools.probe = lambda _: FakeOutcome(seconds=1000)
    with pytest.raises(PoolNotReady, match=r"not completed: ci-submit-1 does not answer"):
        create(pools, timeout_s=0.2)


def test_probe_job_that_fails_is_removed_again(pools: PoolEngine) -> None:
    """A probe job that has not run does not stay in the queue of a pool that is kept."""
    pools.probe = lambda _: FakeOutcome(returncode=1)
    with pytest.raises(PoolNotReady, match="probe-job ended with 1"):
        create(pools, keep=True, timeout_s=0)
    assert [c.argv[-1] for c in pools.calls if "probe-job" in repr(c.argv)] == ["1", "end"]
