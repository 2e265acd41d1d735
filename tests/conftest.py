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

WAYS = ("namespaces", "paths")
"""Of the embedded engine."""
OTHER_USERS = ("namespaces-user", "namespaces-subuid", "paths-user")
"""The same as users who are not root: tests/engine/test_as_other_users.py."""
ENGINES = ("fake", "docker", *WAYS, *OTHER_USERS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--engines``."""
    parser.addoption(
        "--engines",
        default=",".join(ENGINES),
        help=f"engines to test, of {', '.join(ENGINES)} (default: all; one that is absent fails)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """``@pytest.mark.engines`` and ``needs``; and a Ctrl-C that is heard."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell without job control starts what is in the background so, and it is inherited by
        # the commands that the tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "engines(*names): the only engines that the test is about")
    config.addinivalue_line("markers", "needs(fact): an `EngineInfo` of whom that fact is true")
    config.addinivalue_line("markers", "needs_no(fact): an `EngineInfo` of whom it is false")


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
    if (only := metafunc.definition.get_closest_marker("engines")) is not None:
        names = [name for name in names if name in only.args]
    metafunc.parametrize("engine_name", names, scope="session")


@pytest.fixture(autouse=True)
def _capability(request: pytest.FixtureRequest) -> None:
    """Skip what the engine under test says that it cannot do: ``@pytest.mark.needs``."""
    for marker, expected in (("needs", True), ("needs_no", False)):
        for mark in request.node.iter_markers(marker):
            info = request.getfixturevalue("engine").info()
            (fact,) = mark.args
            if getattr(info, fact) is not expected:
                pytest.skip(f"{info.name} says {fact}={not expected}")


@pytest.fixture(scope="session")
def engine(engine_name: str) -> Engine:
    """The engine under test, which answers."""
    if engine_name == "fake":
        return FakeEngine()
    if engine_name in WAYS:
        return embedded(engine_name)
    return find_engine(engine_name)


def embedded(way: str) -> Engine:
    """The embedded engine, by one of its ways."""
    made = runtime.ensure(catalogue().get(None), progress_for_stderr(quiet=True))
    return EmbeddedEngine(lambda: made.runtime.root, way=way)
