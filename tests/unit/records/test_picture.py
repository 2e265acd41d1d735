"""A timeline as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from condor_mini.records import picture
from condor_mini.records.picture import drawn
from condor_mini.records.rows import lanes
from condor_mini.records.stays import Director, FaultSpan
from timeline_scenes import AP, EP, SLOT, at, begin, end, event, fault

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SVG = "{http://www.w3.org/2000/svg}"
NODES = (("ci-master", "master"), (AP, "submit"), (EP, "execute"))


def svg(*entries: Any, seconds: float = 60) -> Element:  # noqa: ANN401
    """The picture of these entries, parsed."""
    scene = Director(most=100).show([begin(*NODES), *entries, end(seconds)])
    return ElementTree.fromstring(drawn(scene))  # noqa: S314 (our own)


def classed(root: Element, name: str) -> list[Element]:
    """The elements of a class of the style sheet, without those of the legend."""
    found = [one for one in root.iter() if name in one.get("class", "").split()]
    return [one for one in found if one.get("y", one.get("y1", "99")) not in ("46.0", "46")]


def words(root: Element) -> list[str]:
    """What is written in the picture."""
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def test_jobs_are_bars_in_the_rows_of_their_slots() -> None:
    """From left to right as time passes, with the job's id, and with all about it in a title."""
    root = svg(
        event(0, 0),
        event(6, 1, slot=SLOT),
        event(18, 4),
        event(30, 1, slot=SLOT.replace("1_1", "1_2")),
        event(54, 5, ReturnValue=0),
    )
    (ill,) = classed(root, "ill")
    (well,) = classed(root, "well")
    left, right = picture.LEFT, picture.WIDTH - picture.RIGHT
    scale = (right - left) / 60
    assert float(ill.get("x", "")) == pytest.approx(left + 6 * scale, abs=0.1)
    assert float(ill.get("width", "")) == pytest.approx(12 * scale, abs=0.1)
    assert float(well.get("x", "")) == pytest.approx(left + 30 * scale, abs=0.1)
    assert float(well.get("y", "")) > float(ill.get("y", ""))
    found = words(root)
    assert found.count("7.0") == 2
    assert found.index(EP) < found.index("slot1_1") < found.index("slot1_2")
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert f"Job 7.0 of {AP} on slot1_1 of {EP}, +6.0 s to +18.0 s: evicted" in titles


def test_faults_are_marked() -> None:
    """A fault covers its node for its time, one of a moment is a line, and each has its name."""
    root = svg(fault(6, "begin"), fault(24, "end"), fault(30, "moment", "kill"))
    (band,) = classed(root, "fault")
    scale = (picture.WIDTH - picture.RIGHT - picture.LEFT) / 60
    assert float(band.get("width", "")) == pytest.approx(18 * scale, abs=0.1)
    assert len(classed(root, "edge")) == 3
    assert {"freeze startd", "kill startd"} <= set(words(root))
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert f"kill {EP}/startd at +30.0 s" in titles


def test_picture_without_eyes_and_in_the_dark() -> None:
    """It has a title and a description of what went wrong, and colours for both schemes."""
    root = svg(event(6, 1, slot=SLOT), event(18, 4), fault(6, "begin"))
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    title, description = (
        next(one for one in root.iter() if one.get("id") == wanted) for wanted in ids
    )
    assert title.text == "The pool ci, 2026-11-29 12:00:00 UTC, 60.0 s"
    assert "1 job ran in 1 stay on 1 node. Job 7.0" in (description.text or "")
    assert f"Fault: freeze {EP}/startd, +6.0 s to the end." in (description.text or "")
    style = next(root.iter(f"{SVG}style")).text or ""
    light, _, dark = style.partition("@media (prefers-color-scheme: dark)")
    for name in ("page", "well", "ill", "fault", "struck", "tick", "word"):
        assert f".{name}" in light
        assert f".{name}" in dark


def test_names_are_text() -> None:
    """Whatever a name holds, the picture stays XML."""
    root = svg(event(1, 1, job="7.0", slot="<&>@a\"b'.x"), seconds=2)
    assert "<&>" in words(root)


@pytest.mark.parametrize("seconds", [0, 0.2, 7, 95, 4000, 200_000])
def test_axis(seconds: float) -> None:
    """Whatever the length, there are a few lines with their times, and all is inside."""
    root = svg(seconds=seconds)
    lines = [one for one in root.iter() if one.get("class") == "grid"]
    assert 1 <= len(lines) <= 12
    assert all(float(one.get("x1", "")) <= picture.WIDTH for one in lines)


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More slots than a picture can hold are left out, and it says so."""
    monkeypatch.setattr(picture, "MOST_ROWS", 2)
    names = [f"slot1_{number}@{EP}.x" for number in (10, 9, 2)]
    root = svg(*(event(1, 1, job=f"{n}.0", slot=name) for n, name in enumerate(names)))
    assert [word for word in words(root) if word.startswith("slot")] == ["slot1_2", "slot1_9"]
    assert "Left out: 1 row of slots." in words(root)


def test_what_overlaps_is_in_lanes() -> None:
    """Spans that cover each other get rows of their own; others share one."""
    spans = [
        FaultSpan(text=text, node=EP, begin=at(begins), end=None if ends is None else at(ends))
        for text, begins, ends in (("a", 0, 4), ("b", 2, 3), ("c", 4, None), ("d", 5, 6))
    ]
    assert [[span.text for span in row] for row in lanes(spans)] == [["a", "c"], ["b", "d"]]
