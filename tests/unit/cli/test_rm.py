"""``condor-mini rm``, ``hold`` and ``release`` on an engine in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
import pytest

from condor_mini.cli.options import job_ids
from fake_schedds import HELD, SECOND, Schedds

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result

    Run = Callable[..., Result]


@pytest.fixture
def schedds() -> Schedds:
    """The queues: twenty jobs of cluster 3, of which one is held, and job 4.0 elsewhere."""
    schedds = Schedds()
    for number in range(20):
        schedds.add(f"3.{number}", HELD if number == 19 else 1)
    schedds.add("4.0", node=SECOND)
    return schedds


@pytest.fixture
def run(schedds: Schedds, condor_mini_on: Run) -> Run:
    """``condor-mini ARGUMENTS`` on their pool."""
    return partial(condor_mini_on, schedds.engine)


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["rm", "3"], "Removed 20 jobs of cluster 3\n"),
        (["rm", "3.0", "4"], "Removed job 3.0\nRemoved job 4.0\n"),
        (["rm", "--all"], "Removed 20 jobs of cluster 3\nRemoved job 4.0\n"),
        (["hold", "3"], "Held 19 jobs of cluster 3; 1 held before\n"),
        (["release", "3"], "Released job 3.19; 19 not held before\n"),
        (["release", "4"], "Job 4.0: not held before\n"),
        (["hold", "3.19"], "Job 3.19: held before\n"),
    ],
    ids=" ".join,
)
def test_what_was_done_is_said(run: Run, arguments: list[str], output: str) -> None:
    """A line for each cluster says what was done with how many jobs."""
    result = run(*arguments)
    assert (result.status, result.out, result.err) == (0, output, "")


def test_reason(run: Run, schedds: Schedds) -> None:
    """The reason goes to HTCondor, whatever it begins with."""
    assert run("hold", "4", "--reason", "-x y").status == 0
    assert schedds.calls == [("condor_hold", "-reason", "-x y", "4")]


def test_absent_job_is_3(run: Run) -> None:
    """A job that is not there is one message, after what was done."""
    result = run("rm", "4", "5.1")
    assert (result.status, result.out) == (3, "Removed job 4.0\n")
    assert result.err == (
        "condor-mini: no queue of the pool mini has job 5.1\n"
        "See the queue: condor-mini queue -n mini\n"
    )


@pytest.mark.parametrize("arguments", [[], ["3", "--all"], ["x"], ["3.0.0"]], ids=" ".join)
def test_wrong_usage_is_2(run: Run, schedds: Schedds, arguments: list[str]) -> None:
    """Neither jobs nor --all, or both, or what is no job: nothing is done."""
    assert run("rm", *arguments).status == 2
    assert schedds.calls == []


def test_pool_is_not_a_job(run: Run) -> None:
    """Who means the pool is told how to delete it."""
    assert "condor-mini delete mini" in run("rm", "mini").err


def test_all_of_nothing_is_0(run: Run, schedds: Schedds) -> None:
    """Removing what is absent is success."""
    schedds.jobs = {name: [] for name in schedds.jobs}
    result = run("rm", "--all")
    assert (result.status, result.out) == (0, "")
    assert result.err == "There are no jobs of the ordinary user in the queue.\n"


def test_absent_pool_is_3(run: Run) -> None:
    """A pool that is not there is not found."""
    assert run("rm", "3", "-n", "nope").status == 3


def test_jobs_are_completed(run: Run) -> None:
    """Clusters are completed, and the jobs of one after its dot."""
    assert run("list").status == 0
    context = click.Context(click.Command("rm"))
    argument = click.Argument(["x"])
    assert job_ids(context, argument, "") == ["3", "4"]
    assert job_ids(context, argument, "3.1") == ["3.1", *(f"3.{n}" for n in range(10, 20))]
