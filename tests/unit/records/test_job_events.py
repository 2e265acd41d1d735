"""The log of all job events: what reads it on a node, and who lets it be written."""

from __future__ import annotations

import json
import os
import subprocess
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.errors import PoolNotReady
from condor_mini.faults import holder
from condor_mini.records import job_events
from recorded_pool import LOG

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.nodes.node import Node
    from recorded_pool import RecordedPool

SCRIPT = (resources.files("condor_mini.records") / "look.sh").read_text("utf-8")
EVENT = '{\n  "EventTypeNumber": 1,\n  "Reason": "a } in a line of ü"\n}\n'
QUERY = ("echo", '[{"ClusterId": 7}]')


class Looked:
    """What the script prints about a log."""

    def __init__(self, tmp_path: Path, log: str, offset: int, *query: str) -> None:
        (tmp_path / "config").write_text("EVENT_LOG = x\n")
        (tmp_path / "log").write_text(log)
        argv = ["bash", "-s", "--", str(tmp_path / "config"), str(tmp_path / "log"), str(offset)]
        self.result = subprocess.run(
            [*argv, *(query or QUERY)], input=SCRIPT, capture_output=True, text=True, check=False
        )
        head, *self.rest = job_events._values(self.result.stdout)
        assert isinstance(head, dict)
        self.head: dict[str, Any] = head


def test_whole_events_are_read(tmp_path: Path) -> None:
    """An event that is still being written is left for the next look, which begins with it."""
    whole = EVENT + EVENT
    first = Looked(tmp_path, whole + EVENT[:20], 0)
    assert first.rest == [json.loads(EVENT), json.loads(EVENT), [{"ClusterId": 7}]]
    assert first.head == {"configured": True, "offset": len(whole.encode()), "more": False}
    second = Looked(tmp_path, whole + EVENT, first.head["offset"])
    assert second.rest == [json.loads(EVENT), [{"ClusterId": 7}]]
    third = Looked(tmp_path, whole + EVENT, second.head["offset"])
    assert third.rest == [[{"ClusterId": 7}]]


def test_log_that_was_begun_again(tmp_path: Path) -> None:
    """A log that is shorter than it was is read from its beginning."""
    found = Looked(tmp_path, EVENT, 10_000)
    assert (found.rest[0], found.head["offset"]) == (json.loads(EVENT), len(EVENT.encode()))


def test_many_events(tmp_path: Path) -> None:
    """Of more events than are read at once, the rest is announced, and none is lost."""
    log, offset, numbers = "".join(f'{{\n"N": {n}\n}}\n' for n in range(14_000)), 0, []
    while True:
        found = Looked(tmp_path, log, offset, "true")
        numbers += [value["N"] for value in found.rest if isinstance(value, dict)]
        offset = found.head["offset"]
        if not found.head["more"]:
            break
    assert numbers == [*range(14_000)]


def test_queue_that_is_not_told(tmp_path: Path) -> None:
    """If the schedd does not answer, the events are there all the same, with the status."""
    found = Looked(tmp_path, EVENT, 0, "sh", "-c", "echo no schedd >&2; exit 3")
    assert found.rest == [json.loads(EVENT)]
    assert (found.result.returncode, found.result.stderr) == (3, "no schedd\n")


def test_no_log_and_no_configuration(tmp_path: Path) -> None:
    """Before the first event there is no log; a node that was made anew has no configuration."""
    argv = ["bash", "-s", "--", str(tmp_path / "config"), str(tmp_path / "log"), "0", "true"]
    result = subprocess.run(argv, input=SCRIPT, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == {"configured": False, "offset": 0, "more": False}
    assert result.stderr == ""


def test_damaged_event_is_passed_over() -> None:
    """One event that is no JSON does not hide those after it."""
    text = f'{EVENT}{{\n "broken": \n}}\n{EVENT}'
    assert [*job_events._values(text)] == [json.loads(EVENT)] * 2


def test_state_of_the_log(tmp_path: Path) -> None:
    """Where the log is and how long, and the configuration, each of which may be absent."""
    tool = tmp_path / "condor_config_val"
    tool.write_text(f"#!/bin/sh\necho {tmp_path}\n")
    tool.chmod(0o755)
    script = (resources.files("condor_mini.records") / "log_state.sh").read_text("utf-8")

    def state() -> list[str]:
        argv = ["sh", "-s", "--", str(tmp_path / "config"), "log"]
        path = f"{tmp_path}:{os.environ['PATH']}"
        ran = subprocess.run(
            argv, input=script, env={"PATH": path}, capture_output=True, text=True, check=True
        )
        return ran.stdout.splitlines()

    assert state() == [str(tmp_path / "log"), "0"]
    (tmp_path / "log").write_text("12345")
    (tmp_path / "config").write_text("a\nb\n")
    assert state() == [str(tmp_path / "log"), "5", "a", "b"]


@pytest.fixture
def node(recorded: RecordedPool) -> Node:
    """The access point."""
    return recorded.pool.node()


def test_two_recordings(recorded: RecordedPool, node: Node) -> None:
    """The log is written until the last recording ends, and then it is removed."""
    assert job_events.switch_on(node, "one") == (LOG, 0)
    recorded.event(0, "Submit")
    assert job_events.switch_on(node, "two") == (LOG, len(recorded.log))
    job_events.switch_off(node, "one")
    assert "EVENT_LOG = " in recorded.config
    assert recorded.log
    job_events.switch_off(node, "two")
    assert (recorded.config, recorded.log) == ("", "")


def test_recording_that_was_killed(
    recorded: RecordedPool, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording whose process is gone does not keep the log."""
    job_events.switch_on(node, "killed")
    monkeypatch.setattr(holder, "started", lambda _: "another time")
    job_events.switch_on(node, "two")
    job_events.switch_off(node, "two")
    assert recorded.config == ""


def test_schedd_that_does_not_read(
    recorded: RecordedPool, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schedd that does not take the configuration is named."""
    monkeypatch.setattr(job_events, "IN_FORCE_TIMEOUT_S", 0.0)
    monkeypatch.setattr(recorded, "config", "")
    recorded.pool.engine.on_exec(["tee"], recorded._remove)
    with pytest.raises(PoolNotReady, match="the schedd of ci-submit-1 has not read"):
        job_events.switch_on(node, "one")
