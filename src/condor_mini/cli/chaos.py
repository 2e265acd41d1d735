"""``condor-mini chaos``: run a scenario of faults beside jobs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from condor_mini.base.words import counted
from condor_mini.cli.options import (
    engine_option,
    name_option,
    open_pool,
    output_option,
    quiet_option,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from condor_mini.chaos.result import ScenarioResult

NOT_WHOLE = 1


@click.group("chaos")
def chaos() -> None:
    """Run scenarios: files that say which faults strike a pool when."""


command = chaos


@chaos.command("run")
@click.argument("file")
@click.argument("argv", nargs=-1, metavar="[-- COMMAND...]")
@name_option
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="Draw the random faults by this seed, and not by the scenario's.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print what would strike when, and do nothing to the pool."
)
@click.option(
    "--keep-jobs",
    is_flag=True,
    help="Leave the scenario's jobs that have not completed, and what they wrote.",
)
@output_option
@engine_option
@quiet_option
@click.pass_context
def run(
    ctx: click.Context,
    *,
    file: str,
    argv: tuple[str, ...],
    name: str,
    seed: int | None,
    dry_run: bool,
    keep_jobs: bool,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Run the scenario FILE, or stdin if it is -, and print what became of each job.

    The jobs are those of the scenario's workload; of COMMAND, which runs on this machine; or
    those in the queue. The status is 0 if each step was made and each job has completed once with
    exit code 0, or COMMAND has ended with 0.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.chaos.scenario import Scenario

    scenario = Scenario.read(file)
    progress = progress_for_stderr(quiet=quiet)
    pool = open_pool(name, engine)
    if dry_run:
        from condor_mini.chaos.plan import Plan

        planned = Plan.of(pool, scenario, seed, progress)
        if output == "json":
            show_json(planned.to_json())
        else:
            rows = [[str(one.at), str(one)] for one in planned.faults]
            show_table(["AT", f"FAULT (seed {planned.seed})"], rows)
        return
    result = pool.run_scenario(
        scenario,
        seed=seed,
        command=argv,
        # A program that reads the result finds nothing else on stdout.
        stdout=sys.stderr if output == "json" else None,
        keep_jobs=keep_jobs,
        progress=progress,
    )
    if output == "json":
        show_json(result.to_json())
    else:
        _show(result)
    ctx.exit(0 if result.is_whole else NOT_WHOLE)


@chaos.command("schema")
def schema() -> None:
    """Print the JSON schema of scenarios, for editors."""
    from condor_mini.chaos.scenario import json_schema

    show_json(json_schema())


def _show(result: ScenarioResult) -> None:
    from condor_mini.chaos.result import ranges

    click.echo(
        f"{counted(len(result.jobs), 'job')}, {counted(len(result.faults), 'fault')}, "
        f"{result.took_s:.1f} s, seed {result.seed}"
    )
    rows = [[str(len(jobs)), outcome, ranges(jobs)] for outcome, jobs in result.outcomes() if jobs]
    if rows:
        show_table(["JOBS", "OUTCOME", "IDS"], rows)
    for one in result.faults:
        if one.problem:
            click.echo(f"Not made: {one.planned}: {one.problem}")
    for problem in result.problems:
        click.echo(f"Problem: {problem}")
    if result.command_status is not None:
        click.echo(f"The command ended with {result.command_status}")
