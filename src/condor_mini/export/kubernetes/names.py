"""What the objects of a pool are called on Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.export.services import AUTHORIZATIONS
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

INSTANCE = "app.kubernetes.io/instance"
"""The label with the pool's name, which all objects of a pool have."""
COMPONENT = "app.kubernetes.io/component"
"""The label that tells the pods of one StatefulSet from those of another."""


def component_of(node: PlannedNode) -> str:
    """Return the name of a node's group within the pool: ``master``, ``execute-wide``."""
    return str(node.role) if node.group in ("", "default") else f"{node.role}-{node.group}"


def set_of(node: PlannedNode) -> str:
    """Return the name of a node's StatefulSet, which is also that of its Service."""
    return f"{node.pool}-{component_of(node)}"


def labels_of(node: PlannedNode) -> dict[str, str]:
    """Return the labels by which the pods of a node's StatefulSet are found."""
    return {INSTANCE: node.pool, COMPONENT: component_of(node)}


def secret_of(pool: str, role: Role) -> str:
    """Return the name of the Secret that a role's nodes have."""
    return f"{pool}-key" if role is Role.CENTRAL_MANAGER else f"{pool}-{role}-token"


def secrets_of(spec: PoolSpec) -> list[str]:
    """Return the names of all Secrets of a pool: that of the key, and those of the tokens."""
    return [secret_of(spec.name, role) for role in (Role.CENTRAL_MANAGER, *AUTHORIZATIONS)]
