"""The settings of nodes whose pool has nodes on several hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine import FakeEngine, PublishedPort
from condor_mini.nodes import exposure
from condor_mini.nodes.node import ADDRESS, EXPOSED, JOINED, SPEC, Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.spec import Endpoint, Joined, PoolSpec

MANAGER, POINT, EXECUTION = Role.CENTRAL_MANAGER, Role.ACCESS_POINT, Role.EXECUTION_POINT
JOIN = Joined(
    central_manager=Endpoint(host="cm.example.org", port=9700),
    trust_domain="mini.condor-mini.internal",
    host="worker7",
)


def exposed(text: str = "cm.example.org:9700", *, own: str = "", series: str = "25") -> PoolSpec:
    """A pool that other hosts reach there; ``own`` is the host's address if nodes listen there."""
    spec = PoolSpec().with_overrides(expose=text, access_points=2, series=series)
    assert spec.expose
    return spec.model_copy(update={"expose": spec.expose.model_copy(update={"own_address": own})})


def joined(*, own: str = "", execution_points: int = 2, access_points: int = 0) -> PoolSpec:
    """Nodes that have joined a pool."""
    manager = JOIN.central_manager.model_copy(update={"own_address": own})
    of_host = JOIN.model_copy(
        update={"central_manager": manager, "first_port": 20_000 if own else 0}
    )
    spec = PoolSpec(name="worker7")
    return spec.joining(of_host, execution_points=execution_points, access_points=access_points)


def knobs(spec: PoolSpec, role: Role, number: int = 0) -> dict[str, str]:
    """The knobs that a node's file sets."""
    (text,) = exposure.config(spec, role, number).values()
    lines = [line for line in text.splitlines() if not line.startswith(("#", "SYSTEM_"))]
    return dict(line.split(" = ", 1) for line in lines)


def test_pool_of_one_host_has_no_file() -> None:
    """What is not asked for costs nothing, and opens nothing."""
    assert exposure.config(PoolSpec(), MANAGER, 0) == {}
    assert exposure.published(PoolSpec(), MANAGER, 0) == ()


def test_only_the_central_managers_port_is_open() -> None:
    """At all addresses of the host, with the same number."""
    port = PublishedPort(container_port=9700, host_port=9700, host_ip=exposure.EVERYWHERE)
    assert exposure.published(exposed(), MANAGER, 0) == (port,)
    assert exposure.published(exposed(), POINT, 1) == ()
    assert exposure.published(exposed(), EXECUTION, 1) == ()
    assert exposure.published(exposed(own="10.0.0.1"), MANAGER, 0) == (), "it listens there itself"


def test_access_points_of_23_have_open_ports() -> None:
    """Its broker does not connect two nodes that both need it."""
    spec = exposed(series="23")
    (port,) = exposure.published(spec, POINT, 2)
    assert port.host_port == 9702
    found = knobs(spec, POINT, 2)
    assert (found["SHARED_PORT_PORT"], found["TCP_FORWARDING_HOST"]) == ("9702", "cm.example.org")
    assert "CCB_ADDRESS" not in found
    assert "CCB_ADDRESS" in knobs(spec, EXECUTION, 1)


def test_nodes_of_an_exposed_pool_use_the_broker() -> None:
    """But not among themselves."""
    manager, point = knobs(exposed(), MANAGER), knobs(exposed(), POINT, 1)
    assert manager["PRIVATE_NETWORK_NAME"] == point["PRIVATE_NETWORK_NAME"] == "mini"
    assert manager["SHARED_PORT_PORT"] == "9700"
    assert manager["TCP_FORWARDING_HOST"] == "cm.example.org"
    assert point["CCB_ADDRESS"] == "$(COLLECTOR_HOST)"
    assert point["COLLECTOR_HOST"] == "$(CONDOR_HOST):9700"
    assert "SHARED_PORT_PORT" not in point


def test_nodes_at_the_hosts_address_have_ports_of_their_own() -> None:
    """They share it, so only the central manager has the one that is open."""
    spec = exposed("10.0.0.1:9700", own="10.0.0.1")
    assert "TCP_FORWARDING_HOST" not in knobs(spec, MANAGER)
    point = knobs(spec, POINT, 1)
    assert (point["CONDOR_HOST"], point["SHARED_PORT_PORT"]) == ("10.0.0.1", "0")
    behind_router = exposed("198.51.100.7:9700", own="10.0.0.1")
    assert knobs(behind_router, MANAGER)["TCP_FORWARDING_HOST"] == "198.51.100.7"


def test_joined_nodes_know_their_central_manager() -> None:
    """None is made here, and tokens of that pool alone count."""
    nodes = planned_nodes(joined(access_points=1))
    assert [node.name for node in nodes] == [
        *("worker7-submit-1", "worker7-execute-1", "worker7-execute-2"),
    ]
    for node in nodes:
        text = "".join(node.files.values())
        assert "CONDOR_HOST = cm.example.org\n" in text
        assert "COLLECTOR_HOST = cm.example.org:9700\n" in text
        assert "TRUST_DOMAIN = mini.condor-mini.internal\n" in text
        assert 'CondorMiniHost = "worker7"\n' in text
        labels = node.container.labels
        assert (labels[JOINED], labels[EXPOSED]) == ("cm.example.org:9700", "")
        assert PoolSpec.from_json(labels[SPEC]).joins == JOIN


def test_joined_nodes_in_containers_use_the_broker() -> None:
    """No other host reaches them; among themselves they need no broker."""
    found = knobs(joined(), EXECUTION, 1)
    assert (found["CCB_ADDRESS"], found["PRIVATE_NETWORK_NAME"]) == ("$(COLLECTOR_HOST)", "worker7")


def test_joined_nodes_at_the_hosts_address_find_their_route_out() -> None:
    """Each has another port; the node itself tries whether it is reached there."""
    spec = joined(own="10.0.0.7", access_points=1)
    assert knobs(spec, POINT, 1)["SHARED_PORT_PORT"] == "20000"
    assert [knobs(spec, EXECUTION, n)["SHARED_PORT_PORT"] for n in (1, 2)] == ["20001", "20002"]
    assert "CCB_ADDRESS" not in knobs(spec, EXECUTION, 1)
    for node in planned_nodes(spec):
        assert node.container.environment["NODE_ADDRESS"] == "10.0.0.7"
        assert node.container.labels[ADDRESS] == "10.0.0.7"


def test_address_is_that_of_the_way_out() -> None:
    """On the embedded engine: of this host itself, its own."""
    info = replace(FakeEngine().info(), on_loopback=True)
    found = exposure.settled(PoolSpec().with_overrides(expose="127.0.0.1:9700"), info).expose
    address = "127.0.0.1"
    assert found == Endpoint(host=address, port=9700, address=address, own_address=address)
    named = PoolSpec().with_overrides(expose="localhost")
    in_containers = exposure.settled(named, FakeEngine().info())
    assert in_containers.expose == Endpoint(host="localhost", address=address)
    assert in_containers.reachable is False


def test_host_without_an_address_is_refused() -> None:
    """It says how to name it."""
    spec = PoolSpec().with_overrides(expose="nowhere.invalid")
    with pytest.raises(EngineCapabilityError, match=r"nowhere\.invalid has no IPv4 address here"):
        exposure.settled(spec, FakeEngine().info())


def test_host_without_a_route_is_refused() -> None:
    """Nothing is sent to find that out."""
    with pytest.raises(EngineCapabilityError, match=r"no way to 255\.255\.255\.255:9618"):
        exposure.own_address(Endpoint(host="255.255.255.255"))


def test_host_that_does_not_reach_itself_is_known() -> None:
    """Nobody listens at port 1."""
    assert not exposure.is_reflected(Endpoint(host="127.0.0.1", port=1))


def elsewhere(**group: object) -> PoolSpec:
    """A pool with an execution point on another host."""
    plain = {"name": "mini", "expose": "10.0.0.1:9700", "execution_points": [group]}
    return PoolSpec.model_validate(plain)


@pytest.mark.parametrize("host", ["node2", "ssh://me@node2:22", "tcp://node2:2376"])
def test_nodes_elsewhere_use_the_broker(host: str) -> None:
    """With a private network of their host's: another host's nodes may have the same addresses."""
    spec = elsewhere(host=host)
    (text,) = exposure.config(spec, EXECUTION, 1, host).values()
    assert 'CondorMiniHost = "node2"\n' in text
    assert "PRIVATE_NETWORK_NAME = mini.node2\n" in text
    assert "CONDOR_HOST = 10.0.0.1\n" in text
    assert "COLLECTOR_HOST = 10.0.0.1:9700\n" in text
    assert "CCB_ADDRESS = $(COLLECTOR_HOST)\n" in text
    (node,) = [each for each in planned_nodes(spec) if each.role is EXECUTION]
    assert (node.host, node.container.ports) == (host, ())
    assert node.container.labels[JOINED] == node.container.labels[ADDRESS] == ""


def test_nodes_without_an_engine_listen_at_the_hosts_address() -> None:
    """They are beside nodes in containers, which reach no address of 127.0.0.0/8 outside."""
    info = replace(FakeEngine().info(), on_loopback=False)
    spec = exposure.settled(elsewhere(host="embedded").with_overrides(expose="127.0.0.1"), info)
    (text,) = exposure.config(spec, EXECUTION, 1, "embedded").values()
    assert "SHARED_PORT_PORT = 0\n" in text
    assert f'CondorMiniHost = "{exposure.host_name()}"\n' in text
    found = {node.role: node.container.labels[ADDRESS] for node in planned_nodes(spec)}
    assert found == {MANAGER: "", POINT: "", EXECUTION: "127.0.0.1"}
