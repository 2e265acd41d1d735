"""``Pool``, the Python API. The command line is a thin layer over it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.engines import reached, with_hosts
from condor_mini.nodes.holdings import ask_at_once, pool_names
from condor_mini.nodes.pool_nodes import NodesNow, PoolNodes

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from os import PathLike

    from condor_mini.chaos.result import ScenarioResult
    from condor_mini.chaos.scenario import Scenario
    from condor_mini.client.bindings import Client
    from condor_mini.engine import Engine
    from condor_mini.events.events import Events
    from condor_mini.faults.faults import Faults
    from condor_mini.jobs.actions import ChangedJobs
    from condor_mini.jobs.queue import QueuedJob
    from condor_mini.jobs.tracking import Submission
    from condor_mini.lifecycle.debug_levels import DebugLevel
    from condor_mini.members.membership import Members
    from condor_mini.nodes.fault_records import FaultRecord
    from condor_mini.nodes.node import Node
    from condor_mini.records.recording import Recording
    from condor_mini.reports.classads import ClassAd, Kind
    from condor_mini.reports.logs import LogLine
    from condor_mini.reports.status import PoolStatus
    from condor_mini.slurm.allocations import Allocations
    from condor_mini.snapshots.snapshot import Snapshot
    from condor_mini.spec import PoolSpec

READY_TIMEOUT_S = 120.0
GRACE_S = 600.0

_SILENT = Progress()


class Pool(PoolNodes):
    """A pool that exists. The object stores its name alone; the engine is asked for all else.

    As a context manager, ``Pool`` deletes the pool at the end of the context. If an exception
    leaves the context, the pool's logs are saved first, and a note on the exception says where.
    """

    # -- create, find, delete ---------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        name: str | None = None,
        *,
        execution_points: int | None = None,
        access_points: int | None = None,
        series: str | None = None,
        execute_image: str | None = None,
        spec: PoolSpec | PathLike[str] | None = None,
        engine: Engine | str | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        keep: bool = False,
        if_not_exists: bool = False,
        from_snapshot: str | PathLike[str] | None = None,
        leave_out_running: bool = False,
        probe_job: bool | None = None,
        progress: Progress = _SILENT,
    ) -> Self:
        """Create a pool and wait until it is ready: all daemons and slots there, a probe job run.

        Args:
            name: The pool's name. None for the name in the spec, else ``mini``.
            execution_points: Number of execution points. None for the spec's, else 1.
            access_points: Number of access points. None for the spec's, else 1.
            series: HTCondor ``25`` or ``23``. None for the spec's, else 25.
            execute_image: Image of your own for the execution points; it stays unchanged. None for
                the spec's, else ours.
            spec: Everything else that a pool can be told, or the path of a pool file.
            engine: Engine to create the pool on, or its name. None for the first that answers.
            timeout_s: Give up after so many seconds, counted from when the images are there.
            keep: Keep what was created if something fails.
            if_not_exists: Reuse an existing pool of that name: start it if it is stopped, and
                create its containers again if they were removed.
            from_snapshot: Name or path of a snapshot, whose queues, history, accounting and homes
                the pool begins with, and whose spec it has without a ``spec``. With the snapshot's
                own name, it also has its keys.
            leave_out_running: Remove the jobs that ran when the snapshot was made.
            probe_job: Whether to wait until a probe job has run. None for the spec's, else true.
            progress: Receives the phases; silent by default.

        Raises:
            AlreadyInUse: A pool of that name exists, or its state is kept, or something else has a
                name or a port that the pool needs.
            PoolNotReady: A daemon is missing at the deadline, or a node has ended; says why.
            PoolFileError: The pool file has mistakes; lists all of them.
            NotFound: There is no such snapshot.
            UsageError: The pool lacks a node that the snapshot has, or its HTCondor is older.
            StateError: The file is no snapshot, or is damaged.
            EngineError: No engine answers, or the engine lacks something that is asked for.
        """
        from condor_mini.lifecycle import creation, reuse
        from condor_mini.snapshots import restoring
        from condor_mini.snapshots.snapshot import Snapshot

        snapshot = None if from_snapshot is None else Snapshot.open(from_snapshot)
        given = snapshot.spec() if snapshot and spec is None else creation.requested(spec)
        asked = given.with_overrides(
            name=name,
            execution_points=execution_points,
            access_points=access_points,
            series=series,
            execute_image=execute_image,
            probe_job=probe_job,
        )
        # With the hosts of the pool, if there is one, else of the spec.
        existing = cls(reached(engine), asked.name)
        pool = cls(with_hosts(existing.engine, asked.hosts), asked.name)
        if if_not_exists:
            pool.faults.heal_abandoned()
        make = reuse.create_or_start if if_not_exists else creation.create
        with restoring.state_for(asked, snapshot, leave_out_running=leave_out_running) as state:
            make(pool.engine, asked, progress, timeout_s=timeout_s, keep=keep, state=state)
        return pool

    @classmethod
    def open(cls, name: str = "mini", *, engine: Engine | str | None = None) -> Self:
        """Return the pool of that name, whether it runs, is stopped, or has only its state left.

        Faults whose holder is gone, or whose time is over, are healed.

        Raises:
            NotFound: There is no such pool; says which pools there are.
            EngineNotFound: No engine answers.
        """
        return cls._opened(name, engine)[0]

    @classmethod
    def open_node(
        cls, name: str = "mini", node: str | None = None, *, engine: Engine | str | None = None
    ) -> Node:
        """Return a node of the pool of that name, by default the first access point.

        It does what ``open`` and ``node`` do, and raises what they raise, but asks for the nodes
        only once.
        """
        pool, nodes = cls._opened(name, engine)
        return NodesNow(pool, nodes or pool.existing_nodes()).node(node)

    @classmethod
    def _opened(cls, name: str, engine: Engine | str | None) -> tuple[Self, builtins.list[Node]]:
        from condor_mini.faults import journal

        where = reached(engine)
        pool = cls(where, name)
        nodes: builtins.list[Node] = []
        records: builtins.list[FaultRecord] = []
        ask_at_once(
            lambda: nodes.extend(pool.reached_nodes),
            lambda: records.extend(journal.records(where, name)),
        )
        if not nodes and not pool.can_be_recreated():
            pool.existing_nodes()
        if records:
            pool.faults.heal_abandoned()
            nodes = pool.reached_nodes
        return pool, nodes

    @classmethod
    def list(cls, *, engine: Engine | str | None = None) -> builtins.list[Self]:
        """Return all pools of the engine, sorted by name.

        Half-deleted pools are among them, also those of which only volumes are left.
        """
        where = reached(engine)
        return [cls(where, name) for name in pool_names(where)]

    def delete(self, *, force: bool = False) -> bool:
        """Remove the whole pool with its queue, and return whether there was anything to remove.

        Args:
            force: If a host of the pool is not reached, also remove the record of the pool. What
                that host has of the pool stays there.

        Raises:
            HostNotReached: A host of the pool is not reached. All else is removed; the error says
                what may be left there, and how to remove it.
        """
        from condor_mini.client import files
        from condor_mini.lifecycle import removal

        if (slurm := self._slurm_if_used()) is not None:
            slurm.forget()
        removed = removal.remove(self.engine, self.name, force=force)
        files.forget(self)
        return removed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        with held_back():
            if error is not None:
                from condor_mini.reports.failure_logs import save_for

                save_for(error, self.engine, self.name)
            self.delete()

    # -- several hosts ----------------------------------------------------------------------------

    @classmethod
    def join(
        cls,
        central_manager: str,
        token: str,
        name: str,
        *,
        execution_points: int | None = None,
        access_points: int | None = None,
        series: str | None = None,
        spec: PoolSpec | PathLike[str] | None = None,
        engine: Engine | str | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> Self:
        """Create nodes here that join a pool on another host, and wait until they take part.

        Args:
            central_manager: ``HOST[:PORT]`` where this host reaches the pool, as it was exposed.
            token: Join token for nodes of one role: ``Members.create_join_token``.
            name: Name of these nodes, ``NAME-execute-1``, which the pool must not have yet.
            execution_points: Number of execution points. None for the spec's, else 1.
            access_points: Number of access points. None for the spec's, else none.
            series: HTCondor ``25`` or ``23``, as the pool's. None for the spec's, else 25.
            spec: Groups of nodes, or the path of a pool file. Groups that it does not name do not
                join.
            engine: Engine of this host, or its name. None for the first that answers.
            timeout_s: Give up after so many seconds, counted from when the images are there.
            progress: Receives the phases.

        Raises:
            UsageError: The token is no join token, for nodes of another role, or it has expired.
            AlreadyInUse: There is a pool of that name here.
            PoolNotReady: The pool refuses the nodes or is not reached; says why.
        """
        from condor_mini.lifecycle import creation, joining
        from condor_mini.spec import endpoint

        given = creation.requested(spec)
        named = set() if spec is None else given.model_fields_set
        if access_points is None and "access_points" not in named:
            access_points = 0
        if execution_points is None and "execution_points" not in named:
            execution_points = 0 if access_points or "access_points" in named else 1
        pool = cls(reached(engine), name)
        joining.join(
            pool.engine,
            given.with_overrides(name=name, series=series),
            endpoint(central_manager),
            token,
            progress,
            execution_points=execution_points,
            access_points=access_points,
            timeout_s=timeout_s,
        )
        return pool

    def leave(
        self, *, grace_s: float = GRACE_S, force: bool = False, progress: Progress = _SILENT
    ) -> None:
        """Drain the nodes of this host that have joined a pool, and remove them.

        Args:
            grace_s: How long jobs may continue to run here, in seconds. After that they return to
                their queues.
            force: Also remove an access point that has jobs in its queue.
            progress: Receives the phases.

        Raises:
            UsageError: The nodes have not joined a pool, or an access point has jobs in its queue.
        """
        from condor_mini.lifecycle import joining

        nodes = self.existing_nodes()
        joining.leave(self.engine, nodes, progress, grace_s=grace_s, force=force)

    @property
    def slurm(self) -> Allocations:
        """The Slurm jobs whose tasks are execution points of the pool."""
        from condor_mini.slurm.allocations import Allocations

        return Allocations(self)

    def _slurm_if_used(self) -> Allocations | None:
        from condor_mini.slurm import home_of

        return self.slurm if home_of(self).is_dir() else None

    # -- stop, start, scale -----------------------------------------------------------------------

    def stop(self, *, node: str | None = None, progress: Progress = _SILENT) -> None:
        """Stop all nodes, or one, gracefully. The queue and the history are kept.

        Faults that are in force there end.
        """
        from condor_mini.lifecycle import stop_and_start

        self.faults.end_on(node)
        stop_and_start.stop(self.engine, self.chosen_nodes(node), progress)

    def start(
        self,
        *,
        node: str | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """Start the nodes that are stopped, and wait until the pool is ready.

        A node whose container was removed is created again, with its state, its name and a new
        token. Faults that are in force there end.

        Raises:
            PoolNotReady: A daemon is missing after ``timeout_s``, or a node has ended; says why.
        """
        from condor_mini.lifecycle import restart

        self.faults.end_on(node)
        restart.start(self, node, progress, timeout_s=timeout_s)

    def restart(
        self,
        *,
        node: str | None = None,
        series: str | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """Stop and start the nodes; jobs stay in the queue, and faults that are in force end.

        Args:
            node: Restart this node alone. None for all.
            series: Create all containers again with this series of HTCondor, the same or a newer
                one. Queue, job ids, history, accounting, key and homes stay.
            timeout_s: Give up after so many seconds, counted from when the nodes are stopped.
            progress: Receives the phases.

        Raises:
            UsageError: The series is older than the pool's, or ``series`` and ``node`` are both
                given.
            PoolNotReady: A daemon is missing after ``timeout_s``, or a node has ended; says why.
        """
        from condor_mini.lifecycle import restart

        self.faults.end_on(node)
        restart.restart(self, node, series, progress, timeout_s=timeout_s)

    def scale(
        self,
        execution_points: int,
        *,
        group: str | None = None,
        grace_s: float = GRACE_S,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """Add or remove execution points until there are so many.

        Args:
            execution_points: Number of execution points that the group is to have.
            group: Name of the group in the pool file. None for the only one.
            grace_s: How long jobs may run on where an execution point is removed, in seconds.
                After that they return to the queue.
            timeout_s: Give up after so many seconds if new slots are missing.
            progress: Receives the phases.

        Raises:
            UsageError: The pool would have no execution point left, or there is no such group.
            PoolNotReady: The pool does not run, or a new slot is missing at the deadline.
        """
        from condor_mini.lifecycle import scale

        self.existing_nodes()
        scale.scale(self.engine, self.name, execution_points, progress, group, grace_s, timeout_s)

    # -- jobs -------------------------------------------------------------------------------------

    def submit(
        self,
        job: str | PathLike[str] | Mapping[str, str],
        *,
        count: int = 1,
        node: str | None = None,
        arguments: Sequence[str] = (),
        follow_links: bool = False,
        progress: Progress = _SILENT,
    ) -> Submission:
        """Submit jobs as the ordinary user, and return at once.

        Args:
            job: Path of a submit file on this machine, or submit commands as a mapping, as
                ``htcondor2.Submit`` takes them: ``{"executable": "/bin/true"}``. The directory of a
                submit file is copied to the access point, and ``Submission.fetch`` brings the
                outputs back to it.
            count: Number of jobs, for a mapping. A submit file has its own ``queue``.
            node: Name of the access point. None for the first.
            arguments: Arguments of condor_submit, for a submit file: ``-append``, ``X=1``.
            follow_links: Also copy what symbolic links lead to outside the submit file's directory.
            progress: Receives what is not copied.

        Raises:
            NotFound: There is no such file or access point.
            UsageError: The directory is too large, or the submit file names a file outside it.
            JobFailed: condor_submit refused the job; has its message and status.
        """
        from condor_mini.jobs import submit

        return submit.submit(self, job, count, node, arguments, follow_links, progress)

    def wait(self, clusters: Sequence[int] = (), *, timeout_s: float = float("inf")) -> int:
        """Wait until these clusters have ended, or all queues are empty if none are given.

        Returns:
            0, or the first status of a job that is not 0.

        Raises:
            NotFound: There is no such cluster.
            JobFailed: A job was held or removed; says why.
            PoolNotReady: ``timeout_s`` has passed.
        """
        from condor_mini.jobs import submit

        return submit.wait_for_all(self, clusters, timeout_s=timeout_s)

    def queue(self, *, progress: Progress = _SILENT) -> builtins.list[QueuedJob]:
        """Return the jobs of all users in the queues of all access points that run.

        Args:
            progress: Receives a note on each access point that does not run.

        Raises:
            PoolNotReady: No access point runs, or a schedd does not answer.
        """
        from condor_mini.jobs import queue

        return queue.queue(self, progress=progress)

    def remove_jobs(
        self, jobs: Sequence[int | str] | None, *, node: str | None = None
    ) -> builtins.list[ChangedJobs]:
        """Remove jobs from the queue; what runs is ended.

        The jobs that are there are removed also if an error is raised.

        Args:
            jobs: Numbers of clusters (``3``) and ids of jobs (``"3.0"``). None for all jobs of the
                ordinary user.
            node: Name of the access point. None for all.

        Raises:
            NotFound: A job is in no queue.
            UsageError: Something is no job id, or several access points have such a job.
            PoolNotReady: No access point runs, or a schedd does not answer.
            CondorMiniError: condor_rm refused; has its message.
        """
        from condor_mini.jobs import actions

        return actions.act(self, actions.REMOVE, jobs, node=node).checked()

    def hold_jobs(
        self,
        jobs: Sequence[int | str] | None,
        *,
        node: str | None = None,
        reason: str | None = None,
    ) -> builtins.list[ChangedJobs]:
        """Hold jobs: they stop, and stay in the queue until they are released.

        Args:
            jobs: As for ``remove_jobs``, which also says what is raised.
            node: Name of the access point. None for all.
            reason: What the jobs are held for, in one line.
        """
        from condor_mini.jobs import actions

        return actions.act(self, actions.HOLD, jobs, node=node, reason=reason).checked()

    def release_jobs(
        self, jobs: Sequence[int | str] | None, *, node: str | None = None
    ) -> builtins.list[ChangedJobs]:
        """Release held jobs; see ``remove_jobs``."""
        from condor_mini.jobs import actions

        return actions.act(self, actions.RELEASE, jobs, node=node).checked()

    # -- snapshots --------------------------------------------------------------------------------

    def save_snapshot(
        self,
        snapshot: str | PathLike[str],
        *,
        keys: bool = True,
        force: bool = False,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> Snapshot:
        """Save queues, history, accounting, keys and homes in one file, which only you can read.

        The nodes are stopped for it, and started again if they ran: jobs that run return to the
        queue, and run again. Faults in force end.

        Args:
            snapshot: Name of the snapshot, or path of its file: ``./queue.tar.gz``.
            keys: Save the keys too. Whoever has them can make tokens for the pool.
            force: Replace a snapshot that exists.
            timeout_s: Give up after so many seconds if the nodes do not do their work again. The
                snapshot is there nevertheless.
            progress: Receives the phases.

        Raises:
            AlreadyInUse: There is such a snapshot.
            UsageError: The pool is a personal one, or has joined another, or the file cannot be
                written there.
            PoolNotReady: A schedd does not answer, or a container was removed; says which.
            StateError: The file could not be written.
        """
        from condor_mini.snapshots import saving

        return saving.save(
            self,
            snapshot,
            progress,
            keys=keys,
            force=force,
            timeout_s=timeout_s,
            before_stop=lambda: self.faults.end_on(None),
        )

    def restore_snapshot(
        self,
        snapshot: str | PathLike[str],
        *,
        leave_out_running: bool = False,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """Replace queues, history, accounting and homes by those of a snapshot.

        Access points that are not in the snapshot keep theirs. The keys are replaced if the
        snapshot is of a pool of that name. Faults in force end.

        Args:
            snapshot: Name or path of the snapshot.
            leave_out_running: Remove the jobs that ran when the snapshot was made. Otherwise they
                run again.
            timeout_s: Give up after so many seconds, counted from when the nodes are stopped.
            progress: Receives the phases.

        Raises:
            NotFound: There is no such snapshot.
            StateError: The file is no snapshot, or is damaged. The pool is as it was.
            UsageError: The pool lacks a node that the snapshot has, or its HTCondor is older.
            PoolNotReady: A daemon is missing after ``timeout_s``, or a node has ended; says why.
        """
        from condor_mini.snapshots import restoring
        from condor_mini.snapshots.snapshot import Snapshot

        restoring.restore(
            self,
            Snapshot.open(snapshot),
            progress,
            leave_out_running=leave_out_running,
            timeout_s=timeout_s,
            before_stop=lambda: self.faults.end_on(None),
        )

    # -- ClassAds, status, logs -------------------------------------------------------------------

    def slot_ads(
        self, constraint: str | None = None, projection: Sequence[str] | None = None
    ) -> builtins.list[ClassAd]:
        """Return one ClassAd per slot.

        The ads are ``classad2.ClassAd`` objects where HTCondor's Python bindings are installed,
        else dicts.

        Args:
            constraint: ClassAd expression that must be true. None for all ads.
            projection: Names of the attributes to return. None for all.

        Raises:
            UsageError: The constraint is not a ClassAd expression.
            PoolNotReady: The collector does not answer.
        """
        from condor_mini.reports import classads

        return classads.slot_ads(self, constraint, projection)

    def job_ads(
        self,
        constraint: str | None = None,
        projection: Sequence[str] | None = None,
        *,
        history: bool = False,
    ) -> builtins.list[ClassAd]:
        """Return one ClassAd per job in the queues, or in the history; see ``slot_ads``."""
        from condor_mini.reports import classads

        return classads.job_ads(self, constraint, projection, history=history)

    def daemon_ads(
        self,
        kind: Kind,
        constraint: str | None = None,
        projection: Sequence[str] | None = None,
    ) -> builtins.list[ClassAd]:
        """Return one ClassAd per daemon of a kind: ``master``, ``schedd``, …; see ``slot_ads``."""
        from condor_mini.reports import classads

        return classads.ads(self, kind, constraint, projection)

    def status(self) -> PoolStatus:
        """Return nodes, daemons, slots, jobs by state, and whether the pool is ready now.

        Faults whose holder is gone, or whose time is over, are healed first.
        """
        from condor_mini.reports import status

        found = status.status(self)
        if found.faults and self.faults.heal_abandoned():
            found = status.status(self)
        slurm = self._slurm_if_used()
        return found if slurm is None else replace(found, slurm=tuple(slurm.status()))

    def logs(
        self,
        *,
        nodes: Sequence[str] | None = None,
        daemons: Sequence[str] | None = None,
        since: datetime | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> Iterator[LogLine]:
        """Yield what the daemons have written, in order of time.

        Args:
            nodes: Names of nodes, with or without the pool's name. None for all.
            daemons: Names of daemons (``schedd``). None for all.
            since: Only lines from then on; has a time zone.
            tail: Only so many of the last lines of each node.
            follow: Continue with each new line until no node runs any more.

        Raises:
            UsageError: There is no daemon of that name.
            NotFound: There is no node of that name.
        """
        from condor_mini.reports import logs

        read = logs.follow if follow else logs.lines
        return read(self, nodes=nodes, daemons=daemons, since=since, tail=tail)

    def export_logs(self, directory: str | PathLike[str]) -> builtins.list[str]:
        """Write what a bug report needs to a directory, with secrets redacted.

        Returns:
            One line for each thing that could not be had.

        Raises:
            UsageError: The directory has files that would be overwritten.
        """
        from condor_mini.reports import log_bundle

        return log_bundle.export(self.engine, self.existing_nodes(), Path(directory))

    def debug_levels(self, *, node: str | None = None) -> builtins.list[DebugLevel]:
        """Return the ``<SUBSYS>_DEBUG`` settings in force; raises what ``exec`` raises."""
        from condor_mini.lifecycle import debug_levels

        return debug_levels.levels(self.chosen_nodes(node))

    def set_debug_levels(
        self, levels: Mapping[str, str | None], *, node: str | None = None
    ) -> None:
        """Set what daemons write to their logs, from now on and after restarts.

        Args:
            levels: HTCondor's flags by daemon, ``{"schedd": "D_FULLDEBUG"}``; None resets one.
            node: Name of one node. None for all that run the daemon.

        Raises:
            UsageError: There is no such daemon or flag, or the node does not run that daemon.
            PoolNotReady: A node does not run.
        """
        from condor_mini.lifecycle import debug_levels

        debug_levels.set_levels(self.chosen_nodes(node), levels)

    def reset_debug_levels(self, *, node: str | None = None) -> None:
        """Reset all levels that were set; raises what ``set_debug_levels`` raises."""
        from condor_mini.lifecycle import debug_levels

        debug_levels.reset(self.chosen_nodes(node))

    @property
    def faults(self) -> Faults:
        """What breaks the pool on purpose, and undoes it."""
        from condor_mini.faults.faults import Faults

        return Faults(self)

    def run_scenario(
        self,
        scenario: Scenario | str | PathLike[str],
        *,
        seed: int | None = None,
        command: Sequence[str] = (),
        stdout: IO[str] | None = None,
        keep_jobs: bool = False,
        progress: Progress = _SILENT,
    ) -> ScenarioResult:
        """Run a scenario of faults beside jobs, and return what became of each of them.

        At its end, and if it is interrupted, its faults are undone, and the jobs that it has
        submitted are removed.

        Args:
            scenario: The scenario, or the path of its file.
            seed: What random faults are drawn by. None for the scenario's, else another one.
            command: A command of this machine that submits the jobs; the scenario is over when it
                has ended. Empty for the jobs of the scenario, or those that are in the queue.
            stdout: Where the command's standard output goes. None for ours.
            keep_jobs: Leave jobs of the scenario that have not completed in the queue, and what
                its jobs wrote in the access point.
            progress: Receives a note on each fault.

        Raises:
            ScenarioError: The file has mistakes; lists all of them.
            NotFound: There is no such file, node or command, or the queue has no jobs.
            EngineCapabilityError: A fault cannot be made on this engine. Nothing was done.
            JobFailed: condor_submit refused the jobs.
            PoolNotReady: The pool does not run, or a schedd does not answer at the end.
        """
        from condor_mini.chaos.run import run_scenario
        from condor_mini.chaos.scenario import Scenario

        given = scenario if isinstance(scenario, Scenario) else Scenario.read(scenario)
        return run_scenario(
            self,
            given,
            seed=seed,
            command=command,
            stdout=stdout,
            keep_jobs=keep_jobs,
            progress=progress,
        )

    @property
    def events(self) -> Events:
        """What produces the events of HTCondor's job event log."""
        from condor_mini.events.events import Events

        return Events(self)

    def record(self, directory: str | PathLike[str]) -> Recording:
        """Return what records the pool while a context lasts: ``with pool.record(DIR):``.

        Job events, changes in the ads of jobs and slots, lines of the daemons' logs, states of
        nodes and faults come into one timeline: ``Recording.timeline``.

        Args:
            directory: A new directory, or an empty one.
        """
        from condor_mini.records.recording import Recording

        return Recording(self, Path(directory))

    # -- access -----------------------------------------------------------------------------------

    @property
    def members(self) -> Members:
        """The pool's tokens, the requests for tokens, and the key that signs them."""
        from condor_mini.members.membership import Members

        return Members(self.existing_nodes)

    # -- from this machine ------------------------------------------------------------------------

    def client(self, access_point: str | None = None) -> Client:
        """Return HTCondor's Python objects for the pool: its collector and a schedd.

        The environment of the process, and its other uses of HTCondor, stay as they are. So pools
        can be used side by side.

        Args:
            access_point: Name of the access point. None for the first.

        Raises:
            NotFound: HTCondor's Python bindings are not installed (``pip install htcondor``), or
                there is no such access point.
            PoolNotReady: The pool does not run.
            EngineCapabilityError: This machine has no route to the nodes' addresses.
        """
        from condor_mini.client import bindings, files

        return bindings.client(files.client_files(self, access_point))

    def client_environment(
        self,
        access_point: str | None = None,
        *,
        directory: str | PathLike[str] | None = None,
        tools: bool = False,
        lifetime_s: int | None = None,
        progress: Progress = _SILENT,
    ) -> dict[str, str]:
        """Return the environment variables with which HTCondor's clients here use the pool.

        Add them to a subprocess's environment: ``{**os.environ, **pool.client_environment()}``.
        They name a configuration and a token for the ordinary user, which only this user can read.

        Args:
            access_point: Name of the access point to use by default. None for the first.
            directory: Directory to write the configuration and the token to. None for one below
                this user's state directory, which ``delete`` removes.
            tools: Also put HTCondor's own programs on ``PATH``. They are made once.
            lifetime_s: How long a new token is valid, in seconds. None for 30 days.
            progress: Receives the phases of making the programs.

        Raises:
            NotFound: There is no such access point.
            UsageError: The directory has another configuration.
            PoolNotReady: The pool does not run.
            EngineCapabilityError: This machine has no route to the nodes' addresses, or cannot run
                HTCondor's programs.
            StateError: The directory cannot be written.
        """
        from condor_mini.client import files

        return files.client_files(
            self,
            access_point,
            directory=None if directory is None else Path(directory),
            with_tools=tools,
            lifetime_s=files.LIFETIME_S if lifetime_s is None else lifetime_s,
            progress=progress,
        ).environment()
