"""``condor-mini timeline``: show what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import output_option

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.records.timeline import Timeline

LOG, ALL = "log", "all"
KINDS = ("event", "job", "slot", "node", "fault", "missing", LOG)
NOTHING_ELSE = ("begin", "end")
"""The kinds that are always shown."""


def _kinds(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> list[str]:
    chosen = [kind for value in values for kind in value.split(",") if kind]
    for kind in chosen:
        if kind not in (*KINDS, ALL):
            raise UsageError(f"--kind {kind}: there are {', '.join(KINDS)}; or {ALL}")
    return list(KINDS) if ALL in chosen else chosen


@click.command("timeline")
@click.argument("directory", metavar="DIR", type=click.Path())
@click.option(
    "--kind",
    "kinds",
    metavar="KIND",
    multiple=True,
    callback=_kinds,
    help=f"Show only this kind of entry: {', '.join(KINDS)}; or {ALL}. May be repeated, and be a "
    "list with commas. The default as text is all but log.",
)
@click.option(
    "--svg",
    "picture",
    metavar="FILE",
    help="Write a picture to FILE (- is stdout) and no text: jobs over machines over time.",
)
@output_option
def command(*, directory: str, kinds: list[str], picture: str | None, output: str) -> None:
    """Show what `condor-mini record` has recorded in DIR: one line for each thing that happened.

    A line is TIME KIND NODE | TEXT, with the time in seconds since the beginning. With -o json,
    each line is one object of the file timeline.jsonl, logs too.
    """
    from condor_mini.records.timeline import Timeline

    if picture is not None and (kinds or output == "json"):
        raise UsageError("--svg shows all kinds: leave out --kind and -o json")
    timeline = Timeline.open(directory)
    if not timeline.is_complete:
        click.echo(
            f"The recording in {directory} is under way, or was killed: this is what there is.",
            err=True,
        )
    if picture is not None:
        _draw(timeline, picture)
    elif output == "json":
        _show_json(timeline, kinds)
    else:
        _show(timeline, kinds)


def _draw(timeline: Timeline, picture: str) -> None:
    text = timeline.svg()
    if picture == "-":
        click.echo(text, nl=False)
        return
    path = _path(picture)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{picture} cannot be written: {error.strerror or error}") from None


def _path(name: str) -> Path:
    from pathlib import Path

    return Path(name)


def _show_json(timeline: Timeline, kinds: list[str]) -> None:
    import json

    for entry in timeline.entries({*kinds, *NOTHING_ELSE} if kinds else None):
        click.echo(json.dumps(entry.to_json(), ensure_ascii=False))


def _show(timeline: Timeline, kinds: list[str]) -> None:
    from condor_mini.records.text import lines

    shown = kinds or [kind for kind in KINDS if kind != LOG]
    for line in lines(timeline.entries({*shown, *NOTHING_ELSE})):
        click.echo(line)
    if not kinds:
        click.echo(f"Lines of the logs are left out; with them: --kind {ALL}", err=True)
