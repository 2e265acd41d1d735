"""Submit files and descriptions that are submitted, and clusters that are found again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import JobFailed, NotFound, PoolNotReady, UsageError
from condor_mini.engine import FakeOutcome
from condor_mini.jobs import tracking
from condor_mini.jobs.submit import (
    description_text,
    submissions,
    submit_description,
    submit_file,
    wait_for_all,
)

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine
    from condor_mini.pool import Pool
    from fake_queue import Queue

HELD = {"JobStatus": 5, "HoldReason": "why"}
RUNNING = {"JobStatus": 2}


def test_file_is_submitted_in_its_copy(pool: Pool, queue: Queue, here: Path) -> None:
    """condor_submit runs in the copy of the directory, as the ordinary user."""
    submission = submit_file(pool, here / "a.sub")
    (call,) = queue.submitted
    assert submission.staging is not None
    assert (call.workdir, call.user, submission.clusters) == (
        submission.staging.path,
        "jovyan",
        (7,),
    )


def test_own_arguments_go_last(pool: Pool, queue: Queue, here: Path) -> None:
    """condor_submit's own arguments follow the file."""
    submit_file(pool, here / "a.sub", arguments=["X=1", "-queue", "3"])
    assert queue.submitted[0].argv[-3:] == ("X=1", "-queue", "3")


def test_name_like_an_option_is_a_file(pool: Pool, queue: Queue, here: Path) -> None:
    """A name that looks like an option is a file all the same."""
    (here / "-a.sub").touch()
    submit_file(pool, here / "-a.sub")
    assert queue.submitted[0].argv[1] == "./-a.sub"


def test_terse_is_understood(pool: Pool, queue: Queue, engine: FakeEngine, here: Path) -> None:
    """The clusters are known with condor_submit's -terse, too."""
    del queue
    engine.on_exec(["condor_submit"], lambda _: FakeOutcome(stdout="12.0 - 12.9\n"))
    assert submit_file(pool, here / "a.sub").clusters == (12,)


def test_dry_run_of_the_caller_leaves_nothing(
    pool: Pool, queue: Queue, engine: FakeEngine, here: Path
) -> None:
    """With -dry-run nothing is in the queue, and no copy stays."""
    words = "1 job(s) dry-run to cluster 1.\n"
    engine.on_exec(["condor_submit"], lambda _: FakeOutcome(stdout=words))
    submission = submit_file(pool, here / "a.sub", arguments=["-dry-run", "-"])
    assert (submission.clusters, submission.jobs(), len(queue.commands("rm"))) == ((), [], 1)


@pytest.mark.parametrize("problem", ["refusal", "outside"])
def test_what_is_refused_leaves_nothing(pool: Pool, queue: Queue, here: Path, problem: str) -> None:
    """A submit file that is refused leaves no copy."""
    if problem == "refusal":
        queue.refusal = "ERROR: no"
    else:
        queue.dry_run = 'Iwd="/far"\nCmd="/bin/true"\n.\n'
    with pytest.raises((JobFailed, UsageError)):
        submit_file(pool, here / "a.sub")
    assert (queue.submitted, len(queue.commands("rm"))) == ([], 1)


def test_interrupt_while_submitting_leaves_nothing(
    pool: Pool, queue: Queue, engine: FakeEngine, here: Path
) -> None:
    """Ctrl-C while condor_submit runs removes what it may have queued, and the copy."""

    def interrupt(_: object) -> FakeOutcome:
        raise KeyboardInterrupt

    engine.on_exec(["condor_submit"], interrupt)
    with pytest.raises(KeyboardInterrupt):
        submit_file(pool, here / "a.sub")
    assert (len(queue.commands("condor_rm")), len(queue.commands("rm"))) == (1, 1)


def test_interactive_is_refused(pool: Pool, here: Path) -> None:
    """An interactive job needs a terminal there; the error says where to get one."""
    with pytest.raises(UsageError, match="condor-mini shell -n mini"):
        submit_file(pool, here / "a.sub", arguments=["-i"])


def test_node_must_be_an_access_point(pool: Pool, here: Path) -> None:
    """Only an access point has a queue."""
    with pytest.raises(UsageError, match="mini-execute-1 is not an access point"):
        submit_file(pool, here / "a.sub", node="execute-1")


def test_node_must_run(pool: Pool, engine: FakeEngine, here: Path) -> None:
    """An access point that does not run is an error."""
    engine.end("mini-submit-1", exit_code=3)
    with pytest.raises(PoolNotReady, match="has ended with 3"):
        submit_file(pool, here / "a.sub")


def test_what_is_not_copied_is_noted(
    pool: Pool, queue: Queue, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stays here is noted in the progress."""
    del queue
    os.mkfifo(here / "pipe")
    (here / "up").symlink_to("..")
    notes: list[str] = []
    from condor_mini.base.progress import Progress

    progress = Progress()
    monkeypatch.setattr(progress, "note", notes.append)
    submit_file(pool, here / "a.sub", progress=progress)
    links = f"Copied as links that lead out of the directory: up -> {here.parent}."
    assert notes == [
        "Not copied: pipe: neither a file nor a directory",
        f"{links} Copy their targets too: --follow-links",
    ]


def test_what_links_lead_to_is_copied_if_asked_for(pool: Pool, queue: Queue, here: Path) -> None:
    """With follow_links the file outside goes along."""
    (here.parent / "far").write_text("from afar")
    (here / "link").symlink_to("../far")
    submission = submit_file(pool, here / "a.sub", follow_links=True)
    assert submission.staging is not None
    assert queue.files[f"{submission.staging.path}/link"].content == b"from afar"


# -- descriptions ---------------------------------------------------------------------------------


def test_description_becomes_lines() -> None:
    """Submit commands become a submit file."""
    text = description_text({"executable": "/bin/true", "+Project": '"x"'}, 3)
    assert text == 'executable = /bin/true\n+Project = "x"\nqueue 3\n'


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("queue", "3"),
        ("a b", "x"),
        ("a\nqueue", "x"),
        ("", "x"),
        ("a", "x\nqueue 9"),
        ("a", "x\\"),
    ],
)
def test_what_would_be_read_otherwise_is_refused(key: str, value: str) -> None:
    """A key or a value that would be more than one command is refused."""
    with pytest.raises(UsageError):
        description_text({key: value}, 1)


def test_count_is_at_least_1() -> None:
    """No job is no submission."""
    with pytest.raises(UsageError):
        description_text({}, 0)


def test_description_is_submitted(pool: Pool, queue: Queue) -> None:
    """A description is submitted in a directory of its own; nothing comes back from it."""
    queue.ended = [{"ClusterId": 7, "ProcId": 0, "JobStatus": 4, "ExitCode": 0, "Iwd": "/"}]
    submission = submit_description(pool, {"executable": "/bin/true"})
    assert (submission.wait(), submission.fetch()) == (0, [])


# -- finding again --------------------------------------------------------------------------------


@pytest.mark.usefixtures("queue")
def test_cluster_is_found_with_its_directory(pool: Pool, here: Path) -> None:
    """From a cluster's number follows where its results belong."""
    submit_file(pool, here / "a.sub")
    (found,) = submissions(pool, [7])
    assert found.staging is not None
    assert (found.clusters, found.staging.source) == ((7,), str(here))


def test_unknown_cluster_is_told(pool: Pool, queue: Queue) -> None:
    """A cluster that never existed is an error."""
    queue.ended = []
    with pytest.raises(NotFound, match="knows no job of cluster 9"):
        submissions(pool, [9])


def test_job_of_a_shell_is_found(pool: Pool, queue: Queue) -> None:
    """A job that was submitted in the pool is waited for as well, and has nothing to fetch."""
    queue.ended = [{"ClusterId": 8, "ProcId": 0, "JobStatus": 4, "ExitCode": 2, "Iwd": "/"}]
    (found,) = submissions(pool, [8])
    assert (found.wait(), found.fetch()) == (2, [])


def test_wait_for_all_is_done_when_queues_are_empty(pool: Pool, queue: Queue) -> None:
    """With nothing in the queue there is nothing to wait for."""
    queue.queued = []
    assert wait_for_all(pool) == 0


def test_wait_for_all_waits_for_what_comes_meanwhile(
    pool: Pool, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that are submitted while we wait are waited for too."""
    job = {"ProcId": 0, "ExitCode": 0, "Iwd": "/"}
    first = {**job, "ClusterId": 1, "JobStatus": 2}
    second = {**job, "ClusterId": 2, "JobStatus": 2}
    queue.queued = [first]
    waits = iter([[second], []])
    waited: list[tuple[int, ...]] = []

    def wait(found: list[tracking.Submission], **_: object) -> int:
        waited.extend(one.clusters for one in found)
        queue.queued = next(waits)
        return 0

    monkeypatch.setattr(tracking, "wait", wait)
    wait_for_all(pool)
    assert waited == [(1,), (2,)]
