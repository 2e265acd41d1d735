"""The engines that a run of the tests is about."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import FakeEngine, find_engine

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from condor_mini.engine import Engine

ENGINES = ("fake", "docker")
HERE = Path(__file__).parent
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SLOWEST_FIRST = ("images", "runtime", "pool", "docs", "engine", "unit")
"""The directories, by how long their longest files take."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines``."""
    parser.addoption(
        "--engines",
        default=",".join(ENGINES),
        help=f"engines to test, of {', '.join(ENGINES)} (default: all; one that is absent fails)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """``@pytest.mark.engines``; and a Ctrl-C that is heard."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell without job control starts what is in the background so, and it is inherited by
        # the commands that the tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if is_beside_others(config):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    config.addinivalue_line("markers", "engines(*names): the only engines that the test is about")
    config.addinivalue_line("markers", "alone: no other test runs beside it, where several do")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for an engine once for every engine chosen."""
    if "engine_name" not in metafunc.fixturenames:
        return
    names = str(metafunc.config.getoption("--engines")).split(",")
    if unknown := set(names) - set(ENGINES):
        raise pytest.UsageError(f"--engines: unknown are {', '.join(sorted(unknown))}")
    if (only := metafunc.definition.get_closest_marker("engines")) is not None:
        names = [name for name in names if name in only.args]
    metafunc.parametrize("engine_name", names, scope="session")


@pytest.fixture(scope="session")
def engine(engine_name: str) -> Engine:
    """The engine under test, which answers."""
    return FakeEngine() if engine_name == "fake" else find_engine(engine_name)


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
    with turn(alone=item.get_closest_marker("alone") is not None):
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
