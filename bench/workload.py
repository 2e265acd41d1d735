"""A workload on a real pool, and the account of what became of each of its jobs.

Each job writes one line of its own, so that a result is known to be that job's, and whole. What
HTCondor says is read from three places that must agree: queue, history, and job event log.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, PoolNotReady
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import CommandResult
    from condor_mini.pool import Pool

EXECUTE, TERMINATED, HELD = "001", "005", "012"
TOLD = {"004", "007", "012", "022", "024"}
"""Events that tell of a mishap: evicted, shadow exception, held, disconnected, not reconnected."""
IDLE, RUNNING, COMPLETED, HOLD = 1, 2, 4, 5
PAUSE_S = 0.5
MOST_WORDS = 140
"""Characters of an event in the table."""
_EVENT = re.compile(r"^(\d{3}) \(0*(\d+)\.0*(\d+)\.\d+\) \S+ \S+ (.*)$")
_DETAILS = re.compile(
    r" \(0\) CPU times.*?(?= Reason: )| (Trying to|Can not) reconnect.*| Partitionable .*"
)
_NUMBERS = re.compile(r"\d+[\d.:/@-]*")

Job = tuple[int, int]
"""Its cluster and process."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event of a job event log."""

    number: str
    job: Job
    text: str
    """All its lines in one."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """What became of a workload."""

    jobs: int
    completed: int
    """In the history once with exit code 0, their end in the event log, and their own output.

    One that ended just before a kill may run again, and its log then tells of two ends.
    """
    again: int
    """Started more than once, which HTCondor promises only after a mishap."""
    held: int
    lost: tuple[str, ...]
    """Why each of the others does not count as completed."""
    said: tuple[str, ...]
    """What HTCondor said of mishaps: each text once, with its count."""

    @property
    def is_whole(self) -> bool:
        """Whether each job has completed, as HTCondor promises."""
        return self.completed == self.jobs


@dataclass(kw_only=True)
class Workload:
    """Short and long jobs in a directory of their own on the pool's first access point."""

    pool: Pool
    name: str
    short: int
    long: int
    short_s: float = 1.0
    long_s: float = 30.0
    _clusters: dict[int, tuple[str, int]] = field(default_factory=dict)
    """The kind, and the number of jobs, of each cluster."""

    @property
    def jobs(self) -> int:
        """How many there are."""
        return sum(count for _, count in self._clusters.values())

    def submit(self, *, long_command: str | None = None) -> None:
        """Put all jobs into the queue, the long ones, which can do something else, first."""
        self.shell(f"mkdir -p {self.name}")
        for kind, count, command in (
            ("long", self.long, long_command or f"sleep {self.long_s:g}"),
            ("short", self.short, f"sleep {self.short_s:g}"),
        ):
            if count:
                job = self.description(kind, f"{command}; echo {kind} $(Process) is done")
                said = self.shell("condor_submit -terse -", stdin=f"{job}\nqueue {count}\n")
                self.add(int(said.partition(".")[0]), kind, count)

    def add(self, cluster: int, kind: str, count: int) -> None:
        """Count these jobs, which somebody has submitted by our description, as this workload's."""
        self._clusters[cluster] = (kind, count)

    def description(self, kind: str, command: str) -> str:
        """The submit commands of such jobs."""
        return (
            f"executable = /bin/sh\narguments = \"-c '{command}'\"\ntransfer_executable = false\n"
            # Named outputs spare the starter a second of looking for them.
            'transfer_output_files = ""\nrequest_cpus = 1\nrequest_memory = 16\nrequest_disk = 1\n'
            f"initialdir = {self.name}\noutput = {kind}.$(Cluster).$(Process).out\nlog = log"
        )

    def shell(self, script: str, *, stdin: str | None = None, user: str = "jovyan") -> str:
        """What a script on the access point writes, which succeeds."""
        said = self._run(script, stdin=stdin, user=user)
        if said.returncode != 0:
            raise PoolNotReady(f"{script}: {said.stdout}{said.stderr}")
        return said.stdout

    def _run(self, script: str, *, stdin: str | None = None, user: str = "jovyan") -> CommandResult:
        return self.pool.exec(["sh", "-c", f"cd; {script}"], stdin=stdin, user=user)

    # -- as it goes on ----------------------------------------------------------------------------

    def queued(self) -> dict[Job, tuple[int, str]]:
        """The state, and the hold reason, of each job that is in the queue."""
        lines = self.shell("condor_q -af ClusterId ProcId JobStatus HoldReason")
        rows = [line.split(maxsplit=3) for line in lines.splitlines()]
        return {
            (int(cluster), int(process)): (int(state), reason)
            for cluster, process, state, reason in rows
            if int(cluster) in self._clusters
        }

    def await_ended(self, count: int, *, timeout_s: float) -> float:
        """Wait until so many jobs are in the history; how long that took, in seconds."""

        def probe() -> str | None:
            ended = self.jobs - len(self.queued())
            return None if ended >= count else f"{ended} of {count} jobs have ended"

        return self._wait(probe, timeout_s)

    def await_running(self, kind: str, count: int = 1, *, timeout_s: float = 60) -> None:
        """Wait until the processes of so many jobs of a kind run.

        By their event logs: a job's ``JobStatus`` says that it runs while its input is still on the
        way, and one that is cut off then has never been started.
        """

        def probe() -> str | None:
            started = {event.job for event in self.events() if event.number == EXECUTE}
            states = [
                state
                for job, (state, _) in self.queued().items()
                if self._clusters[job[0]][0] == kind and job in started
            ]
            found = states.count(RUNNING)
            return None if found >= count else f"{found} of {count} {kind} jobs run"

        self._wait(probe, timeout_s)

    def await_end(self, *, timeout_s: float) -> float:
        """Wait until no job is in the queue, or all that are left are held; how long, in seconds.

        Raises:
            PoolNotReady: ``timeout_s`` has passed; says in what states the jobs are.
        """

        def probe() -> str | None:
            states = Counter(state for state, _ in self.queued().values())
            if states.total() == states[HOLD]:
                return None
            return f"in the queue, by JobStatus: {dict(states)}"

        return self._wait(probe, timeout_s)

    @staticmethod
    def _wait(probe: Callable[[], str | None], timeout_s: float) -> float:
        """A queue that does not answer for a while is what is looked for here."""

        def patient() -> str | None:
            try:
                return probe()
            except (PoolNotReady, CommandFailed) as failure:
                return failure.message

        return wait_until(patient, timeout_s=timeout_s, interval_s=PAUSE_S)

    # -- in the end -------------------------------------------------------------------------------

    def account(self) -> Account:
        """What has become of each job; to be asked when all have ended, or will not."""
        queue = self.queued()
        history = self._history()
        events = list(self.events())
        ends = Counter(event.job for event in events if event.number == TERMINATED)
        starts = Counter(event.job for event in events if event.number == EXECUTE)
        outputs = self._outputs()
        why: dict[Job, str] = {}
        for cluster, (kind, count) in self._clusters.items():
            for job in ((cluster, process) for process in range(count)):
                expected = f"{kind} {job[1]} is done"
                if job in queue:
                    why[job] = f"in the queue, JobStatus {queue[job][0]}: {queue[job][1]}"
                elif history.get(job) != [f"{COMPLETED} 0"]:
                    why[job] = f"in the history: {history.get(job, 'absent')}"
                elif not ends[job]:
                    why[job] = "its log tells of no end"
                elif outputs.get((kind, *job)) != expected:
                    why[job] = f"its output is {outputs.get((kind, *job))!r}"
        return Account(
            jobs=self.jobs,
            completed=self.jobs - len(why),
            again=sum(started > 1 for started in starts.values()),
            held=sum(state == HOLD for state, _ in queue.values()),
            lost=tuple(f"{job[0]}.{job[1]}: {reason}" for job, reason in sorted(why.items())),
            said=tuple(_mishaps(events)),
        )

    def _history(self) -> dict[Job, list[str]]:
        """State and exit code of each entry: a job is to have one."""
        found: dict[Job, list[str]] = {}
        asked = "condor_history -af ClusterId ProcId JobStatus ExitCode"
        for line in self.shell(asked).splitlines():
            cluster, process, rest = line.split(maxsplit=2)
            found.setdefault((int(cluster), int(process)), []).append(rest)
        return found

    def _outputs(self) -> dict[tuple[str, int, int], str]:
        """All that each job wrote."""
        found = {}
        script = f'cd {self.name}; for f in *.out; do echo "$f $(tr "\\n" "|" <"$f")"; done'
        for line in self.shell(script).splitlines():
            file, _, text = line.partition(" ")
            kind, cluster, process, _ = file.split(".")
            found[kind, int(cluster), int(process)] = text.removesuffix("|")
        return found

    def events(self) -> Iterator[Event]:
        """The events of the workload's job event log, in its order."""
        for lines in self.shell(f"cat {self.name}/log").split("\n...\n"):
            first, *rest = lines.strip().splitlines() or [""]
            if found := _EVENT.match(first):
                text = " ".join([found[4], *(line.strip() for line in rest)])
                yield Event(number=found[1], job=(int(found[2]), int(found[3])), text=text)


def _mishaps(events: list[Event]) -> Iterator[str]:
    """Each kind of mishap once, with its count and the first one's words."""
    first: dict[str, str] = {}
    count: Counter[str] = Counter()
    for event in events:
        if event.number in TOLD:
            text = f"{event.number} {_DETAILS.sub('', event.text)}"[:MOST_WORDS]
            kind = event.number + _NUMBERS.sub("", text)
            first.setdefault(kind, text)
            count[kind] += 1
    for kind, number in count.most_common():
        yield f"{number}x {first[kind]}"


def await_healthy(pool: Pool, *, timeout_s: float) -> float:
    """How long it takes from now until each node does its role's work, in seconds.

    Raises:
        PoolNotReady: One does not, after ``timeout_s``; says which, and what it lacks.
    """

    def unhealthy() -> str | None:
        for node in pool.nodes:
            try:
                if lacks := node.health():
                    return f"{node.name}: {lacks}"
            except (PoolNotReady, CommandFailed) as failure:
                return failure.message
        return None

    return wait_until(unhealthy, timeout_s=timeout_s)
