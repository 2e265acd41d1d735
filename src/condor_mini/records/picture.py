"""A timeline as a picture: SVG for light and dark, with words for those who do not see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from condor_mini.base.words import counted
from condor_mini.records import event_words
from condor_mini.records.entry import EntryKind
from condor_mini.records.rows import blocks

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from condor_mini.records.entry import TimelineEntry
    from condor_mini.records.rows import Block
    from condor_mini.records.stays import FaultSpan, Scene, Stay

MOST_ROWS = 300
WIDTH, LEFT, RIGHT = 1100, 190, 20
TOP, ROW, GAP = 84, 22, 8
LETTER = 7.0
"""The width of a letter, about."""
TICKS = 8
"""Lines of the time axis, about."""
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400)
_DAY_S = 86400
_WORDS = {
    event_words.SUBMIT: "submit",
    event_words.EVICTED: "evicted",
    event_words.EXCEPTION: "exception",
    event_words.ABORTED: "removed",
    event_words.HELD: "held",
    event_words.RELEASED: "released",
    event_words.DISCONNECTED: "disconnected",
    event_words.RECONNECTED: "reconnected",
    event_words.RECONNECT_FAILED: "lost",
}


def drawn(scene: Scene) -> str:
    """Return a scene as SVG."""
    return _Picture(scene).text()


class _Picture:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._blocks, self._rows_left_out = blocks(scene, most_rows=MOST_ROWS)
        self._begin = scene.begin or datetime.fromtimestamp(0, UTC)
        end = scene.end or self._begin
        self._seconds = max((end - self._begin).total_seconds(), 0.1)
        self._bottom = TOP + sum(block.height * ROW + GAP for block in self._blocks)
        self._svg = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {WIDTH} {self._bottom + 50}",
                "role": "img",
                "aria-labelledby": "title description",
            },
        )

    def text(self) -> str:
        """Return the picture."""
        self._head()
        self._axis()
        top = TOP
        for block in self._blocks:
            self._block(block, top)
            top += block.height * ROW + GAP
        self._foot()
        ElementTree.indent(self._svg)
        return ElementTree.tostring(self._svg, encoding="unicode") + "\n"

    # -- around it --------------------------------------------------------------------------------

    def _head(self) -> None:
        scene = self._scene
        title = f"The pool {scene.pool}, {self._begin:%Y-%m-%d %H:%M:%S} UTC, {self._lasted()}"
        _add(self._svg, "title", title, id="title")
        _add(self._svg, "desc", self._description(), id="description")
        _add(self._svg, "style", (resources.files(__package__) / "picture.css").read_text("utf-8"))
        pattern = _add(
            _add(self._svg, "defs"),
            *("pattern", ""),
            id="hatch",
            width=7,
            height=7,
            patternUnits="userSpaceOnUse",
            patternTransform="rotate(45)",
        )
        _line(pattern, 0, 0, 0, 7, "hatch")
        _add(self._svg, "rect", width=WIDTH, height=self._bottom + 50, **{"class": "page"})
        _text(self._svg, 16, 28, title, "title")
        self._legend(46)

    def _legend(self, y: int) -> None:
        x = 16
        for shape, words in (
            ("well", "a job that runs, or ended with 0"),
            ("ill", "a job that ended otherwise"),
            ("fault", "a fault in force"),
            ("edge", "a fault of a moment"),
            ("tick", "an event"),
        ):
            if shape in ("edge", "tick"):
                _line(self._svg, x + 9, y, x + 9, y + 14, shape)
            else:
                _box(self._svg, x, y, 18, 14, f"bar {shape}" if shape != "fault" else shape)
                if shape == "fault":
                    _add(self._svg, "rect", x=x, y=y, width=18, height=14, fill="url(#hatch)")
                if shape == "ill":
                    _cross(self._svg, x + 18, y + 7)
            _text(self._svg, x + 26, y + 12, words, "faint")
            x += 26 + int(len(words) * LETTER) + 20

    def _axis(self) -> None:
        step = next((s for s in _STEPS_S if self._seconds / s <= TICKS), _DAY_S)
        number = 0
        while (at := number * step) <= self._seconds:
            x = self._x(self._begin + timedelta(seconds=at))
            _line(self._svg, x, TOP - 6, x, self._bottom, "grid")
            _text(self._svg, x, self._bottom + 16, _elapsed(at), "faint", anchor="middle")
            number += 1

    def _foot(self) -> None:
        words = []
        if self._rows_left_out:
            words.append(f"{counted(self._rows_left_out, 'row')} of slots")
        if self._scene.left_out:
            words.append(f"{self._scene.left_out} bars and events")
        if words:
            text = f"Left out: {', '.join(words)}."
            _text(self._svg, 16, self._bottom + 38, text, "faint")

    def _description(self) -> str:
        scene = self._scene
        jobs = len({(stay.access_point, stay.job) for stay in scene.stays})
        where = counted(len({stay.node for stay in scene.stays}), "node")
        number = counted(len(scene.stays), "stay")
        parts = [f"{counted(jobs, 'job')} ran in {number} on {where}."]
        parts += [f"{self._stay_words(stay)}." for stay in scene.stays if not stay.went_well]
        parts += [f"Fault: {self._fault_words(fault)}." for fault in scene.faults]
        return " ".join(parts[:50])

    # -- a node -----------------------------------------------------------------------------------

    def _block(self, block: Block, top: int) -> None:
        group = _add(self._svg, "g")
        _box(group, 8, top, WIDTH - 8 - RIGHT + 8, block.height * ROW, "stripe", behind=True)
        _text(group, 16, top + 15, block.node, "node")
        self._marks(group, block.marks, top)
        y = top + ROW
        for lane in block.faults:
            for place, fault in enumerate(lane):
                following = lane[place + 1].begin if place + 1 < len(lane) else None
                self._fault(group, fault, top, block.height * ROW, y, following)
            y += ROW
        for row in block.rows:
            _text(group, 28, y + 15, row.label, "faint")
            for stay in row.stays:
                self._stay(group, stay, y)
            y += ROW

    def _marks(self, group: Element, marks: list[TimelineEntry], top: int) -> None:
        places = [self._x(mark.time) for mark in marks]
        after = [*places[1:], float(WIDTH)][: len(marks)]
        for mark, x, following in zip(marks, places, after, strict=True):
            one = _add(group, "g")
            _add(one, "title", f"{self._at(mark.time)} {mark.text}")
            _line(one, x, top + 3, x, top + ROW - 3, "tick")
            word = _word(mark)
            if x + len(word) * LETTER < following:
                _text(one, x + 3, top + 15, word, "word")

    def _fault(
        self,
        group: Element,
        fault: FaultSpan,
        top: int,
        height: int,
        y: int,
        following: datetime | None,
    ) -> None:
        one = _add(group, "g")
        _add(one, "title", self._fault_words(fault))
        x = self._x(fault.begin)
        _line(one, x, top, x, top + height, "edge")
        if fault.end != fault.begin:
            to = self._x(fault.end or self._scene.end or fault.begin)
            _box(one, x, top, max(to - x, 1.0), height, "fault")
            _add(
                one,
                *("rect", ""),
                x=f"{x:.1f}",
                y=top,
                width=f"{max(to - x, 1.0):.1f}",
                height=height,
                fill="url(#hatch)",
            )
            if fault.end is not None:
                _line(one, to, top, to, top + height, "edge")
        words = fault.text.replace(f"{fault.node}/", "").replace(f" {fault.node}", "")
        room = (self._x(following) if following else float(WIDTH - RIGHT)) - x
        if len(words) * LETTER <= room or following is None:
            at_end = len(words) * LETTER > room
            anchor = "end" if at_end else "start"
            _text(one, x - 4 if at_end else x + 4, y + 15, words, "struck", anchor=anchor)

    def _stay(self, group: Element, stay: Stay, y: int) -> None:
        one = _add(group, "g")
        _add(one, "title", self._stay_words(stay))
        x = self._x(stay.begin)
        width = max(self._x(stay.end or self._scene.end or stay.begin) - x, 2.0)
        _box(one, x, y + 3, width, ROW - 6, f"bar {'well' if stay.went_well else 'ill'}")
        if not stay.went_well:
            _cross(one, x + width, y + ROW / 2)
        if len(stay.job) * LETTER + 8 <= width:
            _text(one, x + 4, y + 15, stay.job, "")

    # -- words ------------------------------------------------------------------------------------

    def _stay_words(self, stay: Stay) -> str:
        place = f"{stay.slot} of {stay.node}" if stay.slot else f"{stay.node}, beside the schedd"
        begin = "before" if stay.is_from_before else self._at(stay.begin)
        end = "the end" if stay.end is None else self._at(stay.end)
        return f"Job {stay.job} of {stay.access_point} on {place}, {begin} to {end}: {stay.how}"

    def _fault_words(self, fault: FaultSpan) -> str:
        if fault.end == fault.begin:
            return f"{fault.text} at {self._at(fault.begin)}"
        end = "the end" if fault.end is None else self._at(fault.end)
        return f"{fault.text}, {self._at(fault.begin)} to {end}"

    def _at(self, time: datetime) -> str:
        return f"+{(time - self._begin).total_seconds():.1f} s"

    def _lasted(self) -> str:
        return f"{self._seconds:.1f} s" if self._seconds < 100 else _elapsed(self._seconds)

    def _x(self, time: datetime) -> float:
        share = (time - self._begin).total_seconds() / self._seconds
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)


def _word(mark: TimelineEntry) -> str:
    if mark.kind is EntryKind.NODE:
        return str(mark.data.get("now") or "removed")
    return _WORDS.get(mark.data.get("EventTypeNumber", -1), "")


def _elapsed(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _add(parent: Element, tag: str, text: str = "", **attributes: object) -> Element:
    made = ElementTree.SubElement(parent, tag, {k: str(v) for k, v in attributes.items()})
    made.text = text or None
    return made


def _box(
    parent: Element,
    x: float,
    y: float,
    width: float,
    height: float,
    kind: str,
    *,
    behind: bool = False,
) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}"}
    corner = {"rx": "4"} if behind else {}
    _add(parent, "rect", "", **attributes, height=f"{height:.1f}", **corner, **{"class": kind})


def _line(parent: Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    places = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    _add(parent, "line", "", **places, **{"class": kind})


def _cross(parent: Element, x: float, y: float) -> None:
    path = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
    _add(parent, "path", "", d=path, **{"class": "cross"})


def _text(
    parent: Element, x: float, y: float, words: str, kind: str, *, anchor: str = "start"
) -> None:
    attributes = {"class": kind} if kind else {}
    if anchor != "start":
        attributes["text-anchor"] = anchor
    _add(parent, "text", words, x=f"{x:.1f}", y=f"{y:.1f}", **attributes)
