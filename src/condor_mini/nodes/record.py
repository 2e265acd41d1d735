"""A pool's record, kept in labels: the spec that it was created from, and its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from condor_mini.base.errors import PoolNotReady, RecordError
from condor_mini.nodes import plan
from condor_mini.nodes.holdings import UNREADABLE, other_version, spec_form
from condor_mini.nodes.node import ORDER, SPEC, Malformed, Node, Role
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from condor_mini.engine import ContainerInfo, NetworkInfo
    from condor_mini.nodes.node import Identity
    from condor_mini.nodes.planned_node import PlannedNode


def stored_spec(pool: str, nodes: Sequence[Node]) -> PoolSpec:
    """Return the spec that a pool was created from.

    Args:
        pool: Name of the pool.
        nodes: Nodes of the pool.

    Raises:
        PoolNotReady: The pool has lost its central manager.
        RecordError: The central manager's label cannot be read; says why, and what to do.
    """
    for node in nodes:
        if node.role is Role.CENTRAL_MANAGER or node.joined_to:
            return read_spec(node.info, pool)
    raise PoolNotReady(
        f"the pool {pool} has no central manager any more",
        hint=f"Create it again with its state: condor-mini start -n {pool}",
    )


def read_spec(bearer: ContainerInfo | NetworkInfo, pool: str) -> PoolSpec:
    """Return the spec that a pool was created from.

    Args:
        bearer: The pool's central manager or its network, which have the spec in a label.
        pool: Name of the pool.

    Raises:
        RecordError: The label cannot be read; says why, and what to do.
    """
    try:
        spec_form(bearer.labels, pool)
        return PoolSpec.from_json(bearer.labels[SPEC])
    except Malformed as why:
        fault = str(why)
    except ValidationError as error:
        fault = f"its label {SPEC} is not understood: {_first(error)}"
    raise RecordError(f"{bearer.name}: {fault}; {UNREADABLE}", hint=other_version(pool))


def _first(error: ValidationError) -> str:
    from condor_mini.spec.problems import spec_problems

    problem = next(spec_problems(PoolSpec, error))
    return f"{'.'.join(map(str, problem.location))}: {problem.message}"


def recorded_nodes(spec: PoolSpec, recorded: Iterable[Identity]) -> list[PlannedNode]:
    """Return the recorded nodes, planned and sorted as by ``planned_nodes``.

    They differ from ``planned_nodes`` if the pool was scaled. Nodes of a group that the spec does
    not have are left out.

    Args:
        spec: Spec that the pool was created from.
        recorded: Nodes of the pool, each once or several times.
    """
    nodes = {
        each.name: plan.planned_node(spec, each.role, each.group, each.number)
        for each in recorded
        if has_group(spec, each)
    }
    return sorted(nodes.values(), key=lambda node: (ORDER.index(node.role), node.number))


def has_group(spec: PoolSpec, node: Identity) -> bool:
    """Return whether a pool that was created from the spec can have a node of that group."""
    match node.role:
        case Role.CENTRAL_MANAGER:
            return node.group == ""
        case Role.ACCESS_POINT:
            return node.group in {group.name for group in spec.access_points}
        case Role.EXECUTION_POINT:
            return node.group in {group.name for group in spec.execution_points}
        case Role.PERSONAL_POOL:
            return False
