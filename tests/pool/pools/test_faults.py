"""Two faults befall a pool at once while it works: the short form of the bench's part ``faults``.

An execution point is killed while long and short jobs run, and another one is cut off from the
network for longer than the job lease. Each job has its result nevertheless. (That a schedd is
killed is in test_life.py.)
"""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from bench.workload import HELD, Account, Workload, await_healthy
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node

pytestmark = [
    pytest.mark.pool_engines(
        "docker", "podman", reason="the faults are the engine's, and of the network that it makes"
    ),
    pytest.mark.slow,
]

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
    killed, cut = struck_nodes(workload)
    # It makes the image that the cut needs, which takes longer than the jobs.
    workload.pool.faults.check("partition", cut.name)
    gate.open()
    return killed, cut


@pytest.fixture(scope="module")
def struck(pool: Pool) -> Workload:
    """The workload that was struck, and has ended."""
    work = Workload(pool=pool, name="work", short=SHORT, long=LONG, short_s=0.5)
    killed, cut = begin(work)
    with pool.faults.partition(cut.name):
        began = time.monotonic()
        with pool.faults.kill_node(killed.name):
            pass
        time.sleep(max(0.0, began + CUT_S - time.monotonic()))
    await_healthy(pool, timeout_s=60)
    work.await_end(timeout_s=120)
    return work


@pytest.fixture(scope="module")
def account(struck: Workload) -> Account:
    """What became of its jobs."""
    return struck.account()


def test_no_job_is_lost(account: Account) -> None:
    """Each job is in the history with exit code 0, has ended by its log, and has its output."""
    assert account.lost == ()
    assert account.completed == SHORT + LONG


def test_no_job_is_held(struck: Workload) -> None:
    """None of these faults is a reason to hold a job."""
    assert [event for event in struck.events() if event.number == HELD] == []


def test_what_ran_where_it_was_cut_ran_again(account: Account) -> None:
    """HTCondor starts a job anew of which it has heard nothing for the time of its lease."""
    assert account.again > 0
