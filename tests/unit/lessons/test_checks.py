"""Each kind of check: when it is done, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import FakeOutcome
from condor_mini.lessons.checks import BeganBefore, FileHas, JobsDid, SlotsAre
from condor_mini.lessons.work import Work

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.lessons.checks import Check
    from fake_pool import FakePool


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """An empty directory."""
    return Work(directory=tmp_path, lesson="many-jobs", pool_name="ci")


def event(number: int, job: str, text: str = "", second: int = 0) -> str:
    """An event as it stands in a log."""
    cluster, proc = job.split(".")
    return f"{number:03} ({cluster}.{proc}.000) 2026-11-30 02:15:{second:02} {text}\n...\n"


ENDED = "Job terminated.\n\t(1) Normal termination (return value 0)"
FAILED = "Job terminated.\n\t(1) Normal termination (return value 1)"


def test_file_that_is_not_there(work: Work) -> None:
    """A file that nothing has written is no evidence."""
    seen = FileHas(file="out.*", pattern=".").look(work)
    assert (seen.is_done, seen.text) == (False, "there is no out.*")


@pytest.mark.parametrize(
    ("text", "lines", "done"),
    [("1 1\n", 2, False), ("1 1\n2 4\n", 2, True), ("1 x\n", 1, False), ("", 1, False)],
)
def test_file_has_lines(work: Work, text: str, lines: int, *, done: bool) -> None:
    """So many lines must be of the kind, in all files that the name is for."""
    (work.directory / "out.1").write_text(text)
    assert FileHas(file="out.*", pattern=r"^\d \d$", lines=lines).look(work).is_done is done


def test_lines_of_several_files_count_together(work: Work) -> None:
    """Outputs of many jobs are one evidence."""
    for number in range(3):
        (work.directory / f"out.{number}").write_text("1 1\n")
    assert FileHas(file="out.*", pattern="1 1", lines=3).look(work).is_done


@pytest.mark.parametrize(
    ("log", "done"),
    [
        (event(0, "1.0") + event(5, "1.0", ENDED), False),
        (event(5, "1.0", ENDED) + event(5, "1.1", ENDED), True),
        (event(5, "1.0", ENDED) + event(5, "1.1", FAILED), False),
        (event(5, "1.0", FAILED) + event(5, "1.0", ENDED) + event(5, "1.1", ENDED), True),
        (event(1, "1.0", ENDED) + event(12, "1.1", ENDED), False),
    ],
    ids=["one of two", "both", "one failed", "one failed first", "other events"],
)
def test_jobs_have_ended_well(work: Work, log: str, *, done: bool) -> None:
    """So many jobs have ended with 0."""
    (work.directory / "log").write_text(log)
    assert JobsDid(log="log", jobs=2).look(work).is_done is done


@pytest.mark.parametrize(
    ("numbers", "done"),
    [((0, 12, 13, 5), True), ((0, 12, 5), False), ((0, 13, 12, 5), False), ((0, 12, 13), False)],
)
def test_events_come_in_an_order(work: Work, numbers: tuple[int, ...], *, done: bool) -> None:
    """A job must have been held, then released, and then have ended."""
    (work.directory / "log").write_text("".join(event(n, "1.0", ENDED) for n in numbers))
    check = JobsDid(log="log", events=("JobHeld", "JobReleased", "JobTerminated"))
    assert check.look(work).is_done is done


def test_events_of_several_jobs_are_not_mixed(work: Work) -> None:
    """One job held and another one ended is not the same."""
    (work.directory / "log").write_text(event(12, "1.0") + event(5, "1.1", ENDED))
    check = JobsDid(log="log", events=("JobHeld", "JobTerminated"))
    seen = check.look(work)
    assert (seen.is_done, seen.text) == (
        False,
        "log: 0 of 1 job went through JobHeld -> JobTerminated",
    )


def starts(*moments: tuple[str, int]) -> str:
    """Starts of jobs: their ids, and seconds."""
    return "".join(event(1, job, second=second) for job, second in moments)


@pytest.mark.parametrize(
    ("later", "done"),
    [
        (starts(("2.0", 4)), True),
        (starts(("2.0", 9)), False),
        (starts(("2.0", 4), ("3.0", 9)), False),
        ("", False),
    ],
    ids=["between", "after all", "the last cluster counts", "none yet"],
)
def test_jobs_that_came_later_began_before(work: Work, later: str, *, done: bool) -> None:
    """Fair share shows in the order of the starts."""
    (work.directory / "ana.log").write_text(starts(("1.0", 2), ("1.1", 6)))
    (work.directory / "ben.log").write_text(later)
    assert BeganBefore(log="ben.log", others="ana.log").look(work).is_done is done


@pytest.mark.parametrize(("slots", "done"), [(1, True), (2, True), (3, False)])
def test_slots_of_a_pool(work: Work, pool: FakePool, slots: int, *, done: bool) -> None:
    """The collector is asked for the slots, and so many must be there."""
    answer = FakeOutcome(stdout='[{"Name": "slot1"}, {"Name": "slot2"}]')
    pool.engine.on_exec(["condor_status", "-json", "-constraint", "GPUs > 0"], lambda _: answer)
    assert SlotsAre(constraint="GPUs > 0", slots=slots).look(work).is_done is done


@pytest.mark.parametrize("check", [SlotsAre(constraint="true"), SlotsAre(constraint="x", pool="y")])
def test_pool_that_is_not_there(work: Work, pool: FakePool, check: Check) -> None:
    """It is not yet done, and what is seen says that there is no such pool."""
    del pool
    seen = check.look(replace(work, pool_name="absent"))
    assert not seen.is_done
    assert "absent" in seen.text or "y" in seen.text
