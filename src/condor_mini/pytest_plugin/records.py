"""What happens in the pools of a test while it runs: recorded, and kept if the test fails."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pytest

    from condor_mini import Pool, Recording, Timeline

MOST_LINES = 300
"""Lines of a timeline that a report holds at most, the last ones."""
LONGEST_NAME = 120
PICTURE = "timeline.svg"
_FILES = (PICTURE, "timeline.jsonl", "unordered.jsonl")
"""What is in the directory of a recording."""


class TestRecords:
    """The recordings of the tests of a process: one for each pool that a test uses."""

    __test__ = False  # pytest takes a class of such a name for tests

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._test: str | None = None
        """The test that runs."""
        self._recordings: list[Recording] = []
        self._failures: dict[str, str] = {}
        """Why a pool could not be recorded, by its name."""

    @contextmanager
    def of(self, test: str, pools: Sequence[Pool]) -> Iterator[None]:
        """Record pools while a test lasts; a pool that cannot be recorded does not fail the test.

        Args:
            test: The test's id.
            pools: The pools that it uses from its beginning.
        """
        self._test, self._recordings, self._failures = test, [], {}
        try:
            for pool in pools:
                self.add(pool)
            yield
        finally:
            self._test = None
            for recording in self._recordings:
                self._try(recording.directory.name, partial(recording.__exit__, None, None, None))

    def add(self, pool: Pool) -> None:
        """Record one more pool until the test ends; nothing if no test runs."""
        if self._test is None:
            return
        directory = self._directory / _file_name(self._test) / pool.name
        _remove_files(directory)
        recording = pool.record(directory)
        if self._try(pool.name, recording.__enter__):
            self._recordings.append(recording)

    def attach(self, report: pytest.TestReport) -> None:
        """Add a section for each pool to the report of a failing test."""
        from condor_mini import CondorMiniError, Timeline

        for recording in self._recordings:
            with suppress(CondorMiniError, OSError):
                timeline = Timeline.open(recording.directory)
                (recording.directory / PICTURE).write_text(timeline.svg(), encoding="utf-8")
                title = f"HTCondor timeline, pool {recording.directory.name}"
                report.sections.append((title, "\n".join(_lines(timeline))))
        for name, why in self._failures.items():
            report.sections.append((f"HTCondor timeline, pool {name}", f"not complete: {why}"))

    def forget(self) -> None:
        """Remove what was recorded of a test that has not failed."""
        for recording in self._recordings:
            _remove_files(recording.directory)
            with suppress(OSError):
                recording.directory.rmdir()
                recording.directory.parent.rmdir()
                self._directory.rmdir()
        self._recordings = []

    def _try(self, pool: str, act: Callable[[], object]) -> bool:
        from condor_mini import CondorMiniError

        try:
            act()
        except (CondorMiniError, OSError) as error:
            self._failures[pool] = str(error)
            return False
        return True


def _lines(timeline: Timeline) -> Iterator[str]:
    from condor_mini.records.text import lines

    shown = deque(lines(entry for entry in timeline.entries() if entry.kind != "log"), MOST_LINES)
    yield from shown
    yield f"with the lines of the logs: condor-mini timeline {timeline.directory} --kind all"
    yield f"as a picture: {timeline.directory / PICTURE}"


def _file_name(test: str) -> str:
    """Return a name for the directory of a test, which no other test has."""
    words = re.sub(r"[^\w.-]+", "-", test, flags=re.ASCII).strip("-.")
    mark = hashlib.sha256(test.encode()).hexdigest()[:6]
    return f"{words[:LONGEST_NAME]}-{mark}"


def _remove_files(directory: Path) -> None:
    for name in _FILES:
        with suppress(OSError):
            (directory / name).unlink()
