"""``condor-mini lesson``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result

    Run = Callable[..., Result]

ENDED = "005 (1.{}.000) 2026-11-30 02:15:04 Job terminated.\n\tNormal termination (return value 0)"


def finish_cities(directory: Path) -> None:
    """Write what the lesson many-jobs leaves."""
    log = "".join(f"{ENDED.format(proc)}\n...\n" for proc in range(10))
    (directory / "square.log").write_text(log)
    (directory / "squares.txt").write_text("".join(f"{n} {n * n}\n" for n in range(10)))
    (directory / "cities.log").write_text(log)


def test_list(command_line: Run) -> None:
    """A line for each lesson has its number, name, time and what one learns."""
    result = command_line("lesson", "list")
    assert result.status == 0
    lines = result.out.splitlines()
    assert len(lines) == 13
    assert lines[1].split()[:4] == ["1", "first-job", "10", "min"]
    assert "condor-mini lesson start first-job" in result.err


def test_start_and_check(command_line: Run, tmp_path: Path) -> None:
    """What is done is said, and what to type next; the exit code is 5 until all is done."""
    started = command_line("lesson", "start", "2")
    assert (started.status, started.out.splitlines()[-1]) == (
        0,
        "Type next: cd many-jobs, and less LESSON.md",
    )
    before = command_line("lesson", "check")
    assert before.status == 5
    assert before.out.splitlines()[1:3] == [
        "not yet  Ten jobs of square.sub have ended",
        "         there is no square.log",
    ]
    assert before.out.splitlines()[-1] == "Type next: condor-mini submit square.sub --wait"

    finish_cities(tmp_path / "many-jobs")

    after = command_line("lesson", "check", "many-jobs")
    assert (after.status, after.out.splitlines()[-1]) == (0, "All 3 steps are done.")
    assert "condor-mini lesson start held-jobs" in after.err


def test_check_of_several(command_line: Run, tmp_path: Path) -> None:
    """A table shows how far each lesson is, and JSON each step."""
    command_line("lesson", "start", "many-jobs", "mine")
    command_line("lesson", "start", "first-job")
    finish_cities(tmp_path / "mine")
    table = command_line("lesson", "check")
    assert table.status == 5
    assert [line.split()[:4] for line in table.out.splitlines()[1:]] == [
        ["1", "first-job", "first-job", "0"],
        ["2", "many-jobs", "mine", "3"],
    ]
    first, second = command_line("lesson", "check", "-o", "json").json
    assert (first["done"], first["next"]) == (False, "condor-mini run --submit hello.sub")
    assert (second["done"], second["next"]) == (True, None)
    assert [step["done"] for step in second["steps"]] == [True] * 3


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["start", "many-job"], 3, "did you mean many-jobs?"),
        (["start", "many-jobs", "."], 4, "is not empty"),
        (["start"], 2, "Missing argument"),
        (["check"], 3, "no lesson was started"),
        (["check", "nope"], 3, "there is no lesson nope"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(
    command_line: Run, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    """Each mistake has its exit code and says what to do."""
    (tmp_path / "mine").write_text("mine")
    result = command_line("lesson", *arguments)
    assert result.status == status
    assert message in result.err
