"""Faults of networks: partition, loss, bandwidth, delay, no name service, a silent one.

A node may not change its network. A command in a container of its own may, beside it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError, UsageError
from condor_mini.base.progress import Progress
from condor_mini.faults import beside
from condor_mini.faults.action import Action, Target
from condor_mini.faults.choices import bytes_per_second

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

SCRIPT = "network.sh"
_NEEDS = {
    "partition": "nf_tables",
    "cut": "nf_tables",
    "loss": "nf_tables with nft_numgen",
    "bandwidth": "nf_tables with nft_limit",
    "delay": "sch_netem",
    "no-dns": "nf_tables with nft_reject_inet",
    "silent-dns": "nf_tables",
}
"""The modules of the kernel that each rule needs."""


def _address(node: Node, other: Node) -> str:
    """Return the address at which a node sees another one."""
    addresses = {**other.info.addresses}
    if node.host != other.host or not any(addresses.values()):
        raise EngineCapabilityError(
            f"{node.name} does not see {other.name} at an address of its own: it is on another "
            "host, and they connect through the central manager's broker",
            hint="Cut the node off from everything: leave out --from, and name only nodes of one "
            "host. Or cut it off from nodes of its own host",
        )
    return next(filter(None, addresses.values()))


def _partition(target: Target) -> str:
    group, others = target.group, target.away_from
    if not others:
        peers = [node for node in group if node.name != target.node.name]
        return " ".join(["partition", *_addresses(target.node, peers)])
    both = {node.name for node in group} & {node.name for node in others}
    if both:
        raise UsageError(f"{min(both)} cannot be cut off from itself")
    return " ".join(["cut", *_addresses(target.node, others)])


def _addresses(node: Node, others: Iterable[Node]) -> list[str]:
    return [_address(node, other) for other in others]


def _loss(target: Target) -> str:
    return f"loss {round(target.number('percent') * 1000)}"


def _bandwidth(target: Target) -> str:
    return f"bandwidth {bytes_per_second(str(target.options['rate']))}"


def _delay(target: Target) -> str:
    return f"delay {round(target.number('ms'))}"


def _look(words: Callable[[Target], str], target: Target) -> str:
    """Return the words of ``network.sh`` that make a fault.

    They are tried in a network that nobody uses.
    """
    node, rule = target.node, words(target)
    if not any(node.info.addresses.values()):
        raise EngineCapabilityError(
            f"{node.name} has no network of its own: its host's would be struck",
            hint="Use a pool that `condor-mini create` has made",
        )
    beside.prepare(node, target.progress)
    trial = beside.try_in_network(node, SCRIPT, "make", *rule.split())
    if trial.returncode != 0:
        kind = rule.partition(" ")[0]
        raise EngineCapabilityError(
            f"the kernel below {node.engine.name} cannot make a {kind}: {trial.stderr.strip()}",
            hint=f"It needs {_NEEDS[kind]}. If its machine has the module: sudo modprobe "
            + _NEEDS[kind].rpartition(" ")[2],
        )
    return rule


def _strike(target: Target, rule: str) -> None:
    beside.run_in_network(target.node, SCRIPT, "make", *rule.split())


def _undo(pool: PoolNodes, node: Node, rule: str) -> None:
    del pool
    beside.prepare(node, Progress())  # its image may have been removed meanwhile
    fault = rule.partition(" ")[0].replace("cut", "partition")
    beside.run_in_network(node, SCRIPT, "end", fault)


def _fault(words: Callable[[Target], str]) -> Action:
    return Action(look=partial(_look, words), strike=_strike, undo=_undo)


ACTIONS = {
    "partition": _fault(_partition),
    "loss": _fault(_loss),
    "bandwidth": _fault(_bandwidth),
    "delay": _fault(_delay),
    "no-dns": _fault(lambda _: "no-dns"),
    "silent-dns": _fault(lambda _: "silent-dns"),
}
