"""A pool that is recorded while jobs run, and while faults are made."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.records import looker
from condor_mini.records.stays import Director

from .conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.faults.faults import Faults
    from condor_mini.pool import Pool
    from condor_mini.records.entry import TimelineEntry
    from condor_mini.records.recording import Recording

    from .conftest import Cli, Write

WITHIN_S = 30.0
SLEEPS = {"executable": "/bin/sleep", "arguments": "600", "log": "log", "request_memory": "1"}
EVENT_LOG = ["condor_config_val", "-schedd", "EVENT_LOG"]


def await_entry(
    recording: Recording, wanted: Callable[[TimelineEntry], bool], count: int = 1
) -> None:
    """Wait until the recording has so many entries of a kind."""

    def absent() -> str | None:
        entries = [*recording.timeline.entries()]
        found = sum(map(wanted, entries))
        texts = [entry.text for entry in entries if entry.kind != "log"]
        return None if found >= count else f"there are {found} of {count} of them: {texts}"

    wait_until(absent, timeout_s=WITHIN_S, interval_s=0.2)


def event(number: int, job: str) -> Callable[[TimelineEntry], bool]:
    """Whether an entry is this event of a job."""
    return lambda entry: (
        entry.kind == "event" and ((entry.data["EventTypeNumber"], entry.job) == (number, job))
    )


@pytest.mark.every_engine
@pytest.mark.slow_on("docker")
@pytest.mark.skipif(
    os.environ.get("CONDOR_MINI_SANDBOX") == "paths",
    reason="where paths are translated, PRoot lets stopped processes go on",
)
def test_job_eviction_and_faults_are_in_order(
    pool: Pool, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job is submitted, runs, is evicted, runs again, and is removed while a startd is frozen.

    Each is in the timeline, by HTCondor's own event, ad and line, causes before effects; and the
    picture has a bar for each start. Afterwards the pool logs no events any more.
    """
    monkeypatch.setattr(looker, "INTERVAL_S", 0.3)
    access_point = pool.node().name
    with pool.record(tmp_path / "new") as recording:
        job = f"{pool.submit(SLEEPS).clusters[0]}.0"
        await_entry(recording, event(1, job))
        faults.evict(job)
        await_entry(recording, event(1, job), 2)
        stays = Director(most=99).show(recording.timeline.entries()).stays
        other = "execute-2" if stays[-1].node.endswith("-1") else "execute-1"
        with faults.freeze(other, "startd"):
            pool.exec(["condor_rm", job])
            await_entry(
                recording,
                lambda entry: entry.job == job and entry.data.get("left") is True,
            )
    entries = [*recording.timeline.entries()]
    assert [entry.time for entry in entries] == sorted(entry.time for entry in entries)

    def place(wanted: Callable[[TimelineEntry], bool], which: int = 0) -> int:
        return [number for number, entry in enumerate(entries) if wanted(entry)][which]

    def fault(name: str, phase: str) -> Callable[[TimelineEntry], bool]:
        return lambda entry: (
            entry.kind == "fault" and ((entry.data["fault"], entry.data["phase"]) == (name, phase))
        )

    in_order = [
        place(event(0, job)),
        place(event(1, job)),
        place(fault("evict", "moment")),
        place(event(4, job)),
        place(event(1, job), 1),
        place(fault("freeze", "begin")),
        place(event(9, job)),
        place(lambda entry: entry.job == job and entry.data.get("left") is True),
        place(fault("freeze", "end")),
    ]
    assert in_order == sorted(in_order), [entries[number].text for number in in_order]
    of_events = [entry for entry in entries if entry.kind == "event"]
    assert {entry.node for entry in of_events} == {access_point}
    assert all(entry.kind != "missing" for entry in entries), entries
    assert any(
        entry.kind == "slot" and entry.slot == entries[in_order[1]].slot for entry in entries
    )
    log = [entry for entry in entries if entry.kind == "log"]
    assert {"schedd", "shadow", "starter"} <= {entry.data["daemon"] for entry in log}
    stays = [one for one in Director(most=99).show(entries).stays if one.job == job]
    assert [stay.how for stay in stays] == ["evicted", "removed"]
    assert all(stay.node.startswith(f"{pool.name}-execute-") for stay in stays)
    picture = ElementTree.fromstring(recording.timeline.svg())  # noqa: S314 (our own)
    titles = [one.text or "" for one in picture.iter() if one.tag.endswith("}title")]
    assert sum(f"Job {job} of {access_point}" in title for title in titles) == len(stays)
    assert "not defined" in pool.exec(EVENT_LOG, user="root").stdout.lower()


@pytest.mark.slow
def test_command_is_recorded(cli: Cli, write: Write, tmp_path: Path) -> None:
    """`record DIR -- COMMAND` has what the command did, and its status; `timeline` shows it."""
    file = write("exit 3")
    made = cli("record", str(tmp_path / "new"), "--", *COMMAND, "submit", "--wait", str(file))
    assert made.returncode == 3, made.stderr
    shown = cli.succeeds("timeline", str(tmp_path / "new"))
    places = [shown.index(words) for words in ("000 Submit", "001 Execute", "exit code 3")]
    assert places == sorted(places)
    cli.succeeds("timeline", str(tmp_path / "new"), "--svg", str(tmp_path / "picture.svg"))
    assert "exit 3" in (tmp_path / "picture.svg").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_recording_that_is_ended(cli: Cli, tmp_path: Path, number: signal.Signals) -> None:
    """After a signal the recording is complete, and the status says which; SIGKILL leaves a part.

    The next recording switches off what a killed one has left on.
    """
    directory = tmp_path / "new"
    with cli.begin("record", str(directory)) as process:
        assert process.stderr is not None
        assert "Recording" in process.stderr.readline()
        os.killpg(process.pid, number)
        process.communicate(timeout=WITHIN_S)
    killed = number is signal.SIGKILL
    assert process.returncode == (-9 if killed else 128 + number)
    shown = cli("timeline", str(directory))
    assert (shown.returncode, "was killed" in shown.stderr) == (0, killed)
    assert "is recorded" in shown.stdout
    if killed:
        cli.succeeds("record", str(tmp_path / "other"), "--for", "0s")
    asked = cli("exec", "--user", "root", "--", *EVENT_LOG)
    assert "not defined" in asked.stdout.lower()
