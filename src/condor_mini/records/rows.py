"""The rows of a picture: which thing is drawn in which of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from condor_mini.records.entry import TimelineEntry
    from condor_mini.records.stays import FaultSpan, Scene, Stay

_NUMBERS = re.compile(r"(\d+)")


class Span(Protocol):
    """Something that lasts."""

    begin: datetime
    end: datetime | None


S = TypeVar("S", bound=Span)


@dataclass(kw_only=True)
class Row:
    """A row of bars, and its label."""

    label: str
    stays: list[Stay]


@dataclass(kw_only=True)
class Block:
    """A node: its marks, its faults in as many rows as they need, and the rows of its slots."""

    node: str
    role: str
    marks: list[TimelineEntry] = field(default_factory=list)
    faults: list[list[FaultSpan]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def height(self) -> int:
        """Number of rows, with that of the node's name."""
        return 1 + len(self.faults) + len(self.rows)


def blocks(scene: Scene, *, most_rows: int) -> tuple[list[Block], int]:
    """Return the blocks in order, and how many rows of slots are left out.

    A node without anything to show is a row all the same.
    """
    found = {name: Block(node=name, role=role) for name, role in scene.nodes.items()}

    def block(node: str) -> Block:
        return found.setdefault(node, Block(node=node, role=""))

    for mark in scene.marks:
        block(mark.node or "").marks.append(mark)
    by_node: dict[str, list[FaultSpan]] = {}
    for fault in scene.faults:
        by_node.setdefault(fault.node, []).append(fault)
    for node, faults in by_node.items():
        block(node).faults = lanes(faults)
    by_slot: dict[tuple[str, str], list[Stay]] = {}
    for stay in scene.stays:
        by_slot.setdefault((stay.node, stay.slot), []).append(stay)
    left_out = 0
    for node, slot in sorted(by_slot, key=lambda place: (place[0], _natural(place[1]))):
        for lane in lanes(by_slot[node, slot]):
            most_rows -= 1
            if most_rows < 0:
                left_out += 1
            else:
                block(node).rows.append(Row(label=slot or "beside the schedd", stays=lane))
    return list(found.values()), left_out


def lanes(spans: Iterable[S]) -> list[list[S]]:
    """Return spans in as few rows as they need so that none covers another."""
    rows: list[list[S]] = []
    for span in sorted(spans, key=lambda one: one.begin):
        row = next((row for row in rows if _is_over(row, span.begin)), None)
        if row is None:
            rows.append([span])
        else:
            row.append(span)
    return rows


def _is_over(row: Sequence[Span], time: datetime) -> bool:
    last = row[-1].end
    return last is not None and last <= time


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that puts ``slot1_10`` after ``slot1_9``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(name)]
