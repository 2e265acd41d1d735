"""``condor-mini run``: start a personal pool, and run a shell, a command or a job in it."""

from __future__ import annotations

import re
import shlex
from contextlib import ExitStack, suppress
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
@click.option(
    "--publish",
    multiple=True,
    metavar="[ADDRESS:]PORT:PORT",
    help="Let a port of this machine lead to a port in the pool: 127.0.0.1:8080:80. May be "
    "repeated. Docker and Podman only.",
)
@click.option(
    "--jupyter",
    is_flag=True,
    help="Run JupyterLab in the pool, and print its link. What you make there is kept in "
    "condor_state/notebooks.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="P",
    help="Let JupyterLab be at this port of 127.0.0.1. The default is 8888, or any that is free.",
)
@click.option("--open", "open_it", is_flag=True, help="Open JupyterLab in your browser.")
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
    publish: tuple[str, ...],
    jupyter: bool,
    port: int | None,
    open_it: bool,
    profile: str | None,
    series: str | None,
    engine: str | None,
    quiet: bool,
) -> None:
    """Start HTCondor and open a shell in it, or run COMMAND there and exit with its status.

    With --jupyter, JupyterLab takes the shell's place until Ctrl-C, or until you shut it down.

    The current directory is the working directory there, ~/work. HTCondor keeps its state in
    condor_state, and continues from it the next time.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.personal import ports
    from condor_mini.personal.pool import PersonalPool
    from condor_mini.personal.spec import PersonalSpec

    if bool(submit_file) + bool(command) + jupyter > 1:
        raise UsageError("use one of --submit FILE, --jupyter and a command")
    if (port is not None or open_it) and not jupyter:
        raise UsageError(f"{'--open' if open_it else '--port'} is an option of --jupyter")
    for text in publish:
        ports.parsed(text)
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
        notebook=jupyter,
        notebook_port=port,
        publish=publish,
        profile=profile,
    )
    job = _in_pool(Path(submit_file)) if submit_file else None
    progress = progress_for_stderr(quiet=quiet)
    reached = reach_engine(engine, progress)
    with PersonalPool.open(reached, spec, progress, keep=keep) as pool:
        if job:
            ctx.exit(_run_job(pool, job, progress, timeout_s=timeout_s, with_log=with_log))
        if jupyter:
            _serve_notebook(pool, progress, open_it=open_it)
            ctx.exit(0)
        if command:
            ctx.exit(pool.run(command))
        ctx.exit(pool.shell())


def _serve_notebook(pool: PersonalPool, progress: Progress, *, open_it: bool) -> None:
    """Run JupyterLab in the pool, and print its link, until Ctrl-C or until it is shut down."""
    from condor_mini.cli.browser import opener
    from condor_mini.personal import notebook

    with ExitStack() as stack:
        show = stack.enter_context(opener("notebook")) if open_it else None
        lab = stack.enter_context(notebook.serving(pool, progress))
        with suppress(KeyboardInterrupt):
            click.echo(f"JupyterLab is at {lab.link}")
            kept = pool.state.path / notebook.FOLDER
            click.echo(f"What you make there is kept in {kept}. End: Ctrl-C.", err=True)
            if show is not None:
                show(lab.link)
            lab.wait()


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
