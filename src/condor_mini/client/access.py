"""Where a pool is reached from this machine."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError, PoolNotReady, UsageError
from condor_mini.base.parallel import each
from condor_mini.base.waiting import wait_until
from condor_mini.members.issued_tokens import LIST_TOKENS, Records, list_tokens
from condor_mini.nodes.node import ADDRESS, Role
from condor_mini.nodes.personal_labels import REACHABLE
from condor_mini.reports.classads import ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

PORT = 9618
"""The port of every node: condor_shared_port's default (SHARED_PORT_PORT)."""
CONNECT_TIMEOUT_S = 3.0
AD_TIMEOUT_S = 15.0
"""How long a schedd may take to report: three times what it waits between two reports.

It needs three if the collector has been restarted (``send_ads``). That is UPDATE_INTERVAL of the
profile ``dev``, and SCHEDD_MIN_INTERVAL of the profile ``production``.
"""
_SCHEDD = ("condor_status", "-schedd", "-af", "Name", "Machine")
SCHEDD_AND_TOKENS = f"""\
found=$({" ".join(_SCHEDD)} -constraint "CondorMiniNode == \\"$1\\"") || exit
echo "schedd $found"
exec {LIST_TOKENS}"""
"""One script for both, because what takes the time is the engine's ``exec``."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """The addresses and names by which a client reaches one access point of a pool."""

    pool: str
    """The pool's name."""
    access_point: str
    """The access point's node name."""
    series: str
    """The access point's series of HTCondor: ``25``."""
    collector: str
    """Address of the collector, as ``COLLECTOR_HOST`` takes it: ``172.18.0.2:9618``."""
    schedd: str
    """Name of the schedd in its ad: ``mini-submit-1.nodes.internal``."""
    domain: str
    """Domain of the nodes' full names: ``nodes.internal``."""
    private_network: str
    """Name of the network in which nodes and this machine connect directly; empty without one.

    Other hosts reach the nodes of an exposed pool through its connection broker.
    """


def chosen_access_point(pool: PoolNodes, name: str | None) -> Node:
    """Return the access point of that name, or the first for None.

    Raises:
        NotFound: There is no such pool or node.
        UsageError: The node is not an access point.
    """
    point = pool.node(name)
    if not point.role.acts_as(Role.ACCESS_POINT):
        raise UsageError(
            f"the node {point.name} is not an access point: it is an {point.role.words}"
        )
    return point


def access_to(
    pool: PoolNodes, point: Node, signers: Sequence[Node]
) -> tuple[Access, list[Records]]:
    """Return how this machine reaches an access point of a pool, and the pool's records of tokens.

    Args:
        pool: Pool to reach.
        point: The access point.
        signers: The nodes that accept tokens, as ``Members.signers`` returns them; the records are
            in this order.

    Raises:
        PoolNotReady: The pool does not run, or the schedd does not report to the collector.
        EngineCapabilityError: This machine has no route to the nodes' addresses.
    """
    manager = signers[0]
    collector, _ = each(_address, [manager, point])

    def told(node: Node) -> str:
        if node is not manager:
            return list_tokens(node)
        script = ("sh", "-c", SCHEDD_AND_TOKENS, "sh", point.name)
        return ask(manager, _SCHEDD, instead=script, user="root")

    answer, *others = each(told, signers)
    answers = [answer]

    def unknown() -> str | None:
        """Ask for the ad until it is there: it is absent for a while after a token was revoked."""
        if not _names(answers[-1]):
            from condor_mini.lifecycle.ready import send_ads

            send_ads([point])
            answers.append(told(manager))
        return None if _names(answers[-1]) else f"the collector has no ad of {point.name}'s schedd"

    wait_until(
        unknown,
        timeout_s=AD_TIMEOUT_S,
        interval_s=0.5,
        error=lambda message: PoolNotReady(
            message, hint=f"See what is missing: condor-mini status -n {pool.name}"
        ),
    )
    schedd, machine = _names(answers[-1])
    access = Access(
        pool=pool.name,
        access_point=point.name,
        series=point.series,
        collector=collector,
        schedd=schedd,
        domain=machine.partition(".")[2],
        private_network=pool.name if manager.exposed_at else "",
    )
    return access, [Records.read(text) for text in (answers[-1], *others)]


def _names(answer: str) -> list[str]:
    """Return the names of a schedd and of its machine in what ``SCHEDD_AND_TOKENS`` has written."""
    return answer.partition("\n")[0].split()[1:]


def _address(node: Node) -> str:
    """Return address and port of a node; raise an error if it accepts no connections from here."""
    if not node.is_running:
        raise node.ended()
    published = [node.info.ports[port] for port in (node.published_port,) if port]
    own_port = node.exposed_at.rpartition(":")[2] if node.role is Role.CENTRAL_MANAGER else ""
    address = published[0] if published else f"{node.address}:{own_port or PORT}"
    if ADDRESS in node.info.labels and node.exposed_at and not own_port:
        return address  # any port of the host's address; the ad of the schedd has it
    try:
        connect(address)
    except OSError as error:
        raise _unreachable(node, address, error) from error
    return address


def connect(address: str) -> None:
    """Raise ``OSError`` if no node accepts connections at this address and port."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()


def _unreachable(node: Node, address: str, error: OSError) -> EngineCapabilityError:
    problem = f"the node {node.name} at {address} is not reachable from this machine"
    reason = error.strerror or str(error)
    command = "run" if node.is_personal else "create"
    hint = (
        f"Make the pool with ports on this machine's loopback interface: condor-mini {command} "
        "--reachable"
    )
    if node.is_personal and node.info.labels.get(REACHABLE) != "true":
        return EngineCapabilityError(
            f"{problem} ({reason}): it was started to listen only inside its container", hint=hint
        )
    return EngineCapabilityError(
        f"{problem} ({reason}): containers of {node.engine.name} may have no address of their own "
        "on this machine (Docker Desktop, rootless and remote engines)",
        hint=hint,
    )
