"""Engines in memory with pools in several states, and the command line on them."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import io
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest

from checkup_answers import answer_well
from command_line import Result
from condor_mini import cli
from condor_mini.base.layout import HEALTH, USER_IDS
from condor_mini.base.series import VARIABLE
from condor_mini.cli import program
from condor_mini.engine import FakeEngine, FakeOutcome
from condor_mini.engines import Candidate
from condor_mini.images import builder
from condor_mini.jobs.tracking import WITH_TEXT
from condor_mini.lifecycle import startup
from condor_mini.nodes import accounts, certificates
from condor_mini.nodes.node import pool_labels
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from fake_pool import FakePool
from fake_queue import Queue, engine_with_access_point
from pool_engine import PoolEngine
from token_nodes import TokenNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


# A test in our process (pytester) forgets what was imported during it. The extension of these
# bindings remembers the classes of its first import, and crashes with those of a second one.
if importlib.util.find_spec("classad2"):
    importlib.import_module("classad2")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the user's decides anything, and nothing is kept in the user's home."""
    ours = (VARIABLE, "CONDOR_MINI_NAME", "CONDOR_MINI_ENGINE", "NO_COLOR")
    for variable in (*ours, *certificates.VARIABLES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(accounts, "caller_ids", lambda: USER_IDS)


def _let_find(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> None:
    """Let this engine be the only one that is found."""
    candidate = Candidate(name="fake", binary=None, hint_absent="", make=lambda: engine)
    monkeypatch.setattr("condor_mini.engines.CANDIDATES", (candidate,))


# -- engines on which pools are created -----------------------------------------------------------


@pytest.fixture
def new_pools(monkeypatch: pytest.MonkeyPatch) -> Callable[[], PoolEngine]:
    """Make engines that have the images, on which pools can be created."""
    monkeypatch.setattr(builder, "build", lambda *_, **__: [])
    monkeypatch.setattr(startup, "START_PAUSE_S", 0.01)
    return PoolEngine


@pytest.fixture
def pools(new_pools: Callable[[], PoolEngine]) -> PoolEngine:
    """One such engine."""
    return new_pools()


@pytest.fixture
def nodes(pools: PoolEngine) -> TokenNodes:
    """The nodes of a pool ``ci`` with an access point and an execution point; they keep tokens."""
    nodes = TokenNodes(pools)
    Pool.create("ci", engine=pools)
    return nodes


@pytest.fixture
def ending() -> Iterator[None]:
    """Signals end us as they end the command line."""
    before = signal.signal(signal.SIGTERM, program._on_signal)
    # Hypothesis measures collections by a callback, in which a signal's exception is lost.
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGTERM, before)


# -- a pool that is there -------------------------------------------------------------------------


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    """The engine that is found, which has every image."""
    engine = FakeEngine()
    for role in ("base", "mini", "master", "submit", "execute"):
        engine.add_image(f"condor-{role}:25")
    _let_find(monkeypatch, engine)
    monkeypatch.chdir(tmp_path)
    return engine


@pytest.fixture
def make_pool(fake: FakeEngine) -> Callable[..., FakePool]:
    """Make pools of one central manager, one access point, and execution points."""

    def make(name: str = "ci", *, execute: int = 1, spec: str = "") -> FakePool:
        fake.create_network(name, labels=pool_labels(name))
        pool = FakePool(engine=fake, name=name)
        fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
        fake.on_exec([HEALTH], pool.ask_health)
        pool.add("master", spec=spec or PoolSpec(name=name).to_json())
        pool.add("submit", 1)
        for number in range(1, execute + 1):
            pool.add("execute", number)
        return pool

    return make


@pytest.fixture
def pool(make_pool: Callable[..., FakePool]) -> FakePool:
    """The pool ``ci``, which is usable."""
    return make_pool()


@pytest.fixture
def written(pool: FakePool) -> FakePool:
    """The pool, whose nodes took turns to write a line."""
    pool.engine.write_log("ci-master", "condor-mini: has a token\n")
    pool.engine.write_log("ci-submit-1", "schedd: 11/21/26 06:50:04 Started\n")
    pool.engine.write_log("ci-master", "collector: 11/21/26 06:50:05 Updating\n")
    pool.engine.write_log("ci-submit-1", "shadow: 11/21/26 06:50:06 (1.0) exit\n")
    return pool


@pytest.fixture
def inside(fake: FakeEngine) -> dict[str, FakeOutcome]:
    """What the containers of ``condor-mini doctor`` say: all is well."""
    return answer_well(fake)


# -- jobs -----------------------------------------------------------------------------------------


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The queue of the only access point of a pool ``mini``; no wait lasts."""
    queue = Queue(engine=engine_with_access_point())
    monkeypatch.setattr("condor_mini.jobs.runners.ANSWER_TIMEOUT_S", 0)
    monkeypatch.setattr("condor_mini.jobs.tracking.REMOVE_TIMEOUT_S", 0)
    for tool, handler in {
        "condor_submit": queue.submit,
        "condor_q": queue.tell,
        "condor_history": queue.tell,
        "condor_config_val": lambda _: FakeOutcome(stdout=queue.knobs),
        "tar": queue.pack,
    }.items():
        queue.engine.on_exec([tool], handler)
    queue.engine.on_exec(["sh", "-c", WITH_TEXT], queue.submit_text)
    for tool in ("condor_rm", "mv", "rm", "find"):
        queue.engine.on_exec([tool], lambda _: FakeOutcome())
    return queue


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with a submit file."""
    directory = tmp_path / "my job"
    directory.mkdir()
    (directory / "a.sub").write_text("executable = /bin/true\nqueue\n")
    return directory


# -- the command line -----------------------------------------------------------------------------


@pytest.fixture
def command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """``condor-mini ARGUMENTS`` in an empty directory, to its end."""
    monkeypatch.setattr("condor_mini.cli.program.signal.signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr("sys.argv", ["condor-mini", *arguments])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Result(status=int(ended.value.code or 0), out=out, err=err)

    return run


@pytest.fixture
def condor_mini_on(
    monkeypatch: pytest.MonkeyPatch, command_line: Callable[..., Result]
) -> Callable[..., Result]:
    """``condor-mini ARGUMENTS`` on the engine that is the first argument."""

    def run(engine: FakeEngine, *arguments: str, stdin: str = "") -> Result:
        _let_find(monkeypatch, engine)
        return command_line(*arguments, stdin=stdin)

    return run


@pytest.fixture
def condor_mini(pools: PoolEngine, condor_mini_on: Callable[..., Result]) -> Callable[..., Result]:
    """``condor-mini ARGUMENTS`` on an engine where pools can be created."""
    return partial(condor_mini_on, pools)


@pytest.fixture
def run(fake: FakeEngine, command_line: Callable[..., Result]) -> Callable[..., Result]:
    """``condor-mini ARGUMENTS`` on the engine of the pool that is there."""
    del fake
    return command_line
