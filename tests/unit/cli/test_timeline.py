"""``condor-mini timeline`` on a recording."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from condor_mini.records.entry import EntryKind, TimelineEntry
from condor_mini.records.store import TIMELINE, UNORDERED
from timeline_scenes import AP, EP, SLOT, at, begin, end, event, fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result

    Run = Callable[..., Result]

LOG = TimelineEntry(
    time=at(2),
    kind=EntryKind.LOG,
    node=EP,
    text="\x1b[1mhi",
    data={"daemon": "startd", "role": "x"},
)
ENTRIES = [
    begin((EP, "execute")),
    event(1, 1, slot=SLOT),
    LOG,
    fault(2.5, "begin"),
    event(3.25, 4),
    end(9),
]
TEXT = f"""\
   +0.000 begin -             | ci is recorded
   +1.000 event {AP}   | 7.0 001
   +2.500 fault {EP}  | freeze
   +3.250 event {AP}   | 7.0 004
   +9.000 end   -             | ci is recorded no more
"""


@pytest.fixture(autouse=True)
def recording(tmp_path: Path) -> Path:
    """A recording in ``DIR``."""
    directory = tmp_path / "DIR"
    directory.mkdir()
    (directory / TIMELINE).write_text("".join(entry.line() for entry in ENTRIES))
    return directory


def test_text(command_line: Run) -> None:
    """A line for each thing that happened, without those of the logs, of which stderr tells."""
    shown = command_line("timeline", "DIR")
    assert (shown.status, shown.out.split("\n")[0][:16]) == (0, TEXT.split("\n")[0][:16])
    assert [line.split() for line in shown.out.splitlines()] == [
        line.split() for line in TEXT.splitlines()
    ]
    assert "Lines of the logs are left out" in shown.err


def test_kinds(command_line: Run) -> None:
    """What is asked for, logs too, between the first and the last entry; no control characters."""
    shown = command_line("timeline", "DIR", "--kind", "log,fault")
    assert [line.split()[1] for line in shown.out.splitlines()] == ["begin", "log", "fault", "end"]
    assert f"{EP} startd |  [1mhi" in shown.out
    assert shown.err == ""
    everything = command_line("timeline", "DIR", "--kind", "all")
    assert len(everything.out.splitlines()) == len(ENTRIES)


def test_json(command_line: Run) -> None:
    """Each line is an entry as it is in the file, logs too."""
    shown = command_line("timeline", "DIR", "-o", "json")
    assert [json.loads(line) for line in shown.out.splitlines()] == [
        entry.to_json() for entry in ENTRIES
    ]


@pytest.mark.parametrize("target", ["-", "picture.svg"])
def test_picture(command_line: Run, tmp_path: Path, target: str) -> None:
    """The picture goes to a file, or to stdout, and no text beside it."""
    shown = command_line("timeline", "DIR", "--svg", target)
    assert shown.status == 0
    text = shown.out if target == "-" else (tmp_path / target).read_text("utf-8")
    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 (our own)
    assert (shown.out == "") == (target != "-")


def test_recording_under_way(command_line: Run, recording: Path) -> None:
    """What there is of it is shown in order, and stderr says that it is not all."""
    (recording / TIMELINE).unlink()
    lines = [entry.line() for entry in (ENTRIES[0], *reversed(ENTRIES[1:]))]
    (recording / UNORDERED).write_text("".join(lines))
    shown = command_line("timeline", "DIR", "-o", "json")
    assert "is under way, or was killed" in shown.err
    assert [json.loads(line) for line in shown.out.splitlines()] == [
        entry.to_json() for entry in ENTRIES
    ]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["absent"], 3, "there is no recording in absent"),
        (["DIR", "--kind", "x"], 2, "--kind x: there are event, job"),
        (["DIR", "--svg", "x", "-o", "json"], 2, "--svg shows all kinds"),
        (["DIR", "--svg", "no/such/x.svg"], 2, "no/such/x.svg cannot be written"),
        (["damaged"], 1, "this is no line of a timeline"),
    ],
)
def test_bad_input(
    command_line: Run, tmp_path: Path, words: list[str], status: int, message: str
) -> None:
    """Each mistake is named, with the status of its kind."""
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / TIMELINE).write_text("nonsense\n")
    shown = command_line("timeline", *words)
    assert (shown.status, shown.out) == (status, "")
    assert message in shown.err
