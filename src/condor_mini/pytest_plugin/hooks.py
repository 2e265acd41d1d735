"""The hooks of pytest, and of pytest-xdist, in the order in which they are called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.pytest_plugin import options
from condor_mini.pytest_plugin.session import SESSION, Session

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Protocol

    class WorkerController(Protocol):
        """What pytest-xdist's controller knows of a worker."""

        config: pytest.Config
        workerinput: dict[str, str]


BEGUN = pytest.StashKey[datetime]()
"""Where a test holds when it began."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and the ini values of the same names."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before any test runs; and see to it that no pool is left at the end."""
    session = config.stash[SESSION] = Session(config)
    if not session.is_worker:  # the controller has checked them
        session.settings.check()
    config.add_cleanup(session.end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Let pytest-xdist's workers share the pools of the run."""
    node.config.stash[SESSION].share_with(node.workerinput)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that uses a pool once for each series of ``--condor-htcondor``."""
    numbers = metafunc.config.stash[SESSION].settings.series_numbers
    if numbers and "condor_series" in metafunc.fixturenames:
        ids = [f"htcondor{number}" for number in numbers]
        metafunc.parametrize("condor_series", numbers, ids=ids, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when a test begins."""
    item.stash[BEGUN] = datetime.now(UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Record the pools that a test uses, if that is wanted."""
    records = item.config.stash[SESSION].records
    if records is None:
        return (yield)
    from condor_mini.pytest_plugin.report import pools_of

    with records.of(item.nodeid, pools_of(item)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add jobs and logs of the pools that a test uses to the report of its failure."""
    made = yield
    if made.failed:
        from condor_mini.pytest_plugin import report

        report.attach(item, made, item.stash.get(BEGUN, datetime.now(UTC)))
    records = item.config.stash[SESSION].records
    if records is not None and made.when == "call":
        records.attach(made) if made.failed else records.forget()
    return made


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End with the status of a signal, if one came."""
    status = session.config.stash[SESSION].exit_status
    if status is not None:
        session.exitstatus = status


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name the pools that are kept."""
    for pool in config.stash[SESSION].kept_pools:
        terminalreporter.write_line(
            f"The pool {pool} is kept. Delete it: condor-mini delete -n {pool}"
        )
