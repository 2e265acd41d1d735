"""``condor-mini record``: record what happens in a pool."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import PoolNotReady, UsageError
from condor_mini.cli.options import (
    WithCommand,
    engine_option,
    name_option,
    open_pool,
    quiet_option,
)

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.records.recording import Recording

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""The statuses that shells give for a command that does not exist or cannot be run."""
SIGNAL_BASE = 128
"""A shell's status for a process that a signal ended is this plus the signal's number."""


@click.command("record", cls=WithCommand, options_metavar="[OPTIONS]")
@click.argument("directory", metavar="DIR [-- COMMAND [ARGS]...]")
@name_option
@click.option(
    "--for",
    "duration",
    metavar="TIME",
    help="Record for so long: 30s, 2m. The default is until Ctrl-C, or the end of COMMAND.",
)
@engine_option
@quiet_option
def command(
    *,
    directory: str,
    argv: list[str],
    name: str,
    duration: str | None,
    engine: str | None,
    quiet: bool,
) -> None:
    """Record what happens in a pool into DIR, which is new or empty.

    \b
    condor-mini record DIR -- pytest tests/workflow
    condor-mini timeline DIR --svg timeline.svg

    DIR/timeline.jsonl has every job event, each change in the ads of jobs and slots, each line of
    the daemons' logs, states of nodes and faults, in order of time, without secrets. The status is
    that of COMMAND, which finds the pool in CONDOR_MINI_NAME.
    """  # noqa: D301 (click's mark: it does not join these lines)
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.times import parse_duration

    if duration is not None and argv:
        raise UsageError("use either --for or a command, not both")
    for_s = None if duration is None else parse_duration(duration)
    progress = progress_for_stderr(quiet=quiet)
    status = 0
    recording = open_pool(name, engine).record(directory)
    try:
        with recording:
            until = f"{duration} long; Ctrl-C ends it" if duration else "Ctrl-C ends it"
            progress.note(f"Recording {name} to {directory}{'' if argv else f', {until}'}")
            if argv:
                status = _run(argv, name, engine)
            else:
                recording.wait(for_s)
    finally:
        _report(recording, progress)
    if for_s is not None and recording.pool_is_gone:
        raise PoolNotReady(
            f"the pool {name} was deleted before the {duration} were over",
            hint=f"What was recorded until then: condor-mini timeline {directory}",
        )
    sys.exit(status)


def _run(argv: list[str], name: str, engine: str | None) -> int:
    """Run a command to its end, and return its status as a shell does."""
    import subprocess

    variables = {**os.environ, "CONDOR_MINI_NAME": name}
    if engine is not None:
        variables["CONDOR_MINI_ENGINE"] = engine
    sys.stdout.flush()
    try:
        process = subprocess.Popen(argv, env=variables)
    except FileNotFoundError:
        click.echo(f"condor-mini: there is no command {argv[0]} on PATH", err=True)
        return NOT_FOUND
    except OSError as error:
        click.echo(f"condor-mini: {argv[0]} cannot be run: {error.strerror}", err=True)
        return NOT_EXECUTABLE
    try:
        status = process.wait()
    except KeyboardInterrupt:  # the terminal has sent it to the command as well
        process.wait()
        raise
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return status if status >= 0 else SIGNAL_BASE - status


def _report(recording: Recording, progress: Progress) -> None:
    """Say what was recorded, if it was begun."""
    counts = recording.counts
    if not counts:
        return
    if recording.pool_is_gone:
        progress.note("The pool was deleted.")
    parts = [f"{counts[kind]} {kind}" for kind in sorted(counts) if kind not in ("begin", "end")]
    progress.note(f"Recorded in {recording.directory}: {', '.join(parts) or 'nothing'}")
    if "missing" in counts:
        where = recording.directory
        progress.note(f"Not all could be read: condor-mini timeline {where} --kind missing")
