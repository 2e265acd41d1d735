"""A change of the queue is noticed at once, for the dashboard, on a real pool."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.dashboard.queue_watch import SCRIPT, QueueWatch

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool

TIMEOUT_S = 30.0
BEGUN_S = 3.0
"""Within this the program in the access point watches, most of the time."""
JOB = {"executable": "/bin/true", "transfer_executable": "false", "requirements": "false"}


@pytest.mark.every_engine
def test_calm_queue_says_nothing(access_point: Node) -> None:
    """The program waits to its end, and says that nothing has changed."""

    def restless() -> str | None:  # jobs of other tests may still be leaving
        said = access_point.exec(["sh", "-c", SCRIPT, "sh", "1"], user="root")
        return None if said.stdout.strip() == "0" else f"{said.stdout}{said.stderr}"

    wait_until(restless, timeout_s=TIMEOUT_S, interval_s=0.1)


@pytest.mark.every_engine
def test_submitted_job_is_noticed(pool: Pool) -> None:
    """A job that is submitted while the program waits ends its wait."""
    changed = threading.Event()
    watch, made = QueueWatch(lambda: pool.nodes), []

    def is_noticed() -> bool:
        watch.watch(changed.set)
        made.append(pool.submit(JOB))
        return changed.wait(BEGUN_S)

    assert any(is_noticed() for _ in range(5))
    pool.remove_jobs([cluster for each in made for cluster in each.clusters])
