"""The pool files in examples/pools show what they say."""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import Engine

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[3] / "examples/pools"
CREATE_S = 400
"""100 nodes take a minute, and several beside other work."""
RUNNING, COMPLETED = "2", "4"


@pytest.fixture
def made(pool_engine: Engine) -> Iterator[Callable[[str], Pool]]:
    """Create the pool of an example, under a name of its own."""
    pools: list[Pool] = []

    def make(example: str) -> Pool:
        name, spec = f"t{uuid.uuid4().hex[:8]}", EXAMPLES / f"{example}.yaml"
        pools.append(Pool.create(name, spec=spec, engine=pool_engine, timeout_s=CREATE_S))
        return pools[-1]

    yield make
    for pool in pools:
        pool.delete()


def submit(pool: Pool, command: str, *lines: str, count: int = 1) -> str:
    """Submit a shell command; its cluster."""
    job = [
        "executable = /bin/sh",
        "transfer_executable = false",
        f"arguments = \"-c '{command}'\"",
        "request_memory = 16",
        *lines,
        f"queue {count}",
    ]
    said = pool.exec(["sh", "-c", "cd; condor_submit -terse -"], stdin="\n".join(job))
    assert said.returncode == 0, said.stderr
    return said.stdout.partition(".")[0]


def jobs(pool: Pool, status: str, attribute: str) -> list[str]:
    """An attribute of the jobs in the queue that have this status."""
    argv = ["condor_q", "-constraint", f"JobStatus == {status}", "-af", attribute]
    return pool.exec(argv).stdout.split()


def await_count(pool: Pool, found: dict[str, int], attribute: str) -> None:
    """Wait until so many jobs run, by an attribute."""

    def different() -> str | None:
        running = dict(Counter(jobs(pool, RUNNING, attribute)))
        return None if running == found else f"{running}"

    wait_until(different, timeout_s=60)


def await_ended(pool: Pool, cluster: str) -> str:
    """Wait until a job has completed; where it ran."""
    argv = ["condor_history", cluster, "-af", "JobStatus", "LastRemoteHost"]
    rows: list[str] = []

    def unfinished() -> str | None:
        rows[:] = pool.exec(argv).stdout.split()
        return None if rows[:1] == [COMPLETED] else pool.exec(["condor_q", "-nobatch"]).stdout

    wait_until(unfinished, timeout_s=60)
    return rows[1]


@contextmanager
def waiting_jobs(pool: Pool) -> Iterator[str]:
    """Yield the command of jobs that run until the end of the context."""
    gate = Gate(pool=pool)
    try:
        yield gate.passage
    finally:
        gate.open()


def test_concurrency_limits(made: Callable[[str], Pool]) -> None:
    """Two jobs with the licence run at once, while others run beside them."""
    pool = made("concurrency-limits")
    with waiting_jobs(pool) as waits:
        licensed = submit(pool, waits, "concurrency_limits = licence", count=4)
        others = submit(pool, waits, count=3)
        await_count(pool, {licensed: 2, others: 3}, "ClusterId")


def test_fair_share(made: Callable[[str], Pool]) -> None:
    """Alone, biology has all eight cores. Of those that get free, physics has six, and no more."""
    pool = made("fair-share")
    with waiting_jobs(pool) as waits:
        submit(pool, waits, "accounting_group = biology", count=8)
        await_count(pool, {"biology": 8}, "AcctGroup")
        submit(pool, waits, "accounting_group = physics", count=8)
        for freed, physics in ((3, 3), (3, 6), (2, 6)):
            argv = ["condor_q", "-constraint", 'JobStatus == 2 && AcctGroup == "biology"']
            rows = pool.exec([*argv, "-limit", str(freed), "-af:j", "ClusterId"]).stdout
            evicted = [row.split()[0] for row in rows.splitlines()]
            pool.exec(["condor_vacate_job", "-fast", *evicted])
            await_count(pool, {"physics": physics, "biology": 8 - physics}, "AcctGroup")


def test_preemption(made: Callable[[str], Pool]) -> None:
    """An urgent job takes the only slot at once; the other one runs again after it."""
    pool = made("preemption")
    with waiting_jobs(pool) as waits:
        usual = submit(pool, waits, "log = usual.log")
        await_count(pool, {usual: 1}, "ClusterId")
        await_ended(pool, submit(pool, "true", "+Urgent = true"))
        await_count(pool, {usual: 1}, "ClusterId")
    await_ended(pool, usual)
    log = pool.exec(["sh", "-c", "cat ~/usual.log"]).stdout
    assert [line[:3] for line in log.splitlines() if line[:4] in ("001 ", "004 ", "005 ")] == [
        *("001", "004", "001", "005")
    ]


def test_gpus(made: Callable[[str], Pool]) -> None:
    """A job has GPUs of the kind that it asks for, and is told which."""
    pool = made("gpus")
    for need, node, gpu in (
        ("gpus_maximum_capability = 7.9", "execute-1", "GPU-00000002"),
        ("gpus_minimum_memory = 60GB", "execute-2", "GPU-0000000"),
    ):
        output = f"out.{node}"
        lines = ("request_gpus = 1", need, f"output = {output}")
        where = await_ended(pool, submit(pool, "echo $CUDA_VISIBLE_DEVICES", *lines))
        assert f"{pool.name}-{node}." in where
        assert pool.exec(["sh", "-c", f"cat ~/{output}"]).stdout.startswith(gpu)


def test_opening_hours(made: Callable[[str], Pool]) -> None:
    """What a slot says of its hours is so, and a job runs there only then."""
    pool = made("opening-hours")
    now = datetime.now(UTC)
    is_open = now.weekday() >= 5 or not 8 <= now.hour < 18
    said = pool.exec(["condor_status", "-af", "Desktop", "Start"]).stdout.splitlines()
    assert sorted(said) == ["false true", f"true {str(is_open).lower()}"]
    server = submit(pool, "true", "requirements = !Desktop")
    desktop = submit(pool, "true", "requirements = Desktop")
    assert "-execute-2." in await_ended(pool, server)
    if is_open:
        assert "-execute-1." in await_ended(pool, desktop)
    else:
        assert jobs(pool, "1", "ClusterId") == [desktop]


def test_other_machines(made: Callable[[str], Pool]) -> None:
    """A job that asks for another architecture runs where that is advertised."""
    pool = made("other-machines")
    need = 'requirements = Arch == "ppc64le" && OpSys == "LINUX"'
    assert "-execute-3." in await_ended(pool, submit(pool, "true", need))


@pytest.mark.timeout(600)
def test_ten_thousand_slots(made: Callable[[str], Pool]) -> None:
    """All slots are at the collector, and a job finds one of them."""
    pool = made("ten-thousand-slots")
    assert len(pool.slot_ads(projection=["Name"])) == 10_000
    await_ended(pool, submit(pool, "true"))


def test_job_router(made: Callable[[str], Pool]) -> None:
    """A job that wants it is routed: its copy has the limit, and the job ends with the copy."""
    pool = made("job-router")
    with waiting_jobs(pool) as waits:
        routed = submit(pool, waits, "+WantRoute = True")
        usual = submit(pool, waits)
        limit = ["condor_q", "-constraint", "RoutedFromJobId =!= undefined && JobStatus == 2"]

        def not_routed() -> str | None:
            said = pool.exec([*limit, "-af", "RoutedFromJobId", "AllowedExecuteDuration"]).stdout
            return None if said.split() == [f"{routed}.0", "1800"] else f"routed: {said}"

        wait_until(not_routed, timeout_s=60, interval_s=0.5)
    await_ended(pool, routed)
    await_ended(pool, usual)


def test_backfill(made: Callable[[str], Pool]) -> None:
    """Jobs for backfill have both cores until another one needs one of them."""
    pool = made("backfill")
    with waiting_jobs(pool) as waits:
        filling = submit(pool, waits, "+Backfill = True", count=2)
        await_count(pool, {filling: 2}, "ClusterId")
        usual = submit(pool, waits)
        await_count(pool, {filling: 1, usual: 1}, "ClusterId")
