"""The lines of a log that comes in pieces, as Podman's does."""

from __future__ import annotations

import pytest

from condor_mini.engine.oci.log_lines import count_lines, format_log, utc_line


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("no time", "no time"),
        ("2026-11-21T13:22:15.036191761Z one", "2026-11-21T13:22:15.036191761Z one"),
        ("2026-11-21T19:24:03.010276485+05:30 x", "2026-11-21T13:54:03.010276485Z x"),
        (
            "2026-11-21T13:22:15.243753732Z half2026-11-21T13:22:16.244749337Z  and half",
            "2026-11-21T13:22:15.243753732Z half and half",
        ),
    ],
)
def test_line_has_one_time_in_utc(line: str, mended: str) -> None:
    """The time of a line's first piece, in UTC, whatever the machine's zone."""
    assert utc_line(line) == mended


@pytest.mark.parametrize(
    ("said", "tail", "mended"),
    [
        *(("1\n2\n3\n", 2, "2\n3\n"), ("1\n2\n3", 2, "2\n3"), ("1\n", 5, "1\n")),
        *(("1\n2\n", 0, ""), ("", 3, ""), ("a\rb\n\n", None, "a\rb\n\n")),
    ],
)
def test_tail_is_of_lines(said: str, tail: int | None, mended: str) -> None:
    """The last lines, of which the very last may have no end."""
    assert format_log(said, tail=tail, timestamps=False) == mended


@pytest.mark.parametrize(("said", "count"), [("", 0), ("1\n", 1), ("1\n2", 2), ("\n\n", 2)])
def test_lines_are_counted(said: str, count: int) -> None:
    """A last line without end is one."""
    assert count_lines(said) == count
