"""The engines that a run of the tests is about."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import debian_packages
import podman_for_tests as podman
from condor_mini.engine import EmbeddedEngine, FakeEngine
from condor_mini.engines import find_engine
from engine_marks import engines_that_are_slow
from sandbox_programs import sandbox_runtime

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from condor_mini.engine import Engine

ROOTLESS = "podman-rootless"
SANDBOXES = ("namespaces", "paths")
"""Of the embedded engine."""
OTHER_USERS = ("namespaces-user", "namespaces-subuid", "paths-user")
"""The same as users who are not root: tests/engine/test_as_other_users.py."""
ENGINES = ("fake", "docker", *SANDBOXES, *OTHER_USERS, "podman", ROOTLESS)
OPTIONAL = {"slow": "it takes long", "clients": "it installs much that others wrote"}
"""Markers of tests that run only with the option of that name, and why."""
HERE = Path(__file__).parent
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLOWEST_FIRST = ("images", "runtime", "pool", "docs", "engine", "dashboard", "unit")
"""The directories, by how long their longest files take."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines`` of the contract, and ``--pool-engines`` of tests/pool."""
    parser.addoption(
        "--engines",
        # Only root can make the user that the last one needs.
        default=",".join(ENGINES if os.geteuid() == 0 else ENGINES[:-1]),
        help=f"engines to test, of {', '.join(ENGINES)} (default: all; one that is absent fails)",
    )
    parser.addoption(
        "--pool-engines",
        help="engines to test pools on, of docker, embedded, podman (default: docker, and on "
        "embedded what differs by engine: what is marked every_engine)",
    )
    parser.addoption(
        "--slow",
        action="store_true",
        help="also what takes long, and is about what seldom changes",
    )
    parser.addoption(
        "--clients",
        action="store_true",
        help="all clients that others wrote, installed from the package index: tests/clients",
    )


def pytest_configure(config: pytest.Config) -> None:
    """``@pytest.mark.engines`` and ``needs``; and signals that are heard."""
    # A shell without job control, or nohup, has started us so, and it is inherited by the commands
    # that the tests interrupt.
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_IGN:
            heard = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
            signal.signal(number, heard)
    if is_beside_others(config):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    elif os.geteuid() == 0:  # for others, rootless Podman has its images there
        own_directories(config)
    config.addinivalue_line("markers", "engines(*names): the only engines that the test is about")
    config.addinivalue_line("markers", "needs(what): a protocol or a fact of `EngineInfo`")
    config.addinivalue_line("markers", "needs_no(what): the same, which the engine has not")
    config.addinivalue_line("markers", "slow: it runs with --slow only")
    config.addinivalue_line("markers", "slow_on(*names): on these engines it runs with --slow only")
    config.addinivalue_line("markers", "clients: it runs with --clients only")
    config.addinivalue_line("markers", "alone: no other test runs beside it, where several do")


def own_directories(config: pytest.Config) -> None:
    """Neither use nor change the user's pools and snapshots; pytest-xdist's processes inherit it.

    The cache stays: the runtimes in it are made slowly.
    """
    folder = tempfile.mkdtemp(prefix="condor-mini-tests-")
    Path(folder).chmod(0o755)  # some tests run as other users
    for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME"):
        os.environ[variable] = f"{folder}/{variable.split('_')[1].lower()}"
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, object, object]:
    """End with the names alone: what the tests said may be longer than what CI shows of it."""
    result = yield
    for outcome in ("failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            terminalreporter.write_line(f"{outcome}: {report.nodeid}")
    return result


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for an engine once for every engine chosen."""
    chosen = str(metafunc.config.getoption("--engines")).split(",")
    if unknown := set(chosen) - set(ENGINES):
        raise pytest.UsageError(f"--engines: unknown are {', '.join(sorted(unknown))}")
    if "other_user" in metafunc.fixturenames:
        metafunc.parametrize("other_user", [name for name in chosen if name in OTHER_USERS])
    if "engine_name" not in metafunc.fixturenames:
        return
    names = [name for name in chosen if name not in OTHER_USERS]
    only = metafunc.definition.get_closest_marker("engines")
    # Rootless is who asks: tests that are about it run the others again, as an ordinary user.
    admitted = only.args if only else tuple(name for name in ENGINES if name != ROOTLESS)
    slow = engines_that_are_slow(metafunc)
    parameters = [
        pytest.param(name, marks=pytest.mark.slow if name in slow else ())
        for name in names
        if name in admitted
    ]
    metafunc.parametrize("engine_name", parameters, scope="session")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is asked for by an option that is absent, before anything is made for it."""
    if option := absent_option(item):
        pytest.skip(f"{OPTIONAL[option]}: --{option}")


def absent_option(item: pytest.Item) -> str | None:
    """The option that a test runs with only, and that was not given."""
    names = (name for name in OPTIONAL if item.get_closest_marker(name))
    return next((name for name in names if not item.config.getoption(f"--{name}")), None)


@pytest.fixture(autouse=True)
def _capability(request: pytest.FixtureRequest) -> None:
    """Skip what the engine under test says that it cannot do: ``@pytest.mark.needs``."""
    for marker, expected in (("needs", True), ("needs_no", False)):
        for mark in request.node.iter_markers(marker):
            engine: Engine = request.getfixturevalue("engine")
            (fact,) = mark.args
            if isinstance(fact, type):
                if isinstance(engine, fact) is not expected:
                    pytest.skip(f"{engine.name} is {'no' if expected else 'an'} {fact.__name__}")
            elif getattr(engine.info(), fact) is not expected:
                pytest.skip(f"{engine.name} says {fact}={not expected}")


@pytest.fixture(scope="session")
def engine(engine_name: str, request: pytest.FixtureRequest) -> Engine:
    """The engine under test, which answers."""
    if engine_name == "podman":
        request.getfixturevalue("configured_podman")
    if engine_name == "fake":
        return FakeEngine()
    if engine_name in SANDBOXES:
        return embedded(engine_name)
    return find_engine(engine_name)


def embedded(sandbox: str) -> Engine:
    """The embedded engine, with sandboxes of one kind."""
    root = sandbox_runtime().root
    return EmbeddedEngine(lambda: root, sandbox=sandbox)


@pytest.fixture(scope="session")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A busybox that needs no library: the host's, or else the one of Debian's package."""
    found = shutil.which("busybox")
    if found is not None:
        needs = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
        if "=>" not in needs:
            return Path(found)
    folder = tmp_path_factory.mktemp("busybox")
    debian_packages.unpack(folder, "busybox-static")
    return next(path for path in folder.glob("**/bin/busybox") if path.is_file())


@pytest.fixture(scope="session")
def configured_podman(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Podman, installed and able to work on this machine."""
    podman.install()
    podman.configure(tmp_path_factory.mktemp("podman"))


@pytest.fixture(scope="session")
def ordinary_user(configured_podman: None) -> Iterator[podman.OrdinaryUser]:
    """Somebody who has rootless Podman and nothing else; only root can make users."""
    del configured_podman
    assert os.geteuid() == 0, "as an ordinary user choose --engines podman: it is rootless"
    with podman.ordinary_user() as user:
        yield user


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart() -> Generator[None, object, object]:
    """Let those who run tests beside each other inherit that signals wait.

    Only the thread of the tests lets them through (``pytest_configure``): a signal that a test
    holds back would else go to pytest-xdist's own thread, and act all the same.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        return (yield)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run beside each other, begin with long files: they all end at about one time."""

    def rank(item: pytest.Item) -> int:
        directory = item.path.relative_to(HERE).parts[0]
        return SLOWEST_FIRST.index(directory) if directory in SLOWEST_FIRST else -1

    if is_beside_others(config):
        items.sort(key=rank)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is ``alone`` waits until the others have ended theirs, and they wait for it."""
    if not is_beside_others(item.config):
        return (yield)
    is_skipped = absent_option(item) is not None
    with turn(alone=item.get_closest_marker("alone") is not None and not is_skipped):
        return (yield)


def is_beside_others(config: pytest.Config) -> bool:
    """Whether we are one of several processes of pytest-xdist."""
    return hasattr(config, "workerinput")


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """A context that all may be in, or only one who is alone."""
    gate, inside = (os.open(path, os.O_RDONLY) for path in (HERE / "conftest.py", HERE))
    try:
        # Who wants to be alone keeps the gate shut while the others end, or they never would.
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
    finally:
        os.close(gate)
        os.close(inside)
