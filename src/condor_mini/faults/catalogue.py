"""The faults by their names. Nothing here is needed to make one: see ``actions.py``."""

from __future__ import annotations

from difflib import get_close_matches

from condor_mini.base.errors import UsageError
from condor_mini.faults.fault import WITH_NAMESPACES, Fault, FaultOption, Strikes
from condor_mini.faults.network_catalogue import NETWORK_FAULTS
from condor_mini.faults.resource_catalogue import RESOURCE_FAULTS
from condor_mini.faults.security_catalogue import SECURITY_FAULTS

DAEMONS = (
    *("master", "shared_port", "collector", "negotiator", "schedd", "shadow", "startd"),
    *("starter", "procd"),
)
SWITCHED = ("collector", "negotiator", "schedd", "startd")
"""The daemons that condor_off and condor_on switch.

Without the shared port, commands do not reach the master, and without the master nothing does.
"""

_DAEMON_FAULTS = (
    Fault(
        name="kill",
        strikes=Strikes.DAEMON,
        daemons=DAEMONS,
        what="SIGKILL to all processes of a daemon. condor_master starts it again, after 2 s at "
        "first (profile dev) and later after each further death. Without the master the node ends.",
        seen="MasterLog: 'died due to signal 9'. A dead shadow or starter: its job runs again, "
        "event 001 once more",
    ),
    Fault(
        name="freeze",
        strikes=Strikes.DAEMON,
        daemons=DAEMONS,
        what="SIGSTOP to all processes of a daemon. Others notice only that it does not answer: "
        "its ad stays at the collector for 15 minutes, and condor_master kills it after an hour.",
        seen="LastHeardFrom of its ad stands still",
        undone_by="SIGCONT",
        engines=WITH_NAMESPACES,
    ),
    Fault(
        name="stop",
        strikes=Strikes.DAEMON,
        daemons=SWITCHED,
        what="condor_off of a daemon, which ends in order. A startd gives its jobs back: they run "
        "again elsewhere.",
        seen="its ad leaves the collector; the jobs of a startd: event 001 once more",
        undone_by="condor_on",
    ),
    Fault(
        name="restart",
        strikes=Strikes.DAEMON,
        daemons=SWITCHED,
        what="condor_off and condor_on of a daemon, one after the other.",
        seen="DaemonStartTime of its ad is new; the jobs of a startd: event 001 once more",
    ),
)

_NODE_FAULTS = (
    Fault(
        name="kill-node",
        strikes=Strikes.NODE,
        what="SIGKILL to all processes of a node at once, as a power failure. Nobody is told: its "
        "ads stay for 15 minutes, and its jobs run again when their lease is over (60 s, profile "
        "dev).",
        seen="LastHeardFrom of its ads stands still; its jobs: event 001 once more after the "
        "lease; of a killed access point: events 022 and 023, and the jobs go on",
        undone_by="start of the node",
        ends_node=True,
        stops_node=True,
    ),
    Fault(
        name="pause-node",
        strikes=Strikes.NODE,
        what="SIGSTOP to all processes of a node, jobs too, as a machine that is suspended.",
        seen="LastHeardFrom of its ads stands still",
        undone_by="SIGCONT",
        engines=WITH_NAMESPACES,
        stops_node=True,
    ),
    Fault(
        name="stop-node",
        strikes=Strikes.NODE,
        what="An orderly stop of a node, as a shutdown. It takes leave of the collector, and its "
        "jobs run again at once.",
        seen="its ads leave the collector; its jobs: event 001 once more",
        undone_by="start of the node",
        ends_node=True,
        stops_node=True,
    ),
    Fault(
        name="remove-node",
        strikes=Strikes.NODE,
        what="The container of a node is removed with all that runs in it. Its state is in "
        "volumes, and stays. For others it is as with kill-node.",
        seen="as for kill-node",
        undone_by="a new container on the same state",
        ends_node=True,
        stops_node=True,
        removes_node=True,
    ),
    Fault(
        name="drain-node",
        strikes=Strikes.NODE,
        what="condor_drain of an execution point: it takes no new jobs. Those that run have their "
        "MaxJobRetirementTime to end, which is 0 unless something sets it: then they run again "
        "elsewhere.",
        seen="State of its slots is Drained, Activity Retiring while jobs run",
        undone_by="condor_drain -cancel",
    ),
)

_JOB_FAULTS = (
    Fault(
        name="hold",
        strikes=Strikes.JOBS,
        what="condor_hold of jobs, with a reason and a code. They stay held until they are "
        "released.",
        seen="event 012; JobStatus 5, HoldReason, HoldReasonCode (1 in the event: condor_hold has "
        "no other), HoldReasonSubCode",
        options=(
            FaultOption(name="reason", metavar="TEXT", what="Set HoldReason."),
            FaultOption(
                name="code",
                metavar="N",
                least=0,
                whole=True,
                what="Set HoldReasonCode in the jobs' ads.",
            ),
            FaultOption(
                name="subcode", metavar="N", least=0, whole=True, what="Set HoldReasonSubCode."
            ),
        ),
    ),
    Fault(
        name="release",
        strikes=Strikes.JOBS,
        what="condor_release of held jobs. They run again.",
        seen="event 013; JobStatus 1",
    ),
    Fault(
        name="evict",
        strikes=Strikes.JOBS,
        what="condor_vacate_job -fast of running jobs: they are killed, and run again.",
        seen="event 004; NumJobStarts grows",
    ),
    Fault(
        name="vacate",
        strikes=Strikes.JOBS,
        what="condor_vacate_job of running jobs: they get SIGTERM, or their own kill_sig, and time "
        "to end. Then they run again: with their last checkpoint (checkpoint_exit_code), or with "
        "the files that they had (when_to_transfer_output = ON_EXIT_OR_EVICT).",
        seen="event 004; NumJobStarts grows",
    ),
    Fault(
        name="remove",
        strikes=Strikes.JOBS,
        what="condor_rm of jobs.",
        seen="event 009; in the history with JobStatus 3",
    ),
    Fault(
        name="suspend",
        strikes=Strikes.JOBS,
        what="condor_suspend of running jobs: their processes are stopped, and keep their slots.",
        seen="event 010; JobStatus 7, Activity Suspended of the slot",
        engines=WITH_NAMESPACES,
    ),
    Fault(
        name="continue",
        strikes=Strikes.JOBS,
        what="condor_continue of suspended jobs.",
        seen="event 011; JobStatus 2",
    ),
)

_JOB_PROCESS_FAULTS = (
    Fault(
        name="kill-starter",
        strikes=Strikes.JOBS,
        what="SIGKILL to the starters of running jobs, and of no others. Their shadows find, now "
        "or 8 s later, that there is nothing to reconnect to: the jobs run again.",
        seen="events 022, 024 and 004 with code 1008; NumJobStarts grows",
    ),
    Fault(
        name="signal",
        strikes=Strikes.JOBS,
        what="A signal to the first process of running jobs, SIGKILL unless you say another: the "
        "program ends by it, as one that crashes.",
        seen="event 005 'Abnormal termination'; ExitBySignal, ExitSignal",
        options=(
            FaultOption(name="signal", metavar="NAME", what="Send this signal: SEGV, for example."),
        ),
    ),
    Fault(
        name="exit",
        strikes=Strikes.JOBS,
        what="The first process of running jobs exits with a code, wherever its program is at that "
        "moment. HTCondor ends a job's other processes with the first one, and takes its output "
        "files as they are.",
        seen="event 005 'Normal termination (return value N)'; ExitCode",
        engines=WITH_NAMESPACES,
        options=(
            FaultOption(
                name="code",
                metavar="N",
                required=True,
                least=0,
                most=255,
                whole=True,
                what="Exit with this code.",
            ),
        ),
    ),
    Fault(
        name="lose-file",
        strikes=Strikes.JOBS,
        what="A file in the sandbox of running jobs is removed. If it is in transfer_output_files "
        "and is not written again, HTCondor holds the job when it ends.",
        seen="events 021 and 012; HoldReasonCode 12",
        options=(
            FaultOption(
                name="file",
                metavar="PATH",
                what="Remove this file, by its path in the sandbox.",
                required=True,
            ),
        ),
    ),
    Fault(
        name="fill-sandbox",
        strikes=Strikes.JOBS,
        what="A file in the sandbox of running jobs that is larger than their request_disk, until "
        "they end. HTCondor itself holds no job for it: a policy must (periodic_hold = DiskUsage > "
        "RequestDisk).",
        seen="DiskUsage, within 10 s (profile dev)",
    ),
    Fault(
        name="out-of-memory",
        strikes=Strikes.JOBS,
        what="A process that HTCondor counts as the job's takes memory, for each of the jobs. On a "
        "node with a memory limit it takes all, and the kernel kills the first process of the job. "
        "Elsewhere it takes more than the job requests and its slot has, until HTCondor ends the "
        "job: by periodic_hold in its submit file, or by HOLD_IF_MEMORY_EXCEEDED of the node. "
        "Where none of these would end a job, the fault is refused.",
        seen="killed: event 005 'Abnormal termination (signal 9)', ExitBySignal, ExitSignal. Held: "
        "MemoryUsage, event 012 with the policy's reason, within 30 s (profile dev)",
        engines=WITH_NAMESPACES,
    ),
    Fault(
        name="time-limit",
        strikes=Strikes.JOBS,
        what="condor_qedit sets AllowedExecuteDuration of jobs to 1 s, as allowed_execute_duration "
        "in a submit file does, and those that run are evicted: the limit holds from the next "
        "start on. A second after it they are held. The limit stays in the jobs.",
        seen="event 012; HoldReasonCode 47",
    ),
)

_JOB_FILE_FAULTS = (
    Fault(
        name="lose-input",
        strikes=Strikes.JOBS,
        what="An input file of jobs is given another name on the access point, as one that was "
        "deleted. HTCondor holds the jobs when they start; those that run have their copy.",
        seen="events 021 and 012; HoldReasonCode 13",
        undone_by="its old name",
        options=(
            FaultOption(
                name="file",
                metavar="PATH",
                what="Take this file, by its path in transfer_input_files.",
                required=True,
            ),
        ),
    ),
)

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        *_DAEMON_FAULTS,
        *_NODE_FAULTS,
        *RESOURCE_FAULTS,
        *NETWORK_FAULTS,
        *SECURITY_FAULTS,
        *_JOB_FAULTS,
        *_JOB_PROCESS_FAULTS,
        *_JOB_FILE_FAULTS,
    )
}
"""Every fault, in the order in which it is listed."""


def fault_named(name: str) -> Fault:
    """Return the fault of that name; raises ``UsageError`` if there is none."""
    if name in FAULTS:
        return FAULTS[name]
    likely = get_close_matches(name, FAULTS, n=1)
    raise UsageError(
        f"there is no fault {name}{f'; did you mean {likely[0]}?' if likely else ''}",
        hint="See all: condor-mini fault list",
    )
