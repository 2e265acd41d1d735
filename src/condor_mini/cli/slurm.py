"""``condor-mini slurm``: execution points on compute nodes of Slurm."""

from __future__ import annotations

import click

from condor_mini.cli.options import (
    engine_option,
    name_option,
    open_pool,
    output_option,
    quiet_option,
    show_json,
)

nodes_option = click.option(
    "--nodes", type=int, default=1, show_default=True, metavar="N", help="Ask for N compute nodes."
)
time_option = click.option(
    "--time",
    "time_limit",
    metavar="TIME",
    help="End after TIME: 90m, 1h, or as Slurm writes it. The default is the partition's.",
)
group_option = click.option(
    "--group",
    metavar="GROUP",
    help="Configure them as this group of execution points; the default is the first.",
)


@click.group("slurm")
def command() -> None:
    """Add execution points on compute nodes of Slurm to a pool, and end them."""


@command.command("up")
@name_option
@nodes_option
@time_option
@group_option
@click.option("--wait", is_flag=True, help="Wait until all of them have joined the pool.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="S",
    help="Give up waiting after S seconds; the job stays with Slurm.",
)
@click.argument("options", nargs=-1, metavar="[-- SBATCH_OPTION...]")
@output_option
@engine_option
@quiet_option
def up(
    *,
    name: str,
    nodes: int,
    time_limit: str | None,
    group: str | None,
    wait: bool,
    timeout_s: float,
    options: tuple[str, ...],
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Submit a Slurm job whose compute nodes join the pool as execution points.

    Each is as large as the job's share of its compute node: `-- --cpus-per-task=8 --mem=16G`. The
    compute nodes need no HTCondor and no condor-mini, but they must see your home directory. The
    command ends when Slurm has accepted the job.
    """
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    made = open_pool(name, engine).slurm.up(
        nodes,
        time_limit=time_limit,
        group=group,
        options=options,
        wait_s=timeout_s if wait else None,
        progress=progress,
    )
    if output == "json":
        show_json({"job": made.job, "nodes": made.nodes, "directory": str(made.directory)})
        return
    click.echo(f"Slurm has accepted the job {made.job}.")
    progress.note(f"Look at it: condor-mini status -n {name}. End it: condor-mini slurm down")


@command.command("down")
@name_option
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="S",
    help="Let the pool's jobs run there for S more seconds. Then they return to their queues.",
)
@click.argument("jobs", nargs=-1, metavar="[JOB]...")
@engine_option
@quiet_option
def down(
    *, name: str, grace_s: float, jobs: tuple[str, ...], engine: str | None, quiet: bool
) -> None:
    """End the Slurm jobs of a pool, by their numbers, or all.

    Their tokens are revoked. What was written for them is removed.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.engines import find_engine
    from condor_mini.pool import Pool

    pool = Pool(find_engine(engine), name)  # the pool itself may be gone
    ended = pool.slurm.down(jobs, grace_s=grace_s, progress=progress_for_stderr(quiet=quiet))
    for each in ended:
        click.echo(f"The Slurm job {each.job} has ended.")
