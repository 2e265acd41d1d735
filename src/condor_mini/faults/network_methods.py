"""What ``Faults`` does to networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.faults.lasting import LastingFaults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.faults.choices import Choices
    from condor_mini.faults.in_force import FaultInForce


class NetworkFaults(LastingFaults):
    """The faults of networks that ``Faults`` makes. Each of them lasts."""

    def partition(self, *nodes: str, away_from: Sequence[str] = ()) -> FaultInForce:
        """Cut nodes off from the others; raises what ``strike`` raises.

        Args:
            nodes: Names of the nodes. They still reach each other.
            away_from: Names of the nodes from which they are cut off. Empty for everything.
        """
        chosen: Choices = {"from": away_from} if away_from else {}
        return self._lasting("partition", nodes, options=chosen)

    def loss(self, node: str, *, percent: float) -> FaultInForce:
        """Drop so many percent of a node's packets, both ways; raises what ``strike`` raises."""
        return self._lasting("loss", node, options={"percent": percent})

    def bandwidth(self, node: str, *, rate: str) -> FaultInForce:
        """Let a node send and receive no more than that (``500k`` bytes per second).

        It raises what ``strike`` raises.
        """
        return self._lasting("bandwidth", node, options={"rate": rate})

    def delay(self, node: str, *, ms: float) -> FaultInForce:
        """Delay what a node sends by milliseconds; raises what ``strike`` raises."""
        return self._lasting("delay", node, options={"ms": ms})

    def no_dns(self, node: str) -> FaultInForce:
        """Let the name service refuse a node's questions; raises what ``strike`` raises."""
        return self._lasting("no-dns", node)

    def silent_dns(self, node: str) -> FaultInForce:
        """Let the name service not answer a node; raises what ``strike`` raises."""
        return self._lasting("silent-dns", node)
