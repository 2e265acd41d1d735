"""A container's log, without any container."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine.embedded.log import LOG, FollowedLog, read_log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The directory of a container that has written three lines in three seconds."""
    (tmp_path / LOG).write_bytes(b"10.000001 one\n11.5 two\n12.000000 three \xff\n13.0 ha")
    return tmp_path


@pytest.mark.parametrize(
    ("tail", "since", "expected"),
    [
        (None, None, "one\ntwo\nthree \ufffd\n"),
        (2, None, "two\nthree \ufffd\n"),
        (0, None, ""),
        (9, 11.5, "two\nthree \ufffd\n"),
        (1, 10.0, "three \ufffd\n"),
    ],
)
def test_log_is_read_in_part(
    log: Path, tail: int | None, since: float | None, expected: str
) -> None:
    """Of a log one can have the end, and what was written from some time on."""
    from_then = None if since is None else datetime.fromtimestamp(since, tz=UTC)
    assert read_log(log, tail=tail, since=from_then, timestamps=False) == expected


def test_log_has_times(log: Path) -> None:
    """The times are those of the writing, to nine digits."""
    said = read_log(log, tail=2, since=None, timestamps=True)
    assert said.splitlines()[0] == "1970-01-01T00:00:11.500000000Z two"


def test_followed_log_waits_for_the_end_of_a_line(log: Path) -> None:
    """A line that is not whole yet comes when it is."""
    lines = FollowedLog(log, lambda: False, tail=1, since=None, timestamps=False)
    first = next(lines)
    with (log / LOG).open("ab") as file:
        file.write(b"lf\n")
    assert (first, next(lines)) == ("three \ufffd", "half")
