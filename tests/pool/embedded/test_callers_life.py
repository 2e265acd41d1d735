"""Whole lives of pools of ordinary users, and where paths are translated: nothing is left."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..people import Person

    Left = Callable[[], list[str]]

pytestmark = pytest.mark.pool_engines("embedded", reason="it is about the embedded engine")


def runs(caller: Person, job: Path, series: str) -> None:
    """A job in a personal pool; the state is the caller's."""
    done = caller.run("run", "--htcondor", series, "--submit", "job.sub", cwd=job, timeout_s=120)
    assert (done.returncode, "  jovyan\n  it is done" in done.stdout) == (3, True), done.stderr
    owners = {path.lstat().st_uid for path in (job / "condor_state").rglob("*")}
    assert owners == {caller.uid}


def test_pool_of_series_23(caller: Person, job: Path, left: Left) -> None:
    """A pool is created, runs a job and is deleted, and nothing is left."""
    created = caller.run("create", "-n", "own", "--htcondor", "23", cwd=job, timeout_s=120)
    assert created.returncode == 0, created.stderr
    assert caller.run("submit", "-n", "own", "--wait", "job.sub", cwd=job).returncode == 3
    assert caller.run("delete", "-n", "own", cwd=job).returncode == 0
    assert left() == []


@pytest.mark.every_engine
def test_personal_pool(caller: Person, job: Path, left: Left) -> None:
    """`run --submit` ends with the job's status, and nothing is left but the caller's state."""
    runs(caller, job, "25")
    assert left() == []


def test_personal_pool_of_series_23(caller: Person, job: Path, left: Left) -> None:
    """The same with HTCondor 23."""
    runs(caller, job, "23")
    assert left() == []


@pytest.mark.every_engine
def test_ctrl_c_leaves_nothing(caller: Person, here: Path, left: Left) -> None:
    """Ctrl-C while nodes start ends with 130, and they are gone."""
    with caller.start("create", "-n", "own", cwd=here) as process:
        await_a_node(left)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, left()) == (130, []), said


@pytest.mark.every_engine
def test_kill_leaves_what_delete_removes(caller: Person, here: Path, left: Left) -> None:
    """After SIGKILL in the middle of `create`, `delete` removes all: files and processes."""
    with caller.start("create", "-n", "own", cwd=here) as process:
        await_a_node(left)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    assert caller.run("delete", "-n", "own", cwd=here).returncode == 0
    wait_until(lambda: ", ".join(left()) or None, timeout_s=10)


def await_a_node(left: Left) -> None:
    """Wait until a node of the pool ``own`` is there."""
    wait_until(
        lambda: None if "containers/own-master" in left() else "there is no node",
        timeout_s=30,
        interval_s=0.02,
    )
