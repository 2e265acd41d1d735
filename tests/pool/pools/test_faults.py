"""Three faults befall a pool at once while it works: the short form of the bench's part ``faults``.

A schedd is killed while long jobs run. Then an execution point is killed while short ones run too,
and another one is cut off from the network for longer than the job lease. Each job has its result
nevertheless.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from bench.faulting import cut_off, kill_daemon
from bench.machine import docker
from bench.workload import HELD, Account, Event, Workload, await_healthy
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node

pytestmark = pytest.mark.pool_engines(
    "docker", reason="the faults are the engine's, and of the network that it makes"
)

SHORT, LONG = 40, 4
LONG_S = 10
"""How much longer the long ones take, from when nobody needs to find them running any more."""
LEASE_S = 10
CUT_S = LEASE_S + 4


@pytest.fixture(scope="module")
def pool(pool_engine: Engine) -> Iterator[Pool]:
    """A pool with three execution points and a lease that is soon over."""
    spec = PoolSpec.model_validate(
        {
            "version": 1,
            "name": f"t{uuid.uuid4().hex[:8]}",
            "probe_job": False,
            "execution_points": [{"name": "default", "count": 3, "cpus": 6, "memory": "4GB"}],
            "config": (
                f"JOB_DEFAULT_LEASE_DURATION = {LEASE_S}\nTCP_KEEPALIVE_INTERVAL = 1\n"
                f"REQUEST_CLAIM_TIMEOUT = {LEASE_S}\n"
            ),
        }
    )
    with Pool.create(spec=spec, engine=pool_engine) as made:
        yield made


def struck_nodes(workload: Workload) -> tuple[Node, Node]:
    """Two execution points; on the second one runs a long job of the workload."""
    pool = workload.pool
    is_long = f'JobStatus == 2 && regexp("/{workload.name}$", Iwd) && regexp("^long", Out)'
    hosts = pool.exec(["condor_q", "-constraint", is_long, "-af", "RemoteHost"]).stdout.split()
    busy = {re.split("[@.]", host)[1] for host in hosts}
    points = [node for node in pool.nodes if node.role is Role.EXECUTION_POINT]
    _, killed, cut = sorted(points, key=lambda node: node.name in busy)
    assert cut.name in busy
    return killed, cut


def begin(workload: Workload) -> tuple[Node, Node]:
    """Submit jobs, wait until the long ones run, and let these go on; which nodes to strike."""
    gate = Gate(pool=workload.pool)
    workload.submit(long_command=f"{gate.passage}; sleep {LONG_S}")
    workload.await_running("long", LONG)
    struck = struck_nodes(workload)
    gate.open()
    return struck


@pytest.fixture(scope="module")
def struck(pool: Pool) -> list[Workload]:
    """Two workloads that were struck, and have ended."""
    if os.geteuid() != 0:
        pytest.skip("to cut a container's network takes root")
    early = Workload(pool=pool, name="early", short=0, long=LONG)
    begin(early)
    kill_daemon(pool.node(), "schedd")
    await_healthy(pool, timeout_s=60)
    work = Workload(pool=pool, name="work", short=SHORT, long=LONG, short_s=0.5)
    killed, cut = begin(work)
    with cut_off(cut):
        docker("kill", killed.name)
        began = time.monotonic()
        pool.engine.start(killed.info.id)
        time.sleep(max(0.0, began + CUT_S - time.monotonic()))
    await_healthy(pool, timeout_s=60)
    for workload in (early, work):
        workload.await_end(timeout_s=120)
    return [early, work]


@pytest.fixture(scope="module")
def accounts(struck: list[Workload]) -> list[Account]:
    """What became of their jobs."""
    return [workload.account() for workload in struck]


@pytest.fixture(scope="module")
def events(struck: list[Workload]) -> list[Event]:
    """What their event logs tell."""
    return [event for workload in struck for event in workload.events()]


def test_no_job_is_lost(accounts: list[Account]) -> None:
    """Each job is in the history with exit code 0, has ended by its log, and has its output."""
    assert [account.lost for account in accounts] == [(), ()]
    assert [account.completed for account in accounts] == [LONG, SHORT + LONG]


def test_no_job_is_held(events: list[Event]) -> None:
    """None of these faults is a reason to hold a job."""
    assert [event for event in events if event.number == HELD] == []


def test_what_ran_where_it_was_cut_ran_again(accounts: list[Account]) -> None:
    """HTCondor starts a job anew of which it has heard nothing for the time of its lease."""
    assert accounts[1].again > 0
