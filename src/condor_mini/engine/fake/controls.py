"""What a test sets on a fake engine, and reads from it."""

from __future__ import annotations

import shlex
from collections import defaultdict, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.engine.fake.host import FakeHost
from condor_mini.engine.fake.shell import FakeCall, interpret
from condor_mini.engine.values import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from condor_mini.engine.fake.files import FakeFile
    from condor_mini.engine.fake.host import FakeContainer
    from condor_mini.engine.fake.shell import FakeExec, FakeOutcome
    from condor_mini.engine.values import BuildSpec, ContainerSpec


class FakeControls:
    """The part of a fake engine that a test sets and reads."""

    def __init__(
        self, name: str = "fake", *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.name = name
        self.calls: list[FakeCall] = []
        self.builds: list[BuildSpec] = []
        self.registry: dict[str, ImageInfo] = {}
        """What ``pull`` finds."""
        self._images: dict[str, ImageInfo] = {}
        self._handlers: list[tuple[tuple[str, ...], Callable[[FakeExec], FakeOutcome]]] = []
        self._failures: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._host = FakeHost(clock)

    def on_exec(
        self, argv_prefix: Sequence[str], handler: Callable[[FakeExec], FakeOutcome]
    ) -> None:
        """Let ``handler`` answer every command that begins so; the last one added goes first."""
        self._handlers.insert(0, (tuple(argv_prefix), handler))

    def fail_next(self, method: str, error: Exception) -> None:
        """Make the next call of that method raise; called twice, the next two."""
        self._failures[method].append(error)

    def add_image(
        self,
        reference: str,
        *,
        labels: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Let the engine hold an image, as if it had been built before."""
        with self._host.lock:
            self._images[reference] = ImageInfo(
                id=f"sha256:{self._host.next_number():064x}",
                size_bytes=1000,
                labels=dict(labels or {}),
                environment=dict(environment or {}),
            )

    def set_health(self, container: str, health: str | None) -> None:
        """Set what the container's health check says from now on."""
        self._host.get(container).health = health

    def end(self, container: str, *, exit_code: int, log: str = "") -> None:
        """Let a container end by itself, after writing something."""
        record = self._host.get(container)
        record.log.write(log)
        record.end(exit_code)

    def write_log(self, container: str, text: str) -> None:
        """Let a container write something."""
        self._host.get(container).log.write(text)

    def take_port(self, port: int, host_ip: str = "127.0.0.1") -> None:
        """Let another process of the host have a port."""
        self._host.taken_ports.add((host_ip, port))

    def files(self, container: str) -> Mapping[str, FakeFile]:
        """Return what was written into a container, but not into its mounts, by absolute path."""
        return dict(self._host.get(container).files)

    def spec(self, container: str) -> ContainerSpec:
        """Return what a container was created from."""
        return self._host.get(container).spec

    # -- for the engine itself --------------------------------------------------------------------

    def _record(self, method: str, *targets: str, argv: Sequence[str] = ()) -> None:
        with self._host.lock:
            call = FakeCall(method=method, target=" ".join(targets), argv=tuple(argv))
            self.calls.append(call)
            if self._failures[method]:
                raise self._failures[method].popleft()

    def _failed(self, verb: str, target: str, words: str) -> CommandFailed:
        return CommandFailed([self.name, *shlex.split(verb), target], 1, words)

    def _outcome(self, record: FakeContainer, call: FakeExec) -> FakeOutcome | None:
        """Return what a command comes to; None if nobody knows the command."""
        for prefix, handler in self._handlers:
            if call.argv[: len(prefix)] == prefix:
                return handler(call)
        return interpret(call, self._host.world(record))
