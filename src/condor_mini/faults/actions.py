"""How each fault is made and undone, by the names of the catalogue."""

from __future__ import annotations

from condor_mini.faults import clock, daemons, disk, jobs, network, pressure, whole_nodes

ACTIONS = {
    **daemons.ACTIONS,
    **whole_nodes.ACTIONS,
    **jobs.ACTIONS,
    **network.ACTIONS,
    **pressure.ACTIONS,
    **disk.ACTIONS,
    **clock.ACTIONS,
}
