"""What is looked at: nodes and faults, the slots, and each access point."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import CondorMiniError, PoolNotReady
from condor_mini.base.layout import USER
from condor_mini.engine.several import lenient, unreached
from condor_mini.faults import journal
from condor_mini.faults.joined import typed_there
from condor_mini.faults.notices import Listener, Phase
from condor_mini.nodes.node import pool_nodes
from condor_mini.records import job_events
from condor_mini.records.ad_changes import JOB_ATTRIBUTES, SLOT_ATTRIBUTES, Jobs, Slots, job_id
from condor_mini.records.entry import EntryKind, TimelineEntry, stamp
from condor_mini.records.event_words import ended_job, event_entry, is_of_log
from condor_mini.reports.collector import asked_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from condor_mini.faults.notices import Notice
    from condor_mini.nodes.fault_records import FaultRecord
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

    Ad = Mapping[str, Any]
    Add = Callable[[Iterable[TimelineEntry]], None]

COLLECTOR_TIMEOUT_S = 5
HOST = "CondorMiniHost"
OVERLAP_S = 5
"""The history is asked for jobs that ended so long before the look before, in seconds."""


class NodeSource:
    """The nodes of the pool, and in which state the engine has them."""

    node: str | None = None

    def __init__(self, pool: PoolNodes, on_nodes: Callable[[list[Node]], object]) -> None:
        """Look at a pool; ``on_nodes`` receives the nodes at each look."""
        self.what = f"the nodes of {pool.name}"
        self._pool = pool
        self._on_nodes = on_nodes
        self._states: dict[str, str] = {}
        self._hosts: dict[str, str] = {}

    def look(self, add: Add) -> None:
        """See ``Source.look``."""
        engine = lenient(self._pool.engine)
        nodes = pool_nodes(engine, self._pool.name)
        away = unreached(engine)
        if nodes or not away:
            self._on_nodes(nodes)
        time = datetime.now(UTC)
        before, now = self._states, {node.name: _state(node) for node in nodes}
        # What is on a host that is not reached is not gone.
        unseen = [name for name in before.keys() - now.keys() if self._hosts[name] in away]
        now |= {name: before[name] for name in unseen}
        self._states = now
        self._hosts |= {node.name: node.host for node in nodes}
        add(
            _node_entry(name, before.get(name), now.get(name), time)
            for name in {**before, **now}
            if before.get(name) != now.get(name)
        )
        if away:
            raise PoolNotReady(next(iter(away.values())).message)


class FaultSource:
    """The faults that are in force, and what others say that they make and undo."""

    node: str | None = None

    def __init__(self, pool: PoolNodes, listener: Listener, began: datetime) -> None:
        """Look at a pool's faults; those of before ``began`` begin then."""
        self.what = f"the faults of {pool.name}"
        self._pool = pool
        self._listener = listener
        self._began = began
        self._known: dict[str, FaultRecord | Notice] = {}

    def look(self, add: Add) -> None:
        """See ``Source.look``."""
        found = journal.records(self._pool.engine, self._pool.name)
        records = {record.mark: record for record in found}
        now = datetime.now(UTC)
        for mark, record in records.items():
            if mark not in self._known:
                self._known[mark] = record
                add([_fault_entry(record, Phase.BEGIN, max(record.since, self._began))])
        begun = set()
        for notice in self._listener.read():
            if notice.phase is Phase.MOMENT:
                add([_fault_entry(notice, notice.phase, notice.time)])
            elif notice.phase is Phase.BEGIN:
                begun.add(notice.mark)
                if notice.mark not in self._known:
                    self._known[notice.mark] = notice
                    add([_fault_entry(notice, notice.phase, notice.time)])
            elif self._known.pop(notice.mark, None):
                add([_fault_entry(notice, notice.phase, notice.time)])
        for mark in self._known.keys() - records.keys() - begun:  # healed on another machine
            add([_fault_entry(self._known.pop(mark), Phase.END, now)])


class SlotSource:
    """The slots at the collector."""

    def __init__(self, pool: PoolNodes, nodes: Callable[[], list[Node]]) -> None:
        """Look at the slots of a pool; ``nodes`` returns its nodes as they were seen last."""
        self.what = f"the slots of {pool.name}"
        self.node: str | None = None
        self._nodes = nodes
        self._slots = Slots()
        self._told: set[str] = set()
        """The nodes of other hosts that were said not to be recorded here."""

    def look(self, add: Add) -> None:
        """See ``Source.look``."""
        asked = asked_node(self._nodes())
        if asked is None:
            raise PoolNotReady("the pool has no central manager here")
        self.node = asked.name
        argv = ("timeout", str(COLLECTOR_TIMEOUT_S), "condor_status", "-json", "-attributes")
        # Users of a joined execution point have no token.
        result = asked.exec(
            [*argv, ",".join((*SLOT_ATTRIBUTES, HOST))],
            user="root" if asked.joined_to else USER,
            timeout_s=COLLECTOR_TIMEOUT_S + 1,
        )
        if result.returncode != 0:
            why = result.stderr.strip() or f"no answer in {COLLECTOR_TIMEOUT_S} s"
            raise PoolNotReady(f"the collector on {asked.name}: {why}")
        ads, now = json.loads(result.stdout or "[]"), datetime.now(UTC)
        hosts = {str(ad["CondorMiniNode"]): str(ad.pop(HOST)) for ad in ads if HOST in ad}
        add(self._slots.changed(ads, now))
        elsewhere = hosts.keys() - {node.name for node in self._nodes()} - self._told
        self._told |= elsewhere
        if not asked.joined_to:
            add(_elsewhere(node, hosts[node], now) for node in sorted(elsewhere))


class AccessPointSource:
    """The job events of an access point, and the jobs in its queue."""

    def __init__(
        self, name: str, mark: str, began: datetime, nodes: Callable[[], list[Node]]
    ) -> None:
        """Look at an access point; see ``SlotSource``, and ``switch_on`` for the mark."""
        self.what = f"the events and jobs of {name}"
        self.node: str | None = name
        self._mark = mark
        self._nodes = nodes
        self._jobs = Jobs(name)
        self._was_switched_on = False
        self._log = ""
        self._offset = 0
        self._read_at = began
        """When the log was read for the last time: what is new was written since."""
        self._gone: set[str] = set()
        """The jobs that had left the queue at the last look."""
        self._ended_at = began
        """From when on the history may have jobs that were not looked for yet."""

    def switch_off(self) -> None:
        """Let HTCondor write that log no more; raises what ``job_events.switch_off`` raises."""
        node = next((node for node in self._nodes() if node.name == self.node), None)
        if self._was_switched_on and node is not None and node.is_running:
            job_events.switch_off(node, self._mark)

    def look(self, add: Add) -> None:
        """See ``Source.look``."""
        node = self._there()
        if not self._log:
            self._was_switched_on = True
            self._log, self._offset = job_events.switch_on(node, self._mark)
        ended: set[str] = set()
        while True:
            began = datetime.now(UTC)
            seen = job_events.look(node, self._log, self._offset, JOB_ATTRIBUTES)
            now = datetime.now(UTC)
            of_jobs = [ad for ad in seen.events if not is_of_log(ad)]
            add(event_entry(node.name, ad, self._read_at, now) for ad in of_jobs)
            ended |= {job for ad in of_jobs if (job := ended_job(ad))}
            self._offset, self._read_at = seen.offset, began
            if not seen.more:  # what the queue says is later than all events
                break
        self._look_at_jobs(node, seen.jobs, ended, now, add)
        if not seen.configured:
            job_events.switch_on(node, self._mark)
            raise PoolNotReady(
                f"the configuration of {node.name} was lost; events since then are lost too"
            )
        if seen.jobs is None:
            raise PoolNotReady(f"the schedd of {node.name} does not answer: {seen.failure}")

    def _there(self) -> Node:
        for node in self._nodes():
            if node.name == self.node:
                if node.is_running:
                    return node
                raise PoolNotReady(f"{node.name} does not run")
        raise PoolNotReady(f"{self.node} does not exist any more")

    def _look_at_jobs(
        self,
        node: Node,
        jobs: list[dict[str, Any]] | None,
        ended: set[str],
        now: datetime,
        add: Add,
    ) -> None:
        if jobs is None:
            return
        # Jobs that came and went since the last look. Of others the last event may come afterwards.
        unseen = {job for job in ended if not self._jobs.knows(job)} - self._gone
        entries, gone = self._jobs.changed(jobs, now)
        add(entries)
        self._gone = gone | (unseen - {job_id(ad) for ad in jobs})
        add(self._left(node, self._gone, now))

    def _left(self, node: Node, gone: set[str], now: datetime) -> Iterator[TimelineEntry]:
        if not gone:
            self._ended_at = now
            return
        last_s = int((now - self._ended_at).total_seconds()) + OVERLAP_S
        try:
            ads = job_events.ended(node, JOB_ATTRIBUTES, last_s)
        except CondorMiniError:
            ads = []
        else:
            self._ended_at = now
        by_id = {job_id(ad): ad for ad in ads}
        for job in sorted(gone):
            yield self._jobs.left(job, by_id.get(job), now)


def _elsewhere(node: str, host: str, time: datetime) -> TimelineEntry:
    """Return the entry for a node that has joined: its engine and its logs are on its own host."""
    what = f"the states, logs and events of {node}"
    there = typed_there(node, lambda it: f": condor-mini record {it.rpartition(' ')[0]} DIR")
    return TimelineEntry(
        time=time,
        kind=EntryKind.MISSING,
        node=node,
        text=f"{what} are not here: it has joined from {host}. Record them there{there or ''}",
        data={"phase": "begin", "what": what, "since": None},
    )


def _state(node: Node) -> str:
    code = "" if node.info.exit_code is None else f" with {node.info.exit_code}"
    return f"{node.info.state}{code}"


def _node_entry(name: str, before: str | None, now: str | None, time: datetime) -> TimelineEntry:
    text = f"{name} is {now}" if before is None else f"{name}: {before} -> {now or 'removed'}"
    data = {"before": before, "now": now}
    return TimelineEntry(time=time, kind=EntryKind.NODE, node=name, text=text, data=data)


def _fault_entry(fault: FaultRecord | Notice, phase: Phase, time: datetime) -> TimelineEntry:
    words = {Phase.BEGIN: " begins", Phase.END: " ends", Phase.MOMENT: ""}
    jobs = list(getattr(fault, "jobs", ()))
    struck = f"{fault.target} {' '.join(jobs)}".strip()
    data: Mapping[str, Any] = {
        "phase": str(phase),
        "fault": fault.fault,
        "target": fault.target,
        "jobs": jobs,
        "until": stamp(fault.until) if fault.until else None,
    }
    return TimelineEntry(
        time=time,
        kind=EntryKind.FAULT,
        node=fault.target.partition("/")[0],
        text=f"{fault.fault} {struck}{words[phase]}",
        data=data,
    )
