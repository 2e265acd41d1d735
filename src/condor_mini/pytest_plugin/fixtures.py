"""The fixtures: pools, HTCondor's client objects, and a function that submits and waits."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from condor_mini.pytest_plugin.session import SESSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini import Client, Faults, Pool
    from condor_mini.pytest_plugin.factory import PoolFactory
    from condor_mini.pytest_plugin.jobs import JobSubmitter


@pytest.fixture(scope="session")
def condor_series(request: pytest.FixtureRequest) -> str | None:
    """The series of HTCondor that the tests run with: ``25``; None if the options name none."""
    series: str | None = getattr(request, "param", None)
    return series


@pytest.fixture(scope="session")
def condor_pool(pytestconfig: pytest.Config, condor_series: str | None) -> Pool:
    """A pool that is ready, a ``condor_mini.Pool``. All tests of the run share it."""
    with _reported():
        return pytestconfig.stash[SESSION].shared_pool(condor_series)


def _pool_factory(pytestconfig: pytest.Config, condor_series: str | None) -> Iterator[PoolFactory]:
    from condor_mini.pytest_plugin.factory import PoolFactory

    factory = PoolFactory(pytestconfig.stash[SESSION], condor_series)
    yield factory
    with _reported():
        factory.remove_pools()


@pytest.fixture
def condor_pool_factory(
    pytestconfig: pytest.Config, condor_series: str | None
) -> Iterator[PoolFactory]:
    """Creates pools, which are removed when the test has ended: ``condor_pool_factory()``."""
    yield from _pool_factory(pytestconfig, condor_series)


@pytest.fixture(scope="module")
def module_condor_pool_factory(
    pytestconfig: pytest.Config, condor_series: str | None
) -> Iterator[PoolFactory]:
    """As ``condor_pool_factory``; the pools are removed after the last test of the module."""
    yield from _pool_factory(pytestconfig, condor_series)


@pytest.fixture(scope="session")
def session_condor_pool_factory(
    pytestconfig: pytest.Config, condor_series: str | None
) -> Iterator[PoolFactory]:
    """As ``condor_pool_factory``; the pools are removed after the last test of this process."""
    yield from _pool_factory(pytestconfig, condor_series)


@pytest.fixture(scope="session")
def condor_client(condor_pool: Pool) -> Iterator[Client]:
    """HTCondor's Python objects for ``condor_pool``: ``collector`` and ``schedd``."""
    with _reported():
        client = condor_pool.client()
    with client as objects:
        yield objects


@pytest.fixture
def condor_submit(condor_pool: Pool) -> Iterator[JobSubmitter]:
    """Submits jobs to ``condor_pool`` and waits; jobs that are left are removed after the test."""
    from condor_mini.pytest_plugin.jobs import JobSubmitter

    submitter = JobSubmitter(condor_pool)
    yield submitter
    with _reported():
        submitter.remove_jobs()


@pytest.fixture
def condor_faults(condor_pool: Pool) -> Iterator[Faults]:
    """What breaks ``condor_pool`` on purpose; faults in force are healed after the test."""
    faults = condor_pool.faults
    yield faults
    with _reported():
        faults.heal_own()


@contextmanager
def _reported() -> Iterator[None]:
    """Report an error of condor-mini's as it is, without a traceback through the plugin."""
    from condor_mini import CondorMiniError

    try:
        yield
    except (CondorMiniError, OSError) as error:
        message = "\n".join([str(error), *getattr(error, "__notes__", ())])
        raise pytest.fail.Exception(f"condor-mini: {message}", pytrace=False) from None
