"""What a pod may do: as little as HTCondor works with.

The central manager keeps to the Pod Security Standard ``restricted``: one user runs its daemons.
Access points and execution points keep to ``baseline``. Their master starts as root, because it
becomes other users: HTCondor's own, and whom each job belongs to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condor_mini.base.layout import USER_ID
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.nodes.planned_node import PlannedNode

_SECCOMP = {"seccompProfile": {"type": "RuntimeDefault"}}
PREPARE_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""What copying directories takes that belong to several users."""


def has_one_user(node: PlannedNode) -> bool:
    """Return whether one ordinary user runs all of a node's daemons."""
    return node.role is Role.CENTRAL_MANAGER


def pod_security(node: PlannedNode) -> dict[str, Any]:
    """Return the security context of a node's pod."""
    if not has_one_user(node):
        return {"runAsUser": 0, **_SECCOMP}
    return {
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        # New volumes belong to root: this group may write to them, and read the key.
        "fsGroup": USER_ID,
        "fsGroupChangePolicy": "OnRootMismatch",
        **_SECCOMP,
    }


def node_security(node: PlannedNode) -> dict[str, Any]:
    """Return the security context of the container that is the node."""
    capabilities = () if has_one_user(node) else node.container.cap_add
    return _confined(capabilities, read_only=node.container.read_only)


def prepare_security(node: PlannedNode) -> dict[str, Any]:
    """Return the security context of the container that fills the node's volumes."""
    return _confined(() if has_one_user(node) else PREPARE_CAPABILITIES, read_only=True)


def _confined(capabilities: tuple[str, ...], *, read_only: bool) -> dict[str, Any]:
    added = {"add": list(capabilities)} if capabilities else {}
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": read_only,
        "capabilities": {"drop": ["ALL"], **added},
    }
