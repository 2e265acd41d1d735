"""The Slurm jobs of a pool: submitted, listed, ended.

Each has a directory in the user's own, with what travels to the compute nodes and a record.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    CondorMiniError,
    NotFound,
    PoolNotReady,
    StateError,
    UsageError,
)
from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.base.words import counted
from condor_mini.members.membership import Members
from condor_mini.nodes.record import stored_spec
from condor_mini.reports import classads
from condor_mini.reports.status import SlurmStatus
from condor_mini.slurm import home_of, scheduler, travel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.slurm.scheduler import Job

LIFETIME_S = 30 * 86400
"""How long the nodes of a job can start with its token. A node that runs renews it."""
RECORD = "record.json"
LOOK_S = 1.0
END_TIMEOUT_S = 60.0
"""How long Slurm may take to end a job, in addition to its ``KillWait``, in seconds."""
MOST_NODES = 10_000
GRACE_S = 600.0
_SILENT = Progress()
_AUTHORIZATIONS = ("ADVERTISE_STARTD", "ADVERTISE_MASTER")
_TAIL = 5
_TIME = re.compile(r"\d+(-\d+(:\d+){0,2}|(:\d+){1,2})?|UNLIMITED|(\d+d)?(\d+h)?(\d+m)?(\d+s)?")


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """A Slurm job that was submitted for a pool."""

    job: str
    """Slurm's number of it."""
    nodes: int
    """Number of compute nodes that were asked for."""
    holder: str
    """The identity of its token."""
    directory: Path
    """What its nodes need, and their logs."""


class Allocations:
    """The Slurm jobs of a pool, as this user has submitted them: ``Pool.slurm``."""

    def __init__(self, pool: PoolNodes) -> None:
        """Nothing is asked yet."""
        self._pool = pool

    def up(
        self,
        nodes: int,
        *,
        time_limit: str | None = None,
        group: str | None = None,
        options: Sequence[str] = (),
        wait_s: float | None = None,
        progress: Progress = _SILENT,
    ) -> Allocation:
        """Submit a Slurm job whose tasks join the pool as execution points, one a compute node.

        Args:
            nodes: Number of compute nodes.
            time_limit: As sbatch takes it, or ``1h``, ``90m``. None for the partition's.
            group: Group of execution points whose configuration they have. None for the first.
            options: More options for sbatch: ``--partition=long``.
            wait_s: Wait so many seconds until all nodes have joined. None to return at once.
            progress: Receives the phases.

        Raises:
            UsageError: No other host reaches the pool, or an argument is not valid.
            NotFound: This machine has no Slurm.
            SlurmRefused: Slurm does not accept the job.
            PoolNotReady: The central manager does not run, or the nodes have not joined in time;
                says why.
        """
        limit = _time_limit(time_limit)
        with self._prepared(self._directory(), nodes, limit, group, progress) as (batch, holder):
            directory = batch.parent
            with held_back():  # or nobody would know the job that Slurm has accepted
                job = scheduler.submit(batch, options)
                made = Allocation(job=job, nodes=nodes, holder=holder, directory=directory)
                form = asdict(made) | {"directory": str(directory)}
                (directory / RECORD).write_text(json.dumps(form), encoding="utf-8")
        if wait_s is not None:
            with progress.step("Waiting for the nodes", done="All nodes have joined"):
                self._await_nodes(made, wait_s)
        return made

    def write(
        self,
        directory: Path,
        nodes: int,
        *,
        time_limit: str | None = None,
        group: str | None = None,
        progress: Progress = _SILENT,
    ) -> Path:
        """Write what ``up`` submits to a directory, and return the batch script's path.

        The token among it is valid for ``LIFETIME_S``; ``token revoke`` ends it. The arguments are
        those of ``up``.

        Raises:
            AlreadyInUse: The directory has one of the files already.
            StateError: The directory cannot be written.
        """
        directory = directory.resolve()
        if taken := [name for name in travel.FILES if (directory / name).exists()]:
            raise AlreadyInUse(
                f"the file {directory / taken[0]} already exists", hint="Name a new directory"
            )
        limit = _time_limit(time_limit)
        with self._prepared(directory, nodes, limit, group, progress) as (batch, _):
            return batch

    def status(self) -> list[SlurmStatus]:
        """Return the jobs of the pool that were not ended by ``down``, with what Slurm says.

        Raises:
            SlurmRefused: Slurm does not answer.
        """
        records = self._records()
        found = scheduler.jobs(record.job for record in records) if records else {}
        return [_status(record, found.get(record.job)) for record in records]

    def down(
        self,
        ids: Sequence[str] = (),
        *,
        grace_s: float = GRACE_S,
        progress: Progress = _SILENT,
    ) -> list[Allocation]:
        """End Slurm jobs of the pool, revoke their tokens, and remove what was written for them.

        Args:
            ids: Slurm's numbers of them; none for all.
            grace_s: How long the pool's jobs may continue to run there, in seconds. After that they
                return to their queues.
            progress: Receives the phases.

        Returns:
            The jobs that were ended, or had ended.

        Raises:
            NotFound: The pool has no such Slurm job.
            SlurmRefused: Slurm does not end it.
        """
        records = self._chosen(ids)
        numbers = [record.job for record in records]
        what = f"{counted(len(records), 'Slurm job')} ({', '.join(numbers)})"
        if grace_s > 0:
            with progress.step(f"Draining {what}", done=f"Drained {what}"):
                _tell(records, "--drain", grace_s)
        with progress.step(f"Ending {what}", done=f"Ended {what}"):
            _tell(records, "--end", scheduler.kill_wait_s())
            scheduler.cancel(scheduler.jobs(numbers))
            _await_end(numbers, scheduler.kill_wait_s() + END_TIMEOUT_S)
        self._revoke([record.holder for record in records])
        for record in records:
            travel.discard(record.directory, whole=True)
        return records

    def forget(self) -> None:
        """End all Slurm jobs of a pool that is deleted; nothing is raised if that does not work."""
        if self._home().is_dir():
            with suppress(CondorMiniError):
                scheduler.cancel(record.job for record in self._records())
            shutil.rmtree(self._home(), ignore_errors=True)

    # -- the parts --------------------------------------------------------------------------------

    @contextmanager
    def _prepared(
        self,
        directory: Path,
        nodes: int,
        time_limit: str | None,
        group: str | None,
        progress: Progress,
    ) -> Iterator[tuple[Path, str]]:
        """Write what travels; yield the batch script and the holder of the token.

        If anything fails, also what the caller does with it, all of it is removed.
        """
        if not 1 <= nodes <= MOST_NODES:
            raise UsageError(f"--nodes {nodes}: must be 1 to {MOST_NODES}")
        manager, *_ = found = self._pool.existing_nodes()
        if not manager.exposed_at:
            raise UsageError(
                f"no other host reaches the pool {manager.pool}",
                hint="Create a pool for several hosts: condor-mini create --expose HOST",
            )
        spec = stored_spec(self._pool.name, found)
        traveller = travel.traveller(spec, group)
        kill_wait_s = scheduler.kill_wait_s()
        holder = self._holder()
        is_new = not directory.exists()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            token = Members(lambda: found).create_token(
                holder,
                authorizations=_AUTHORIZATIONS,
                lifetime_s=LIFETIME_S,
                description=f"Slurm job of {counted(nodes, 'node')}",
            )
            batch = traveller.write(
                directory,
                # The first line is the part for the central manager.
                token.secret.splitlines()[0],
                progress,
                count=nodes,
                time_limit=time_limit,
                kill_wait_s=kill_wait_s,
            )
            yield batch, holder
        except BaseException as error:
            with held_back():
                travel.discard(directory, whole=is_new)
                self._revoke([holder])
            if isinstance(error, OSError):
                raise StateError(f"{directory} cannot be written: {error.strerror}") from error
            raise

    def _holder(self) -> str:
        """Return an identity that no other token has: one that was revoked stays so."""
        manager = self._pool.existing_nodes()[0]
        domain = manager.exec(["condor_config_val", "UID_DOMAIN"], user="root").stdout.strip()
        return f"{self._pool.name}-slurm-{secrets.token_hex(4)}@execute.{domain}"

    def _await_nodes(self, made: Allocation, timeout_s: float) -> None:
        def missing() -> str | None:
            joined = self._joined(made.job)
            absent = [n for n in range(1, made.nodes + 1) if self._node(made.job, n) not in joined]
            if not absent:
                return None
            words = _last_words(made, absent[0])
            job = scheduler.jobs([made.job]).get(made.job)
            if job is None:
                raise PoolNotReady(
                    f"the Slurm job {made.job} has ended{words}",
                    hint=f"Remove what is left of it: {_down(self._pool.name, made.job)}",
                )
            why = f" ({job.reason})" if job.state == "PENDING" else ""
            return (
                f"{made.nodes - len(absent)} of {counted(made.nodes, 'node')} have joined; "
                f"the Slurm job {made.job} is {job.state.lower()}{why}{words}"
            )

        wait_until(
            missing,
            timeout_s=timeout_s,
            interval_s=LOOK_S,
            error=lambda text: PoolNotReady(
                text, hint=f"The job stays with Slurm. End it: {_down(self._pool.name, made.job)}"
            ),
        )

    def _node(self, job: str, number: int) -> str:
        """Return the name of a node, as ``node.sh`` makes it; the first is 1."""
        return f"{self._pool.name}-slurm-{job}-{number}"

    def _joined(self, job: str) -> set[str]:
        ads = classads.slot_ads(self._pool, f"SlurmJobId == {job}", ["CondorMiniNode"])
        return {str(ad.get("CondorMiniNode")) for ad in ads}

    def _revoke(self, holders: Sequence[str]) -> None:
        with suppress(NotFound, PoolNotReady):  # a pool that is gone accepts no token
            Members(self._pool.existing_nodes).revoke(identities=holders, force=True)

    # -- the records ------------------------------------------------------------------------------

    def _home(self) -> Path:
        return home_of(self._pool)

    def _directory(self) -> Path:
        return self._home() / secrets.token_hex(4)

    def _records(self) -> list[Allocation]:
        found = []
        for file in self._home().glob(f"*/{RECORD}"):
            form = json.loads(file.read_text(encoding="utf-8"))
            found.append(Allocation(**{**form, "directory": file.parent}))
        return sorted(found, key=lambda record: (len(record.job), record.job))

    def _chosen(self, ids: Sequence[str]) -> list[Allocation]:
        records = {record.job: record for record in self._records()}
        wanted = list(ids) or list(records)
        unknown = [number for number in wanted if number not in records]
        if unknown or not wanted:
            what = f"Slurm job {unknown[0]}" if unknown else "Slurm job"
            those = f"; it has {', '.join(records)}" if records else ""
            raise NotFound(f"the pool {self._pool.name} has no {what}{those}")
        return [records[number] for number in wanted]


def _status(record: Allocation, job: Job | None) -> SlurmStatus:
    if job is None:
        return SlurmStatus(job=record.job, state="ended", nodes=record.nodes)
    return SlurmStatus(
        job=record.job,
        state=job.state.lower(),
        nodes=record.nodes,
        hosts=job.hosts or None,
        time_left=job.time_left,
        reason=job.reason if job.state == "PENDING" else None,
    )


def _tell(records: Sequence[Allocation], what: str, timeout_s: float) -> None:
    """Tell the nodes of running Slurm jobs to drain or to end, and wait until those have ended."""
    jobs = scheduler.jobs(record.job for record in records)
    told = [
        record.job
        for record in records
        if (job := jobs.get(record.job))
        and job.state == "RUNNING"
        and scheduler.tell(job, record.directory / travel.NODE, what)
    ]
    with suppress(PoolNotReady):
        _await_end(told, timeout_s)


def _await_end(numbers: Sequence[str], timeout_s: float) -> None:
    def left() -> str | None:
        jobs = scheduler.jobs(numbers)
        return ", ".join(f"the Slurm job {job.id} is {job.state}" for job in jobs.values()) or None

    wait_until(left, timeout_s=timeout_s, interval_s=LOOK_S, error=PoolNotReady)


def _last_words(made: Allocation, number: int) -> str:
    """Return the last lines that the batch script and a node have written, each below its file."""
    lines: list[str] = []
    for name in (travel.BATCH_LOG, f"node-{made.job}-{number - 1}.log"):
        file = made.directory / name
        if file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            lines += [f"{name}:", *[line for line in text.splitlines() if line.strip()][-_TAIL:]]
    return "".join(f"\n  {line}" for line in lines)


def _down(pool: str, job: str) -> str:
    return f"condor-mini slurm down -n {pool} {job}"


def _time_limit(text: str | None) -> str | None:
    """Return a time limit as sbatch takes it: minutes, or ``HOURS:MINUTES:SECONDS``.

    Raises:
        UsageError: It is none.
    """
    if text is None or not text or not _TIME.fullmatch(text):
        if text is None:
            return None
        raise UsageError(f"--time {text!r}: write 90m, 1h, 1d12h, or as Slurm does: 1:30:00")
    if text[-1] not in "dhms":
        return text
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    seconds = sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([dhms])", text))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
