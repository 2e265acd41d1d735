"""The engines that a run of the tests is about."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from condor_mini import runtime
from condor_mini.engine import EmbeddedEngine, FakeEngine, find_engine
from condor_mini.progress import progress_for_stderr
from condor_mini.series import catalogue

if TYPE_CHECKING:
    from condor_mini.engine import Engine

ENGINES = ("fake", "docker", "namespaces", "paths")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines`` of the contract, and ``--pool-engines`` of tests/pool."""
    parser.addoption(
        "--engines",
        default=",".join(ENGINES),
        help=f"engines to test, of {', '.join(ENGINES)} (default: all; one that is absent fails)",
    )
    parser.addoption(
        "--pool-engines",
        help="engines to test pools on, of docker, embedded (default: docker, and on embedded what "
        "differs by engine: what is marked every_engine)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """``@pytest.mark.engines``; and a Ctrl-C that is heard."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell without job control starts what is in the background so, and it is inherited by
        # the commands that the tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "engines(*names): the only engines that the test is about")


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
    if engine_name == "fake":
        return FakeEngine()
    if engine_name in ("namespaces", "paths"):
        return embedded(engine_name)
    return find_engine(engine_name)


def embedded(way: str) -> Engine:
    """The embedded engine, by one of its ways."""
    made = runtime.ensure(catalogue().get(None), progress_for_stderr(quiet=True))
    return EmbeddedEngine(lambda: made.runtime.root, way=way)
