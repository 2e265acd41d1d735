"""What ``condor-mini rm``, ``hold`` and ``release`` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import engine_option, job_ids, name_option, node_names, pool_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.jobs.actions import Action, ChangedJobs

F = TypeVar("F", bound="Callable[..., object]")


def job_options(function: F) -> F:
    """Add the arguments and options by which jobs are named."""
    for decorate in reversed(
        (
            click.argument("jobs", nargs=-1, metavar="[JOB|CLUSTER]...", shell_complete=job_ids),
            click.option("--all", "all_jobs", is_flag=True, help="All jobs of the ordinary user."),
            name_option,
            click.option(
                "--node",
                metavar="NODE",
                shell_complete=node_names,
                help="Use this access point. The default is all access points.",
            ),
            engine_option,
        )
    ):
        function = decorate(function)
    return function


def act(
    action: Action,
    jobs: Sequence[str],
    *,
    all_jobs: bool,
    name: str,
    node: str | None,
    engine: str | None,
    reason: str | None = None,
) -> None:
    """Do it, and print what became of the jobs; raises what ``jobs.actions.act`` raises."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.jobs import actions, tools

    if all_jobs and jobs:
        raise UsageError("use either --all or jobs, not both")
    if not all_jobs and not jobs:
        raise UsageError("name jobs (3.0) or clusters (3), or use --all")
    if action is actions.REMOVE and (
        wrong := [job for job in jobs if not tools.JOB.fullmatch(job)]
    ):
        raise UsageError(
            f"{wrong[0]} is neither a cluster (3) nor a job (3.0)",
            hint=f"To delete a pool: condor-mini delete {wrong[0]}",
        )
    outcome = actions.act(
        pool_named(name, engine),
        action,
        None if all_jobs else jobs,
        node=node,
        reason=reason,
        progress=progress_for_stderr(),
    )
    if not outcome.clusters and outcome.failure is None:
        click.echo("There are no jobs of the ordinary user in the queue.", err=True)
    for changed in outcome.clusters:
        click.echo(_line(action, changed))
    outcome.checked()


def _line(action: Action, jobs: ChangedJobs) -> str:
    """Return ``Removed 20 jobs of cluster 3``, or the like."""
    if not jobs.changed:
        which = _which(jobs.cluster, jobs.unchanged)
        return f"{which[0].upper()}{which[1:]}: {action.already} before"
    before = f"; {len(jobs.unchanged)} {action.already} before" if jobs.unchanged else ""
    return f"{action.done} {_which(jobs.cluster, jobs.changed)}{before}"


def _which(cluster: int, procs: Sequence[int]) -> str:
    if len(procs) == 1:
        return f"job {cluster}.{procs[0]}"
    return f"{len(procs)} jobs of cluster {cluster}"
