"""The report: performance.json is its record, from which the page and its plots are written."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bench import plot
from bench.figures import Curve, Figure, Part, Result, by_what
from bench.peers import BY_HAND, EMBEDDED, MINICONDOR, OURS, PERSONAL_POOL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.plot import Plot

PAGE, RECORD, PLOTS = "performance.md", "performance.json", "performance"
QUOTED = (
    ("first-job", "personal pool: command to the first job's end"),
    ("latency", "personal pool: submit to done of `/bin/true`"),
    ("throughput", "1 + 1 + 4, named: Jobs a second"),
)
"""The parts and figures that README quotes."""
HEAD = """# Performance

What condor-mini takes, beside what else runs a pool of the same HTCondor. `python -m bench` writes
this page ([how](../../bench/README.md)). In each part all pools took turns in one run: compare
figures of one part only.

- **condor-mini**: a pool of ours on Docker; **embedded**: the same without a container engine.
- **minicondor**: Debian's package of that name, in a container.
- **PersonalPool**: `htcondor2.personal.PersonalPool`, in a container of the same packages.
- **by hand**: HTCondor's default configuration with a pool password, a container for each node.
- **floor**: what remains without the work of a pool.

*ours ÷ it* is the median of condor-mini divided by the median of that row.
"""


def read(folder: Path) -> list[Part]:
    """Return the parts of the record in a directory; none if there is no record."""
    file = folder / RECORD
    if not file.exists():
        return []
    return [_part(each) for each in json.loads(file.read_text("utf-8"))["parts"]]


def write(folder: Path, parts: Sequence[Part]) -> None:
    """Write the record, the page, and the plots."""
    record = json.dumps({"parts": [asdict(part) for part in parts]}, indent=1)
    (folder / RECORD).write_text(f"{record}\n", "utf-8")
    plots = folder / PLOTS
    plots.mkdir(exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    page = [HEAD]
    for part in parts:
        drawn = list(_plots(part))
        for each in drawn:
            for theme in plot.THEMES:
                file = plots / f"{each.name}-{theme}.svg"
                file.write_text(plot.draw(each, theme), "utf-8")
        page.append(section(part, drawn))
    (folder / PAGE).write_text("\n".join(page), "utf-8")


def quotation(parts: Sequence[Part]) -> str:
    """Return the entry of README's list that quotes three figures.

    Raises:
        KeyError: A part that it quotes has not been measured.
    """
    of_part = {part.name: by_what(part.result.figures) for part in parts}
    quoted = [of_part[part][what] for part, what in QUOTED]
    ours = [_quoted(figures[OURS]) for figures in quoted]
    peers = [
        _quoted(figures[peer])
        for figures, peer in zip(quoted, (PERSONAL_POOL, MINICONDOR, BY_HAND), strict=True)
    ]
    return (
        f"[Performance](docs/reference/performance.md): first job {ours[0]} after the command "
        f"(PersonalPool: {peers[0]}), a job on an idle pool {ours[1]} (minicondor: {peers[1]}), "
        f"jobs a second with file transfer {ours[2]} (a pool by hand: {peers[2]})"
    )


def _quoted(figure: Figure) -> str:
    return shown(figure.median, figure.unit).removesuffix(" 1/s")


def section(part: Part, plots: Sequence[Plot]) -> str:
    """Return a part's section of the page."""
    runs = " A short run." if part.quick else ""
    lines = [f"## {part.name.capitalize().replace('-', ' ')}", "", part.says, ""]
    lines += [f"{part.date}: {part.machine}.{runs}", ""]
    if part.result.figures:
        lines += [*table(figure_rows(part.result.figures)), ""]
    if part.result.curves:
        lines += [*table(curve_rows(part.result.curves)), ""]
    if part.result.table:
        lines += [*table(part.result.table), ""]
    for each in plots:
        name = f"{PLOTS}/{each.name}"
        lines += [
            "<picture>",
            f'  <source media="(prefers-color-scheme: dark)" srcset="{name}-dark.svg">',
            f'  <img alt="{each.title}" src="{name}-light.svg">',
            "</picture>",
            "",
        ]
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, whose first row is its heading."""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield f"|{'---|' * len(row)}"


def figure_rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """Return the rows of a table of figures."""
    rows: list[tuple[str, ...]] = [("what", "pool", "median", "p95", "n", "ours ÷ it")]
    for what, of_pool in by_what(figures).items():
        ours = of_pool.get(OURS)
        for number, (pool, figure) in enumerate(of_pool.items()):
            rows.append(
                (
                    what if number == 0 else "",
                    pool,
                    shown(figure.median, figure.unit),
                    "" if figure.p95 is None else shown(figure.p95, figure.unit),
                    str(len(figure.values)),
                    shown(ours.median / figure.median)
                    if ours and figure.median and pool not in {OURS, EMBEDDED}
                    else "",
                )
            )
    return rows


def curve_rows(curves: Sequence[Curve]) -> list[tuple[str, ...]]:
    """Return the rows of a table of curves, a column for each size."""
    sizes = sorted({size for curve in curves for size, _ in curve.points})
    rows: list[tuple[str, ...]] = [("what", "pool", *(f"{size:,.0f}" for size in sizes))]
    for curve in curves:
        values = dict(curve.points)
        cells = (shown(values[size], curve.unit) if size in values else "" for size in sizes)
        rows.append((f"{curve.what}, by {curve.by}", curve.pool, *cells))
    return rows


def shown(value: float, unit: str = "") -> str:
    """Return a value with three digits, and its unit."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _plots(part: Part) -> Iterator[Plot]:
    """Yield the plots of a part: bars of figures, lines of curves."""
    titles = {figure.plot: figure.unit for figure in part.result.figures if figure.plot}
    for title, unit in titles.items():
        figures = [figure for figure in part.result.figures if figure.plot == title]
        groups = {
            what: {pool: figure.median for pool, figure in of_pool.items()}
            for what, of_pool in by_what(figures).items()
        }
        yield plot.Bars(name=plot.name_of(part.name, title), title=title, unit=unit, groups=groups)
    for by, group in groupby(part.result.curves, key=lambda curve: curve.by):
        lines = tuple(group)
        title = f"By the number of {by}"
        yield plot.Lines(name=plot.name_of(part.name, by), title=title, by=by, curves=lines)


def _part(record: dict[str, Any]) -> Part:
    result = record.pop("result")
    return Part(
        **record,
        result=Result(
            figures=tuple(
                Figure(**{**each, "values": tuple(each["values"])}) for each in result["figures"]
            ),
            curves=tuple(
                Curve(**{**each, "points": tuple((x, y) for x, y in each["points"])})
                for each in result["curves"]
            ),
            table=tuple(tuple(row) for row in result["table"]),
        ),
    )
