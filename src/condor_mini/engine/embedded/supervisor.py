"""Starts the first process of a container, and ends all of its processes."""

from __future__ import annotations

import logging
import os
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.resources import as_file, files
from signal import Signals
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, NotFound, TimedOut
from condor_mini.base.waiting import wait_until
from condor_mini.engine.embedded import state
from condor_mini.engine.embedded.log import read_log
from condor_mini.engine.embedded.records import locked_folder, rewrite
from condor_mini.engine.protocol import QUICK_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.engine.embedded.cgroups import Cgroups
    from condor_mini.engine.embedded.containers import Containers
    from condor_mini.engine.embedded.records import Record

log = logging.getLogger(__name__)

START_TIMEOUT_S = 20.0
KILL_TIMEOUT_S = 10.0
START_ERRORS = "complaints"
"""The file in a container's directory with the errors of what starts its first process."""
LIMITS = ("cpus", "memory_mb", "pids")
"""The limits of a container, as its spec names them."""


class Supervisor:
    """The processes of all containers. It is no daemon: a shim keeps each container."""

    def __init__(self, containers: Containers, cgroups: Callable[[], Cgroups]) -> None:
        """Nothing is started yet.

        Args:
            containers: The containers to start and end.
            cgroups: Returns the control groups; called when they are first needed.
        """
        self._containers = containers
        self._find_cgroups = cgroups

    def start(self, record: Record) -> None:
        """Start a container, unless it runs."""
        with self._locked(record):
            if state.live_init(record) is None:
                self._containers.end(record)
                self._start(record)

    def _start(self, record: Record) -> None:
        state.reset(record)
        spec = record.facts["spec"]
        wanted = [limit for limit in LIMITS if spec[limit] is not None]
        by_cgroup = self._find_cgroups().limits.intersection(wanted) if wanted else frozenset()
        rewrite(record.path / state.STARTED, datetime.now(UTC).isoformat())
        try:
            self._launch(record, by_cgroup)
        except subprocess.SubprocessError:
            if not by_cgroup:
                raise
            # Most containers have a limit by default: they must run even where setting it fails.
            errors = (record.path / START_ERRORS).read_text("utf-8", "replace").strip()
            log.warning("%s has no control group of its own: %s", record.name, errors)
            self._launch(record, frozenset())

        def pending() -> str | None:
            if state.last_init(record) or state.has_ended(record):
                return None
            return f"{record.name} has not started"

        wait_until(pending, timeout_s=START_TIMEOUT_S, interval_s=0.002)
        if state.last_init(record) is None:
            output = read_log(record.path, tail=10, since=None, timestamps=False)
            raise CommandFailed(("start", record.name), 1, output)

    def _launch(self, record: Record, by_cgroup: frozenset[str]) -> None:
        tools = self._containers.sandbox.tools
        mark, start, environment = self._containers.start_command(record, by_cgroup=by_cgroup)
        with (
            as_file(files(__package__).joinpath("shim.sh")) as shim,
            (record.path / START_ERRORS).open("w") as errors,
        ):
            # A session of its own, and not our child: it outlives us, and nobody waits for it.
            in_shim = tools.argv("bash", str(shim), mark, *start)
            argv = tools.argv("setsid", "--fork", *in_shim)
            if by_cgroup:
                spec = record.facts["spec"]
                argv, environment = self._find_cgroups().scope_command(
                    spec, argv, environment, limits=by_cgroup
                )
            subprocess.run(
                argv,
                cwd=record.path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                check=True,
                timeout=QUICK_TIMEOUT_S,
            )

    def stop(self, records: Sequence[Record], *, timeout_s: float) -> None:
        """Ask containers to end, and kill what still runs after ``timeout_s``."""
        for record in records:
            if first := state.live_init(record):
                with suppress(ProcessLookupError):
                    os.kill(first.pid, Signals.SIGTERM)

        def left() -> str | None:
            return ", ".join(record.name for record in records if state.live_init(record)) or None

        with suppress(TimedOut):
            wait_until(left, timeout_s=timeout_s, interval_s=0.01)
        self.kill(records)

    def has_ended(self, record: Record) -> bool:
        """Return whether a container has ended; if it is ending, wait until its end is noted."""
        if state.is_ending(record):
            with suppress(TimedOut):
                wait_until(
                    lambda: f"{record.name} is ending" if state.is_ending(record) else None,
                    timeout_s=KILL_TIMEOUT_S,
                    interval_s=0.002,
                )
            return True
        return state.live_init(record) is None

    def kill(self, records: Sequence[Record]) -> None:
        """Kill whatever runs of containers, and wait until nothing does."""
        for record in records:
            with suppress(NotFound), self._locked(record):
                self._containers.end(record)

        def left() -> str | None:
            runs = [each.name for each in records if state.live_init(each) or state.shim(each)]
            return f"{', '.join(runs)} cannot be killed" if runs else None

        wait_until(left, timeout_s=KILL_TIMEOUT_S, interval_s=0.005)
        for record in records:
            # A shim that was killed too has noted nothing, and `changes` looks at the directory.
            with suppress(OSError):
                os.utime(record.path)

    @contextmanager
    def _locked(self, record: Record) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(locked_folder(record.path))
            except FileNotFoundError:
                raise NotFound(f"There is no container {record.name}.") from None
            yield
