"""Where a pool is reached, and what is said if it is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from condor_mini.base.errors import EngineCapabilityError, NotFound, PoolNotReady, UsageError
from condor_mini.client import access
from condor_mini.client.access import access_to, chosen_access_point
from condor_mini.members.issued_tokens import are_accepted
from condor_mini.nodes.personal_labels import REACHABLE
from condor_mini.pool import Pool
from hand_made import personal_spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.client.conftest import Collector

    from condor_mini.client.access import Access
    from condor_mini.engine import FakeEngine
    from pool_engine import PoolEngine


def reach(pool: Pool) -> Access:
    """How the first access point is reached."""
    return access_to(pool, pool.node(), pool.members.signers())[0]


def test_access_has_the_addresses_and_names(pool: Pool) -> None:
    """The collector's address is the central manager's, the schedd's name that of its ad."""
    found = reach(pool)
    assert found.collector == f"{pool.node('master').address}:9618"
    assert (found.schedd, found.domain) == ("ci-submit-1.nodes.internal", "nodes.internal")
    assert (found.access_point, found.series) == ("ci-submit-1", "25")


def test_no_route_to_the_nodes(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the node, its address and what can be done."""

    def refuse(_: str) -> None:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(access, "connect", refuse)
    with pytest.raises(EngineCapabilityError, match=r"ci-master at .* is not reachable") as caught:
        reach(pool)
    assert "condor-mini create --reachable" in str(caught.value)


@pytest.mark.parametrize(
    ("label", "reason"),
    [("true", "no address of their own"), ("false", "listen only inside its container")],
)
def test_no_route_to_a_personal_pool(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str, reason: str
) -> None:
    """The message says whether the pool was to be reached, and what to type."""
    spec = personal_spec("mini-abc", tmp_path)
    made = replace(spec, labels={**spec.labels, REACHABLE: label})
    fake.start(fake.create(made))
    monkeypatch.setattr(access, "connect", Mock(side_effect=OSError(111, "Connection refused")))
    personal = Pool(fake, "mini-abc")
    with pytest.raises(EngineCapabilityError, match=reason) as caught:
        reach(personal)
    assert "condor-mini run --reachable" in str(caught.value.hint)


def test_another_node_than_an_access_point(pool: Pool) -> None:
    """Jobs are submitted at access points alone."""
    with pytest.raises(UsageError, match="ci-execute-1 is not an access point"):
        chosen_access_point(pool, "execute-1")


def test_no_such_access_point(pool: Pool) -> None:
    """The message lists the nodes."""
    with pytest.raises(NotFound, match="no node submit-9; its nodes: ci-master, ci-submit-1"):
        chosen_access_point(pool, "submit-9")


def test_a_stopped_pool(pool: Pool) -> None:
    """The message says how to start it."""
    pool.stop()
    with pytest.raises(PoolNotReady) as caught:
        reach(pool)
    assert "condor-mini start -n ci" in str(caught.value)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("shared_port: ** condor_shared_port pid 7 EXITING WITH STATUS 0\n", ""),
        ("nothing to do\n", "; its last words:\nnothing to do"),
    ],
)
def test_what_an_ended_node_said(pool: Pool, pools: PoolEngine, log: str, said: str) -> None:
    """Its last words are shown unless they only say that HTCondor was stopped."""
    pools.end("ci-master", exit_code=0, log=log)
    with pytest.raises(PoolNotReady) as caught:
        reach(pool)
    assert caught.value.message == f"the node ci-master has ended with 0{said}"


def test_a_schedd_that_has_just_started(
    pool: Pool, collector: Collector, pools: PoolEngine
) -> None:
    """It is asked for its ad: a collector that a revocation has restarted knows no ads at first."""
    collector.answers_without_ad = 2
    assert reach(pool).schedd == "ci-submit-1.nodes.internal"
    assert len(collector.asked_for) == 3
    asked = [call.target for call in pools.calls if "condor_reconfig" in repr(call.argv)]
    assert asked == [pool.node().info.id] * 2


def test_a_schedd_that_does_not_report(
    pool: Pool, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the collector has its ad, no client finds it."""
    monkeypatch.setattr(access, "AD_TIMEOUT_S", 0)
    collector.answers_without_ad = 99
    with pytest.raises(PoolNotReady, match="no ad of ci-submit-1's schedd"):
        reach(pool)


def test_a_collector_that_does_not_answer(pool: Pool, collector: Collector) -> None:
    """The message names the tool that asked, not the script."""
    collector.trouble = "Error: Couldn't contact the condor_collector on ci-master."
    with pytest.raises(PoolNotReady, match="condor_status on ci-master gets no answer"):
        reach(pool)


def test_the_ad_is_found_by_the_node(pool: Pool, collector: Collector) -> None:
    """No setting of the user's changes that attribute of the ad."""
    reach(pool)
    assert collector.asked_for == ["ci-submit-1"]
    assert 'CondorMiniNode == \\"$1\\"' in access.SCHEDD_AND_TOKENS


def test_records_of_tokens_come_with_it(pool: Pool) -> None:
    """They are those of the central manager and of each access point."""
    secret = pool.members.create_token(lifetime_s=600).secret
    _, records = access_to(pool, pool.node(), pool.members.signers())
    assert len(records) == 2
    assert are_accepted(records, secret, for_s=300)
