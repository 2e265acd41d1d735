"""Lines in order of time, however many: the memory that it takes is bounded."""

from __future__ import annotations

import heapq
import tempfile
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING

from condor_mini.records.entry import STAMP_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

RUN_LINES = 50_000
"""Lines that are in memory at once: some 20 MB."""


def in_order(lines: Iterable[str], scratch: Path | None = None) -> Iterator[str]:
    """Yield the lines in order of time; those of one time stay in their order.

    Lines that are cut off are left out: whoever wrote them was killed.

    Args:
        lines: Lines of a timeline, in any order.
        scratch: Directory for temporary files, which need as much space as the lines. None for
            the system's.
    """
    whole = (line for line in lines if line.endswith("}\n"))
    run = _next_run(whole)
    rest = _next_run(whole)
    if not rest:
        yield from run
        return
    with ExitStack() as stack:
        files = []
        while run:
            file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", dir=scratch))
            file.writelines(run)
            file.seek(0)
            files.append(file)
            run, rest = rest, _next_run(whole)
        yield from heapq.merge(*files, key=_time)


def _next_run(lines: Iterator[str]) -> list[str]:
    return sorted(islice(lines, RUN_LINES), key=_time)


def _time(line: str) -> str:
    return line[:STAMP_LENGTH]
