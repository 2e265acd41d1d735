"""An engine in memory whose containers do what the nodes of a pool do."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

from condor_mini.base.layout import HEALTH, REQUEST_SCRIPTS
from condor_mini.engine import FakeEngine, FakeOutcome, VolumeMount
from condor_mini.lifecycle.debug_levels import FILE
from condor_mini.lifecycle.ready import ROUTE

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable

    from condor_mini.engine import FakeExec
    from condor_mini.engine.fake.files import FakeFile


class PoolEngine(FakeEngine):
    """An engine in memory whose containers do what the nodes of a pool do.

    The n-th call can be made to fail, or a signal be sent to us during it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.before: dict[str, Callable[[], None]] = {}
        """What happens before each call of a method."""
        self.at_start: dict[str, set[str]] = {}
        """The files that a container had when it was started."""
        self.die_at_start: dict[str, tuple[int, str]] = {}
        """Nodes that end at once: their status, and what they say."""
        self.lacking: dict[str, str] = {}
        """Nodes whose ads never come, and what they say of themselves."""
        self.issue: Callable[[FakeExec], FakeOutcome] = self._issue
        self.probe: Callable[[FakeExec], FakeOutcome] = lambda _: FakeOutcome()
        self.has_held_nodes = False
        self._failure: tuple[int, BaseException, bool, bool] | None = None
        self._signals: tuple[int, tuple[signal.Signals, ...]] | None = None
        self._tokens = count(1)
        for role in ("master", "submit", "execute"):
            self.add_image(f"condor-{role}:25")
        self.on_exec(["timeout"], lambda call: self.issue(call))
        self.on_exec([f"{REQUEST_SCRIPTS}/await-ads"], self._await_ads)
        self.on_exec([f"{REQUEST_SCRIPTS}/probe-job"], lambda call: self.probe(call))
        self.on_exec([f"{REQUEST_SCRIPTS}/await-exchange"], lambda _: FakeOutcome())
        self.on_exec(["cat", ROUTE], lambda _: FakeOutcome(stdout="it is reached"))
        self.on_exec([HEALTH], self._health)

    def fail_at(
        self, number: int, error: BaseException, *, after: bool = False, for_good: bool = False
    ) -> None:
        """Let a call fail, before or after it has done what it does; and all that follow."""
        self._failure = (number, error, after, for_good)

    def signal_at(self, number: int, *signals: signal.Signals) -> None:
        """Send us signals during a call."""
        self._signals = (number, signals)

    def disarm(self) -> None:
        """Let nothing befall any call from now on."""
        self._failure = self._signals = None
        self.before.clear()

    def keep_debug_levels(self) -> None:
        """Let each node keep the file with the debug levels of its daemons."""
        kept: dict[str, str] = {}

        def tee(call: FakeExec) -> FakeOutcome:
            kept[call.container] = call.stdin or ""
            return FakeOutcome()

        def cat(call: FakeExec) -> FakeOutcome:
            found = kept.get(call.container)
            return FakeOutcome(returncode=1) if found is None else FakeOutcome(stdout=found)

        self.on_exec(["tee", FILE], tee)
        self.on_exec(["cat", FILE], cat)
        self.on_exec(["condor_reconfig"], lambda _: FakeOutcome())

    def files(self, container: str) -> dict[str, FakeFile]:
        """What was written into a container and its volumes, by absolute path."""
        held = self._host.get(container)
        found = dict(held.files)
        for mount in held.spec.mounts:
            if isinstance(mount, VolumeMount):
                for name, file in self._host.volumes[mount.volume].files.items():
                    found[f"{mount.target}/{name}"] = file
        return found

    def index(self, method: str, word: str) -> int:
        """The place of the first call of a method in which a word occurs."""
        return next(
            place
            for place, call in enumerate(self.calls)
            if call.method == method and word in f"{call.target} {' '.join(call.argv)}"
        )

    def call(self, method: str, *arguments: object, **options: object) -> object:
        """One call of a method, with what befalls it."""
        with self._host.lock:
            self.number += 1
            number = self.number
        if happening := self.before.get(method):
            happening()
        if self._signals and self._signals[0] == number:
            for sent in self._signals[1]:
                os.kill(os.getpid(), sent)
        at, error, after, for_good = self._failure or (0, Exception(), False, False)
        fails = number == at or (for_good and 0 < at < number)
        if fails and not after:
            raise error
        if method == "start":
            self._note_files(str(arguments[0]))
        result = getattr(super(), method)(*arguments, **options)
        if method == "start":
            self._end_if_it_is_to(str(arguments[0]))
        self.has_held_nodes |= method == "create"
        if fails:
            raise error
        return result

    def _note_files(self, container: str) -> None:
        name = self._host.get(container).spec.name
        self.at_start[name] = set(self.files(name))

    def _end_if_it_is_to(self, container: str) -> None:
        name = self._host.get(container).spec.name
        if name in self.die_at_start:
            status, words = self.die_at_start[name]
            self.end(name, exit_code=status, log=words)

    def _issue(self, call: FakeExec) -> FakeOutcome:
        roles = [line.split()[0] for line in (call.stdin or "").splitlines()]
        tokens = [f"eyJhbGciOi.{role}.{next(self._tokens)}" for role in roles]
        return FakeOutcome(stdout="".join(f"{token}\n" for token in tokens))

    def _await_ads(self, call: FakeExec) -> FakeOutcome:
        wanted = [line.split() for line in (call.stdin or "").splitlines()]
        missing = [
            f"no {kind} ads of {machine} are at the collector\n"
            for kind, machine, _ in wanted
            if machine in self.lacking
        ]
        return FakeOutcome(returncode=1 if missing else 0, stdout="".join(missing))

    def _health(self, call: FakeExec) -> FakeOutcome:
        lacks = self.lacking.get(call.container, "")
        return FakeOutcome(returncode=1 if lacks else 0, stdout=lacks)


def _befallen(method: str) -> Callable[..., object]:
    def call(engine: PoolEngine, *arguments: object, **options: object) -> object:
        return engine.call(method, *arguments, **options)

    return call


for _method in (
    *("info", "image", "create_network", "networks", "remove_network", "create_volume", "volumes"),
    *("remove_volume", "create", "copy_in", "start", "exec", "logs", "containers", "inspect"),
    *("stop", "remove"),
):
    setattr(PoolEngine, _method, _befallen(_method))
