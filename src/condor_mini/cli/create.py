"""``condor-mini create``: create a pool from options or from a pool file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    host_files_option,
    leave_out_option,
    name_option,
    output_option,
    profile_option,
    quiet_option,
    reach_engine,
    series_option,
    show_json,
    timeout_option,
)

if TYPE_CHECKING:
    from condor_mini.spec import PoolSpec

NAME_VARIABLE = "CONDOR_MINI_NAME"


@click.command("create", cls=PoolCommand)
@name_option
@click.option(
    "-c", "--config", "file", metavar="FILE", help="Read the pool file FILE, or stdin if it is -."
)
@click.option(
    "--execute", type=int, metavar="N", help="Create N execution points; the default is 1."
)
@click.option("--submit", type=int, metavar="N", help="Create N access points; the default is 1.")
@click.option(
    "--execute-image",
    metavar="IMAGE",
    help="Run jobs in an image of your own. It stays unchanged.",
)
@host_files_option
@click.option(
    "--mount",
    "mounts",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    metavar="DIR",
    help="Mount this directory at the same path on all nodes. May be repeated.",
)
@click.option(
    "--reachable/--not-reachable",
    default=None,
    help="Publish ports on 127.0.0.1, so that HTCondor's clients on this machine reach the pool. "
    "The default is to do so with Docker Desktop and rootless engines.",
)
@click.option(
    "--expose",
    metavar="HOST[:PORT]",
    help="Let nodes of other hosts join: they reach this host by this name or address. Only this "
    "port must be open; the default is 9618.",
)
@click.option(
    "--from",
    "from_snapshot",
    metavar="SNAPSHOT",
    help="Begin with the state of a snapshot: its name, or the path of its file.",
)
@leave_out_option
@profile_option
@series_option
@timeout_option
@click.option("--keep", is_flag=True, help="Keep what was created if something fails.")
@click.option("--if-not-exists", is_flag=True, help="Reuse an existing pool of that name.")
@click.option("--dry-run", is_flag=True, help="Only show what would be created.")
@output_option
@engine_option
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    name: str,
    file: str | None,
    execute: int | None,
    submit: int | None,
    execute_image: str | None,
    host_files: str | None,
    mounts: tuple[str, ...],
    reachable: bool | None,
    expose: str | None,
    from_snapshot: str | None,
    leave_out_running: bool,
    profile: str | None,
    series: str | None,
    timeout_s: float,
    keep: bool,
    if_not_exists: bool,
    dry_run: bool,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Create a pool: a central manager, access points and execution points.

    The command ends when all daemons and slots are at the collector and a probe job has run. If
    something fails, it saves the logs and removes what it has created.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.pool import Pool

    if leave_out_running and not from_snapshot:
        raise UsageError("--leave-out-running is for --from SNAPSHOT")
    if host_files and execute_image:
        raise UsageError("use either --host-files or --execute-image, not both")
    named = ctx.get_parameter_source("name") is not click.core.ParameterSource.DEFAULT
    begun = spec_of_snapshot(from_snapshot) if from_snapshot and file is None else None
    spec = (begun or spec_of_file(file)).with_overrides(
        name=name if named else None,
        execution_points=execute,
        access_points=submit,
        series=series,
        execute_image=execute_image,
        host_files=host_files,
        reachable=reachable,
        expose=expose,
        mounts=mounts,
        profile=profile,
    )
    if dry_run:
        _show(spec, output)
        return
    progress = progress_for_stderr(quiet=quiet)
    pool = Pool.create(
        spec=spec,
        engine=reach_engine(engine, progress),
        timeout_s=timeout_s,
        keep=keep,
        if_not_exists=if_not_exists,
        from_snapshot=from_snapshot,
        leave_out_running=leave_out_running,
        progress=progress,
    )
    if output == "json":
        show_json({"name": pool.name, "nodes": [node.name for node in pool.nodes]})
        return
    click.echo(f"The pool {pool.name} is usable.")
    option = "" if pool.name == os.environ.get(NAME_VARIABLE, "mini") else f" -n {pool.name}"
    progress.note(
        f"Open a shell: condor-mini shell{option}. "
        f"Submit a job: condor-mini submit{option} FILE --wait. "
        f"Delete the pool: condor-mini delete{option}"
    )
    if spec.expose:
        progress.note(
            f"Let other hosts join: condor-mini token create --join execute{option} --uses N"
        )


def spec_of_file(file: str | None) -> PoolSpec:
    """Return the spec that a pool file has; that of the default pool without one."""
    if file is None:
        from condor_mini.spec import PoolSpec

        return PoolSpec.from_options()
    from condor_mini.spec.pool_file import read_pool_file

    return read_pool_file(file)


def spec_of_snapshot(snapshot: str) -> PoolSpec:
    """Return the spec of the pool that a snapshot is of."""
    from condor_mini.snapshots.snapshot import Snapshot

    return Snapshot.open(snapshot).spec()


def _show(spec: PoolSpec, output: str) -> None:
    """Print what would be created, and the configuration of each node."""
    from condor_mini.nodes.plan import planned_nodes

    nodes = planned_nodes(spec)
    if output == "json":
        rows = [
            {
                "name": node.name,
                "role": str(node.role),
                "image": node.container.image,
                "slots": node.slots,
                "files": dict(node.files),
            }
            for node in nodes
        ]
        show_json({"name": spec.name, "nodes": rows})
        return
    click.echo(f"network {spec.name}")
    for node in nodes:
        where = f"  on {node.host}" if node.host else ""
        click.echo(f"\n{node.name}  {node.container.image}{where}")
        for path, text in node.files.items():
            click.echo(f"  /{path}")
            for line in text.splitlines():
                click.echo(f"    {line}".rstrip())
