"""The faults of what a node has, by their names: CPU, memory, disk, clock."""

from __future__ import annotations

from condor_mini.faults.fault import WITH_NAMESPACES, WITH_NETWORKS, Fault, FaultOption, Strikes

RESOURCE_FAULTS = (
    Fault(
        name="cpu-pressure",
        strikes=Strikes.NODE,
        what="Processes on the node compute and do nothing else, one for each CPU. HTCondor's "
        "daemons answer more slowly, jobs get less of the CPU. They end after a day at the latest.",
        seen="TotalLoadAvg of its slots rises: it is the whole machine's",
        undone_by="SIGKILL to the processes",
        engines=WITH_NAMESPACES,
        options=(
            FaultOption(
                name="processes",
                metavar="N",
                least=1,
                most=256,
                what="Start so many. Without it, one for each CPU that the node sees.",
            ),
        ),
    ),
    Fault(
        name="memory-pressure",
        strikes=Strikes.NODE,
        what="Small processes on the node take memory: nearly all of its limit. Where a job or a "
        "daemon needs more than is left, the kernel kills a process of the node, mostly the "
        "largest one. They end after a day at the latest.",
        seen="nothing, until the kernel kills: a job that it kills ends by signal 9 (event 005)",
        undone_by="SIGKILL to the processes",
        engines=WITH_NAMESPACES,
        options=(
            FaultOption(
                name="mb",
                metavar="N",
                least=1,
                most=1_000_000,
                what="Take so many MiB, no more than there are. A node without a memory limit "
                "needs it.",
            ),
        ),
    ),
    Fault(
        name="disk-full",
        strikes=Strikes.NODE,
        what="A directory of the node, by default that of the jobs' sandboxes, is on a full file "
        "system. Its files can be read; what is opened there from now on cannot grow, and is gone "
        "with the heal. What was open before is not concerned. The host's disk is not filled.",
        seen="a job with input files: events 004 and 012, HoldReasonCode 13, HoldReasonSubCode 28 "
        "'No space left on device'; others fail where they write",
        undone_by="umount",
        engines=WITH_NETWORKS,
        options=(
            FaultOption(
                name="path",
                metavar="DIRECTORY",
                what="Another directory: /var/spool/condor. Without it, EXECUTE.",
            ),
        ),
    ),
    Fault(
        name="clock",
        strikes=Strikes.NODE,
        what="The daemons of a node, but for the master, are started again with another clock "
        "(libfaketime), which jobs have too. A startd gives its jobs back. Takes some 5 s.",
        seen="MyCurrentTime of its ads differs from LastHeardFrom, which is the collector's; its "
        "logs; the times in the event logs of jobs on an access point",
        undone_by="restart of the daemons",
        outlives_node=True,
        engines=WITH_NETWORKS,
        options=(
            FaultOption(
                name="by",
                metavar="SECONDS",
                required=True,
                least=-315_360_000,
                most=315_360_000,
                what="Set it forward by so much, or back: --by -3600.",
            ),
        ),
    ),
)
