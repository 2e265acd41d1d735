"""Who holds a fault."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from condor_mini.faults import holder
from condor_mini.faults.holder import is_gone, started, this_process


def test_this_process_is_there() -> None:
    """A process is not gone while it asks."""
    assert not is_gone(this_process())


def test_process_that_has_ended_is_gone() -> None:
    """A process that was there and has ended is gone."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        there = replace(this_process(), pid=child.pid, started=started(child.pid))
        assert not is_gone(there)
        child.kill()
    assert is_gone(there)


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({"started": "1"}, True),
        ({"space": "another-boot pid:[1]"}, True),
        ({"host": "elsewhere", "started": "1"}, False),
    ],
    ids=["another process of that number", "the host has booted", "another host"],
)
def test_what_is_known_of_others(change: dict[str, str], gone: bool) -> None:
    """Another process of the number, or an earlier boot, is gone; another host is not known."""
    assert is_gone(replace(this_process(), **change)) is gone  # type: ignore[arg-type]


def test_another_pid_namespace_is_not_known() -> None:
    """The number means another process there."""
    ours = this_process()
    boot = ours.space.partition(" ")[0]
    assert not is_gone(replace(ours, started="1", space=f"{boot} pid:[1]"))


def test_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Where there is no /proc, ps(1) says when a process was started."""
    monkeypatch.setattr(holder, "PROC", type(holder.PROC)(str(tmp_path)) / "none")
    asked: list[list[str]] = []

    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(argv)
        return subprocess.CompletedProcess(argv, 0, "Sun Nov 29 16:00:00 2026\n", "")

    monkeypatch.setattr("condor_mini.faults.holder.subprocess.run", run)
    assert started(5) == "Sun Nov 29 16:00:00 2026"
    assert asked == [["ps", "-o", "lstart=", "-p", "5"]]
