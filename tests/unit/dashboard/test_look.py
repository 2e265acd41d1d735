"""Where looks come from: a pool on the fake engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.dashboard.look import LONG_TIMEOUT_S, MANY_SLOTS, PoolSource
from condor_mini.engine import FakeOutcome
from condor_mini.nodes.node import pool_labels

if TYPE_CHECKING:
    from fake_pool import FakePool

AD = {"ClusterId": 1, "ProcId": 0, "JobStatus": 1, "Owner": "jovyan", "Cmd": "/bin/sleep"}


def test_jobs_and_slots(pool: FakePool) -> None:
    """A look has the status, the slots and the jobs."""
    pool.engine.on_exec(["condor_q"], lambda _: FakeOutcome(stdout=json.dumps([AD])))
    seen = PoolSource(pool.engine, "ci").look()
    assert ([job.id for job in seen.jobs], len(seen.overview.slots), seen.notes) == (["1.0"], 1, ())


def test_without_an_access_point_the_rest_is_seen(pool: FakePool) -> None:
    """Where no queue can be asked, a note says so, and nodes and slots are there."""
    pool.engine.stop("ci-submit-1", timeout_s=1)
    seen = PoolSource(pool.engine, "ci").look()
    assert (seen.jobs, len(seen.overview.slots), len(seen.notes)) == ((), 1, 1)


def test_pool_without_an_access_point_is_there(pool: FakePool) -> None:
    """Execution points that have joined a pool elsewhere have no queue here, and are shown."""
    pool.engine.remove("ci-submit-1")
    seen = PoolSource(pool.engine, "ci").look()
    assert (len(seen.overview.status.nodes), seen.jobs, len(seen.notes)) == (2, (), 1)


def test_no_pool(pool: FakePool) -> None:
    """A pool that is gone is an error, and one that comes in its place is seen."""
    source = PoolSource(pool.engine, "ci")
    source.look()
    pool.delete()
    with pytest.raises(NotFound):
        source.look()
    pool.engine.create_network("ci", labels=pool_labels("ci"))
    pool.add("master")
    pool.add("submit", 1)
    assert len(source.look().overview.status.nodes) == 2


def test_many_slots_have_more_time(pool: FakePool) -> None:
    """The collector of thousands of slots is not called silent because it is slow."""
    asked = []

    def answer(call: object) -> FakeOutcome:
        asked.append(call)
        return FakeOutcome(stdout=json.dumps(pool.ads))

    pool.engine.on_exec(["timeout", str(LONG_TIMEOUT_S), "condor_status"], answer)
    pool.ads += [pool.ad("ci-execute-1", "Machine") for _ in range(MANY_SLOTS)]
    source = PoolSource(pool.engine, "ci")
    source.look()
    source.look()
    assert len(asked) == 1
