"""A timeline as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from condor_mini.records.entry import TimelineEntry


def lines(entries: Iterable[TimelineEntry]) -> Iterator[str]:
    """Yield ``TIME KIND NODE | TEXT`` for each entry, with the seconds since the first one.

    The columns of kinds and nodes are as wide as the widest so far.
    """
    begin: datetime | None = None
    kind_width = node_width = 0
    for entry in entries:
        begin = begin or entry.time
        elapsed = (entry.time - begin).total_seconds()
        kind, node = str(entry.kind), entry.node or "-"
        if daemon := entry.data.get("daemon"):
            node += f" {daemon}"
        kind_width, node_width = max(kind_width, len(kind)), max(node_width, len(node))
        text = "".join(letter if letter.isprintable() else " " for letter in entry.text)
        yield f"{elapsed:+9.3f} {kind:{kind_width}} {node:{node_width}} | {text}"
