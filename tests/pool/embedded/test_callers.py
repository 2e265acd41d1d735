"""Pools and personal pools of ordinary users, and where paths are translated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..people import Person

pytestmark = [
    pytest.mark.every_engine,
    pytest.mark.pool_engines("embedded", reason="it is about the embedded engine"),
]


@pytest.fixture(scope="module")
def pool(caller: Person, left: Callable[[], list[str]]) -> Iterator[str]:
    """A pool of the caller's, by its name; nothing is left when it has been deleted."""
    home = Path(caller.environment["HOME"])
    made = caller.run("create", "-n", "mine", cwd=home, timeout_s=120)
    assert made.returncode == 0, made.stderr
    yield "mine"
    deleted = caller.run("delete", "-n", "mine", cwd=home)
    assert (deleted.returncode, left()) == (0, []), deleted.stderr


def test_job_in_a_pool(caller: Person, pool: str, job: Path) -> None:
    """`submit --wait` brings the results back, as the caller's files, and the job's status."""
    done = caller.run("submit", "-n", pool, "--wait", "job.sub", cwd=job)
    assert (done.returncode, "it is done" in done.stdout) == (3, True), done.stderr
    assert (job / "out").stat().st_uid == caller.uid


def test_logs(caller: Person, pool: str, here: Path) -> None:
    """The daemons of each node are in the logs."""
    shown = caller.run("logs", "-n", pool, cwd=here).stdout
    assert [name for name in ("collector", "schedd", "startd") if f" {name} " not in shown] == []


def test_scale(caller: Person, pool: str, here: Path) -> None:
    """More slots are there when `scale` has ended, and are gone after another."""
    lasting = ("-constraint", 'SlotType =!= "Dynamic"')  # a job that has just ended may have others
    slots = ("exec", "-n", pool, "--", "condor_status", *lasting, "-af", "CondorMiniNode")
    for count in (2, 1):
        scaled = caller.run("scale", "-n", pool, "--execute", str(count), cwd=here)
        assert scaled.returncode == 0, scaled.stderr
        assert len(caller.run(*slots, cwd=here).stdout.split()) == count


@pytest.mark.slow
def test_queue_outlives_stop_and_start(caller: Person, pool: str, here: Path) -> None:
    """A job that waits is in the queue after `stop` and `start`."""
    hold = "printf 'executable=/bin/true\\nhold=true\\nqueue\\n' | condor_submit -terse -"
    in_pool = ("exec", "-n", pool, "--")
    held = caller.run(*in_pool, "sh", "-c", hold, cwd=here).stdout.partition(".")[0]
    for verb in ("stop", "start"):
        done = caller.run(verb, "-n", pool, cwd=here, timeout_s=120)
        assert done.returncode == 0, done.stderr
    queue = caller.run(*in_pool, "condor_q", "-af", "ClusterId", cwd=here)
    assert held in queue.stdout.split()
