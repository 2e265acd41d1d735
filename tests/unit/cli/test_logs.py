"""``condor-mini logs`` on an engine in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.cli.logs import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool


def test_plain_line(written: FakePool, run: Callable[..., Result]) -> None:
    """In a pipe: NODE DAEMON | TEXT, in columns, without colours."""
    del written
    shown = run("logs", "-n", "ci", "--daemon", "schedd").out
    assert shown == "ci-submit-1  schedd      | 11/21/26 06:50:04 Started\n"


def test_json_lines(written: FakePool, run: Callable[..., Result]) -> None:
    """One object per line, with the documented keys."""
    del written
    rows = [json.loads(line) for line in run("logs", "-n", "ci", "-o", "json").out.splitlines()]
    assert len(rows) == 4
    assert list(rows[1]) == ["time", "node", "role", "daemon", "text"]
    assert rows[1]["role"] == "submit"
    assert rows[1]["time"].endswith("Z")


@pytest.mark.parametrize(
    "arguments", [["--daemon", "foo"], ["--since", "foo"], ["--tail", "-1"]], ids=lambda a: a[0]
)
def test_bad_input_is_2(pool: FakePool, run: Callable[..., Result], arguments: list[str]) -> None:
    """What cannot be meant is refused."""
    del pool
    assert run("logs", "-n", "ci", *arguments).status == 2


@pytest.fixture
def long(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> FakePool:
    """The pool, of which each node wrote a hundred lines, on a terminal."""
    for number in range(100):
        for node in ("ci-master", "ci-submit-1"):
            pool.engine.write_log(node, f"schedd: line {number}\n")
    monkeypatch.setattr("condor_mini.cli.logs._is_terminal", lambda: True)
    return pool


def test_terminal_shows_the_last_lines(long: FakePool, run: Callable[..., Result]) -> None:
    """On a terminal the last lines of the pool are shown, and how to have all."""
    del long
    shown = run("logs", "-n", "ci", "--no-color")
    lines = shown.out.splitlines()
    assert (len(lines), lines[-1].endswith("line 99")) == (SHOWN, True)
    assert "--tail all" in shown.err


@pytest.mark.parametrize(
    ("options", "count"), [(["--tail", "all"], 200), (["--tail", "60"], 120), (["-o", "json"], 200)]
)
def test_terminal_shows_what_is_asked_for(
    long: FakePool, run: Callable[..., Result], options: list[str], count: int
) -> None:
    """A number of lines that is asked for holds, and JSON is for programs."""
    del long
    assert len(run("logs", "-n", "ci", *options).out.splitlines()) == count
