"""The state of a node that outlives its container: its volumes."""

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
"""The mount point of each volume that keeps a node's state, by role and by the volume's name.

The labels of each volume record that the node exists. The volume with the tokens also shows which
container is this node: ``node.node_of``.
"""


def node_volumes(nodes: Iterable[PlannedNode]) -> dict[str, dict[str, str]]:
    """Return the labels of each volume that these nodes have for themselves or share, by name.

    The labels of a volume that keeps a node's state name the node; other volumes have none here.
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
    """Return the names of the volumes that keep a node's state."""
    return [f"{node.name}-{name}" for name in STATE[node.role]]


def user_volumes(node: PlannedNode) -> list[str]:
    """Return the mount points of the writable volumes that do not keep the node's state.

    All users of the node are to be able to write to them.
    """
    return [
        mount.target
        for mount in node.container.mounts
        if isinstance(mount, VolumeMount)
        and not mount.read_only
        and mount.volume not in state_volumes(node)
    ]
