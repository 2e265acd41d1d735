"""The command line of the bench."""

from __future__ import annotations

import inspect
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import machine, report
from bench.faulting import FAULTS
from bench.figures import Part
from bench.options import Options, say
from bench.parts import PARTS, PartModule
from condor_mini.base.series import catalogue

OUTPUT = Path(__file__).parent.parent / "docs" / "reference"


@click.command("bench", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@click.option("--list", "listing", is_flag=True, help="Show the parts and what they measure.")
@click.option("--quick", is_flag=True, help="Measure a few times only, and smaller pools.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=OUTPUT,
    help="Write performance.md, .json and the plots into this directory (docs/reference).",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=click.Choice(list(FAULTS)),
    metavar="NAME",
    help="faults: only this one. May be repeated.",
)
@click.option("--restart-engine", metavar="COMMAND", help="faults: restarts Docker's daemon.")
@click.option("--logs", metavar="DIR", help="faults: where logs go if a job is lost.")
def main(
    *,
    names: tuple[str, ...],
    listing: bool,
    quick: bool,
    output: Path,
    faults: tuple[str, ...],
    restart_engine: str | None,
    logs: str | None,
) -> None:
    """Measure what condor-mini takes beside what else runs a pool of the same HTCondor.

    Without a PART all are measured. The results of other parts stay as they are.
    """
    if listing:
        for name, module in PARTS.items():
            print(f"{name:12}{says(module).splitlines()[0]}")
        return
    # Pools are removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = Options(quick=quick, faults=faults, restart_engine=restart_engine, logs=logs)
    for name in names or PARTS:
        began = time.monotonic()
        say(f"{name} ...")
        part = measured(name, options)
        say(f"{name} took {time.monotonic() - began:.0f} s")
        show(part)
        found = {each.name: each for each in report.read(output)} | {name: part}
        report.write(output, [found[each] for each in PARTS if each in found])


def measured(name: str, options: Options) -> Part:
    """Measure one part."""
    module = PARTS[name]
    load = f"a load of {os.getloadavg()[0]:.1f} before the run"
    result = module.measure(options)
    series = catalogue().get(None)
    return Part(
        name=name,
        says=says(module),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=", ".join([*machine.facts(), f"HTCondor {series.version}", load]),
        quick=options.quick,
        result=result,
    )


def says(part: PartModule) -> str:
    """Return what a part's module says of itself."""
    return inspect.getdoc(part) or ""


def show(part: Part) -> None:
    """Print a part's tables."""
    result = part.result
    for rows in (
        report.figure_rows(result.figures),
        report.curve_rows(result.curves),
        result.table,
    ):
        if len(rows) > 1:
            table = Table(*rows[0], title=part.name)
            for row in rows[1:]:
                table.add_row(*row)
            Console().print(table)


if __name__ == "__main__":
    main()
