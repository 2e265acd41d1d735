"""The personal pool: all of HTCondor in one container, for one user, as long as a shell is open."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini import images
from condor_mini.caller import HOME, Caller, certificate_authorities
from condor_mini.engine import BindMount, ContainerSpec, ContainerState
from condor_mini.errors import (
    AlreadyInUse,
    CondorMiniError,
    EngineCapabilityError,
    PoolNotReady,
    UsageError,
)
from condor_mini.readiness import wait_until
from condor_mini.series import catalogue
from condor_mini.state import StateDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.engine import CommandResult, ContainerInfo, Engine
    from condor_mini.progress import Progress
    from condor_mini.series import Series

LABEL = "io.condor-mini"
STATE = "/condor_state"
"""The state directory in the container."""
WORK = f"{HOME}/work"
"""The caller's directory in the container."""
HEALTH = "/usr/local/libexec/condor-mini/health"
CERTIFICATES = "/run/condor-mini/ca-certificates.crt"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOG_TAIL_LINES = 15


@dataclass(frozen=True, kw_only=True)
class PersonalSpec:
    """What is asked for."""

    state: Path = Path("condor_state")
    workdir: Path = Path()
    """The directory of the host that commands run in."""
    name: str | None = None
    """None for one that follows from the state directory."""
    series: str | None = None
    cpus: int | None = None
    """What the slot advertises, in cores; None for the machine's."""
    memory_mb: int | None = None
    """What the slot advertises, in MiB; None for the machine's."""


@dataclass(frozen=True, kw_only=True)
class PersonalPool:
    """A running personal pool. ``open`` gives one."""

    engine: Engine
    name: str
    container: str

    @classmethod
    @contextmanager
    def open(
        cls, engine: Engine, spec: PersonalSpec, progress: Progress, *, keep: bool = False
    ) -> Iterator[PersonalPool]:
        """The pool on this state directory: the one that runs there, or a new one.

        It ends with the context, unless ``keep`` or somebody else is still in it.

        Raises:
            PoolNotReady: A daemon is missing at the deadline; says which, and shows its log.
            AlreadyInUse: The name is another pool's.
            UsageError: The pool that runs there is not the one that is asked for.
            StateError: The state directory cannot be used.
            EngineCapabilityError: The engine is on another machine.
        """
        series = catalogue().get(spec.series)
        if not engine.info().same_host:
            raise EngineCapabilityError(
                f"the engine at {engine.info().endpoint} is on another machine, where the state "
                "directory cannot be mounted",
                hint="Use an engine of this machine: --engine, or unset DOCKER_HOST.",
            )
        image = images.ensure(engine, "mini", series, progress)
        state = StateDirectory(spec.state)
        with state.session() as session:
            try:
                with state.starting(), progress.step("Started HTCondor"):
                    pool = _running(engine, spec, series, state) or _start(
                        engine, spec, series, state, image
                    )
                yield pool
            finally:
                if not keep and session.is_last():
                    _end(engine, state)
                elif not keep:
                    progress.note("Others are still in this pool; it ends with the last of them.")

    def run(self, argv: Sequence[str], *, workdir: str = WORK) -> int:
        """Run a command in the pool on our own stdin, stdout and stderr; its status."""
        return self.engine.attach(self.container, argv, workdir=workdir)

    def shell(self) -> int:
        """A bash prompt in the pool, until the user leaves it; its status."""
        return self.engine.attach(self.container, ["bash"], workdir=HOME)

    def exec(self, argv: Sequence[str], *, workdir: str = WORK) -> CommandResult:
        """Run a command in the pool to its end, whatever its status, and return what it wrote."""
        return self.engine.exec(self.container, argv, workdir=workdir)


def _start(
    engine: Engine, spec: PersonalSpec, series: Series, state: StateDirectory, image: str
) -> PersonalPool:
    """Make the container, give it what it needs, start it, and wait until the pool is usable."""
    caller = Caller.current()
    name = spec.name or _default_name(state.path)
    _end(engine, state)  # what a crash or a reboot has left
    directories = {STATE: state.path, WORK: spec.workdir.absolute()}
    with caller.mounts(directories) as mounts:
        container = engine.create(_container(spec, series, state, image, name, caller, mounts))
        try:
            engine.copy_in(container, _archive(engine, container, caller))
            engine.start(container)
            _wait_until_usable(engine, container, state.path)
        except BaseException:
            engine.remove(container)
            raise
    return PersonalPool(engine=engine, name=name, container=container)


def _container(
    spec: PersonalSpec,
    series: Series,
    state: StateDirectory,
    image: str,
    name: str,
    caller: Caller,
    mounts: tuple[BindMount, ...],
) -> ContainerSpec:
    environment = {}
    if spec.cpus is not None:
        environment["NUM_CPUS"] = str(spec.cpus)
    if spec.memory_mb is not None:
        environment["MEMORY"] = str(spec.memory_mb)
    if certificate_authorities() is not None:
        for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
            environment[variable] = CERTIFICATES
    return ContainerSpec(
        image=image,
        name=name,
        # A name of its own, and the same at every start: HTCondor stores it in the queue.
        hostname=name,
        user=caller.user,
        environment=environment,
        labels={
            f"{LABEL}.pool": name,
            f"{LABEL}.role": "mini",
            f"{LABEL}.series": series.number,
            f"{LABEL}.state": str(state.path),
            f"{LABEL}.workdir": str(spec.workdir.absolute()),
        },
        mounts=mounts,
        cap_drop=("ALL",),
        no_new_privileges=True,
    )


def _archive(engine: Engine, container: str, caller: Caller) -> bytes:
    """The files that the container gets before its start."""
    contents = {}
    if not caller.is_known_to_image:
        passwd, group = (engine.copy_out(container, f"/etc/{file}") for file in ("passwd", "group"))
        contents.update(caller.account_files(passwd, group))
    if (bundle := certificate_authorities()) is not None:
        contents[CERTIFICATES] = bundle
    return caller.archive(contents)


def _running(
    engine: Engine, spec: PersonalSpec, series: Series, state: StateDirectory
) -> PersonalPool | None:
    """The pool that runs on this state directory, if one does and it is the one asked for."""
    running = [info for info in _on(engine, state) if info.state is ContainerState.RUNNING]
    if not running:
        return None
    info = running[0]
    name = info.labels[f"{LABEL}.pool"]
    ours = {
        "name": (name, spec.name or name),
        "HTCondor series": (info.labels[f"{LABEL}.series"], series.number if spec.series else None),
        "working directory": (info.labels[f"{LABEL}.workdir"], str(spec.workdir.absolute())),
    }
    for what, (theirs, wanted) in ours.items():
        if wanted is not None and theirs != wanted:
            raise AlreadyInUse(
                f"the pool {name!r} runs on {state.path}, and its {what} is {theirs}, not {wanted}",
                hint="End that pool (leave its shell), or use another state directory: --state DIR",
            )
    return PersonalPool(engine=engine, name=name, container=info.id)


def _on(engine: Engine, state: StateDirectory) -> list[ContainerInfo]:
    return engine.containers({f"{LABEL}.role": "mini", f"{LABEL}.state": str(state.path)})


def _end(engine: Engine, state: StateDirectory) -> None:
    """Stop and remove whatever container of ours is on this state directory."""
    for info in _on(engine, state):
        if info.state is ContainerState.RUNNING:
            engine.stop(info.id, timeout_s=STOP_TIMEOUT_S)
        engine.remove(info.id)


def _wait_until_usable(engine: Engine, container: str, state: Path) -> None:
    """Wait for the daemons and their ads; notices at once when the container ends."""

    def missing() -> str | None:
        info = engine.inspect(container)
        if info is None or info.state is not ContainerState.RUNNING:
            status = None if info is None else info.exit_code
            said = engine.logs(container, tail=LOG_TAIL_LINES).strip() if info else ""
            raise _ended(status, said)
        result = engine.exec(container, [HEALTH, "--wait", "5"])
        return None if result.returncode == 0 else (result.stdout + result.stderr).strip()

    try:
        wait_until(missing, timeout_s=READY_TIMEOUT_S)
    except PoolNotReady as late:
        said = engine.logs(container, tail=LOG_TAIL_LINES).strip()
        raise PoolNotReady(f"{late.message}\n{said}", hint=f"All logs: {state / 'log'}") from None


def _ended(status: int | None, said: str) -> CondorMiniError:
    if status == AlreadyInUse.exit_code:
        return AlreadyInUse(said)
    if status == UsageError.exit_code:
        return UsageError(said)
    return PoolNotReady(f"HTCondor ended with {status} while it was starting:\n{said}")


def _default_name(state: Path) -> str:
    """The same for the same state directory, another one for another."""
    return f"mini-{hashlib.sha256(str(state).encode()).hexdigest()[:6]}"
