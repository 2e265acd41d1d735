"""A pool that is a record in memory."""

from __future__ import annotations

import gc
import io
import os
import signal
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from condor_mini import cli
from condor_mini.base.layout import LIBEXEC, USER_ID
from condor_mini.base.series import VARIABLE
from condor_mini.engine import FakeEngine, FakeOutcome, VolumeMount
from condor_mini.engines import Candidate
from condor_mini.images import builder
from condor_mini.lifecycle import startup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import FakeExec
    from condor_mini.engine.fake.files import FakeFile

HEALTH = "/usr/local/libexec/condor-mini/health"


@pytest.fixture(autouse=True)
def _no_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is expected here is of the default series, whatever the other tests are to have."""
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    """An engine of a healthy pool, with every image, for an ordinary user in an empty directory."""
    engine = FakeEngine()
    engine.on_exec([HEALTH], lambda _: FakeOutcome())
    engine.add_image("condor-mini:25")
    monkeypatch.setattr(builder, "ensure", lambda *_: "condor-mini:25")
    for module in ("run", "build"):
        monkeypatch.setattr(f"condor_mini.cli.{module}.reach_engine", lambda *_: engine)
    monkeypatch.setattr(os, "getuid", lambda: USER_ID)
    monkeypatch.setattr(os, "getgid", lambda: USER_ID)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return engine


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
        self._failure: tuple[int, Exception, bool, bool] | None = None
        self._signals: tuple[int, tuple[signal.Signals, ...]] | None = None
        self._tokens = count(1)
        for role in ("master", "submit", "execute"):
            self.add_image(f"condor-{role}:25")
        self.on_exec(["timeout"], lambda call: self.issue(call))
        self.on_exec([f"{LIBEXEC}/await-ads"], self._await_ads)
        self.on_exec([f"{LIBEXEC}/probe-job"], lambda call: self.probe(call))
        self.on_exec([HEALTH], self._health)

    def fail_at(
        self, number: int, error: Exception, *, after: bool = False, for_good: bool = False
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


@pytest.fixture
def new_pools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], PoolEngine]:
    """Makes engines that have the images, on which pools can be made."""
    monkeypatch.setattr(builder, "build", lambda *_, **__: [])
    monkeypatch.setattr(startup, "START_PAUSE_S", 0.01)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return PoolEngine


@pytest.fixture
def pools(new_pools: Callable[[], PoolEngine]) -> PoolEngine:
    """One such engine."""
    return new_pools()


@pytest.fixture
def ending() -> Iterator[None]:
    """Signals end us as they end the command line."""
    before = signal.signal(signal.SIGTERM, cli._on_signal)
    # Hypothesis measures collections by a callback, in which a signal's exception is lost.
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command came to."""

    status: int
    out: str
    err: str


@pytest.fixture
def condor_mini(pools: PoolEngine, condor_mini_on: Callable[..., Result]) -> Callable[..., Result]:
    """``condor-mini ARGUMENTS`` in an empty directory, on an engine where pools can be made."""
    return partial(condor_mini_on, pools)


@pytest.fixture
def condor_mini_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """The same, on an engine that is the first argument."""
    monkeypatch.setattr("condor_mini.cli.signal.signal", lambda *_: None)
    for variable in ("CONDOR_MINI_NAME", "CONDOR_MINI_ENGINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(engine: PoolEngine, *arguments: str, stdin: str = "") -> Result:
        candidate = Candidate(name="fake", binary=None, hint_absent="", make=lambda: engine)
        monkeypatch.setattr("condor_mini.engines.CANDIDATES", (candidate,))
        monkeypatch.setattr("sys.argv", ["condor-mini", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Result(status=int(ended.value.code or 0), out=out, err=err)

    return run
