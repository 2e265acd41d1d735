"""Jobs are matched with an execution point that is gone, but whose ad is still at the collector."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine


CONFIG = "REQUEST_CLAIM_TIMEOUT = 4\nUPDATE_INTERVAL = 2\n"
"""Shorter than a pool's own, for the test's sake: the schedd gives up, and the ad is too old."""
WITHIN_S = 25.0
FREEZE = "kill -STOP $(condor_who -quick | sed -n 's/.*_PID = //p')"


@pytest.fixture
def losing(pool_engine: Engine) -> Iterator[Pool]:
    """A pool with two execution points, of which a test may lose one."""
    spec = PoolSpec.model_validate(
        {
            "version": 1,
            "name": f"t{uuid.uuid4().hex[:8]}",
            "execution_points": [{"name": "default", "count": 2}],
            "config": CONFIG,
        }
    )
    with Pool.create(spec=spec, engine=pool_engine) as made:
        yield made


def submitted(pool: Pool, **commands: str) -> str:
    """Submit a job that does nothing; its cluster."""
    job = {
        "executable": "/bin/true",
        "transfer_executable": "false",
        "should_transfer_files": "YES",
        "request_disk": "1M",
        **commands,
    }
    text = "".join(f"{key} = {value}\n" for key, value in job.items())
    result = pool.exec(["condor_submit", "-terse", "-"], stdin=f"{text}queue\n")
    assert result.returncode == 0, result.stderr
    return result.stdout.split(".")[0]


def await_end(pool: Pool, cluster: str) -> str:
    """Wait until the job has completed; the name of the slot that it ran on."""

    def unfinished() -> str | None:
        state = pool.exec(["condor_q", cluster, "-af", "JobStatus"]).stdout.strip()
        return f"job {cluster} has JobStatus {state}" if state else None

    wait_until(unfinished, timeout_s=WITHIN_S)
    history = pool.exec(["condor_history", cluster, "-limit", "1", "-af", "LastRemoteHost"])
    return history.stdout.strip()


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("CONDOR_MINI_SANDBOX") == "paths",
    reason="where paths are translated, PRoot lets stopped processes go on",
)
def test_job_runs_where_it_can(losing: Pool) -> None:
    """A job whose slot cannot be claimed runs on another one, though it ranks the lost one first.

    The schedd lists its jobs again while it waits for the lost one, because there is a new job.
    That list lacks the job that waits.
    """
    lost, alive = f"{losing.name}-execute-1", f"{losing.name}-execute-2"
    assert losing.exec(["sh", "-c", FREEZE], node="execute-1", user="root").returncode == 0
    waiting = submitted(losing, rank=f'1000 * (CondorMiniNode == "{lost}")')

    def not_matched() -> str | None:
        lines = losing.logs(nodes=["master"], daemons=["negotiator"])
        matched = any(f"Matched {waiting}.0 " in line.text for line in lines)
        return None if matched else f"job {waiting} is not matched"

    wait_until(not_matched, timeout_s=WITHIN_S)
    other = submitted(losing, requirements=f'(CondorMiniNode == "{alive}")')
    assert f"@{alive}." in await_end(losing, other)
    assert f"@{alive}." in await_end(losing, waiting)


def test_job_that_is_released_while_it_ends_runs_again(pool: Pool) -> None:
    """It is held and released before its shadow has gone, and the schedd lists the jobs then."""
    log = f"released-{uuid.uuid4().hex[:8]}.log"
    script = "end() { sleep 4; exit; }; trap end TERM; echo ready; while :; do sleep 0.1; done"
    job = submitted(
        pool,
        executable="/bin/sh",
        arguments=f"\"-c '{script}'\"",
        output=f"{log}.out",
        stream_output="true",
        log=log,
    )

    def silent() -> str | None:
        said = pool.exec(["cat", f"{log}.out"]).stdout
        return None if said == "ready\n" else f"the job says {said}"

    def not_again() -> str | None:
        starts = pool.exec(["grep", "-c", "^001 (", log]).stdout.strip()
        return None if starts == "2" else f"the job was started {starts} times"

    try:
        wait_until(silent, timeout_s=WITHIN_S)
        pool.exec(["sh", "-c", f"condor_hold {job} && condor_release {job}"])
        wait_until(not_again, timeout_s=WITHIN_S)
    finally:
        pool.exec(["condor_rm", job])


@pytest.mark.parametrize(
    ("options", "knob", "intervals"),
    [
        ([], "NEGOTIATOR_SLOT_CONSTRAINT", ["5", "5"]),
        (["-submitters"], "NEGOTIATOR_SUBMITTER_CONSTRAINT", ["1"]),
    ],
    ids=["slots", "submitters"],
)
def test_what_is_alive_is_matched(
    pool: Pool, options: list[str], knob: str, intervals: list[str]
) -> None:
    """The negotiator sees the slots and the submitters whose ads are updated in time."""
    constraint = pool.exec(["condor_config_val", knob]).stdout.strip()
    ask = ["condor_status", *options, "-constraint", constraint, "-af", "CondorMiniUpdateInterval"]

    def missing() -> str | None:
        found = pool.exec(ask).stdout.split()
        return None if found == intervals else f"{found} in place of {intervals}"

    # Of a submitter without jobs the schedd tells the collector every five minutes only.
    idle = submitted(pool, requirements="false")
    try:
        wait_until(missing, timeout_s=WITHIN_S)
    finally:
        pool.exec(["condor_rm", idle])
