"""The personal pool: HTCondor in one container, for one user, for as long as a session lasts."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    CondorMiniError,
    EngineCapabilityError,
    NotFound,
    PoolNotReady,
    StateError,
    TimedOut,
    UsageError,
)
from condor_mini.base.layout import HEALTH
from condor_mini.base.series import catalogue
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.engine import (
    QUICK_TIMEOUT_S,
    BindMount,
    ContainerSpec,
    ContainerState,
)
from condor_mini.nodes import custom_image, forwarding
from condor_mini.nodes.custom_image_files import more_contents
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.login import at_login
from condor_mini.nodes.node import node_of
from condor_mini.nodes.personal_labels import PERSONAL_STATE as STATE
from condor_mini.nodes.personal_labels import STATE_DIRECTORY
from condor_mini.personal import ports
from condor_mini.personal.caller import Caller
from condor_mini.personal.checks import (
    check_name,
    check_path,
    check_same,
    check_startable,
    name_taken,
    pool_name,
)
from condor_mini.personal.container import (
    WORK,
    container_spec,
    files_archive,
    image_and_mounts,
    network_files,
    notebook_files,
    with_host_files,
)
from condor_mini.personal.state_directory import StateDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import CommandResult, ContainerInfo, Engine
    from condor_mini.nodes.node import Node
    from condor_mini.personal.spec import PersonalSpec

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOG_TAIL_LINES = 15
KILLED = 137
"""A shell's status for SIGKILL. A command whose container ends has this status."""


@dataclass(frozen=True, kw_only=True)
class PersonalPool:
    """A running personal pool. ``open`` starts or finds one."""

    engine: Engine
    name: str
    container: str
    state: StateDirectory
    command_prefix: tuple[str, ...] = ()
    """The prefix of each command: ``Caller.user_namespace_prefix``."""

    @classmethod
    @contextmanager
    def open(
        cls, engine: Engine, spec: PersonalSpec, progress: Progress, *, keep: bool = False
    ) -> Iterator[PersonalPool]:
        """Yield the pool on a state directory: the one that runs there, or a new one.

        The pool ends with the context, unless ``keep`` is set or another session uses the pool.

        Args:
            engine: Engine to run the pool on.
            spec: Options of the pool.
            progress: Receives the phases.
            keep: Leave the pool running at the end of the context.

        Raises:
            PoolNotReady: A daemon is missing after ``READY_TIMEOUT_S``. The message says which, and
                has the end of the log.
            AlreadyInUse: Another pool has the name, or the pool that runs on the state directory
                has other options.
            UsageError: The name of a directory is not UTF-8, or an option is not valid.
            StateError: The state directory cannot be used.
            EngineCapabilityError: The engine is on another machine.
            NotFound: The pool is to have a notebook, and JupyterLab is not installed.
        """
        spec = with_host_files(engine, spec, progress)
        series = catalogue().get(spec.series)
        check_path(spec.state)
        check_path(spec.workdir)
        with StateDirectory(spec.state, shown=spec.workdir.absolute()) as state:
            # What is refused is refused before an image is built or a runtime downloaded. The
            # embedded engine needs its runtime for its own description.
            if _running(engine, spec, series, state) is None:
                check_startable(engine, spec, series, state)
            if not engine.info().same_host:
                raise EngineCapabilityError(
                    f"the engine at {engine.info().endpoint} is on another machine, where the "
                    "state directory cannot be mounted",
                    hint="Use an engine on this machine: unset DOCKER_HOST and CONTAINER_HOST, or "
                    "choose one with --engine.",
                )
            image, beside = image_and_mounts(engine, spec, series, progress)
            with state.session() as session:
                joined = False
                try:
                    with state.starting():
                        pool = _running(engine, spec, series, state)
                        joined = True
                        if pool is None:
                            with progress.step("Starting HTCondor", done="Started HTCondor"):
                                pool = _start(engine, spec, series, state, image, beside)
                        else:
                            progress.note(f"The pool {pool.name} is already running")
                    yield pool
                finally:
                    with held_back():
                        if keep or not joined:
                            pass
                        elif session.is_last():
                            _end(engine, state)
                        else:
                            progress.note(
                                "Other sessions use this pool: it ends with the last of them"
                            )

    @property
    def node(self) -> Node:
        """The pool's only node.

        Raises:
            PoolNotReady: The pool was removed.
        """
        info = self.engine.inspect(self.container)
        if info is None:
            raise self.ended()
        return node_of(self.engine, info)

    def run(self, argv: Sequence[str], *, workdir: str = WORK) -> int:
        """Run a command in the pool on our own stdin, stdout and stderr, and return its status.

        As in a shell, status 127 means that the command does not exist, and 126 that it cannot be
        run.

        Raises:
            PoolNotReady: The pool ended while the command ran.
        """
        # Through bash, because engines differ in the status of a command that does not exist, and
        # in where they write the message; Docker 20 writes it to stdout.
        return self._attach(["bash", "-c", 'exec "$@"', "condor-mini", *argv], workdir)

    def shell(self) -> int:
        """Run a bash prompt in the caller's directory until the user leaves it; return its status.

        Raises:
            PoolNotReady: The pool ended while the prompt was open.
        """
        return self._attach(["bash"], WORK)

    def exec(
        self, argv: Sequence[str], *, workdir: str = WORK, timeout_s: float = QUICK_TIMEOUT_S
    ) -> CommandResult:
        """Run a command in the pool to its end, and return its output and status.

        Raises:
            PoolNotReady: The pool has ended.
            CommandFailed: The command did not end within ``timeout_s``.
        """
        try:
            argv = [*self.command_prefix, *at_login(argv, workdir)]
            return self.engine.exec(self.container, argv, workdir="/", timeout_s=timeout_s)
        except NotFound:
            raise self.ended() from None

    def _attach(self, argv: Sequence[str], workdir: str) -> int:
        try:
            argv = [*self.command_prefix, *at_login(argv, workdir)]
            status = self.engine.attach(self.container, argv, workdir="/")
        except NotFound:
            raise self.ended() from None
        # The end of the container kills the command, and must not be taken for the command's own
        # status.
        if status != 0 and self.is_gone(within_s=1.0 if status == KILLED else 0.0):
            raise self.ended()
        return status

    def is_gone(self, *, within_s: float) -> bool:
        """Return whether the container ends within this time.

        An engine reports the end of a container after the ends of its commands.
        """

        def running() -> str | None:
            is_running = _is_running(self.engine.inspect(self.container))
            return "the container is running" if is_running else None

        try:
            wait_until(running, timeout_s=within_s)
        except TimedOut:
            return False
        return True

    def ended(self) -> PoolNotReady:
        """Return the error that says how the pool ended while it was in use."""
        removed = PoolNotReady(f"the pool {self.name} was removed while it was in use")
        info = self.engine.inspect(self.container)
        if info is None:
            return removed
        try:
            log = self.engine.logs(self.container, tail=LOG_TAIL_LINES).strip()
        except NotFound:  # it has ended, and is removed by now
            return removed
        return PoolNotReady(
            f"the pool {self.name} ended with {info.exit_code} while it was in use; "
            f"the end of its log:\n{log}",
            hint=_where_logs_are(Path(info.labels[STATE_DIRECTORY])),
        )


def _start(
    engine: Engine,
    spec: PersonalSpec,
    series: Series,
    state: StateDirectory,
    image: str,
    beside: tuple[BindMount, ...],
) -> PersonalPool:
    """Create the container, add its files, start it, and wait until the pool is usable."""
    info = engine.info()
    caller = Caller.current(info)
    name = pool_name(spec, state)
    check_name(engine, name, state.path)
    directories = {STATE: state.path, WORK: spec.workdir.absolute()}
    state.check_links()
    try:
        with held_back():
            _end(engine, state)  # a container that a crash or a reboot left
            port = forwarding.first_port(spec.reachable, engine, info, name=name)
            notebook = ports.notebook_port(spec, name)
            published = ports.published(spec, info, port, notebook)
            with caller.mounts(directories) as mounts:
                mounts = (*mounts, *beside)
                wanted = container_spec(
                    spec, series, state, image, name, caller, mounts, port, notebook, published
                )
                if beside:
                    wanted = custom_image.container_of(wanted, image, role="mini")
                container = _create(engine, wanted)
                own = bool(beside)
                more = more_contents(engine, container, role="mini", own_image=own)
                more |= network_files(spec, info, name, port) | notebook_files(engine, spec)
                engine.copy_in(container, files_archive(engine, container, caller, more))
                engine.start(container)
        _wait_until_ready(engine, container, caller, state.path)
    except BaseException:
        with held_back():
            for left in _on(engine, state):
                engine.remove(left.id)
        raise
    prefix = caller.user_namespace_prefix
    return PersonalPool(
        engine=engine, name=name, container=container, state=state, command_prefix=prefix
    )


def _create(engine: Engine, container: ContainerSpec) -> str:
    try:
        return engine.create(container)
    except AlreadyInUse:
        existing = engine.inspect(container.name)
        if existing is None:
            raise
        raise name_taken(engine, existing) from None


def _running(
    engine: Engine, spec: PersonalSpec, series: Series, state: StateDirectory
) -> PersonalPool | None:
    """Return the pool that runs on this state directory, or None if none does.

    Raises:
        AlreadyInUse: The pool that runs there differs from ``spec``.
    """
    running = [info for info in _on(engine, state) if _is_running(info)]
    if not running:
        return None
    node = node_of(engine, running[0])
    check_same(node, spec, series, state)
    prefix = Caller.current(engine.info()).user_namespace_prefix
    return PersonalPool(
        engine=engine,
        name=node.pool,
        container=node.info.id,
        state=state,
        command_prefix=prefix,
    )


def _on(engine: Engine, state: StateDirectory) -> list[ContainerInfo]:
    return [node.info for node in _nodes_on(engine, state)]


def _nodes_on(engine: Engine, state: StateDirectory) -> list[Node]:
    here = str(state.path)
    return [node for node in Holdings(engine).nodes if node.state_directory == here]


def _end(engine: Engine, state: StateDirectory) -> None:
    """Stop and remove all personal pools on this state directory."""
    for node in _nodes_on(engine, state):
        if _is_running(node.info):
            engine.stop(node.info.id, timeout_s=STOP_TIMEOUT_S)
        engine.remove(node.info.id)
        # Its only volumes record faults, which have ended with it.
        engine.remove_volume(*(volume.name for volume in Holdings(engine, node.pool).volumes))


def _wait_until_ready(engine: Engine, container: str, caller: Caller, state: Path) -> None:
    """Wait for the daemons and their ads; raise at once if the container ends."""

    def missing() -> str | None:
        try:
            result = engine.exec(container, [*caller.user_namespace_prefix, HEALTH, "--wait", "5"])
        except NotFound:
            raise _ended_at_start(engine, container, state) from None
        return None if result.returncode == 0 else (result.stdout + result.stderr).strip()

    try:
        wait_until(missing, timeout_s=READY_TIMEOUT_S)
    except TimedOut as late:
        log = engine.logs(container, tail=LOG_TAIL_LINES).strip()
        raise PoolNotReady(f"{late.message}\n{log}", hint=_where_logs_are(state)) from None


def _ended_at_start(engine: Engine, container: str, state: Path) -> CondorMiniError:
    """Return the error for a container that ended at its start.

    The entrypoint ends with the exit codes of our errors.
    """
    info = engine.inspect(container)
    if info is None:
        return PoolNotReady("the pool was removed while it was starting")
    message = engine.logs(container, tail=LOG_TAIL_LINES).strip().removeprefix("condor-mini: ")
    match info.exit_code:
        case AlreadyInUse.exit_code:
            return AlreadyInUse(
                f"the state directory {state} is in use by another pool, which `condor-mini run` "
                "did not start",
                hint="End that pool, or use another state directory: --state DIR",
            )
        case UsageError.exit_code:
            return UsageError(message)
        case StateError.exit_code:
            return StateError(f"the state directory {state} cannot be used:\n{message}")
    return PoolNotReady(
        f"HTCondor ended with {info.exit_code} while it was starting:\n{message}",
        hint=_where_logs_are(state),
    )


def _is_running(info: ContainerInfo | None) -> bool:
    return info is not None and info.state is ContainerState.RUNNING


def _where_logs_are(state: Path) -> str:
    return f"All logs: {state / 'log'}"
