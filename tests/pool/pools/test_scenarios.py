"""Scenarios on real pools: faults beside jobs, and what became of each of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.chaos.scenario import Scenario

from .conftest import COMMAND

if TYPE_CHECKING:
    from condor_mini.pool import Pool

    from .conftest import Cli

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("CONDOR_MINI_SANDBOX") == "paths",
        reason="where paths are translated, PRoot lets stopped processes go on",
    ),
    pytest.mark.every_engine,
]
EXAMPLE = Path(__file__).parents[3] / "examples/checkpoint"
JOBS = """\
version: 1
timeout: 4m
workload:
  - submit: {executable: /bin/sleep, arguments: 3, transfer_executable: false}
    count: 4
"""


def assert_as_new(pool: Pool) -> None:
    """The pool is usable, no fault is in force, and no job is left."""
    assert pool.status().verdict == "usable"
    assert not pool.faults.in_force()
    assert not pool.queue()


@pytest.mark.slow_on("docker")
def test_each_job_is_accounted_for(pool: Pool, cli: Cli, tmp_path: Path) -> None:
    """An evicted job has run twice, a held one is told with its reason and removed at the end."""
    long = "  - submit: {{executable: /bin/sleep, arguments: {}, transfer_executable: false}}\n"
    (tmp_path / "s.yaml").write_text(
        # The first of the queue has run for a while when another job, which came later, has ended.
        JOBS.replace("workload:\n", f"workload:\n{long.format(10)}") + f"{long.format(600)}"
        "steps:\n"
        "  - {at: 1s, fault: freeze, target: execute-1/startd, for: 1s}\n"
        '  - {at: 10%, fault: evict, target: Args == "10"}\n'
        '  - {fault: hold, target: Args == "600", options: {reason: no input, code: 13}}\n'
    )
    said = cli("chaos", "run", str(tmp_path / "s.yaml"), "-o", "json", timeout_s=200)
    result = json.loads(said.stdout)
    assert [one["problem"] for one in result["faults"]] == [None, None, None], said.stderr
    evicted, *short, held = result["jobs"]
    assert (held["state"], held["exit_code"]) == ("held", None)
    assert held["reason"].startswith("no input")
    assert [job["exit_code"] for job in short] == [0, 0, 0, 0]
    assert (evicted["exit_code"], evicted["starts"]) == (0, 2)
    assert (result["whole"], said.returncode) == (False, 1)
    assert_as_new(pool)


@pytest.mark.slow
def test_jobs_of_a_command(pool: Pool, cli: Cli, tmp_path: Path) -> None:
    """What a command submits is struck and accounted for; the command's status is the result's."""
    job = "executable = /bin/sleep\narguments = 5\ntransfer_executable = false\nqueue 2\n"
    (tmp_path / "job.sub").write_text(job)
    (tmp_path / "s.yaml").write_text("version: 1\nsteps: [{at: 4s, fault: evict}]\n")
    argv = (*COMMAND, "submit", "job.sub", "--wait")
    said = cli("chaos", "run", "s.yaml", "-o", "json", "--", *argv, cwd=tmp_path, timeout_s=200)
    result = json.loads(said.stdout)
    assert {(job["exit_code"], job["starts"]) for job in result["jobs"]} == {(0, 2)}
    assert (result["command_status"], said.returncode) == (0, 0)
    assert_as_new(pool)


@pytest.mark.slow
def test_interrupt_leaves_nothing(pool: Pool, cli: Cli, tmp_path: Path) -> None:
    """Ctrl-C undoes the faults and removes the jobs."""
    long = JOBS.replace("arguments: 3", "arguments: 600")
    (tmp_path / "s.yaml").write_text(
        f"{long}steps: [{{at: 4s, fault: drain-node, target: execute-1}}]\n"
    )
    running = cli.begin("chaos", "run", str(tmp_path / "s.yaml"))

    def not_yet() -> str | None:
        return None if pool.faults.in_force() else "no fault is in force"

    wait_until(not_yet, timeout_s=60, interval_s=0.3)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    wait_until(lambda: None if not pool.queue() else "jobs are left", timeout_s=30, interval_s=0.5)
    assert_as_new(pool)


@pytest.mark.slow
def test_job_that_checkpoints_itself(pool: Pool, tmp_path: Path) -> None:
    """The example job, evicted after a checkpoint, begins again with what it has saved."""
    shutil.copytree(EXAMPLE, tmp_path / "checkpoint")
    scenario = Scenario.load(
        "version: 1\nworkload: {submit: checkpoint/count.sub}\nsteps: [{at: 11s, fault: evict}]",
        base=tmp_path,
    )
    result = pool.run_scenario(scenario)
    assert [job.outcome for job in result.jobs] == ["completed, exit 0, 2 starts"]
    assert (tmp_path / "checkpoint/count.out").read_text().splitlines() == [
        *(f"begins with {number}" for number in (0, 3, 6, 9)),
        "done with 12",
    ]
    # From the beginning it would have taken 12 s more. (Its output is that of its last checkpoint
    # and of what came after: the lines above are the same either way.)
    assert result.took_s - (result.faults[0].struck_s or 0.0) < 12
    assert_as_new(pool)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_faults_leave_nothing_broken(pool: Pool, seed: int) -> None:
    """Whatever is drawn, all jobs complete, once each, and the pool is as it was."""
    drawn = f"{JOBS}random: {{count: 8, within: 40s, longest: 8s}}\n".replace(
        "count: 4", "count: 60"
    )
    result = pool.run_scenario(Scenario.load(drawn), seed=seed)
    assert len(result.jobs) == 60
    assert result.is_whole, (result.outcomes(), result.problems)
    assert_as_new(pool)
