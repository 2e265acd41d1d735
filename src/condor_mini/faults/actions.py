"""How each fault is made and undone, by the names of the catalogue."""

from __future__ import annotations

from condor_mini.faults import (
    clock,
    daemons,
    disk,
    job_exits,
    job_inputs,
    job_processes,
    jobs,
    memory,
    network,
    pressure,
    security,
    theft,
    whole_nodes,
)

ACTIONS = {
    **daemons.ACTIONS,
    **whole_nodes.ACTIONS,
    **jobs.ACTIONS,
    **network.ACTIONS,
    **pressure.ACTIONS,
    **disk.ACTIONS,
    **clock.ACTIONS,
    **security.ACTIONS,
    **theft.ACTIONS,
    **job_processes.ACTIONS,
    **job_exits.ACTIONS,
    **memory.ACTIONS,
    **job_inputs.ACTIONS,
}
