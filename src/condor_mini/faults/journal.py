"""The journal of a pool's faults: which are in force, and what undoes them.

Of a pool on several hosts it is on the host where the fault was made. A host that is away stands in
nobody's way.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse
from condor_mini.engine.several import lenient
from condor_mini.nodes.fault_records import MARK, fault_record
from condor_mini.nodes.node import Malformed, pool_labels

if TYPE_CHECKING:
    from condor_mini.engine import Engine
    from condor_mini.nodes.fault_records import FaultRecord


def records(engine: Engine, pool: str) -> list[FaultRecord]:
    """Return the faults in force, the oldest first."""
    found = []
    for volume in lenient(engine).volumes({**pool_labels(pool), **MARK}):
        try:
            found.append(fault_record(volume.name, volume.labels))
        except Malformed:  # of another version: `delete` removes it
            continue
    return sorted(found, key=lambda record: (record.since, record.volume))


def add(engine: Engine, record: FaultRecord) -> FaultRecord:
    """Write a record, and return it with its volume and mark.

    Raises:
        AlreadyInUse: That fault is in force on that target.
    """
    key = hashlib.sha256(str(record).encode()).hexdigest()[:8]
    record = replace(record, volume=f"{record.pool}-fault-{key}", mark=secrets.token_hex(8))
    # An engine leaves a volume that exists as it is: whose mark is there has the fault.
    lenient(engine).create_volume(record.volume, labels=record.labels())
    if not is_current(engine, record):
        raise AlreadyInUse(
            f"{record} is in force already",
            hint=f"Undo it: condor-mini heal -n {record.pool} {record.target}",
        )
    return record


def is_current(engine: Engine, record: FaultRecord) -> bool:
    """Return whether a record still is what its volume says."""
    return any(other.mark == record.mark for other in records(engine, record.pool))


def remove(engine: Engine, record: FaultRecord) -> None:
    """Remove a record, unless another one has taken its place."""
    if is_current(engine, record):
        lenient(engine).remove_volume(record.volume)
