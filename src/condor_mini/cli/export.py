"""``condor-mini export``: export a pool for other programs, or what a bug report needs."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from condor_mini.base.errors import AlreadyInUse, UsageError
from condor_mini.cli.options import (
    engine_option,
    name_option,
    open_pool,
    profile_option,
    quiet_option,
    series_option,
)


@click.group("export")
def command() -> None:
    """Export a pool for other programs, or what a bug report needs."""


@command.command("compose")
@click.argument("directory", metavar="[DIR]", default=".")
@click.option("-n", "--name", metavar="NAME", help="Give the pool this name; the default is mini.")
@click.option(
    "-c", "--config", "file", metavar="FILE", help="Read the pool file FILE, or stdin if it is -."
)
@click.option("--execute", type=int, metavar="N", help="Have N execution points; the default is 1.")
@click.option("--submit", type=int, metavar="N", help="Have N access points; the default is 1.")
@profile_option
@series_option
@click.option("--force", is_flag=True, help="Overwrite existing files.")
def compose(
    *,
    directory: str,
    name: str | None,
    file: str | None,
    execute: int | None,
    submit: int | None,
    profile: str | None,
    series: str | None,
    force: bool,
) -> None:
    """Write a Compose file of a pool, which docker compose runs without condor-mini.

    DIR gets compose.yaml and a directory config with HTCondor's configuration. The default is
    the current directory.
    """
    from condor_mini.cli.create import spec_of_file
    from condor_mini.export.compose import FILE, compose_files

    spec = spec_of_file(file).with_overrides(
        name=name,
        execution_points=execute,
        access_points=submit,
        series=series,
        profile=profile,
    )
    target = Path(directory)
    files = compose_files(spec)
    existing = [path for path in files if (target / path).exists()]
    if existing and not force:
        raise AlreadyInUse(
            f"the file {target / existing[0]} already exists",
            hint=f"Overwrite it: condor-mini export compose --force {shlex.quote(directory)}",
        )
    try:
        for path, text in files.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(str(target / FILE))


@command.command("logs")
@click.argument("directory", metavar="[DIR]", required=False)
@name_option
@engine_option
@quiet_option
def logs(*, directory: str | None, name: str, engine: str | None, quiet: bool) -> None:
    """Save all logs, the configuration, the queue and the pool's status in a directory.

    Tokens, keys and passwords are redacted. Without DIR, it is a new directory below your log
    directory. Its name is printed. What cannot be collected is reported in errors.txt.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.reports.failure_logs import failure_directory
    from condor_mini.reports.log_bundle import ERRORS, export

    pool = open_pool(name, engine)
    target = Path(directory) if directory else failure_directory(name)
    progress = progress_for_stderr(quiet=quiet)
    with progress.step(f"Exporting the logs of {name}", done=f"Exported the logs of {name}"):
        errors = export(pool.engine, pool.nodes, target)
    if errors:
        progress.note(f"{len(errors)} things could not be collected: see {target / ERRORS}")
    click.echo(str(target))
