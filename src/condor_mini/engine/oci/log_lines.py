"""Lines of a log that is stored in pieces, as they were written: Podman's.

Podman counts pieces for ``--tail``; with ``--timestamps`` it puts a time before each piece, in the
machine's time zone.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})(Z|[+-]\d\d:\d\d) ")


def format_log(output: str, *, tail: int | None, timestamps: bool) -> str:
    """Return the last lines of a whole log, each with one time."""
    lines = output.split("\n")
    end = [lines.pop()] if lines[-1] == "" else []  # else its last line has no end
    if tail is not None:
        lines = lines[max(0, len(lines) - tail) :]
    if timestamps:
        lines = [utc_line(line) for line in lines]
    return "\n".join([*lines, *end]) if lines else ""


@contextmanager
def format_lines(
    followed: AbstractContextManager[Iterator[str]], *, skip: int, timestamps: bool
) -> Iterator[Iterator[str]]:
    """Yield a followed log without its first lines, each other line with one time."""
    with followed as lines:
        rest = islice(lines, skip, None)
        yield map(utc_line, rest) if timestamps else rest


def utc_line(line: str) -> str:
    """Return a line with the time of its writing in UTC, and without times of later pieces."""
    first = _STAMP.match(line)
    if first is None:
        return line
    seconds, fraction, zone = first.groups()
    time = datetime.fromisoformat(f"{seconds}{zone}").astimezone(UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{fraction}Z {_STAMP.sub('', line[first.end() :])}"


def count_lines(output: str) -> int:
    """Return how many lines there are, counting one that has no end yet."""
    return output.count("\n") + (not output.endswith("\n") and output != "")
