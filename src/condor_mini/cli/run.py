"""``condor-mini run``: start a personal pool, and run a shell, a command or a job in it."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.signals import held_back
from condor_mini.cli.options import (
    engine_option,
    host_files_option,
    job_log_option,
    job_timeout_option,
    profile_option,
    quiet_option,
    reach_engine,
    series_option,
    valid_name,
)

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.personal.pool import PersonalPool

MOST_MB = 2**31 - 1
"""HTCondor stores a slot's memory in an int."""


@click.command(
    "run", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False}
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARGS]...]")
@click.option(
    "--submit",
    "submit_file",
    metavar="FILE",
    help="Submit FILE, wait for its jobs, and show the results.",
)
@job_timeout_option
@job_log_option
@click.option(
    "--state",
    default="condor_state",
    show_default=True,
    metavar="DIR",
    help="Keep logs, queue, history, key and tokens in DIR.",
)
@click.option(
    "--cpus", type=click.IntRange(1, 10**6), help="Advertise so many cores in the pool's slot."
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="Advertise so much memory in the pool's slot: 2048 (MiB), 512M, 2G.",
)
@click.option("--name", metavar="NAME", help="Give the pool and its host this name.")
@click.option("--keep", is_flag=True, help="Leave the pool running. The next run reuses it.")
@host_files_option
@click.option(
    "--reachable/--not-reachable",
    default=None,
    help="Publish a port on 127.0.0.1, so that HTCondor's clients on this machine reach the pool; "
    "or listen only inside the container. The default is a port with Docker Desktop and rootless "
    "engines, and else the container's address.",
)
@profile_option
@series_option
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    command: tuple[str, ...],
    submit_file: str | None,
    timeout_s: float,
    with_log: bool,
    state: str,
    cpus: int | None,
    memory: str | None,
    name: str | None,
    keep: bool,
    host_files: str | None,
    reachable: bool | None,
    profile: str | None,
    series: str | None,
    engine: str | None,
    quiet: bool,
) -> None:
    """Start HTCondor and open a shell in it, or run COMMAND there and exit with its status.

    The current directory is the working directory there, ~/work. HTCondor keeps its state in
    condor_state, and continues from it the next time.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.personal.container import PersonalSpec
    from condor_mini.personal.pool import PersonalPool

    if submit_file and command:
        raise UsageError("use either --submit FILE or a command, not both")
    catalogue().get(series)
    if not state:
        raise UsageError("--state: must be the name of a directory")
    spec = PersonalSpec(
        state=Path(state),
        workdir=_current_directory(),
        name=valid_name(name) if name is not None else None,
        series=series,
        cpus=cpus,
        memory_mb=_megabytes(memory),
        host_files=host_files,
        reachable=reachable,
        profile=profile,
    )
    job = _in_pool(Path(submit_file)) if submit_file else None
    progress = progress_for_stderr(quiet=quiet)
    reached = reach_engine(engine, progress)
    with PersonalPool.open(reached, spec, progress, keep=keep) as pool:
        if job:
            ctx.exit(_run_job(pool, job, progress, timeout_s=timeout_s, with_log=with_log))
        if command:
            ctx.exit(pool.run(command))
        ctx.exit(pool.shell())


def _run_job(
    pool: PersonalPool,
    file: PurePosixPath,
    progress: Progress,
    *,
    timeout_s: float,
    with_log: bool,
) -> int:
    """Submit the file, wait, show the results, and return the jobs' status."""
    from condor_mini.cli import job_lines, results
    from condor_mini.jobs import tracking
    from condor_mini.personal.container import WORK

    submission = tracking.submit(
        pool,
        str(file.parent),
        file.name,
        hint_if_held="This submission was removed. Correct the submit file, and submit it again.",
        mounted={WORK: str(_current_directory())},
    )
    results.announce(submission)
    try:
        status = results.await_end([submission], progress, timeout_s)
    except BaseException as failure:
        with held_back(), suppress(CondorMiniError):
            if isinstance(failure, CondorMiniError):
                job_lines.show([submission], with_log=with_log)
            submission.remove()
        raise
    job_lines.show([submission], with_log=with_log)
    return status


def _in_pool(file: Path) -> PurePosixPath:
    """Return the path of the submit file in the pool.

    Raises:
        NotFound: There is no such file.
        UsageError: It is not in or below the current directory.
    """
    from condor_mini.personal.container import WORK

    if not file.is_file():
        problem = "is not a file" if file.exists() else "does not exist"
        raise NotFound(f"the submit file {file} {problem}")
    here = _current_directory()
    folder = (here / file).parent.resolve()
    if not folder.is_relative_to(here):
        raise UsageError(
            f"{file} is not below the current directory, and the pool sees nothing else",
            hint=f"Change to its directory first: cd {shlex.quote(str(folder))}",
        )
    return PurePosixPath(WORK) / folder.relative_to(here).as_posix() / file.name


def _current_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise NotFound(
            "the current directory has been removed", hint="Change to another directory: cd DIR"
        ) from None


def _megabytes(size: str | None) -> int | None:
    """Return the size in MiB of ``2048``, ``512M`` or ``2G``."""
    if size is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]*)([mMgG]?)[iI]?[bB]?", size)
    if not found:
        raise UsageError(f"--memory {size}: must be a size such as 2048 (MiB), 512M or 2G")
    megabytes = int(found[1]) * (1024 if found[2] in ("g", "G") else 1)
    if megabytes > MOST_MB:
        raise UsageError(f"--memory {size}: must be at most {MOST_MB} MiB, HTCondor's limit")
    return megabytes
