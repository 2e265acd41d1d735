"""Plots as SVG, for light and dark pages: bars, and lines with logarithmic axes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.figures import Curve

THEMES = {
    "light": {"ink": "#1f2328", "faint": "#d1d9e0", "paper": "#ffffff"},
    "dark": {"ink": "#f0f6fc", "faint": "#3d444d", "paper": "#0d1117"},
}
COLOURS = ("#2f81f7", "#8250df", "#bf8700", "#cf222e", "#57606a", "#1a7f37", "#bc4c00", "#0598bc")
WIDTH = 760
LABELS = 330
"""How much of the width the names of bars take."""
BAR, GAP, TOP = 18, 14, 44
PLOT_HEIGHT, MARGIN = 300, 60
FONT = 'font-family="system-ui, sans-serif" font-size="13"'


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Bars in groups: a value for each pool."""

    name: str
    title: str
    unit: str
    groups: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class Lines:
    """How things grow."""

    name: str
    title: str
    by: str
    curves: tuple[Curve, ...]


Plot = Bars | Lines


def name_of(*words: str) -> str:
    """Return the name of a file with these words."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-")


def draw(plot: Plot, theme: str) -> str:
    """Return a plot as SVG, in the colours of a theme."""
    height, shapes = _bars(plot) if isinstance(plot, Bars) else _lines(plot)
    text = "\n".join(shapes)
    for name, colour in THEMES[theme].items():
        text = text.replace(f"${name}", colour)
    paper = THEMES[theme]["paper"]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>\n'
        f'<rect width="100%" height="100%" fill="{paper}"/>\n{text}\n</svg>\n'
    )


def _bars(plot: Bars) -> tuple[int, list[str]]:
    most = max(value for group in plot.groups.values() for value in group.values())
    pools = list(dict.fromkeys(pool for group in plot.groups.values() for pool in group))
    scale = (WIDTH - LABELS - 90) / most
    shapes = [_text(10, 24, f"{plot.title} ({plot.unit})", weight="bold")]
    y = TOP
    for what, group in plot.groups.items():
        shapes.append(_text(10, y + 13, what.replace("`", "").removesuffix(f": {plot.title}")))
        y += BAR + 2
        for pool, value in group.items():
            colour = COLOURS[pools.index(pool) % len(COLOURS)]
            width = max(1.0, value * scale)
            shapes.append(_text(LABELS - 8, y + 13, pool, anchor="end"))
            shapes.append(
                f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR - 3}" '
                f'fill="{colour}"/>'
            )
            shapes.append(_text(LABELS + width + 6, y + 13, f"{value:.3g}"))
            y += BAR
        y += GAP
    return y, shapes


def _lines(plot: Lines) -> tuple[int, list[str]]:
    sizes = [size for curve in plot.curves for size, _ in curve.points]
    values = [value for curve in plot.curves for _, value in curve.points if value > 0]
    left, right = _decades(sizes)
    low, high = _decades(values)

    def x(size: float) -> float:
        return MARGIN + (math.log10(size) - left) / (right - left) * (WIDTH - 2 * MARGIN)

    def y(value: float) -> float:
        return TOP + (1 - (math.log10(value) - low) / (high - low)) * PLOT_HEIGHT

    shapes = [_text(10, 24, plot.title, weight="bold")]
    for exponent in range(low, high + 1):
        at = y(10**exponent)
        shapes.append(f'<path d="M{MARGIN} {at:.1f}H{WIDTH - MARGIN}" stroke="$faint"/>')
        shapes.append(_text(MARGIN - 6, at + 4, f"{10**exponent:g}", anchor="end"))
    shapes += [
        _text(x(size), TOP + PLOT_HEIGHT + 18, f"{size:,.0f}", anchor="middle")
        for size in sorted(set(sizes))
    ]
    shapes.append(_text(WIDTH / 2, TOP + PLOT_HEIGHT + 38, plot.by, anchor="middle"))
    for number, curve in enumerate(plot.curves):
        shapes += _curve(curve, COLOURS[number % len(COLOURS)], x, y)
        at = TOP + PLOT_HEIGHT + 60 + number * BAR
        shapes.append(
            f'<rect x="{MARGIN}" y="{at - 11}" width="14" height="12" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        legend = f"{curve.what}, {curve.pool} ({curve.unit})".replace("`", "")
        shapes.append(_text(MARGIN + 22, at, legend))
    return TOP + PLOT_HEIGHT + 60 + len(plot.curves) * BAR, shapes


def _curve(
    curve: Curve, colour: str, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[str]:
    places = [(x(size), y(value)) for size, value in curve.points if value > 0]
    path = "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for across, down in places:
        yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{colour}"/>'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    """Return the exponents of the powers of ten that enclose values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="$ink" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
