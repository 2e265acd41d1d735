"""What ``Faults`` does to what a node has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.faults.lasting import LastingFaults

if TYPE_CHECKING:
    from condor_mini.faults.choices import Choices
    from condor_mini.faults.in_force import FaultInForce


class ResourceFaults(LastingFaults):
    """The faults of CPU, memory, disk and clock that ``Faults`` makes. Each of them lasts."""

    def cpu_pressure(self, node: str, *, processes: int | None = None) -> FaultInForce:
        """Let processes use a node's CPUs; raises what ``strike`` raises.

        Args:
            node: Name of the node.
            processes: Their number. None for one for each CPU.
        """
        chosen: Choices = {} if processes is None else {"processes": processes}
        return self._lasting("cpu-pressure", node, options=chosen)

    def memory_pressure(self, node: str, *, mb: int | None = None) -> FaultInForce:
        """Let a process take a node's memory; raises what ``strike`` raises.

        Args:
            node: Name of the node.
            mb: How much, in MiB. None for nearly all of its limit.
        """
        chosen: Choices = {} if mb is None else {"mb": mb}
        return self._lasting("memory-pressure", node, options=chosen)

    def disk_full(self, node: str, *, path: str | None = None) -> FaultInForce:
        """Let a directory of a node be on a full file system; raises what ``strike`` raises.

        Args:
            node: Name of the node.
            path: The directory. None for that of the jobs' sandboxes.
        """
        chosen: Choices = {} if path is None else {"path": path}
        return self._lasting("disk-full", node, options=chosen)

    def clock(self, node: str, *, by: int) -> FaultInForce:
        """Set the clock of a node's daemons and jobs; raises what ``strike`` raises.

        Args:
            node: Name of the node.
            by: Seconds forward, or back if it is negative.
        """
        return self._lasting("clock", node, options={"by": by})
