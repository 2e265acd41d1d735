"""Recordings of failing tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.records import looker, picture, recording, stays, text
from condor_mini.records.timeline import Timeline
from condor_mini.reports import logs
from recorded_pool import RecordedPool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import FakeEngine
    from fake_pool import FakePool

LOADED = (picture, recording, stays, text)
"""A run inside the tests would import them again each time."""
FAILING = """
def test_fails(condor_pool):
    condor_pool.engine.write_log("ci-master", "collector: it was me\\n")
    assert False

def test_passes(condor_pool): pass

def test_other(): assert False
"""


@pytest.fixture
def suite(
    pytester: pytest.Pytester,
    pool: FakePool,
    find: Callable[[FakeEngine], None],
    monkeypatch: pytest.MonkeyPatch,
) -> pytest.Pytester:
    """Tests on the pool ``ci``, two of which fail; looks follow each other at once."""
    monkeypatch.setattr(looker, "INTERVAL_S", 0.01)
    monkeypatch.setattr(logs, "LOOK_INTERVAL_S", 0.02)
    monkeypatch.chdir(pytester.path)
    find(pool.engine)
    RecordedPool(pool=pool)
    pytester.makeini("[pytest]\naddopts = --condor-reuse ci\n")
    pytester.makepyfile(FAILING)
    return pytester


def kept(directory: Path) -> list[Path]:
    """The directories of recordings."""
    return sorted(path.parent for path in directory.glob("*/*/timeline.jsonl"))


def test_failing_test_keeps_its_timeline(suite: pytest.Pytester) -> None:
    """It is in the directory, as lines and as a picture, and in the report, which names it.

    A test that passes, or uses no pool, has none.
    """
    result = suite.runpytest_inprocess("--condor-record", "kept")
    result.assert_outcomes(passed=1, failed=2)
    (directory,) = kept(suite.path / "kept")
    assert directory.parent.name.startswith("test_failing_test_keeps_its_timeline.py-test_fails-")
    assert [path.name for path in (suite.path / "kept").iterdir()] == [directory.parent.name]
    timeline = Timeline.open(directory)
    assert [entry.text for entry in timeline.entries(["log"])] == ["it was me"]
    assert (directory / "timeline.svg").read_text().startswith("<svg")
    output = result.stdout.str()
    assert output.count("HTCondor timeline, pool ci") == 1
    assert "ci-execute-1 is running" in output
    assert f"condor-mini timeline {directory} --kind all" in output


def test_second_run_replaces_the_first(suite: pytest.Pytester) -> None:
    """The directory has what failed last; files of others stay."""
    suite.makeini("[pytest]\naddopts = --condor-reuse ci\ncondor_record = kept\n")
    suite.runpytest_inprocess().assert_outcomes(passed=1, failed=2)
    (directory,) = kept(suite.path / "kept")
    first = (directory / "timeline.jsonl").read_text()
    suite.runpytest_inprocess().assert_outcomes(passed=1, failed=2)
    assert kept(suite.path / "kept") == [directory]
    assert (directory / "timeline.jsonl").read_text() != first


def test_directory_that_cannot_be_written(suite: pytest.Pytester) -> None:
    """A test passes or fails as it would, and a failing one says why it has no timeline."""
    (suite.path / "kept").write_text("mine")
    result = suite.runpytest_inprocess("--condor-record", "kept")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*HTCondor timeline, pool ci*", "not complete: *cannot be used*"])


def test_without_the_option(suite: pytest.Pytester, pool: FakePool) -> None:
    """Nothing is recorded: no log is switched on, and no directory is made."""
    suite.runpytest_inprocess().assert_outcomes(passed=1, failed=2)
    assert not [call for call in pool.engine.calls if call.argv[:1] == ("tee",)]
    assert not [*suite.path.glob("**/*.jsonl")]
