"""The faults of networks by their names; ``network.py`` has how they are made."""

from __future__ import annotations

from condor_mini.faults.fault import WITH_NETWORKS, Fault, FaultOption, Strikes

_UNDONE_BY = "removal of the rules"
_ADDRESSES_ARE_KNOWN = (
    "Daemons that run know the addresses that they use, and go on: ads arrive, and jobs run. "
)

NETWORK_FAULTS = (
    Fault(
        name="partition",
        strikes=Strikes.NODES,
        what="All packets between the nodes and what is not among them are dropped silently, both "
        "ways, those of open connections too; names resolve all the same. Jobs go on, and if it "
        "is healed in time their access point gets what they did meanwhile. If their lease (60 s, "
        "profile dev, renewed every 20 s) ends before, they run again. After 15 minutes the "
        "nodes' ads expire.",
        seen="LastHeardFrom of its ads stands still; its jobs: event 005 after the heal, or 022 "
        "and 024 some 90 s after the cut, and after the heal 004, and 001 once more",
        undone_by=_UNDONE_BY,
        engines=WITH_NETWORKS,
        options=(
            FaultOption(
                name="from",
                metavar="NODE",
                many=True,
                what="Cut off from this node only; several times for several nodes. Their "
                "addresses count that they have now. Without it, from everything.",
            ),
        ),
    ),
    Fault(
        name="loss",
        strikes=Strikes.NODE,
        what="A part of all packets of a node is dropped at random, both ways. TCP sends them "
        "again, so HTCondor sees a slow network; from about half on its commands time out (20 s).",
        seen="slow commands; in logs of daemons: 'timed out', 'Failed to connect'",
        undone_by=_UNDONE_BY,
        engines=WITH_NETWORKS,
        options=(
            FaultOption(
                name="percent",
                metavar="P",
                required=True,
                least=0.01,
                most=100,
                what="Drop so many of a hundred packets.",
            ),
        ),
    ),
    Fault(
        name="bandwidth",
        strikes=Strikes.NODE,
        what="Packets of a node above a rate are dropped, each way, so that TCP settles at about "
        "that rate. Transfers of files take longer, and commands wait behind them.",
        seen="event 040: the time from the start of a transfer to its end",
        undone_by=_UNDONE_BY,
        engines=WITH_NETWORKS,
        options=(
            FaultOption(
                name="rate",
                metavar="RATE",
                required=True,
                what="Bytes per second each way: 500k, 1.5M.",
            ),
        ),
    ),
    Fault(
        name="delay",
        strikes=Strikes.NODE,
        what="All packets that a node sends are delayed. Each exchange takes that much longer: a "
        "job's start has a dozen.",
        seen="slow commands; the time between events 000 and 001",
        undone_by="removal of the queueing discipline",
        engines=f"{WITH_NETWORKS}, where the kernel has sch_netem",
        options=(
            FaultOption(
                name="ms",
                metavar="N",
                required=True,
                least=1,
                most=60_000,
                what="Delay by so many milliseconds.",
            ),
        ),
    ),
    Fault(
        name="no-dns",
        strikes=Strikes.NODE,
        what="The name service of a node refuses at once. "
        + _ADDRESSES_ARE_KNOWN
        + "What is started new does not find the central manager.",
        seen="HTCondor's tools there: 'Unable to resolve COLLECTOR_HOST'",
        undone_by=_UNDONE_BY,
        engines=WITH_NETWORKS,
    ),
    Fault(
        name="silent-dns",
        strikes=Strikes.NODE,
        what="The name service of a node does not answer: each look-up takes 10 s or more, and "
        "then fails. " + _ADDRESSES_ARE_KNOWN + "A daemon that looks up a name does nothing else "
        "meanwhile.",
        seen="HTCondor's tools there, after 30 s: 'Unable to resolve COLLECTOR_HOST'",
        undone_by=_UNDONE_BY,
        engines=WITH_NETWORKS,
    ),
)
