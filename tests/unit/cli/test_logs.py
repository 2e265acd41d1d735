"""``condor-mini logs`` on an engine in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

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
