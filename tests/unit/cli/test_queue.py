"""``condor-mini queue`` on an engine in memory."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from condor_mini.cli.queue import MOST_JOBS
from condor_mini.faults import journal
from condor_mini.nodes.fault_records import FaultRecord
from fake_queue import NODE
from fake_schedds import HELD, RUNNING, SECOND, Schedds

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result

    Run = Callable[..., Result]


@pytest.fixture
def schedds() -> Schedds:
    """Queues without jobs."""
    return Schedds()


@pytest.fixture
def run(schedds: Schedds, condor_mini_on: Run) -> Run:
    """``condor-mini ARGUMENTS`` on their pool."""
    return partial(condor_mini_on, schedds.engine)


def test_table(run: Run, schedds: Schedds) -> None:
    """Each job has a line: id, owner, state, since when, command, where or why; then the number."""
    minute_ago = int(time.time()) - 60
    schedds.add("3.0", RUNNING, RemoteHost="slot1_1@x.nodes", EnteredCurrentStatus=minute_ago)
    schedds.add("3.1", HELD, HoldReason="disk is full", EnteredCurrentStatus=minute_ago)
    schedds.add("4.0", owner="alice", EnteredCurrentStatus=minute_ago)
    assert run("queue").out.splitlines() == [
        "JOB  OWNER   STATE    SINCE         COMMAND   WHERE, OR WHY",
        "3.0  jovyan  running  1 minute ago  sleep 60  x",
        "3.1  jovyan  held     1 minute ago  sleep 60  disk is full",
        "4.0  alice   idle     1 minute ago  sleep 60  -",
        "",
        "3 jobs: 1 idle, 1 running, 1 held",
    ]


def test_access_points_are_named_if_there_are_several(run: Run, schedds: Schedds) -> None:
    """Jobs of two access points are told apart."""
    schedds.add("3.0")
    schedds.add("3.0", node=SECOND)
    lines = run("queue").out.splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [[NODE, "3.0"], [SECOND, "3.0"]]


def test_many_jobs_are_summed_up(run: Run, schedds: Schedds) -> None:
    """With many jobs a cluster is one line; with --each every job has its own."""
    for number in range(MOST_JOBS):
        slot = f"slot1_{number}@x{number % 5}.nodes"
        schedds.add(f"3.{number}", RUNNING, RemoteHost=slot, EnteredCurrentStatus=time.time())
    schedds.add("3.99", HELD, HoldReason="full")
    schedds.add("4.0", EnteredCurrentStatus=time.time())
    lines = run("queue").out.splitlines()
    assert len(lines) == 5
    assert lines[1].startswith("3 (21 jobs)  jovyan  20 running, 1 held")
    assert lines[1].endswith("x0 (4), x1 (4), x2 (4), 2 more nodes; full (1)")
    assert lines[2].split()[:3] == ["4", "jovyan", "1"]
    assert len(run("queue", "--each").out.splitlines()) == MOST_JOBS + 2 + 3


def test_json_is_every_job(run: Run, schedds: Schedds) -> None:
    """-o json has each job, however many there are."""
    for number in range(MOST_JOBS + 1):
        schedds.add(f"3.{number}")
    assert [job["proc"] for job in run("queue", "-o", "json").json] == [*range(MOST_JOBS + 1)]


def test_text_of_others_is_shown_as_one_harmless_line(run: Run, schedds: Schedds) -> None:
    """What a user wrote neither breaks the table nor reaches the terminal as a command."""
    schedds.add("3.0", HELD, HoldReason="two\nlines \x1b[31mred", Args="x" * 100)
    (line,) = (line for line in run("queue").out.splitlines() if line.startswith("3.0"))
    assert line.endswith("sleep " + "x" * 33 + "…  two lines \ufffd[31mred")


def test_empty_queue(run: Run) -> None:
    """Without jobs there is nothing on stdout, and a note on stderr."""
    result = run("queue")
    assert (result.status, result.out, result.err) == (0, "", "There are no jobs in the queue.\n")


def test_absent_pool_is_3(run: Run) -> None:
    """A pool that is not there is not found, watched or not."""
    assert (run("queue", "-n", "no").status, run("queue", "no", "--watch").status) == (3, 3)


def test_stopped_pool_is_5(run: Run, schedds: Schedds) -> None:
    """A stopped pool is not ready, and the error says how to start it."""
    schedds.engine.stop(NODE, SECOND, timeout_s=1)
    result = run("queue", "--watch")
    assert (result.status, "condor-mini start -n mini" in result.err) == (5, True)


def test_watch_prints_what_changes(
    run: Run, schedds: Schedds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pipe a block is printed when a job has changed, and not when nothing has."""
    schedds.add("3.0")
    looks = iter([None, None, lambda: schedds.add("4.0"), None])

    def pause(_: float) -> None:
        change = next(looks, KeyboardInterrupt)
        if change is KeyboardInterrupt:
            raise KeyboardInterrupt
        if change:
            change()

    monkeypatch.setattr("condor_mini.cli.watch.pause_while_read", pause)
    result = run("queue", "--watch", "1", "-o", "json")
    blocks = [[job["cluster"] for job in json.loads(line)] for line in result.out.splitlines()]
    assert (result.status, blocks) == (130, [[3], [3, 4]])


@pytest.mark.parametrize("seconds", ["0.5", "0", "-1", "nan", "inf", "1e9"])
def test_interval_is_at_least_a_second(run: Run, seconds: str) -> None:
    """A pool is not asked more often than once a second."""
    assert run("queue", "--watch", seconds).status == 2


def test_what_a_killed_process_has_left_is_healed(run: Run, schedds: Schedds) -> None:
    """A fault whose time is over is undone beside the command."""
    began = datetime.now(UTC) - timedelta(hours=1)
    record = FaultRecord(
        volume="",
        mark="",
        pool="mini",
        fault="freeze",
        target="mini-execute-9/startd",
        undo="",
        since=began,
        until=began,
    )
    journal.add(schedds.engine, record)
    schedds.add("3.0")
    assert run("queue").out.splitlines()[1].split()[0] == "3.0"
    assert journal.records(schedds.engine, "mini") == []
