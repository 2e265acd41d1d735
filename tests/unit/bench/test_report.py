"""The bench's report: a record, and the page and plots that are written from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from bench import report
from bench.figures import Curve, Figure, Part, Result

if TYPE_CHECKING:
    from pathlib import Path

TIMES = tuple(float(number) for number in range(1, 22))
PART = Part(
    name="first-job",
    says="From the command to the first job's end.",
    date="2026-11-28",
    machine="2 cores",
    quick=True,
    result=Result(
        figures=(
            Figure(what="start", pool="condor-mini", unit="s", values=TIMES, plot="Start"),
            Figure(what="end", pool="condor-mini", unit="s", values=(3.0,)),
            Figure(what="start", pool="minicondor", unit="s", values=(22.0,), plot="Start"),
        ),
        curves=(
            Curve(what="`create`", pool="a < b", unit="s", by="jobs", points=((1, 0.5), (100, 7))),
        ),
        table=(("fault", "lost"), ("none", "0")),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a report of one part."""
    report.write(tmp_path, [PART])
    return tmp_path


def test_record_is_read_as_it_was_written(folder: Path) -> None:
    """performance.json has all that was measured."""
    assert report.read(folder) == [PART]


def test_there_is_no_part_without_a_record(tmp_path: Path) -> None:
    """The first run begins with no part."""
    assert report.read(tmp_path) == []


def test_page_shows_median_p95_and_the_ratio_to_each_peer(folder: Path) -> None:
    """A row of a peer has the ratio of our median to its own; figures of one thing are together."""
    rows = [line for line in (folder / report.PAGE).read_text().splitlines() if " s |" in line]
    assert rows == [
        "| start | condor-mini | 11.0 s | 20.0 s | 21 |  |",
        "|  | minicondor | 22.0 s |  | 1 | 0.50 |",
        "| end | condor-mini | 3.00 s |  | 1 |  |",
        "| `create`, by jobs | a < b | 0.50 s | 7.00 s |",
    ]


def test_page_says_when_and_where(folder: Path) -> None:
    """A section has a date, the machine, and whether the run was a short one."""
    text = (folder / report.PAGE).read_text()
    assert "\n## First job\n\nFrom the command to the first job's end.\n" in text
    assert "\n2026-11-28: 2 cores. A short run.\n" in text


def test_plots_are_svg_for_light_and_dark_pages(folder: Path) -> None:
    """Each plot is there in both themes, and the page shows it."""
    plots = {path.name: path.read_text() for path in (folder / report.PLOTS).iterdir()}
    names = ("first-job-start", "first-job-jobs")
    assert set(plots) == {f"{name}-{theme}.svg" for name in names for theme in ("dark", "light")}
    page = (folder / report.PAGE).read_text()
    for name, text in plots.items():
        ElementTree.fromstring(text)  # noqa: S314 (our own)
        assert "$" not in text
        assert f"performance/{name}" in page


def test_plots_of_the_past_are_removed(folder: Path) -> None:
    """A report without plots has none in its directory."""
    report.write(folder, [])
    assert list((folder / report.PLOTS).iterdir()) == []
