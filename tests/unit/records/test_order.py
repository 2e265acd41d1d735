"""Lines of a timeline in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.records import order
from condor_mini.records.entry import STAMP_LENGTH

if TYPE_CHECKING:
    from pathlib import Path


def line(second: int, text: str) -> str:
    """A line of that second of a minute."""
    found = f'{{"time": "2026-11-29T22:00:{second:02}.000000Z", "text": "{text}"}}\n'
    assert found[STAMP_LENGTH] == ","
    return found


@pytest.mark.parametrize("run", [2, 3, 100])
def test_in_order_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    """However many lines are in memory at once, all come in order, those of one time as they came.

    No file is left.
    """
    monkeypatch.setattr(order, "RUN_LINES", run)
    lines = [line(5, "a"), line(3, "b"), line(5, "c"), line(1, "d"), line(5, "e"), line(3, "f")]
    found = [*order.in_order(lines, tmp_path)]
    assert found == [line(1, "d"), line(3, "b"), line(3, "f")] + [line(5, t) for t in "ace"]
    assert not [*tmp_path.iterdir()]


def test_cut_off_line_is_left_out(tmp_path: Path) -> None:
    """A process that was killed while it wrote has left half a line."""
    lines = [line(2, "a"), line(1, "b"), line(0, "c")[:-4]]
    assert [*order.in_order(lines, tmp_path)] == [line(1, "b"), line(2, "a")]
