"""Faults of networks: partition, loss, bandwidth, delay, no name service, a silent one.

A node may not change its network. A command in a container of its own may, beside it.
"""

from __future__ import annotations

from functools import partial
from importlib import resources
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, UsageError
from condor_mini.base.layout import LABEL
from condor_mini.engine import require_networks
from condor_mini.engine.several import engine_at, host_of, own_id
from condor_mini.faults.action import Action, Target
from condor_mini.faults.choices import bytes_per_second
from condor_mini.images import network_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from condor_mini.engine import CommandResult
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

TIMEOUT_S = 30.0
LABELS = {f"{LABEL}.kind": "fault"}
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
            "host",
            hint="Cut the node off from everything: leave out --from, and name only nodes of one "
            "host",
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
    require_networks(engine_at(node.engine, host_of(node.info.id)), "make a fault of a network")
    if not any(node.info.addresses.values()):
        raise EngineCapabilityError(
            f"{node.name} has no network of its own: its host's would be struck",
            hint="Use a pool that `condor-mini create` has made",
        )
    network_tools.ensure(node.engine, host_of(node.info.id), target.progress)
    trial = _run(node, "make", rule, container=None)
    if trial.returncode != 0:
        kind = rule.partition(" ")[0]
        raise EngineCapabilityError(
            f"the kernel below {node.engine.name} cannot make a {kind}: {trial.stderr.strip()}",
            hint=f"It needs {_NEEDS[kind]}. If its machine has the module: sudo modprobe "
            + _NEEDS[kind].rpartition(" ")[2],
        )
    return rule


def _strike(target: Target, rule: str) -> None:
    _checked(_run(target.node, "make", rule, container=own_id(target.node.info.id)))


def _undo(pool: PoolNodes, node: Node, rule: str) -> None:
    del pool
    fault = rule.partition(" ")[0].replace("cut", "partition")
    _checked(_run(node, "end", fault, container=own_id(node.info.id)))


def _checked(result: CommandResult) -> None:
    if result.returncode != 0:
        raise CommandFailed(result.argv, result.returncode, result.stderr or result.stdout)


def _run(node: Node, action: str, rule: str, *, container: str | None) -> CommandResult:
    engine = require_networks(
        engine_at(node.engine, host_of(node.info.id)), "make a fault of a network"
    )
    script = (resources.files(__package__) / "network.sh").read_text("utf-8")
    return engine.run_in_network(
        container,
        network_tools.reference(),
        ["sh", "-s", action, *rule.split()],
        stdin=script,
        labels=LABELS,
        timeout_s=TIMEOUT_S,
    )


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
