"""The engines that a run of the tests is about."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import FakeEngine, find_engine

if TYPE_CHECKING:
    from condor_mini.engine import Engine

ENGINES = ("fake", "docker", "podman")


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
    return FakeEngine() if engine_name == "fake" else find_engine(engine_name)
