"""Undo faults, and wait until their nodes do their work again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.engine.several import lenient, unreached
from condor_mini.faults import journal
from condor_mini.faults.actions import ACTIONS
from condor_mini.faults.catalogue import FAULTS
from condor_mini.faults.notices import Notice, Phase, announce
from condor_mini.lifecycle.ready import Deadline, await_health
from condor_mini.lifecycle.recreate import recreate_lost
from condor_mini.nodes.node import pool_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.errors import HostNotReached
    from condor_mini.nodes.fault_records import FaultRecord
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

HEALTHY_TIMEOUT_S = 60


def heal_records(pool: PoolNodes, records: Sequence[FaultRecord], *, wait: bool) -> None:
    """Undo these faults; see ``Faults.heal_all``."""
    failures: list[CondorMiniError] = []
    with held_back():
        # What stops processes first: a node starts only if its central manager answers.
        for record in sorted(records, key=_is_last):
            try:
                lift(pool, record)
            except CondorMiniError as failure:
                failures.append(failure)
    if failures:
        raise failures[0]
    if wait and records and not journal.records(pool.engine, pool.name):
        faults = [FAULTS.get(record.fault) for record in records]
        concerns_all = any(fault is not None and fault.concerns_all for fault in faults)
        _await_health(pool, None if concerns_all else {record.node for record in records})


def lift(pool: PoolNodes, record: FaultRecord) -> None:
    """Undo one fault and remove its record, without a wait; one that is undone is a success.

    Raises:
        HostNotReached: Its node is on a host that is not reached. Its record stays.
        CondorMiniError: It cannot be undone. Its record stays.
    """
    if not journal.is_current(pool.engine, record):
        return
    node, away = _node(pool, record)
    if away:
        raise away
    fault, action = FAULTS.get(record.fault), ACTIONS.get(record.fault)
    if fault is None or action is None or action.undo is None:
        raise UsageError(
            f"this condor-mini knows no fault {record.fault}, which is in force on {record.target}",
            hint="Heal it with the version of condor-mini that has made it, or restart the node: "
            f"condor-mini restart -n {pool.name} --node {record.node}",
        )
    if node is not None and fault.outlives_node and not node.is_running:
        raise node.ended()
    if fault.removes_node and node is None:
        recreate_lost(
            pool.engine, pool.name, Progress(), only=record.node, timeout_s=HEALTHY_TIMEOUT_S
        )
    elif node is not None and (node.is_running or fault.ends_node):
        action.undo(pool, node, record.undo)
    forget(pool, record)


def forget(pool: PoolNodes, record: FaultRecord) -> None:
    """Remove the record of a fault that is undone."""
    journal.remove(pool.engine, record)
    end = Notice(
        phase=Phase.END,
        time=datetime.now(UTC),
        fault=record.fault,
        target=record.target,
        mark=record.mark,
    )
    announce(pool, [end])


def is_moot(pool: PoolNodes, record: FaultRecord) -> bool:
    """Return whether there is nothing to undo: processes ended with their node, or it was started.

    A fault that this version does not know is none of its business. Of a node on a host that is
    not reached nothing is known.
    """
    (node, away), fault = _node(pool, record), FAULTS.get(record.fault)
    if away:
        return False
    if fault is not None and fault.removes_node:
        return node is not None
    if fault is None or fault.outlives_node:
        return fault is not None and node is None
    return node is None or node.is_running == fault.ends_node


def _is_last(record: FaultRecord) -> tuple[bool, bool, bool]:
    fault = FAULTS.get(record.fault)
    ends, outlives = (fault.ends_node, fault.outlives_node) if fault else (False, False)
    return outlives, ends, not record.node.endswith("-master")


def _node(pool: PoolNodes, record: FaultRecord) -> tuple[Node | None, HostNotReached | None]:
    """Return the node of a fault; if it is not found, the host that it may be on but is away."""
    engine = lenient(pool.engine)
    found = [node for node in pool_nodes(engine, pool.name) if node.name == record.node]
    if found:
        return found[0], None
    return None, next(iter(unreached(engine).values()), None)


def _await_health(pool: PoolNodes, names: set[str] | None) -> None:
    """Wait until nodes do their work, if the central manager runs and can know; None for all."""
    nodes = pool.reached_nodes
    if not nodes or not nodes[0].is_running:
        return
    healed = [node for node in nodes if (names is None or node.name in names) and node.is_running]
    await_health(healed, Deadline(HEALTHY_TIMEOUT_S))
