"""What of a node outlives its container: its volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.layout import HOME, KEYS, LABEL, LOG, SPOOL, TOKENS
from condor_mini.engine import VolumeMount
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from condor_mini.nodes.planned_node import PlannedNode

STATE: Mapping[Role, Mapping[str, str]] = {
    Role.CENTRAL_MANAGER: {"spool": SPOOL, "key": KEYS, "tokens": TOKENS, "log": LOG},
    Role.ACCESS_POINT: {"spool": SPOOL, "home": HOME, "key": KEYS, "tokens": TOKENS, "log": LOG},
    Role.EXECUTION_POINT: {"tokens": TOKENS, "log": LOG},
}
"""What of a node outlives its container: the place of each of its volumes, by the volume's name.

The labels of any are the record that there is such a node. That a container is this node, the
volume with its tokens shows: ``node.node_of``.
"""


def node_volumes(nodes: Iterable[PlannedNode]) -> dict[str, dict[str, str]]:
    """The volumes that these nodes have for themselves or share, by name: the labels of each.

    One that keeps a node's state says which node that is.
    """
    found: dict[str, dict[str, str]] = {}
    for node in nodes:
        own = state_volumes(node)
        of_node = {key: node.container.labels[key] for key in _WHICH_NODE}
        for mount in node.container.mounts:
            if isinstance(mount, VolumeMount):
                found[mount.volume] = of_node if mount.volume in own else {}
    return found


_WHICH_NODE = (f"{LABEL}.role", f"{LABEL}.number", f"{LABEL}.group")


def state_volumes(node: PlannedNode) -> list[str]:
    """The names of the volumes that keep a node's state."""
    return [f"{node.name}-{name}" for name in STATE[node.role]]


def user_volumes(node: PlannedNode) -> list[str]:
    """Where a node sees volumes that are not its state, and are to be written by all its users."""
    return [
        mount.target
        for mount in node.container.mounts
        if isinstance(mount, VolumeMount)
        and not mount.read_only
        and mount.volume not in state_volumes(node)
    ]
