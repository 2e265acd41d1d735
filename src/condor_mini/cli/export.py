"""``condor-mini export``: export a pool for other programs, or what a bug report needs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

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
from condor_mini.cli.slurm import group_option, nodes_option, time_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.spec import PoolSpec


@click.group("export")
def command() -> None:
    """Export a pool for other programs, or what a bug report needs."""


class _Options(TypedDict):
    """What the options say of the pool that is written, and where it is."""

    directory: str
    name: str | None
    file: str | None
    execute: int | None
    submit: int | None
    profile: str | None
    series: str | None
    force: bool


def _exports_a_pool(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which pool is written, and where."""
    for option in (
        click.option("--force", is_flag=True, help="Overwrite existing files."),
        series_option,
        profile_option,
        click.option(
            "--submit", type=int, metavar="N", help="Have N access points; the default is 1."
        ),
        click.option(
            "--execute", type=int, metavar="N", help="Have N execution points; the default is 1."
        ),
        click.option(
            "-c",
            "--config",
            "file",
            metavar="FILE",
            help="Read the pool file FILE, or stdin if it is -.",
        ),
        click.option(
            "-n", "--name", metavar="NAME", help="Give the pool this name; the default is mini."
        ),
        click.argument("directory", metavar="[DIR]", default="."),
    ):
        function = option(function)
    return function


@command.command("compose")
@_exports_a_pool
def compose(**options: Unpack[_Options]) -> None:
    """Write a Compose file of a pool, which docker compose runs without condor-mini.

    DIR gets compose.yaml and a directory config with HTCondor's configuration. The default is
    the current directory.
    """
    from condor_mini.export.compose import compose_files

    _write("compose", compose_files, **options)


@command.command("swarm")
@_exports_a_pool
def swarm(**options: Unpack[_Options]) -> None:
    """Write a stack file of a pool, which Docker Swarm runs without condor-mini.

    DIR gets stack.yaml, secrets.sh, which makes the pool's key and tokens, and a directory config
    with HTCondor's configuration. The default is the current directory.
    """
    from condor_mini.export.swarm import swarm_files

    _write("swarm", swarm_files, **options)


@command.command("kubernetes")
@_exports_a_pool
def kubernetes(**options: Unpack[_Options]) -> None:
    """Write manifests of a pool, which Kubernetes runs without condor-mini.

    DIR gets kustomization.yaml, a directory manifests, and secrets.sh, which makes the pool's key
    and tokens. The default is the current directory.
    """
    from condor_mini.export.kubernetes import kubernetes_files

    _write("kubernetes", kubernetes_files, **options)


@command.command("slurm")
@click.argument("directory", metavar="[DIR]", default=".")
@name_option
@nodes_option
@time_option
@group_option
@engine_option
@quiet_option
def slurm(
    *,
    directory: str,
    name: str,
    nodes: int,
    time_limit: str | None,
    group: str | None,
    engine: str | None,
    quiet: bool,
) -> None:
    """Write a batch script of Slurm whose compute nodes join a pool that runs.

    DIR gets pool.sbatch, and what it needs: HTCondor, its configuration, and a token that adds
    execution points to the pool. The default is the current directory.
    """
    from condor_mini.base.progress import progress_for_stderr

    batch = open_pool(name, engine).slurm.write(
        Path(directory),
        nodes,
        time_limit=time_limit,
        group=group,
        progress=progress_for_stderr(quiet=quiet),
    )
    click.echo(str(batch))


def _write(
    what: str, files_of: Callable[[PoolSpec], dict[str, str]], **options: Unpack[_Options]
) -> None:
    """Write the files of a pool, and print the path of the first."""
    from condor_mini.cli.create import spec_of_file

    spec = spec_of_file(options["file"]).with_overrides(
        name=options["name"],
        execution_points=options["execute"],
        access_points=options["submit"],
        series=options["series"],
        profile=options["profile"],
    )
    target = Path(options["directory"])
    files = files_of(spec)
    existing = [path for path in files if (target / path).exists()]
    if existing and not options["force"]:
        raise AlreadyInUse(
            f"the file {target / existing[0]} already exists",
            hint=f"Overwrite it: condor-mini export {what} --force {shlex.quote(str(target))}",
        )
    try:
        for path, text in files.items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    click.echo(str(target / next(iter(files))))


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
