"""``condor-mini queue``, ``rm``, ``hold``, ``release`` and what is watched, of a real pool."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

from condor_mini.base.waiting import wait_until
from terminal import OnTerminal

from .conftest import COMMAND

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.jobs.queue import QueuedJob
    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool

    from .conftest import Cli, Write

WITHIN_S = 30.0
SLEEP = (
    *("executable=/bin/sleep", "arguments=600", "transfer_executable=false"),
    *("request_cpus=1", "request_memory=1", "request_disk=1"),
)


def _submitted(node: Node, *lines: str) -> str:
    """Submit jobs as the ordinary user; return the number of their cluster."""
    text = "\n".join([*SLEEP, *lines]) + "\n"
    result = node.exec(["condor_submit", "-terse", "-"], stdin=text)
    assert result.returncode == 0, result.stderr
    return result.stdout.partition(".")[0]


def _jobs(pool: Pool, cluster: str) -> list[QueuedJob]:
    return [job for job in pool.queue() if job.cluster == int(cluster)]


def test_jobs_are_held_released_and_removed(cli: Cli, pool: Pool, access_point: Node) -> None:
    """A cluster is held with a reason, released, runs where the queue says, and is removed."""
    cluster = _submitted(access_point, "queue 2")
    held = cli.succeeds("hold", cluster, "--reason", "-the disk is full")
    assert held == f"Held 2 jobs of cluster {cluster}\n"
    jobs = json.loads(cli.succeeds("queue", "-o", "json"))
    jobs = [job for job in jobs if job["cluster"] == int(cluster)]
    assert {(job["state"], job["command"]) for job in jobs} == {("held", "sleep 600")}
    assert all(job["reason"].startswith("-the disk is full") for job in jobs)
    assert cli.succeeds("release", cluster) == f"Released 2 jobs of cluster {cluster}\n"

    def running() -> str | None:
        found = _jobs(pool, cluster)
        return None if all(job.state == "running" for job in found) else str(found)

    wait_until(running, timeout_s=WITHIN_S)
    assert {job.node for job in _jobs(pool, cluster)} <= {node.name for node in pool.nodes}
    assert cli.succeeds("rm", cluster) == f"Removed 2 jobs of cluster {cluster}\n"

    def gone() -> str | None:
        found = _jobs(pool, cluster)
        return str(found) if found else None

    wait_until(gone, timeout_s=WITHIN_S)
    again = cli("rm", f"{cluster}.0")
    assert (again.returncode, f"has job {cluster}.0" in again.stderr) == (3, True)


def test_other_users_jobs(cli: Cli, pool: Pool, access_point: Node) -> None:
    """Another user's job is in the queue; it is not removed with --all, and refused by its id."""
    description = "\n".join([*SLEEP, "hold=true", "queue"]) + "\n"
    said = access_point.exec(["condor_submit", "-terse", "-"], user="nobody", stdin=description)
    assert said.returncode == 0, said.stderr
    job = said.stdout.split()[0]
    mine = _submitted(access_point, "hold=true", "queue")
    assert f"Removed job {mine}.0\n" in cli.succeeds("rm", "--all")
    refused = cli("rm", job)
    assert (refused.returncode, "--user nobody" in refused.stderr) == (1, True)
    assert [found.owner for found in _jobs(pool, job.partition(".")[0])] == ["nobody"]


def test_queue_is_watched_in_a_pipe(cli: Cli, access_point: Node) -> None:
    """`queue --watch` prints what has changed, and ends when nobody reads it any more."""
    cluster = _submitted(access_point, "hold=true", "queue")
    watching = cli.begin("queue", "--watch", "1", "-o", "json")
    assert watching.stdout is not None
    assert watching.stderr is not None
    first = json.loads(watching.stdout.readline())
    assert int(cluster) in {job["cluster"] for job in first}
    access_point.exec(["condor_rm", cluster])
    second = json.loads(watching.stdout.readline())
    assert int(cluster) not in {job["cluster"] for job in second if job["state"] != "removed"}
    watching.stdout.close()
    assert watching.wait(WITHIN_S) == 141
    watching.stderr.close()


def test_watch_ends_with_head(cli: Cli, pool: Pool) -> None:
    """A pool in which nothing happens does not keep a watch whose reader has ended."""
    shell = f"{' '.join(COMMAND)} status --watch | head -n 2"
    done = subprocess.run(
        ["sh", "-c", shell],
        env=cli.environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=True,
    )
    assert (done.stdout.splitlines()[1].startswith(f"The pool {pool.name} is"), done.stderr) == (
        True,
        "",
    )


def test_status_is_redrawn_on_a_narrow_terminal(cli: Cli, pool: Pool) -> None:
    """On a terminal of 40 columns the status is redrawn, no line is broken, and Ctrl-C is 130."""
    argv = [*COMMAND, "status", "--watch", "1"]
    with OnTerminal(argv=argv, environment=cli.environment, columns=40) as shown:
        shown.reads(r"(?s)Ctrl-C\..*Ctrl-C\.", timeout_s=WITHIN_S)
        assert shown.ends(signal.SIGINT) == 130
    assert f"The pool {pool.name} is " in shown.text
    assert max(map(len, shown.text.splitlines())) <= 40
    assert "\x1b[?25h" in shown.output.rpartition("\x1b[?25l")[2]


def test_jobs_are_shown_while_they_are_waited_for(cli: Cli, here: Path, write: Write) -> None:
    """`submit --wait` on a terminal has a line for the cluster, and one for each job at the end."""
    write("sleep 1", queue="queue 2")
    argv = [*COMMAND, "submit", "job.sub", "--wait"]
    with OnTerminal(argv=argv, environment=cli.environment, cwd=here, columns=100) as shown:
        shown.reads(r"CLUSTER +IDLE +RUNNING +HELD +DONE +WHERE", timeout_s=WITHIN_S)
        running = shown.reads(r"(\d+) +\d +[12] +0 +\d +\S+execute-\d \([12]\)", timeout_s=WITHIN_S)
        assert shown.ends() == 0
    for number in range(2):
        assert f"{running[1]}.{number}  exit 0" in shown.text
