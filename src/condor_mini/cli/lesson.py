"""``condor-mini lesson``: lessons, with their files and checks of what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    engine_option,
    name_option,
    output_option,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.lessons.lesson import LessonReport

NOT_YET = 5
"""The exit code of ``check`` if a step is not done, as that of ``status`` if a pool is not usable.
"""


def _lesson_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from condor_mini.lessons.catalogue import LESSONS

    return [name for name in LESSONS if name.startswith(incomplete)]


@click.group("lesson")
def command() -> None:
    """Learn HTCondor on a pool of your own, in lessons of at most 15 minutes.

    Each lesson is a page with commands to type. It works without a network and without root.
    """


@command.command("list")
@output_option
def list_(*, output: str) -> None:
    """List the lessons: what one learns, how long it takes, and what it needs."""
    from condor_mini.lessons.catalogue import LESSONS

    if output == "json":
        show_json([lesson.to_json() for lesson in LESSONS.values()])
        return
    rows = [
        [
            str(lesson.number),
            lesson.name,
            f"{lesson.minutes} min",
            lesson.needs or "-",
            lesson.learns,
        ]
        for lesson in LESSONS.values()
    ]
    show_table(["", "LESSON", "TAKES", "NEEDS", "ONE LEARNS"], rows)
    click.echo("\nBegin: condor-mini lesson start first-job", err=True)


@command.command("start")
@click.argument("name", metavar="LESSON", shell_complete=_lesson_names)
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path())
def start(*, name: str, directory: str | None) -> None:
    """Put the page and the files of LESSON into DIR, by default a directory of its name.

    LESSON is a name or a number of `condor-mini lesson list`.
    DIR must be new or empty: nothing is overwritten.
    """
    import shlex
    from pathlib import Path

    from condor_mini.lessons.course import lesson_named
    from condor_mini.lessons.lesson import PAGE

    lesson = lesson_named(name)
    place = directory or lesson.name
    files = lesson.start(Path(place))
    click.echo(f"Lesson {lesson.number}, {lesson.title}: {', '.join(files)} are in {place}.")
    if lesson.needs:
        click.echo(f"It needs {lesson.needs}.")
    where = "" if place == "." else f"cd {shlex.quote(place)}, and "
    click.echo(f"Type next: {where}less {PAGE}")


@command.command("check")
@click.argument("lesson", metavar="[LESSON]", required=False, shell_complete=_lesson_names)
@name_option
@output_option
@engine_option
@click.pass_context
def check(
    ctx: click.Context, *, lesson: str | None, name: str, output: str, engine: str | None
) -> None:
    """Say which steps of a lesson are done, and what to type next.

    It looks at the lesson in the current directory, else at those in the directories below. Files,
    the jobs' event logs and the pool are looked at, and nothing is changed. The exit code is 5 if
    a step is not done.
    """
    from pathlib import Path

    from condor_mini.lessons.course import check_all

    reports = check_all(Path.cwd(), lesson, pool=name, engine=engine)
    if output == "json":
        show_json([report.to_json() for report in reports])
    elif len(reports) == 1:
        _show(reports[0])
    else:
        _show_all(reports)
    ctx.exit(0 if all(report.is_done for report in reports) else NOT_YET)


def _show(report: LessonReport) -> None:
    lesson = report.lesson
    click.echo(f"Lesson {lesson.number}, {lesson.title}")
    for one in report.steps:
        click.echo(f"{'done' if one.seen.is_done else 'not yet':7}  {one.step.title}")
        if not one.seen.is_done:
            click.echo(f"         {one.seen.text}")
    if report.next is not None:
        click.echo(f"Type next: {report.next.command}")
        return
    click.echo(f"All {len(report.steps)} steps are done.")
    from condor_mini.lessons.catalogue import LESSONS

    following = [other.name for other in LESSONS.values() if other.number == lesson.number + 1]
    for other in following:
        click.echo(f"The next lesson: cd .. && condor-mini lesson start {other}", err=True)


def _show_all(reports: list[LessonReport]) -> None:
    rows = [
        [
            str(report.lesson.number),
            report.lesson.name,
            _place(report.directory),
            f"{sum(one.seen.is_done for one in report.steps)} of {len(report.steps)}",
            report.next.title if report.next else "-",
        ]
        for report in reports
    ]
    show_table(["", "LESSON", "DIRECTORY", "DONE", "NOT YET"], rows)


def _place(directory: Path) -> str:
    from pathlib import Path

    return directory.relative_to(Path.cwd()).as_posix()
