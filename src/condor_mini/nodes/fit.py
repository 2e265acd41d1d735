"""Planned nodes, adapted to what one engine can do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from condor_mini.base.layout import CONFIG_DIRECTORY, USER
from condor_mini.engine import ScratchMount
from condor_mini.nodes import condor_config
from condor_mini.nodes.node import ONE_USER, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from condor_mini.engine import EngineInfo
    from condor_mini.nodes.planned_node import PlannedNode

_CONFIG = CONFIG_DIRECTORY.lstrip("/")
ONE_USER_CONFIG = f"{_CONFIG}/25-one-user"
LIMITED_CONFIG = f"{_CONFIG}/25-limited"
LEAST_PROCESSES = 1024
"""Smallest default limit of an execution point's processes, so that no job forks without end.

HTCondor was measured to remove so many processes again on two cores.
"""
PROCESSES_PER_CORE = 512
"""Processes that the default limit allows for each core of the engine's machine.

Programs start threads for each core.
"""
PROCESSES_PER_SLOT = 16
"""Processes that the default limit allows for each static slot: the starter and a usual job."""


def fitted(
    nodes: Iterable[PlannedNode], engine: EngineInfo, *, one_user: bool | None = None
) -> list[PlannedNode]:
    """Return the nodes, adapted to what the engine can do.

    Args:
        nodes: Nodes of one pool.
        engine: Engine that is to run them.
        one_user: Whether all their processes belong to one user, as in the pool's other nodes. None
            for what the engine can do.
    """
    if one_user is None:
        one_user = not engine.many_users
    if one_user:
        nodes = [_for_one_user(node) for node in nodes]
    if not engine.read_only_roots:
        nodes = [_writable(node) for node in nodes]
    if "pids" in engine.limits:
        nodes = [_limited(node, engine.cpus) for node in nodes]
    return list(nodes)


def _for_one_user(node: PlannedNode) -> PlannedNode:
    """Return the node for an engine whose containers have no users of their own."""
    labels = {**node.container.labels, ONE_USER: "true"}
    return replace(
        node,
        container=replace(node.container, user=USER, as_caller=True, labels=labels),
        files={ONE_USER_CONFIG: condor_config.one_user_config(), **node.files},
    )


def _writable(node: PlannedNode) -> PlannedNode:
    """Return the node for an engine whose containers cannot have read-only roots."""
    mounts = tuple(mount for mount in node.container.mounts if not isinstance(mount, ScratchMount))
    return replace(node, container=replace(node.container, read_only=False, mounts=mounts))


def _limited(node: PlannedNode, cores: int) -> PlannedNode:
    """Return the node for an engine that limits processes: an execution point gets a limit."""
    if node.role is not Role.EXECUTION_POINT:
        return node
    default = max(LEAST_PROCESSES, PROCESSES_PER_CORE * cores, PROCESSES_PER_SLOT * node.slots)
    return replace(
        node,
        container=replace(node.container, pids=node.container.pids or default),
        files={LIMITED_CONFIG: condor_config.limited_config(), **node.files},
    )
