"""Events of the job event log made on purpose, read by HTCondor's own reader."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HOME
from condor_mini.events.event_types import EVENT_TYPES
from condor_mini.events.recipes import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.events.events import MadeEvent
    from condor_mini.pool import Pool

    from .conftest import Cli

pytestmark = [pytest.mark.every_engine, pytest.mark.slow_on("docker")]
ALL_JOBS = 23
"""The event that befalls all jobs of the access point: its schedd is restarted."""
AT_ONCE = 4
"""The pool has so many cores."""
WITHIN_S = 60.0
LONGEST_S = 10.0

htcondor2 = pytest.importorskip("htcondor2")


@pytest.fixture
def read(tmp_path: Path) -> Callable[[MadeEvent], tuple[int, int]]:
    """Reads an event with ``htcondor2.JobEventLog``; its number and its cluster."""

    def read(event: MadeEvent) -> tuple[int, int]:
        log = tmp_path / f"{event.type.code}.log"
        log.write_text(f"{event.text}...\n")
        with htcondor2.JobEventLog(str(log)) as events:
            first = next(iter(events.events(stop_after=0)))
        return int(first.type), int(first.cluster)

    return read


def written_by(pool: Pool) -> list[int]:
    """The events that HTCondor writes in the pool's series; those that befall other jobs last."""
    return sorted(
        (n for n in RECIPES if EVENT_TYPES[n].series <= int(pool.node().series)),
        key=lambda number: number == ALL_JOBS,
    )


def what_is_there(pool: Pool) -> set[str]:
    """The jobs in the queue, and the directories that jobs were submitted in."""
    jobs = {f"{job.cluster}.{job.proc}" for job in pool.queue()}
    directories = pool.exec(["find", f"{HOME}/submit", "-mindepth", "1", "-maxdepth", "1"]).stdout
    return jobs | set(directories.split())


def check_each(pool: Pool, read: Callable[[MadeEvent], tuple[int, int]]) -> None:
    """Make each event and read it; nothing is left."""
    before = what_is_there(pool)
    *jobs, last = written_by(pool)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        made = [*threads.map(lambda number: pool.events.make(number, timeout_s=WITHIN_S), jobs)]
    made.append(pool.events.make(last, timeout_s=WITHIN_S))
    for event in made:
        number, cluster = read(event)
        assert (number, cluster) == (event.type.number, event.ad["Cluster"]), event.text
        of_dag = event.log.endswith(".nodes.log")  # a node that does nothing is no job
        assert of_dag or event.job == f"{cluster}.0"
        assert event.ad["EventTypeNumber"] == number
    assert what_is_there(pool) - before == set()


def test_each_event_is_made(pool: Pool, read: Callable[[MadeEvent], tuple[int, int]]) -> None:
    """HTCondor writes each event that can be had, and its own reader reads it."""
    check_each(pool, read)


@pytest.mark.slow
@pytest.mark.alone
def test_each_event_comes_in_ten_seconds(pool: Pool) -> None:
    """One after the other, none takes longer, with the removal of its job."""
    took: dict[int, float] = {}
    for number in written_by(pool):
        began = time.monotonic()
        pool.events.make(number)
        took[number] = time.monotonic() - began
    assert max(took.values()) < LONGEST_S, took


def test_command_prints_the_event(cli: Cli) -> None:
    """`condor-mini event 009 -o json` prints the event, its ClassAd, and which job it is of."""
    shown = json.loads(cli.succeeds("event", "Aborted", "-o", "json"))
    assert shown["text"].startswith("009 (")
    assert f"{shown['ad']['Cluster']}.{shown['ad']['Proc']}" == shown["job"]
    assert "via condor_rm" in shown["ad"]["Reason"]
