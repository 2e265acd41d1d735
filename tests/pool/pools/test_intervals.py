"""HTCondor's intervals in a pool, and how quickly a pool reacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from condor_mini import Role
from condor_mini.base.waiting import wait_until
from intervals_page import KIND, intervals

if TYPE_CHECKING:
    from condor_mini.pool import Pool

pytestmark = pytest.mark.every_engine

OURS = {"NODE_TOKEN_LIFETIME"}
"""Knobs of the images' own: docs/how-to/manage-tokens.md."""
DAG = "JOB A q.sub\nJOB B q.sub\nPARENT A CHILD B\n"
JOB = "executable=/bin/true\ntransfer_executable=false\nlog=q.log\nrequest_disk=1M\n"


def test_each_interval_of_htcondor_is_decided(pool: Pool) -> None:
    """The page has every interval in HTCondor's table of knobs."""
    result = pool.exec(["condor_config_val", "-dump", "-d", KIND])
    known = {name for name, _ in re.findall(r"(?m)^([A-Za-z_.]+) = ?(.*)$", result.stdout)}
    assert len(known) > 50
    assert known - OURS <= set(intervals())


def test_each_interval_has_the_value_of_the_page(pool: Pool) -> None:
    """A node has the values that the page says it has."""
    result = pool.exec(["condor_config_val", "-dump", "-d", KIND])
    values = dict(re.findall(r"(?m)^([A-Za-z_.]+) = (.+)$", result.stdout))
    changed = {row.knob: row.dev for row in intervals().values() if row.dev != "-"}
    assert {knob: values[knob] for knob in changed if knob in values} == {
        knob: value for knob, value in changed.items() if knob in values
    }
    assert "DAGMAN_USER_LOG_SCAN_INTERVAL" in values


def test_startd_can_run_the_job_that_wakes_it(pool: Pool) -> None:
    """The script that the configuration names ends well for the user that the startd runs it as."""
    node = pool.node(role=Role.EXECUTION_POINT)
    knobs = ["STARTD_CRON_JOBLIST", "STARTD_CRON_AWAIT_SECOND_EXECUTABLE"]
    jobs, script = node.exec(["condor_config_val", *knobs]).stdout.splitlines()
    assert "AWAIT_SECOND" in jobs.split()
    assert node.exec([script], user="condor").returncode == 0


def test_held_job_is_released_by_its_policy(pool: Pool) -> None:
    """A held job's periodic_release acts by itself."""
    submit = f"{JOB}hold=true\nperiodic_release=true\nqueue\n".replace("log=q.log\n", "")
    result = pool.exec(["condor_submit", "-terse", "-"], stdin=submit)
    assert result.returncode == 0, result.stderr
    cluster = result.stdout.split(".")[0]

    def unfinished() -> str | None:
        history = pool.exec(["condor_history", cluster, "-af", "JobStatus"])
        return None if history.stdout.split() == ["4"] else history.stdout

    wait_until(unfinished, timeout_s=30)


@pytest.mark.slow_on("docker")
def test_dag_runs_to_its_end(pool: Pool) -> None:
    """A DAG's levels follow each other, and DAGMan's job ends with 0."""
    script = (
        'd=$(mktemp -d -p "$HOME") && cd "$d" && printf "%s" "$1" >d.dag && '
        'printf "%s" "$2" >q.sub && '
        "condor_submit_dag d.dag >/dev/null && condor_wait -wait 60 d.dag.dagman.log && "
        "grep -c ^005 q.log"
    )
    result = pool.exec(["sh", "-c", script, "sh", DAG, f"{JOB}queue\n"], timeout_s=90)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.split()[-1] == "2"
