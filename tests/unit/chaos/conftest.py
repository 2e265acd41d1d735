"""A pool in memory with two execution points and two jobs that run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import FakeExec, FakeOutcome
from struck_nodes import StruckNodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_pool import FakePool


@pytest.fixture
def pool(make_pool: Callable[..., FakePool]) -> FakePool:
    """The pool ``ci``."""
    return make_pool(execute=2)


@pytest.fixture
def struck(pool: FakePool) -> StruckNodes:
    """Its processes and jobs. A job that leaves the queue is in the history, with exit code 0."""
    struck = StruckNodes(engine=pool.engine, jobs={"3.0": 2, "3.1": 2})
    known = dict(struck.jobs)

    def history(_: FakeExec) -> FakeOutcome:
        ended = [job.split(".") for job in known if job not in struck.jobs]
        return FakeOutcome(
            stdout=json.dumps(
                [
                    {"ClusterId": int(c), "ProcId": int(p), "JobStatus": 4, "ExitCode": 0}
                    for c, p in ended
                ]
            )
        )

    pool.engine.on_exec(["condor_history"], history)
    return struck
