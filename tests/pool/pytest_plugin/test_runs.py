"""Runs of pytest with the plugin, on real pools: who shares a pool, and that none is left."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from condor_mini.pool import Pool

if TYPE_CHECKING:
    from tests.pool.pytest_plugin.conftest import Suite

    from condor_mini.engine import Engine

NAMING = """
from pathlib import Path

def test_pool(condor_pool):
    Path("pool.name").write_text(f"{condor_pool.name}\\n")
"""
JOB = """
def test_job(condor_pool, condor_submit):
    jobs = condor_submit({"executable": "/bin/echo", "arguments": "job $(Process)"}, count=2)
    assert jobs.status == 0
    assert jobs.outputs == ["job 0\\n", "job 1\\n"]
    assert jobs.errors == ["", ""]
    assert jobs.events.count("Job terminated.") == 2
"""
CLIENT = """
import htcondor2

def test_client(condor_client, condor_pool, tmp_path):
    job = htcondor2.Submit(
        executable="/bin/echo", arguments="hello", output="out", log="log", initialdir=str(tmp_path)
    )
    schedd = condor_client.schedd
    jobs = schedd.submit(job, spool=True)
    schedd.spool(jobs)
    assert condor_pool.wait([jobs.cluster()], timeout_s=60) == 0
    schedd.retrieve(f"ClusterId == {jobs.cluster()}")
    assert (tmp_path / "out").read_text() == "hello\\n"

def test_description(condor_submit):
    job = htcondor2.Submit(executable="/bin/echo", arguments="hello")
    assert condor_submit(job).output == "hello\\n"
"""
WORKERS = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(4))
def test_pool(condor_pool, number, worker_id):
    assert condor_pool.status().reasons == ()
    Path(f"{worker_id}.name").write_text(f"{condor_pool.name}\\n")
"""
FAILING = """
def test_fails(condor_submit):
    script = "echo SECRET_TOKEN=hunter2; exit 3"
    jobs = condor_submit({"executable": "/bin/sh", "arguments": f"\\"-c '{script}'\\""})
    assert jobs.status == 0
"""
EMBEDDED = pytest.mark.pool_engines(
    "embedded", reason="who ends a pool, and when, is not about the engine: it is the fastest"
)
WAITING = """
import time
from pathlib import Path

def test_waits(condor_pool):
    Path("pool.name").write_text(f"{condor_pool.name}\\n")
    time.sleep(600)
"""


@pytest.mark.every_engine
@pytest.mark.slow_on("embedded")
def test_jobs_run_and_no_pool_is_left(suite: Suite) -> None:
    """Tests submit jobs to the pool of the run, also by HTCondor's own Python objects.

    Afterwards nothing of the pool is left.
    """
    suite.write("test_it.py", NAMING + JOB + CLIENT)
    status, output = suite.run()
    assert status == 0, output
    assert "4 passed" in output
    assert suite.left(suite.wait_for("pool.name")) == []


@pytest.mark.every_engine
@EMBEDDED
def test_workers_share_one_pool(suite: Suite) -> None:
    """The workers of pytest-xdist use one pool, and the controller removes it."""
    suite.write("test_it.py", WORKERS)
    status, output = suite.run("-n", "2", "--dist", "each")
    assert status == 0, output
    names = {path.name: path.read_text().strip() for path in suite.directory.glob("*.name")}
    assert sorted(names) == ["gw0.name", "gw1.name"]
    (name,) = set(names.values())
    assert suite.left(name) == []


@pytest.mark.any_engine
def test_failure_shows_jobs_and_logs(suite: Suite) -> None:
    """The report of a failure has the jobs and the daemons' logs of its time, without secrets."""
    suite.write("test_it.py", FAILING)
    status, output = suite.run()
    assert status == 1
    _, _, jobs = output.partition("HTCondor jobs, pool pytest-")
    jobs, _, logs = jobs.partition("HTCondor logs, pool pytest-")
    assert "completed, exit 3" in jobs
    assert "terminated: exited with status 3" in logs
    assert "SECRET_TOKEN=REDACTED" in jobs
    assert "hunter2" not in jobs + logs


@pytest.mark.slow
def test_series_is_in_the_ids(suite: Suite) -> None:
    """With ``--condor-htcondor`` each test runs on a pool of each series, which its id names."""
    suite.write(
        "test_it.py",
        "def test_version(condor_pool, condor_series):\n"
        "    assert condor_pool.node().series == condor_series\n",
    )
    status, output = suite.run("--condor-htcondor", "23,25", "-v")
    assert status == 0, output
    for series in ("23", "25"):
        assert f"test_version[htcondor{series}] PASSED" in output


@pytest.mark.every_engine
@EMBEDDED
def test_kept_pool_stays_and_is_reused(suite: Suite, pool_engine: Engine) -> None:
    """With ``--condor-keep`` the pool outlives the run and later runs, and its name is shown.

    With ``--condor-reuse`` the tests use a pool that exists, and it is there afterwards.
    """
    suite.write("test_it.py", NAMING)
    _, output = suite.run("--condor-keep")
    name = suite.wait_for("pool.name")
    assert f"The pool {name} is kept. Delete it: condor-mini delete -n {name}" in output
    suite.write("test_it.py", NAMING + JOB)
    status, output = suite.run()
    assert (status, suite.wait_for("pool.name") == name) == (0, False), output
    status, output = suite.run("--condor-reuse", name)
    assert (status, suite.wait_for("pool.name")) == (0, name), output
    pool = Pool.open(name, engine=pool_engine)
    assert pool.status().reasons == ()
    pool.stop()
    status, output = suite.run("--condor-reuse", name)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert f"the pool {name} is stopped\nStart it: condor-mini start -n {name}" in output
    assert "Traceback" not in output


@pytest.mark.every_engine
@EMBEDDED
def test_next_run_removes_what_a_killed_run_left(suite: Suite) -> None:
    """After SIGKILL of pytest the pool is there until the next run creates one."""
    suite.write("test_it.py", WAITING)
    process = suite.begin()
    dead = suite.wait_for("pool.name")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert suite.left(dead)
    suite.write("test_it.py", JOB)
    status, output = suite.run()
    assert status == 0, output
    assert suite.left(dead) == []


@pytest.mark.slow
def test_next_run_removes_what_a_killed_controller_left(suite: Suite) -> None:
    """The same of pytest-xdist's controller, whose workers have created the pool."""
    suite.write("test_it.py", WAITING)
    process = suite.begin("-n", "1")
    dead = suite.wait_for("pool.name")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert suite.left(dead)
    suite.write("test_it.py", JOB)
    status, output = suite.run()
    assert status == 0, output
    assert suite.left(dead) == []


@pytest.mark.every_engine
@EMBEDDED
@pytest.mark.parametrize(
    ("number", "expected", "arguments"),
    [
        pytest.param(signal.SIGINT, 2, (), id="SIGINT-alone"),
        pytest.param(signal.SIGTERM, 143, (), id="SIGTERM-alone", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 2, ("-n", "2"), id="SIGINT-xdist"),
        pytest.param(signal.SIGTERM, 143, ("-n", "2"), id="SIGTERM-xdist", marks=pytest.mark.slow),
    ],
)
def test_signal_leaves_nothing(
    suite: Suite, number: signal.Signals, expected: int, arguments: tuple[str, ...]
) -> None:
    """Ctrl-C and SIGTERM end the run, and the pool is removed."""
    suite.write("test_it.py", WAITING)
    process = suite.begin(*arguments)
    name = suite.wait_for("pool.name")
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == expected, output
    assert suite.left(name) == []


@pytest.mark.slow
@pytest.mark.every_engine
@EMBEDDED
def test_crashed_worker_leaves_the_pool_to_the_next(suite: Suite) -> None:
    """When a worker of pytest-xdist dies, the one in its place uses the same pool."""
    suite.write(
        "test_it.py",
        "import os, signal\nfrom pathlib import Path\n"
        "def test_dies(condor_pool):\n"
        "    Path('first.name').write_text(condor_pool.name)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "def test_lives(condor_pool):\n"
        "    Path('second.name').write_text(condor_pool.name)\n"
        "    assert condor_pool.status().reasons == ()\n",
    )
    status, output = suite.run("-n", "1")
    assert status == 1
    assert "1 failed, 1 passed" in output
    first, second = ((suite.directory / f"{name}.name").read_text() for name in ("first", "second"))
    assert first == second
    assert suite.left(first) == []
