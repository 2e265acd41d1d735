"""Endpoints, and specs of nodes that join a pool."""

from __future__ import annotations

import json

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.spec import Endpoint, Joined, JoinedSpec, PoolSpec, endpoint

JOIN = Joined(
    central_manager=Endpoint(host="cm"), trust_domain="mini.condor-mini.internal", host="worker7"
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("cm.example.org", "cm.example.org", 9618),
        ("10.0.0.1:9700", "10.0.0.1", 9700),
        ("cm:65535", "cm", 65535),
    ],
)
def test_endpoint_is_a_host_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    """The port is HTCondor's by default."""
    assert endpoint(text) == Endpoint(host=host, port=port)


@pytest.mark.parametrize(
    "text",
    ["", ":9618", "cm:", "cm:0", "cm:65536", "cm:9618:1", "::1", "-x", "a b", "cm/x", "<cm>"],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    """With what it must be."""
    with pytest.raises(UsageError, match="must be HOST or HOST:PORT"):
        endpoint(text)


def test_exposed_pool_is_not_reachable_too() -> None:
    """Clients of this host use the same way."""
    with pytest.raises(UsageError, match="leave reachable out"):
        PoolSpec().with_overrides(expose="cm", reachable=True)


def test_spec_of_joined_nodes_is_stored_as_one() -> None:
    """What is read back has the pool that they joined."""
    spec = PoolSpec(name="w").joining(JOIN, execution_points=2, access_points=0)
    found = PoolSpec.from_json(spec.to_json())
    assert found == spec
    assert isinstance(found, JoinedSpec)
    assert (found.joins, found.trust_domain) == (JOIN, "mini.condor-mini.internal")
    assert PoolSpec.from_json(PoolSpec().to_json()).joins is None
    assert "joined" not in json.loads(PoolSpec().to_json())


def test_some_node_must_join() -> None:
    """A role has none of them unless it is asked for."""
    with pytest.raises(UsageError, match="no node is to join"):
        PoolSpec().joining(JOIN, execution_points=0, access_points=0)
    only_submit = PoolSpec().joining(JOIN, execution_points=0, access_points=1)
    assert (only_submit.execution_point_count, only_submit.access_point_count) == (0, 1)
    with pytest.raises(UsageError, match="execution points"):
        PoolSpec().joining(JOIN, execution_points=-1, access_points=0)
