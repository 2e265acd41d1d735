"""``condor-mini event`` on a pool in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.events.event_types import EVENT_TYPES
from fake_event_log import FakeEventLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool

    Run = Callable[..., Result]


@pytest.fixture
def log(pool: FakePool) -> FakeEventLog:
    """The log of a job of the pool ``ci``."""
    return FakeEventLog(pool=pool, after={"condor_submit": [0, 1]})


def test_list_has_every_type(command_line: Run) -> None:
    """Without an engine, each type is listed with how it is made, or why it cannot be had."""
    lines = command_line("event", "list").out.splitlines()
    heads = [line.split()[:2] for line in lines if not line.startswith(" ")]
    assert heads == [[one.code, one.name] for one in EVENT_TYPES.values()]
    assert max(map(len, lines)) <= 100
    assert "003  Checkpointed          Cannot be had: only the vm universe" in "\n".join(lines)


def test_event_is_printed(log: FakeEventLog, run: Run) -> None:
    """The event alone goes to stdout; which job it is of goes to stderr."""
    made = run("event", "Execute", "-n", "ci")
    assert (made.status, made.out) == (0, "001 (007.000.000) it was so\n")
    assert "Submitted ends.sub to ci-submit-1: job 7.0" in made.err
    assert log.called("condor_rm") == 1


def test_job_is_kept(log: FakeEventLog, run: Run) -> None:
    """With `--keep-job` the command says where the log is."""
    made = run("event", "0", "--keep-job", "-n", "ci")
    assert "Job 7.0 is kept, with its log /home/jovyan/submit/job-" in made.err
    assert log.called("condor_rm") == 0


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["2"], 2, "cannot be had"),
        (["abortd"], 2, "did you mean 009 JobAborted?"),
        (["5", "--timeout", "0"], 5, "event 005 has not come"),
    ],
)
def test_failures(log: FakeEventLog, run: Run, words: list[str], status: int, message: str) -> None:
    """What cannot be had is a mistake, and an event that does not come is not ready."""
    del log
    failed = run("event", *words, "-n", "ci")
    assert (failed.status, failed.out) == (status, "")
    assert message in failed.err
