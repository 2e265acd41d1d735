"""``condor-mini export``: export what a bug report needs."""

from __future__ import annotations

from pathlib import Path

import click

from condor_mini.cli.options import engine_option, name_option, open_pool, quiet_option


@click.group("export")
def command() -> None:
    """Export what a bug report needs."""


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
