"""Faults of the processes of jobs, on nodes in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, NotFound, UsageError
from condor_mini.engine import FakeExec, FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool
    from struck_nodes import StruckNodes

NODE = "ci-execute-1"
SANDBOX = "/execute/dir_50"


@pytest.fixture
def running(struck: StruckNodes) -> StruckNodes:
    """The job ``7.0`` runs on the first execution point, and ``7.1`` is idle."""
    struck.jobs = {"7.0": 2, "7.1": 1}
    struck.places = {"7.0": f"slot1_1@{NODE}.nodes.internal"}
    return struck


@pytest.fixture
def removed(running: StruckNodes) -> list[tuple[str, str]]:
    """What is removed of the sandbox, and as which user."""
    found: list[tuple[str, str]] = []
    engine = running.engine
    engine.on_exec(["condor_config_val", "EXECUTE"], lambda _: FakeOutcome(stdout="/execute\n"))
    engine.on_exec(["test", "-d"], lambda _: FakeOutcome(returncode=0))
    engine.on_exec(["stat"], lambda _: FakeOutcome(stdout="alice\n"))

    def remove(call: FakeExec) -> FakeOutcome:
        found.append((call.argv[-1], call.user))
        absent = call.argv[-1].endswith("absent")
        return FakeOutcome(returncode=int(absent), stderr="No such file\n" if absent else "")

    engine.on_exec(["rm", "-r", "--"], remove)
    return found


def test_starter_of_the_job_alone_is_killed(pool: FakePool, running: StruckNodes) -> None:
    """The starter of the job's slot gets SIGKILL, on the job's node."""
    pool.faults.kill_starter("7")
    assert running.signalled == [(NODE, "KILL", "50:500")]


@pytest.mark.parametrize("name", ["SEGV", "sigsegv"])
def test_program_gets_the_signal(pool: FakePool, running: StruckNodes, name: str) -> None:
    """The process that the starter has started gets the signal."""
    pool.faults.signal("7.0", signal=name)
    assert running.signalled == [(NODE, "SEGV", "51:510")]


def test_unknown_signal_is_refused(pool: FakePool, running: StruckNodes) -> None:
    """A signal that does not end programs is a mistake; the others are named."""
    with pytest.raises(UsageError, match=r"no signal STOP: it is one of ABRT, BUS"):
        pool.faults.signal("7.0", signal="STOP")
    assert running.signalled == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("undefined", "job 7.0 does not run"),
        ("slot1_1@elsewhere", "runs on slot1_1@elsewhere, which is no node here"),
        (f"slot1_9@{NODE}", f"no process in slot1_9 of {NODE}"),
    ],
)
def test_job_that_is_not_here(pool: FakePool, running: StruckNodes, place: str, words: str) -> None:
    """A job that has just ended, or runs on a machine that is not ours, is not found."""
    running.places["7.0"] = place
    with pytest.raises(NotFound, match=words):
        pool.faults.kill_starter("7.0")


def test_file_is_removed_as_its_owner(pool: FakePool, removed: list[tuple[str, str]]) -> None:
    """The file goes from the sandbox, by the rights of the user whose sandbox it is."""
    pool.faults.lose_file("7.0", file="out.txt")
    assert removed == [(f"{SANDBOX}/scratch/out.txt", "alice")]


def test_file_that_is_not_there(pool: FakePool, removed: list[tuple[str, str]]) -> None:
    """A file that the job has not written is not found."""
    with pytest.raises(NotFound, match=r"absent is not in the sandbox of job 7\.0: No such file"):
        pool.faults.lose_file("7.0", file="absent")
    assert len(removed) == 1


@pytest.mark.parametrize("file", ["", ".", "/etc/passwd", "../x", "a/../../x", ".."])
def test_file_outside_is_refused(pool: FakePool, removed: list[tuple[str, str]], file: str) -> None:
    """Only what is below the sandbox is removed."""
    with pytest.raises(UsageError, match="by its path in the sandbox"):
        pool.faults.lose_file("7.0", file=file)
    assert removed == []


@pytest.mark.usefixtures("removed")
def test_sandbox_is_filled_beyond_the_request(pool: FakePool, running: StruckNodes) -> None:
    """The file is a mebibyte larger than what the job requests, in a directory of its own."""
    made: list[tuple[tuple[str, ...], str]] = []

    def make(call: FakeExec) -> FakeOutcome:
        made.append((call.argv, call.user))
        return FakeOutcome()

    for tool in ("mkdir", "fallocate"):
        running.engine.on_exec([tool], make)
    pool.faults.fill_sandbox("7.0")
    place = f"{SANDBOX}/scratch/.condor-mini-fault"
    assert made == [
        (("mkdir", "-p", place), "alice"),
        (("fallocate", "-l", "3072K", f"{place}/ballast"), "alice"),
    ]


@pytest.mark.usefixtures("removed")
def test_full_disk_is_an_error(pool: FakePool, running: StruckNodes) -> None:
    """What the node says is the error."""
    running.engine.on_exec(["mkdir"], lambda _: FakeOutcome())
    running.engine.on_exec(
        ["fallocate"], lambda _: FakeOutcome(returncode=1, stderr="No space left on device")
    )
    with pytest.raises(CommandFailed, match="No space left"):
        pool.faults.fill_sandbox("7.0")


def test_time_limit_holds_from_the_next_start_on(pool: FakePool, running: StruckNodes) -> None:
    """All jobs get the limit, and those that run are evicted."""
    pool.faults.time_limit("7")
    assert running.asked[:2] == [
        ("condor_qedit", "7.0", "AllowedExecuteDuration", "1"),
        ("condor_qedit", "7.1", "AllowedExecuteDuration", "1"),
    ]
    assert running.asked[2:] == [("condor_vacate_job", "-fast", "7.0")]
