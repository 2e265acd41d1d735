"""What the groups of methods of ``Faults`` share: how a fault is made that lasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.faults.choices import Choices
    from condor_mini.faults.in_force import FaultInForce


class LastingFaults(ABC):
    """Makes faults that last."""

    @abstractmethod
    def _lasting(
        self,
        name: str,
        node: str | Sequence[str],
        daemon: str = "",
        *,
        options: Choices | None = None,
    ) -> FaultInForce:
        """Make a fault that lasts; raises what ``strike`` raises."""
