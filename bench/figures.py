"""What the bench has measured: figures of pools, and curves that show how they grow."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing that was measured of one pool, some times."""

    what: str
    pool: str
    unit: str
    values: tuple[float, ...]
    plot: str = ""
    """The plot that shows it, by its title; none if empty."""

    @property
    def median(self) -> float:
        """The median of its values."""
        return statistics.median(self.values)

    @property
    def p95(self) -> float | None:
        """What 95 of 100 values are below; None of fewer than five values."""
        if len(self.values) < 5:
            return None
        return statistics.quantiles(self.values, n=20, method="inclusive")[-1]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How something grows with the size of one pool."""

    what: str
    pool: str
    unit: str
    by: str
    """What the size is: execution points, jobs."""
    points: Points
    """Pairs of size and value."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one part of the bench has found."""

    figures: tuple[Figure, ...] = ()
    curves: tuple[Curve, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of words, the first one the heading."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A result, and when and where it was found."""

    name: str
    says: str
    date: str
    machine: str
    quick: bool
    result: Result = field(default_factory=Result)


def by_what(figures: Sequence[Figure]) -> dict[str, dict[str, Figure]]:
    """Return figures by what was measured, and then by the pool."""
    found: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        found.setdefault(figure.what, {})[figure.pool] = figure
    return found
