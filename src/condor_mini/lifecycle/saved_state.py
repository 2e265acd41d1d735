"""What a pool can begin with: the saved state of its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine import Engine
    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.nodes.planned_node import PlannedNode


class SavedState(Protocol):
    """The state of nodes from before, which is put into the nodes that take their places."""

    def fill(self, engine: Engine, container: str, node: PlannedNode) -> None:
        """Put a node's state into its container, which was never started; nothing if it has none.

        Raises:
            CommandFailed: The engine could not do it.
        """

    def settle(self, engine: Engine, containers: Mapping[str, str], deadline: Deadline) -> None:
        """Do what is to be done on the access points before an execution point runs.

        Args:
            engine: Engine that the pool is on.
            containers: The access points' containers by the names of the nodes.
            deadline: Give up then.

        Raises:
            PoolNotReady: A schedd does not answer in time.
        """
