"""How each fault is made and undone, by the names of the catalogue."""

from __future__ import annotations

from condor_mini.faults import daemons, job_inputs, job_processes, jobs, whole_nodes

ACTIONS = {
    **daemons.ACTIONS,
    **whole_nodes.ACTIONS,
    **jobs.ACTIONS,
    **job_processes.ACTIONS,
    **job_inputs.ACTIONS,
}
