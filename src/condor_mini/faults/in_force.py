"""``FaultInForce``: a fault that lasts, until it is healed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.signals import held_back
from condor_mini.faults.healing import heal_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.fault_records import FaultRecord
    from condor_mini.nodes.pool_nodes import PoolNodes


class FaultInForce:
    """A fault in force. As a context manager, it is healed at the end of the context."""

    def __init__(self, pool: PoolNodes, records: Sequence[FaultRecord]) -> None:
        self._pool = pool
        self.records = tuple(records)
        """What it is, since when, and until when: one for each node that it strikes."""

    @property
    def record(self) -> FaultRecord:
        """The record of the first node."""
        return self.records[0]

    def __str__(self) -> str:
        return f"{self.record.fault} {' '.join(record.target for record in self.records)}"

    def heal(self) -> None:
        """Undo the fault, and wait until its nodes do their work again.

        Undoing what is undone already is a success.

        Raises:
            PoolNotReady: A node does not do its work again in time.
        """
        heal_records(self._pool, self.records, wait=True)

    def last(self) -> None:
        """Wait until the time of the fault is over, and heal it; raises what ``heal`` raises."""
        if self.record.until:
            time.sleep(max(0.0, (self.record.until - datetime.now(UTC)).total_seconds()))
        self.heal()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None:
            self.heal()
            return
        with held_back():
            try:
                heal_records(self._pool, self.records, wait=False)
            except CondorMiniError as failure:
                error.add_note(f"{self} could not be undone: {failure}")
