"""Held jobs that HTCondor releases by itself, and those that stay held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import JobFailed, PoolNotReady
from condor_mini.engine import FakeOutcome
from condor_mini.jobs.holds import held_for_good
from condor_mini.jobs.submit import submit_file

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine
    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool
    from fake_queue import Queue


def held(proc: int = 0, code: int = 3, release: bool | str = False) -> JobAd:
    """The ad of a held job."""
    return {
        "ClusterId": 7,
        "ProcId": proc,
        "JobStatus": 5,
        "HoldReason": "why",
        "HoldReasonCode": code,
        "PeriodicRelease": release,
    }


def constraint(queue: Queue) -> str:
    """What condor_q was asked about the held jobs."""
    (argv,) = [argv for argv in queue.commands("condor_q") if "-json" not in argv]
    return argv[argv.index("-constraint") + 1]


def test_without_a_policy_a_job_stays_held(node: Node, queue: Queue) -> None:
    """A literal false releases nothing, and nothing needs to be evaluated."""
    assert held_for_good(node, [held()]) == [held()]
    assert queue.commands("condor_q") == []


@pytest.mark.parametrize("release", [True, "/Expr(NumJobStarts < 3)/"])
def test_job_that_its_policy_may_release(node: Node, queue: Queue, release: bool | str) -> None:
    """A job that the schedd does not name among those that stay is not held for good."""
    queue.staying = []
    assert held_for_good(node, [held(release=release)]) == []


def test_job_whose_policy_is_false(node: Node, queue: Queue) -> None:
    """A policy that is false now and later releases nothing."""
    queue.staying = ["7 0"]
    job = held(release="/Expr(NumJobStarts < 3)/")
    assert held_for_good(node, [job]) == [job]


def test_each_job_is_judged(node: Node, queue: Queue) -> None:
    """Of jobs with one policy, each is judged."""
    queue.staying = ["7 1"]
    jobs = [held(proc, release="/Expr(ProcId == 0)/") for proc in (0, 1)]
    assert [ad["ProcId"] for ad in held_for_good(node, jobs)] == [1]


@pytest.mark.parametrize(("code", "stays"), [(1, True), (16, False)], ids=["user", "spooling"])
def test_holds_that_no_policy_decides(node: Node, queue: Queue, code: int, stays: bool) -> None:
    """condor_hold holds for good whatever the policy; a job whose files arrive is released."""
    job = held(code=code, release=True)
    assert (held_for_good(node, [job]) == [job]) is stays
    assert queue.commands("condor_q") == []


@pytest.mark.parametrize("clock", ["time()", "time( )", "CurrentTime", "currenttime"])
def test_expression_is_also_evaluated_later(node: Node, queue: Queue, clock: str) -> None:
    """A policy that waits for a time is evaluated as it will be in a year."""
    held_for_good(node, [held(release=f"/Expr({clock} - EnteredCurrentStatus > 60)/")])
    assert f"({clock} + 31622400) - EnteredCurrentStatus > 60" in constraint(queue)


def test_job_that_was_released_meanwhile_is_not_held(node: Node, queue: Queue) -> None:
    """Only jobs that are still held are named: a released one no longer fits its own policy."""
    held_for_good(node, [held(release="/Expr(HoldReasonSubCode == 42)/")])
    assert constraint(queue).startswith("JobStatus =?= 5 && !(")


def test_policies_of_the_access_point(node: Node, queue: Queue) -> None:
    """The nameless policy and the named ones that are listed count; one that is not does not."""
    queue.knobs = (
        "SYSTEM_PERIODIC_RELEASE = AAA\nSYSTEM_PERIODIC_RELEASE_NAMES = One, two\n"
        "SYSTEM_PERIODIC_RELEASE_One = BBB\nSYSTEM_PERIODIC_RELEASE_TWO = CCC\n"
        "SYSTEM_PERIODIC_RELEASE_OTHER = DDD\n"
    )
    held_for_good(node, [held()])
    asked = constraint(queue)
    assert [word in asked for word in ("AAA", "BBB", "CCC", "DDD")] == [True, True, True, False]


def test_most_releases(node: Node, queue: Queue) -> None:
    """After SYSTEM_MAX_RELEASES holds, no policy releases a job."""
    queue.knobs = "SYSTEM_MAX_RELEASES = 2\n"
    held_for_good(node, [held(release=True)])
    assert "(NumHolds ?: 0) < (2)" in constraint(queue)


@pytest.mark.parametrize("tool", ["condor_q", "condor_config_val"])
def test_silent_schedd_does_not_mean_held_for_good(
    node: Node, queue: Queue, engine: FakeEngine, tool: str
) -> None:
    """A tool that fails says nothing about a job: the wait fails, and says what the tool said."""
    del queue
    engine.on_exec([tool], lambda _: FakeOutcome(returncode=1, stderr="no answer"))
    with pytest.raises(PoolNotReady, match=f"{tool}: no answer"):
        held_for_good(node, [held(release=True)])


def test_wait_lasts_until_the_policy_has_released(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held job that its policy releases is waited for, and the reason is told meanwhile."""
    submission = submit_file(pool, here / "a.sub")
    queue.queued = [{**queue.job(), **held(release="/Expr(NumJobStarts < 3)/")}]
    queue.ended = []
    told: list[str] = []

    def sleep(_: float) -> None:
        queue.queued, queue.ended = [], [queue.job()]

    monkeypatch.setattr("time.sleep", sleep)
    assert submission.wait(on_change=told.append) == 0
    assert told == ["0 running, 0 idle, 1 held (held: why; HTCondor may release it)"]


def test_hold_for_good_does_not_end_the_wait_for_others(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One job that stays held is reported when the others have ended."""
    submission = submit_file(pool, here / "a.sub")
    stuck = {**queue.job(), **held(proc=0)}
    queue.queued = [stuck, queue.job(ProcId=1, JobStatus=2)]
    told: list[str] = []

    def sleep(_: float) -> None:
        queue.queued, queue.ended = [stuck], [queue.job(ProcId=1)]

    monkeypatch.setattr("time.sleep", sleep)
    with pytest.raises(JobFailed, match=r"7\.0 was put on hold: why"):
        submission.wait(on_change=told.append)
    assert told == ["1 running, 0 idle, 1 held"]
