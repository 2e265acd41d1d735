"""The page of the bench is what its record gives, and README quotes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import DOCS, README

from bench import report
from bench.parts import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Part

REFERENCE = DOCS / "reference"


@pytest.fixture
def parts() -> list[Part]:
    """What docs/reference/performance.json records."""
    return report.read(REFERENCE)


def test_page_and_plots_are_those_of_the_record(parts: list[Part], tmp_path: Path) -> None:
    """performance.md and the plots are as ``python -m bench`` writes them."""
    report.write(tmp_path, parts)
    for written in (path for path in tmp_path.rglob("*") if path.is_file()):
        name = written.relative_to(tmp_path)
        assert (REFERENCE / name).read_text("utf-8") == written.read_text("utf-8"), name


def test_parts_of_the_record_are_those_of_the_bench(parts: list[Part]) -> None:
    """Each part is one that can be measured again, in the order of the page."""
    names = [part.name for part in parts]
    assert names == [name for name in PARTS if name in names]


def test_readme_quotes_the_record(parts: list[Part]) -> None:
    """README has the entry with three figures of the record."""
    text = " ".join(README.read_text("utf-8").split())
    assert report.quotation(parts) in text, f"README is to say: {report.quotation(parts)}"
