"""The pool, as a program holds it in its hand; the command line is a thin layer over it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import (
    UsageError,
)
from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.engines import reached
from condor_mini.nodes.holdings import pool_names
from condor_mini.nodes.pool_nodes import PoolNodes

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from os import PathLike
    from types import TracebackType

    from condor_mini.engine import Engine
    from condor_mini.jobs.tracking import Submission
    from condor_mini.lifecycle.debug_levels import DebugLevel
    from condor_mini.members.membership import Members
    from condor_mini.reports.classads import ClassAd, Kind
    from condor_mini.reports.logs import LogLine
    from condor_mini.reports.status import PoolStatus
    from condor_mini.spec import PoolSpec

READY_TIMEOUT_S = 120.0
GRACE_S = 600.0

_SILENT = Progress()


class Pool(PoolNodes):
    """A pool that exists. Its only record is what the engine holds: nothing is remembered here.

    As a context manager it is deleted at the end of the context. If an exception leaves the
    context, the pool's logs are saved first, and a note on the exception says where.
    """

    # -- making and finding one -------------------------------------------------------------------

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
        progress: Progress = _SILENT,
    ) -> Self:
        """Make a pool and wait until it is usable: all daemons and slots there, a probe job run.

        Args:
            name: Its name; None for the spec's, else ``mini``.
            execution_points: How many; None for the spec's, else 1.
            access_points: How many; None for the spec's, else 1.
            series: HTCondor ``25`` or ``23``; None for the spec's, else 25.
            execute_image: An image of your own that execution points are containers of, unchanged;
                None for the spec's, else ours.
            spec: All else that a pool can be told, or the path of a pool file.
            engine: The container engine, or its name; None for the one that answers.
            timeout_s: How long it may take once the images are there, in seconds.
            keep: Leave what was made when something fails.
            if_not_exists: A pool of that name that is there will do; it is started if it is
                stopped, and made anew if its containers were removed.
            progress: Told of the phases; silent by default.

        Raises:
            AlreadyInUse: There is a pool of that name, or what one knew whose containers are gone;
                or something else has a name or port of it.
            PoolNotReady: A daemon is missing at the deadline, or a node has ended; says why.
            PoolFileError: The pool file is no good; says everything that is wrong with it.
            EngineError: No engine answers, or it cannot do what is asked for.
        """
        from condor_mini.lifecycle import creation, reuse

        asked = creation.requested(spec).with_overrides(
            name=name,
            execution_points=execution_points,
            access_points=access_points,
            series=series,
            execute_image=execute_image,
        )
        pool = cls(reached(engine), asked.name)
        make = reuse.create_or_start if if_not_exists else creation.create
        make(pool.engine, asked, progress, timeout_s=timeout_s, keep=keep)
        return pool

    @classmethod
    def open(cls, name: str = "mini", *, engine: Engine | str | None = None) -> Self:
        """The pool of that name, running or not; also one of which only its state is left.

        Raises:
            NotFound: There is none; says which there are.
            EngineNotFound: No engine answers.
        """
        pool = cls(reached(engine), name)
        if not pool.nodes and not pool._is_state_kept():
            pool._some_nodes()
        return pool

    @classmethod
    def list(cls, *, engine: Engine | str | None = None) -> builtins.list[Self]:
        """All pools of the engine, by name; also what is left of half-deleted ones.

        That may be volumes alone, of a pool whose containers and network somebody has removed.
        """
        where = reached(engine)
        return [cls(where, name) for name in pool_names(where)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with held_back():
            if error is not None:
                from condor_mini.reports.log_bundle import save_for

                save_for(error, self.engine, self.name)
            self.delete()

    def delete(self) -> bool:
        """Remove all of it, with its queue; whether there was anything. Absent is a success."""
        from condor_mini.lifecycle import removal

        return removal.remove(self.engine, self.name)

    # -- its jobs ---------------------------------------------------------------------------------

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
        """Submit jobs as the ordinary user.

        Args:
            job: The path of a submit file of this machine, whose directory goes along and gets the
                outputs back (``Submission.fetch``); or submit commands, as ``htcondor2.Submit``
                takes them: ``{"executable": "/bin/true"}``.
            count: How many jobs; a submit file says so itself.
            node: The access point; None for the first.
            arguments: condor_submit's own, for a submit file: ``-append``, ``X=1``.
            follow_links: Also copy what symbolic links lead to outside the submit file's directory.
            progress: Told of what does not go along.

        Raises:
            NotFound: There is no such file or access point.
            UsageError: The directory is too large, or the submit file names what is not in it.
            JobFailed: condor_submit refused it; its own words and status.
        """
        from collections.abc import Mapping

        from condor_mini.jobs import submit

        if isinstance(job, Mapping):
            return submit.submit_description(self, job, count=count, node=node)
        return submit.submit_file(
            self,
            Path(job),
            node=node,
            arguments=arguments,
            follow_links=follow_links,
            progress=progress,
        )

    def wait(self, clusters: Sequence[int] = (), *, timeout_s: float = float("inf")) -> int:
        """Wait until these clusters have ended, or all queues are empty; 0, or a job's status.

        Raises:
            NotFound: There is no such cluster.
            JobFailed: A job was put on hold, or was removed; says why.
            PoolNotReady: ``timeout_s`` has passed.
        """
        from condor_mini.jobs import submit

        return submit.wait_for_all(self, clusters, timeout_s=timeout_s)

    # -- what it says of itself -------------------------------------------------------------------

    def slot_ads(
        self, constraint: str | None = None, projection: Sequence[str] | None = None
    ) -> builtins.list[ClassAd]:
        """One ClassAd per slot; ``classad2`` objects where the bindings are installed, else dicts.

        Args:
            constraint: A ClassAd expression that must hold; None for all.
            projection: The attributes that are wanted; None for all.

        Raises:
            UsageError: The constraint is no ClassAd expression.
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
        """One ClassAd per job in the queues, or of those that have left them; see ``slot_ads``."""
        from condor_mini.reports import classads

        return classads.job_ads(self, constraint, projection, history=history)

    def daemon_ads(
        self,
        kind: Kind,
        constraint: str | None = None,
        projection: Sequence[str] | None = None,
    ) -> builtins.list[ClassAd]:
        """One ClassAd per daemon of that kind: ``master``, ``schedd``, …; see ``slot_ads``."""
        from condor_mini.reports import classads

        return classads.ads(self, kind, constraint, projection)

    def status(self) -> PoolStatus:
        """Nodes, daemons, slots and jobs by state, and whether it is usable; never waits for it."""
        from condor_mini.reports import status

        return status.status(self)

    def logs(
        self,
        *,
        nodes: Sequence[str] | None = None,
        daemons: Sequence[str] | None = None,
        since: datetime | None = None,
        tail: int | None = None,
        follow: bool = False,
    ) -> Iterator[LogLine]:
        """What the daemons have written, in order of time.

        Args:
            nodes: Only of these, with or without the pool's name; None for all.
            daemons: Only of these (``schedd``); None for all.
            since: Only from then on; it has a time zone.
            tail: Of each node only so many of the last lines.
            follow: Go on with each new line, until no node runs any more.

        Raises:
            UsageError: There is no daemon of that name.
            NotFound: There is no node of that name.
        """
        from condor_mini.reports import logs

        read = logs.follow if follow else logs.lines
        return read(self, nodes=nodes, daemons=daemons, since=since, tail=tail)

    def debug_levels(self, *, node: str | None = None) -> builtins.list[DebugLevel]:
        """The daemons whose ``<SUBSYS>_DEBUG`` was set, of a node or of all; raises as ``exec``."""
        from condor_mini.lifecycle import debug_levels

        return debug_levels.levels(self._chosen(node))

    def set_debug_levels(
        self, levels: Mapping[str, str | None], *, node: str | None = None
    ) -> None:
        """Have daemons write more, or less, into their logs, from now on and after restarts.

        Args:
            levels: HTCondor's flags by daemon, ``{"schedd": "D_FULLDEBUG"}``; None takes them away.
            node: On this node alone; None for all that run the daemon.

        Raises:
            UsageError: There is no such daemon or flag, or the node does not run that daemon.
            PoolNotReady: A node does not run.
        """
        from condor_mini.lifecycle import debug_levels

        debug_levels.set_levels(self._chosen(node), levels)

    def reset_debug_levels(self, *, node: str | None = None) -> None:
        """Take all levels away that were set; raises as ``set_debug_levels``."""
        from condor_mini.lifecycle import debug_levels

        debug_levels.reset(self._chosen(node))

    def export_logs(self, directory: str | PathLike[str]) -> builtins.list[str]:
        """Collect what a bug report needs, secrets redacted; a line for what could not be had.

        Raises:
            UsageError: The directory has files that would be overwritten.
        """
        from condor_mini.reports import log_bundle

        return log_bundle.export(self.engine, self._some_nodes(), Path(directory))

    # -- who is let in ----------------------------------------------------------------------------

    @property
    def members(self) -> Members:
        """Its tokens, the requests for tokens, and the key that signs them."""
        from condor_mini.members.membership import Members

        return Members(self._some_nodes)

    # -- its life ---------------------------------------------------------------------------------

    def stop(self, *, node: str | None = None, progress: Progress = _SILENT) -> None:
        """End its nodes, or one of them, gracefully; the queue and what has run is kept."""
        from condor_mini.lifecycle import stop_and_start

        stop_and_start.stop(self.engine, self._chosen(node), progress)

    def start(
        self,
        *,
        node: str | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """Start what is stopped, and wait until the pool is usable.

        A node whose container was removed is made anew, with its state, its name and a new token.

        Raises:
            PoolNotReady: A daemon is missing after ``timeout_s``, or a node has ended; says why.
        """
        from condor_mini.lifecycle import recreate, stop_and_start

        recreate.remake_lost(self.engine, self.name, progress, only=node, timeout_s=timeout_s)
        nodes = self._chosen(node)
        stop_and_start.start(self.engine, self.name, nodes, progress, timeout_s=timeout_s)

    def restart(
        self,
        *,
        node: str | None = None,
        series: str | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """``stop`` and ``start``: jobs that are in the queue stay in it.

        Args:
            node: This one alone; None for all.
            series: All containers are made anew with HTCondor of that series, the same or a newer
                one than before. Queue, job ids, history, accounting, key and homes stay.
            timeout_s: How long the start may take, in seconds.
            progress: Told of the phases.

        Raises:
            UsageError: The series is older than the pool's, or one node alone was to have it.
            PoolNotReady: A daemon is missing after ``timeout_s``, or a node has ended; says why.
        """
        from condor_mini.lifecycle import recreate

        if series is not None:
            if node is not None:
                raise UsageError("HTCondor is upgraded on all nodes of a pool: leave --node out")
            self._some_nodes()
            recreate.renew(self.engine, self.name, series, progress, timeout_s=timeout_s)
        else:
            self._some_nodes()
            recreate.check_startable(self.engine, self.name)
            self.stop(node=node, progress=progress)
        self.start(node=node, timeout_s=timeout_s, progress=progress)

    def scale(
        self,
        execution_points: int,
        *,
        group: str | None = None,
        grace_s: float = GRACE_S,
        timeout_s: float = READY_TIMEOUT_S,
        progress: Progress = _SILENT,
    ) -> None:
        """Have so many execution points from now on.

        Args:
            execution_points: How many.
            group: Of which group of the pool file; None for the only one.
            grace_s: How long jobs on those that go may run on, in seconds; then they are put back
                into the queue.
            timeout_s: How long new ones may take, in seconds.
            progress: Told of the phases.

        Raises:
            UsageError: None would be left, or there is no such group.
            PoolNotReady: The pool does not run, or a new slot is missing at the deadline.
        """
        from condor_mini.lifecycle import scale

        self._some_nodes()
        scale.scale(
            self.engine,
            self.name,
            execution_points,
            progress,
            group=group,
            grace_s=grace_s,
            timeout_s=timeout_s,
        )
