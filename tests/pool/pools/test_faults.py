"""Three faults befall a pool at once while it works: the short form of bench/faults.py.

A schedd is killed, an execution point is killed, and another one is cut off from the network for
longer than the job lease. Each job then has its result nevertheless.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes import Role
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from faulting import cut_off, docker, kill_daemon
from workload import HELD, Account, Event, Workload, await_healthy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine

pytestmark = pytest.mark.pool_engines(
    "docker", reason="the faults are the engine's, and of the network that it makes"
)

SHORT, LONG = 40, 4
LEASE_S = 12
CUT_S = LEASE_S + 4
NOT_RECONNECTED, DISCONNECTED = "024", "022"


@pytest.fixture(scope="module")
def pool(pool_engine: Engine) -> Iterator[Pool]:
    """A pool with three execution points and a lease that is soon over."""
    spec = PoolSpec.model_validate(
        {
            "version": 1,
            "name": "tfaults",
            "probe_job": False,
            "execution_points": [{"name": "default", "count": 3, "cpus": 6, "memory": "4GB"}],
            "config": f"JOB_DEFAULT_LEASE_DURATION = {LEASE_S}\nTCP_KEEPALIVE_INTERVAL = 1\n",
        }
    )
    with Pool.create(spec=spec, engine=pool_engine) as made:
        yield made


@pytest.fixture(scope="module")
def struck(pool: Pool) -> Workload:
    """A workload that was struck, and has ended."""
    if os.geteuid() != 0:
        pytest.skip("to cut a container's network takes root")
    workload = Workload(pool=pool, name="struck", short=SHORT, long=LONG, short_s=0.5, long_s=8)
    workload.submit()
    workload.await_running("long", LONG)
    killed, cut = (n for n in pool.nodes if n.role is Role.EXECUTION_POINT and n.number < 3)
    with cut_off(cut):
        docker("kill", killed.name)
        kill_daemon(pool.node(), "schedd")
        began = time.monotonic()
        pool.engine.start(killed.info.id)
        time.sleep(max(0.0, began + CUT_S - time.monotonic()))
    await_healthy(pool, timeout_s=60)
    workload.await_end(timeout_s=120)
    return workload


@pytest.fixture(scope="module")
def account(struck: Workload) -> Account:
    """What became of its jobs."""
    return struck.account()


@pytest.fixture(scope="module")
def events(struck: Workload) -> list[Event]:
    """What its event log tells."""
    return list(struck.events())


def test_no_job_is_lost(account: Account) -> None:
    """Each job is in the history with exit code 0, has ended by its log, and has its output."""
    assert account.lost == ()
    assert account.completed == SHORT + LONG


def test_no_job_is_held(events: list[Event]) -> None:
    """None of these faults is a reason to hold a job."""
    assert [event for event in events if event.number == HELD] == []


def test_what_ran_where_it_was_cut_ran_again(account: Account) -> None:
    """HTCondor starts a job anew of which it has heard nothing for the time of its lease."""
    assert account.again > 0


def test_jobs_are_looked_for_before_they_are_started_again(events: list[Event]) -> None:
    """A job is given up only after an attempt to reconnect to it."""
    lost = {event.job for event in events if event.number == NOT_RECONNECTED}
    assert lost
    assert lost <= {event.job for event in events if event.number == DISCONNECTED}
