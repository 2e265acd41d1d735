"""A recording of a pool in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, NotFound, PoolNotReady, UsageError
from condor_mini.base.waiting import wait_until
from condor_mini.engine import FakeOutcome
from condor_mini.faults import journal
from condor_mini.faults.notices import Notice, Phase, announce
from condor_mini.nodes.fault_records import FaultRecord
from condor_mini.records import recording as module
from condor_mini.records import store
from condor_mini.records.stays import Director
from condor_mini.records.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.records.entry import TimelineEntry
    from condor_mini.records.recording import Recording
    from recorded_pool import RecordedPool

WITHIN_S = 10.0
SLOT = "slot1_1@ci-execute-1.nodes.internal"
SLOT_AD = {"Name": SLOT, "CondorMiniNode": "ci-execute-1", "State": "Claimed", "Activity": "Busy"}
JOB = {"ClusterId": 7, "ProcId": 0, "JobStatus": 1, "Owner": "jovyan"}


def seen(recording: Recording, words: str) -> None:
    """Wait until the recording has an entry with these words."""

    def absent() -> str | None:
        texts = [entry.text for entry in recording.timeline.entries()]
        return None if any(words in text for text in texts) else f"there is only {texts}"

    wait_until(absent, timeout_s=WITHIN_S, interval_s=0.02)


def of_kind(recording: Recording, *kinds: str) -> list[str]:
    """The texts of the entries of these kinds."""
    return [entry.text for entry in recording.timeline.entries(kinds)]


def entry(recording: Recording, words: str) -> TimelineEntry:
    """The only entry with these words."""
    (found,) = [one for one in recording.timeline.entries() if words in one.text]
    return found


def test_first_and_last_entry(recorded: RecordedPool, tmp_path: Path) -> None:
    """The first says what was recorded, in which version; the last how much."""
    with recorded.pool.record(tmp_path / "new") as recording:
        was_complete = recording.timeline.is_complete
        assert "EVENT_LOG_FORMAT_OPTIONS = JSON" in recorded.config
    first, *_, last = recording.timeline.entries()
    assert (was_complete, recording.timeline.is_complete) == (False, True)
    assert (first.kind, last.kind) == ("begin", "end")
    assert (first.data["version"], first.data["pool"], first.data["engine"]) == (1, "ci", "fake")
    assert [node["name"] for node in first.data["nodes"]] == [
        *("ci-master", "ci-submit-1", "ci-execute-1")
    ]
    assert last.data["counts"] == {"begin": 1, "node": 3}
    assert recorded.config == ""


def test_events_jobs_and_slots(recorded: RecordedPool, tmp_path: Path) -> None:
    """A job that is submitted, runs and ends, as its events, the queue and the slots tell it."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.jobs = [JOB]
        recorded.event(0, "Submit")
        seen(recording, "7.0 is idle")
        recorded.jobs, recorded.slots = [{**JOB, "JobStatus": 2, "RemoteHost": SLOT}], [SLOT_AD]
        recorded.event(1, "Execute", SlotName=SLOT)
        seen(recording, "slot1_1 is Claimed/Busy")
        seen(recording, "idle -> running")
        recorded.history = [{**JOB, "JobStatus": 4, "ExitCode": 0}]
        recorded.jobs, recorded.slots = [], []
        recorded.event(5, "JobTerminated", TerminatedNormally=True, ReturnValue=0)
        seen(recording, "has left the queue")
    assert of_kind(recording, "event") == [
        "7.0 000 Submit",
        f"7.0 001 Execute: {SLOT}",
        "7.0 005 JobTerminated: exit code 0",
    ]
    assert of_kind(recording, "job") == [
        "7.0 is idle",
        f"7.0 idle -> running on {SLOT}",
        "7.0 has left the queue: completed, exit code 0",
    ]
    assert of_kind(recording, "slot") == [
        "slot1_1 is Claimed/Busy",
        "slot1_1 has left the collector",
    ]
    (stay,) = Director(most=9).show(recording.timeline.entries()).stays
    assert (stay.slot, stay.how) == ("slot1_1", "exit 0")


def test_job_that_no_look_has_seen(recorded: RecordedPool, tmp_path: Path) -> None:
    """A job that comes and goes between two looks is told by its events and the history."""
    recorded.history = [{**JOB, "JobStatus": 3, "RemoveReason": "by me"}]
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.event(9, "JobAborted", Reason="by me")
    assert of_kind(recording, "event", "job") == [
        "7.0 009 JobAborted: by me",
        "7.0 has left the queue: removed: by me",
    ]


def test_event_that_comes_after_its_job_has_gone(recorded: RecordedPool, tmp_path: Path) -> None:
    """A job that is missed in the queue before its last event is read leaves the queue once."""
    recorded.jobs, recorded.history = [JOB], [{**JOB, "JobStatus": 3}]
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.after_look = lambda: recorded.event(9, "JobAborted")
        recorded.jobs = []
        seen(recording, "009 JobAborted")
        seen(recording, "has left the queue")
    left = [text for text in of_kind(recording, "job") if "has left" in text]
    assert len(left) == 1


def test_time_of_an_event(recorded: RecordedPool, tmp_path: Path) -> None:
    """It is the event's own, but never outside of when it can have been written.

    The clock of a node may go wrong. What the event itself says is kept.
    """
    with recorded.pool.record(tmp_path / "new") as recording:
        now = datetime.now(UTC)
        recorded.event(1, "Execute", job="1.0", EventTime=now.isoformat())
        recorded.event(1, "Execute", job="2.0", EventTime="2001-01-01T00:00:00Z")
        recorded.event(1, "Execute", job="3.0", EventTime="2101-01-01T00:00:00.000")
        recorded.event(1, "Execute", job="4.0")
    first, *_, last = recording.timeline.entries()
    assert entry(recording, "1.0 001").time == now
    for job in ("2.0", "3.0", "4.0"):
        assert first.time <= entry(recording, f"{job} 001").time <= last.time
    assert entry(recording, "2.0 001").data["EventTime"].startswith("2001")


def test_events_of_before_are_not_ours(recorded: RecordedPool, tmp_path: Path) -> None:
    """A log that another recording has begun is read from where it ends; its head is no event."""
    recorded.event(0, "Submit")
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.event(8, "Generic", Info="Global JobLog: ctime=1")
        recorded.event(1, "Execute")
    assert of_kind(recording, "event") == ["7.0 001 Execute: beside the schedd"]


def test_log_lines(recorded: RecordedPool, tmp_path: Path) -> None:
    """Each line of a daemon is there once, to the last one before the end."""
    engine = recorded.pool.engine
    engine.write_log("ci-master", "collector: before\n")
    with recorded.pool.record(tmp_path / "new") as recording:
        engine.write_log("ci-master", "collector: one\n")
        seen(recording, "one")
        engine.write_log("ci-submit-1", "schedd: PASSWORD=hunter2\n")
        engine.write_log("ci-master", "collector: two\n")
    assert of_kind(recording, "log") == ["one", "PASSWORD=REDACTED", "two"]
    assert entry(recording, "two").data == {"daemon": "collector", "role": "master"}


def test_faults(recorded: RecordedPool, tmp_path: Path) -> None:
    """Faults of this machine are told at once, others are seen in the journal; each is there once.

    A fault that was in force before begins with the recording.
    """
    pool, began = recorded.pool, datetime(2026, 11, 1, tzinfo=UTC)
    record = FaultRecord(
        volume="", mark="", pool="ci", fault="freeze", target="ci-master/x", undo="", since=began
    )
    record = journal.add(pool.engine, record)
    with pool.record(tmp_path / "new") as recording:
        seen(recording, "freeze ci-master/x begins")
        now = datetime.now(UTC)
        announce(
            pool,
            [
                Notice(phase=Phase.MOMENT, time=now, fault="kill", target="ci-execute-1/startd"),
                Notice(phase=Phase.BEGIN, time=now, fault="stop", target="ci-master/y", mark="m"),
                Notice(phase=Phase.END, time=now, fault="stop", target="ci-master/y", mark="m"),
            ],
        )
        journal.remove(pool.engine, record)
        seen(recording, "freeze ci-master/x ends")
    assert of_kind(recording, "fault") == [
        "freeze ci-master/x begins",
        "kill ci-execute-1/startd",
        "stop ci-master/y begins",
        "stop ci-master/y ends",
        "freeze ci-master/x ends",
    ]
    first, *_ = recording.timeline.entries()
    assert entry(recording, "freeze ci-master/x begins").time == first.time


def test_node_that_ends(recorded: RecordedPool, tmp_path: Path) -> None:
    """A node that dies is told with its status."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.pool.engine.end("ci-execute-1", exit_code=137)
        seen(recording, "ci-execute-1: running -> exited with 137")


def test_what_cannot_be_read(recorded: RecordedPool, tmp_path: Path) -> None:
    """It is told once, with why, and when it can be read again; events are not lost meanwhile."""
    recorded.refusal = "schedd is down"
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.event(0, "Submit")
        seen(recording, "the events and jobs of ci-submit-1: cannot be read: the schedd of")
        looks = recorded.looks
        wait_until(
            lambda: None if recorded.looks > looks + 3 else "no further look",
            timeout_s=WITHIN_S,
            interval_s=0.01,
        )
        recorded.refusal = ""
        seen(recording, "the events and jobs of ci-submit-1: can be read again")
    (begun, ended) = recording.timeline.entries(["missing"])
    assert (begun.data["phase"], ended.data["phase"]) == ("begin", "end")
    assert begun.node == "ci-submit-1"
    assert "schedd is down" in begun.text
    assert of_kind(recording, "event") == ["7.0 000 Submit"]


def test_node_that_lost_its_configuration(recorded: RecordedPool, tmp_path: Path) -> None:
    """A node that was made again gets the log again, and it is told that events may be lost."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.config = ""
        seen(recording, "the configuration of ci-submit-1 was lost")
        seen(recording, "can be read again")
        assert "EVENT_LOG" in recorded.config
        recorded.event(0, "Submit")
    assert of_kind(recording, "event") == ["7.0 000 Submit"]


def test_new_access_point(recorded: RecordedPool, tmp_path: Path) -> None:
    """An access point that is added meanwhile is recorded too."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.pool.add("submit", 2)
        seen(recording, "ci-submit-2 is running")
        recorded.event(0, "Submit")
    nodes = {one.node for one in recording.timeline.entries(["event"])}
    assert nodes == {"ci-submit-1", "ci-submit-2"}


def test_pool_that_is_deleted(recorded: RecordedPool, tmp_path: Path) -> None:
    """The wait ends, and what was recorded until then is there."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.event(0, "Submit")
        seen(recording, "Submit")
        recorded.pool.engine.remove("ci-master", "ci-submit-1", "ci-execute-1")
        assert recording.wait(WITHIN_S) is False
    assert "ci-execute-1: running -> removed" in of_kind(recording, "node")
    assert of_kind(recording, "event") == ["7.0 000 Submit"]


def test_time_that_is_over(recorded: RecordedPool, tmp_path: Path) -> None:
    """The wait ends after its time, and the pool is still there."""
    with recorded.pool.record(tmp_path / "new") as recording:
        assert recording.wait(0.05) is True


def test_error_in_the_context(recorded: RecordedPool, tmp_path: Path) -> None:
    """An error leaves the context as it is, and the timeline is complete."""
    with pytest.raises(ZeroDivisionError), recorded.pool.record(tmp_path / "new") as recording:
        1 / 0  # noqa: B018
    assert recording.timeline.is_complete
    assert recorded.config == ""


def test_what_hangs_is_left_behind(
    recorded: RecordedPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that does not answer delays the end no longer than its deadline, and is named."""
    monkeypatch.setattr(module, "FINISH_TIMEOUT_S", 0.1)
    hangs, released = threading.Event(), threading.Event()

    def hang(_: object) -> FakeOutcome:
        hangs.set()
        released.wait(WITHIN_S)
        return FakeOutcome()

    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.pool.engine.on_exec(["timeout", "5", "condor_status", "-json"], hang)
        assert hangs.wait(WITHIN_S)
    released.set()
    assert "the slots of ci: cannot be read: it has not answered at the end of the recording" in (
        of_kind(recording, "missing")
    )


def test_killed_recording_can_be_read(recorded: RecordedPool, tmp_path: Path) -> None:
    """What a recording has written is in order also if it never came to its end."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.event(0, "Submit")
        seen(recording, "Submit")
        kept = (recording.directory / store.UNORDERED).read_text("utf-8")
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / store.UNORDERED).write_text(kept + '{"time": "20')
    found = [*Timeline.open(killed).entries()]
    assert [one.time for one in found] == sorted(one.time for one in found)
    assert not Timeline.open(killed).is_complete


def _gone(recorded: RecordedPool) -> None:
    recorded.pool.engine.remove("ci-master", "ci-submit-1", "ci-execute-1")
    recorded.pool.engine.remove_network("ci")
    for volume in recorded.pool.engine.volumes({}):
        recorded.pool.engine.remove_volume(volume.name)


def _stopped(recorded: RecordedPool) -> None:
    for node in recorded.pool.nodes:
        recorded.pool.engine.end(node.name, exit_code=0)


@pytest.mark.parametrize(("before", "error"), [(_gone, NotFound), (_stopped, PoolNotReady)])
def test_pool_that_cannot_be_recorded(
    recorded: RecordedPool,
    tmp_path: Path,
    before: Callable[[RecordedPool], None],
    error: type[Exception],
) -> None:
    """A pool that is absent or stopped is refused, and nothing is written."""
    before(recorded)
    with pytest.raises(error), recorded.pool.record(tmp_path / "new"):
        pass
    assert not (tmp_path / "new").exists()


def test_directory_with_files(recorded: RecordedPool, tmp_path: Path) -> None:
    """A directory that is not empty is refused before anything is done to the pool."""
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="is not empty"), recorded.pool.record(tmp_path):
        pass
    assert recorded.looks == 0


def test_access_point_without_a_schedd(recorded: RecordedPool, tmp_path: Path) -> None:
    """All else is recorded; the log is switched on as soon as that is possible."""
    engine = recorded.pool.engine
    engine.on_exec(["sh", "-s", "--"], lambda _: FakeOutcome(returncode=1, stderr="no"))
    with recorded.pool.record(tmp_path / "new") as recording:
        seen(recording, "the events and jobs of ci-submit-1: cannot be read")
        engine.on_exec(["sh", "-s", "--"], recorded._state)
        seen(recording, "the events and jobs of ci-submit-1: can be read again")
        recorded.event(0, "Submit")
    assert of_kind(recording, "event") == ["7.0 000 Submit"]


def test_failure_at_the_end_is_told(recorded: RecordedPool, tmp_path: Path) -> None:
    """If the log cannot be switched off, the timeline says where it goes on."""
    with recorded.pool.record(tmp_path / "new") as recording:
        recorded.pool.engine.on_exec(["tee"], _refuse)
    assert any("are still logged there" in text for text in of_kind(recording, "missing"))


def _refuse(_: object) -> FakeOutcome:
    raise CommandFailed(["tee"], 1, "read-only")
