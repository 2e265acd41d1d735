"""An engine in memory, for tests: the same contract, no containers, no waiting.

Its containers understand the few commands of ``fake_shell``; a test adds its own with ``on_exec``,
makes the next call of a method fail with ``fail_next``, and reads what was asked from ``calls``.
"""

from __future__ import annotations

import io
import shlex
import sys
import tarfile
import threading
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.engine.fake_shell import (
    FakeCall,
    FakeExec,
    FakeFile,
    FakeOutcome,
    FakeWorld,
    interpret,
    unknown,
)
from condor_mini.engine.protocol import (
    QUICK_TIMEOUT_S,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    Engine,
    EngineInfo,
    ImageInfo,
)
from condor_mini.errors import AlreadyInUse, CommandFailed, ImageBuildFailed, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_KILLED = 137

_INFO = EngineInfo(
    name="fake",
    version="1.0",
    endpoint="fake://",
    rootless=False,
    same_host=True,
    cpus=4,
    memory_mb=8192,
    architecture="x86_64",
)


@dataclass(kw_only=True)
class _Container:
    id: str
    spec: ContainerSpec
    number: int
    state: ContainerState = ContainerState.CREATED
    exit_code: int | None = None
    health: str | None = None
    log: list[str] = field(default_factory=list)
    files: dict[str, FakeFile] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Network:
    labels: Mapping[str, str]
    subnet: str


class FakeEngine(Engine):
    """An engine whose containers are records. May be used from many threads."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.calls: list[FakeCall] = []
        self.builds: list[BuildSpec] = []
        self.registry: dict[str, ImageInfo] = {}
        """What ``pull`` finds."""
        self._images: dict[str, ImageInfo] = {}
        self._networks: dict[str, _Network] = {}
        self._containers: dict[str, _Container] = {}
        self._handlers: list[tuple[tuple[str, ...], Callable[[FakeExec], FakeOutcome]]] = []
        self._failures: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._count = 0
        self._lock = threading.RLock()

    # -- what a test says and asks ----------------------------------------------------------------

    def on_exec(
        self, argv_prefix: Sequence[str], handler: Callable[[FakeExec], FakeOutcome]
    ) -> None:
        """Let ``handler`` answer every command that begins so; the one added last goes first."""
        self._handlers.insert(0, (tuple(argv_prefix), handler))

    def fail_next(self, method: str, error: Exception) -> None:
        """Make the next call of that method raise; said twice, the next two."""
        self._failures[method].append(error)

    def add_image(self, reference: str, *, labels: Mapping[str, str] | None = None) -> None:
        """Let the engine hold an image, as if it had been built before."""
        with self._lock:
            self._images[reference] = ImageInfo(
                id=f"sha256:{self._next():064x}", size_bytes=1000, labels=dict(labels or {})
            )

    def set_health(self, container: str, health: str | None) -> None:
        """What the container's health check says from now on."""
        self._get(container).health = health

    def end(self, container: str, *, exit_code: int, log: str = "") -> None:
        """Let a container end by itself, after writing something."""
        held = self._get(container)
        held.log.append(log)
        held.state, held.exit_code = ContainerState.EXITED, exit_code

    def files(self, container: str) -> Mapping[str, FakeFile]:
        """What was copied into a container, by absolute path."""
        return dict(self._get(container).files)

    def spec(self, container: str) -> ContainerSpec:
        """What a container was created from."""
        return self._get(container).spec

    # -- the engine itself, images and networks ---------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``."""
        self._called("info")
        return replace(_INFO, name=self.name)

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        self._called("image", reference)
        return self._images.get(reference)

    def pull(self, reference: str, *, timeout_s: float) -> None:  # noqa: ARG002
        """See ``Engine.pull``."""
        self._called("pull", reference)
        if reference not in self.registry:
            raise self._failed("pull", reference, "no such image in the registry")
        self._images[reference] = self.registry[reference]

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        self._called("import_image", reference)
        if not tarball.is_file():
            raise self._failed("import", str(tarball), "no such file or directory")
        self.add_image(reference, labels=labels)

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """See ``Engine.build``."""
        self._called("build", spec.tags[0])
        self.builds.append(spec)
        on_line(f"building {', '.join(spec.tags)}")
        if not (spec.context / "Dockerfile").is_file():
            raise ImageBuildFailed(f"{spec.context} has no Dockerfile")
        for tag in spec.tags:
            self.add_image(tag, labels=spec.labels)

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        self._called("remove_image", reference)
        with self._lock:
            if any(held.spec.image == reference for held in self._containers.values()):
                raise self._failed("rmi", reference, "a container is using it")
            self._images.pop(reference, None)

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        self._called("create_network", name)
        with self._lock:
            if name in self._networks:
                raise AlreadyInUse(f"network with name {name} already exists")
            chosen = subnet or f"10.77.{self._next() % 256}.0/24"
            self._networks[name] = _Network(labels=dict(labels), subnet=chosen)

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        self._called("remove_network", name)
        with self._lock:
            if any(name in self._addresses(held) for held in self._containers.values()):
                raise self._failed("network rm", name, "it has active endpoints")
            self._networks.pop(name, None)

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        self._called("create", spec.name, spec.command)
        with self._lock:
            if spec.name in self._containers:
                raise AlreadyInUse(f"container name {spec.name} is already in use")
            if spec.image not in self._images:
                raise NotFound(f"no such image: {spec.image}")
            for mount in spec.mounts:
                if not mount.source.exists():
                    raise self._failed("create", spec.name, f"no such path: {mount.source}")
            number = self._next()
            held = _Container(id=f"{number:064x}", spec=spec, number=number)
            self._containers[spec.name] = held
            return held.id

    def copy_in(self, container: str, archive: bytes) -> None:
        """See ``Engine.copy_in``."""
        self._called("copy_in", container)
        held = self._get(container)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                data = tar.extractfile(member)
                held.files[str(PurePosixPath("/", member.name))] = FakeFile(
                    content=None if data is None else data.read(),
                    mode=member.mode,
                    uid=member.uid,
                    gid=member.gid,
                )

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        self._called("copy_out", container, (path,))
        content = self._world(self._get(container)).read(path)
        if content is None:
            raise NotFound(f"no such file in container {container}: {path}")
        return content

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        self._called("start", container)
        held = self._get(container)
        if held.spec.network is not None and held.spec.network not in self._networks:
            raise self._failed("start", container, f"network {held.spec.network} not found")
        if held.state is ContainerState.RUNNING:
            return
        held.state, held.exit_code = ContainerState.RUNNING, None
        if not held.spec.command:
            return
        outcome = self._outcome(held, FakeExec.in_container(held.spec, held.spec.command))
        if outcome is None:  # a command that nobody knows is taken for a service
            return
        held.log.append(outcome.output)
        if outcome.seconds == 0:
            held.state, held.exit_code = ContainerState.EXITED, outcome.returncode

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """See ``Engine.exec``."""
        self._called("exec", container, argv)
        held = self._running(container)
        line = (self.name, "exec", container, *argv)
        call = FakeExec.in_container(held.spec, argv, user, workdir, environment, stdin)
        outcome = self._outcome(held, call) or unknown(call)
        if outcome.seconds > timeout_s:
            raise CommandFailed(line, None, outcome.stderr)
        status, stdout, stderr = outcome.returncode, outcome.stdout, outcome.stderr
        return CommandResult(argv=line, returncode=status, stdout=stdout, stderr=stderr)

    def attach(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """See ``Engine.attach``."""
        self._called("attach", container, argv)
        held = self._running(container)
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        stdin = None
        with suppress(OSError):  # a test runner's stdin refuses to be read
            stdin = None if terminal else sys.stdin.read()
        call = FakeExec.in_container(held.spec, argv, user, workdir, environment, stdin, terminal)
        outcome = self._outcome(held, call) or unknown(call)
        sys.stdout.write(outcome.stdout)
        sys.stdout.flush()
        sys.stderr.write(outcome.stderr)
        return outcome.returncode

    def logs(self, container: str, *, tail: int | None = None) -> str:
        """See ``Engine.logs``."""
        self._called("logs", container)
        lines = "".join(self._get(container).log).splitlines(keepends=True)
        return "".join(lines if tail is None else lines[max(0, len(lines) - tail) :])

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``."""
        self._called("containers")
        with self._lock:
            return [
                self._info(held)
                for held in self._containers.values()
                if labels.items() <= held.spec.labels.items()
            ]

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        self._called("inspect", container)
        with suppress(NotFound):
            return self._info(self._get(container))
        return None

    def stop(self, container: str, *, timeout_s: float) -> None:  # noqa: ARG002
        """See ``Engine.stop``."""
        self._called("stop", container)
        with suppress(NotFound):
            held = self._get(container)
            if held.state is ContainerState.RUNNING:
                held.state, held.exit_code = ContainerState.EXITED, _KILLED

    def remove(self, container: str) -> None:
        """See ``Engine.remove``."""
        self._called("remove", container)
        with self._lock, suppress(NotFound):
            del self._containers[self._get(container).spec.name]

    # -- inside -----------------------------------------------------------------------------------

    def _called(self, method: str, target: str = "", argv: Sequence[str] = ()) -> None:
        with self._lock:
            self.calls.append(FakeCall(method=method, target=target, argv=tuple(argv)))
            if self._failures[method]:
                raise self._failures[method].popleft()

    def _failed(self, verb: str, target: str, words: str) -> CommandFailed:
        return CommandFailed([self.name, *shlex.split(verb), target], 1, words)

    def _next(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def _get(self, container: str) -> _Container:
        with self._lock:
            for held in self._containers.values():
                if container in {held.spec.name, held.id}:
                    return held
        raise NotFound(f"no such container: {container}")

    def _running(self, container: str) -> _Container:
        held = self._get(container)
        if held.state is not ContainerState.RUNNING:
            raise NotFound(f"Container {container} is not running.")
        return held

    def _outcome(self, held: _Container, call: FakeExec) -> FakeOutcome | None:
        """What a command comes to; None where nobody knows it."""
        for prefix, handler in self._handlers:
            if call.argv[: len(prefix)] == prefix:
                return handler(call)
        return interpret(call, self._world(held))

    def _world(self, held: _Container) -> FakeWorld:
        """What a command sees of the container that it runs in, and of its neighbours."""
        networks = self._addresses(held).keys()
        neighbours = {
            other.spec.name
            for other in list(self._containers.values())
            if networks & self._addresses(other).keys()
        }
        return FakeWorld(files=held.files, mounts=held.spec.mounts, neighbours=neighbours)

    def _addresses(self, held: _Container) -> dict[str, str]:
        network = held.spec.network
        if held.state is not ContainerState.RUNNING or network is None:
            return {}
        subnet = self._networks[network].subnet.rpartition(".")[0]
        return {network: held.spec.ip or f"{subnet}.{held.number % 250 + 2}"}

    def _info(self, held: _Container) -> ContainerInfo:
        return ContainerInfo(
            id=held.id,
            name=held.spec.name,
            image=held.spec.image,
            state=held.state,
            exit_code=held.exit_code,
            health=held.health,
            labels=dict(held.spec.labels),
            addresses=self._addresses(held),
            mounts={mount.target: str(mount.source) for mount in held.spec.mounts},
        )
