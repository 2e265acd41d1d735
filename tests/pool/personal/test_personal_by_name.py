"""A personal pool that was kept is known by its name, from another directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import ContainerInfo

    from ..people import Person

pytestmark = pytest.mark.every_engine


@pytest.fixture(scope="module")
def name(person: Person, kept: Path) -> str:
    """The name of the pool that was kept."""
    listed = json.loads(person.run("list", "-o", "json", cwd=kept.parent).stdout)
    return next(str(row["name"]) for row in listed if str(row["directory"]).startswith(str(kept)))


@pytest.mark.usefixtures("one_caller")
@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("status {}", "is usable"),
        ("exec -n {} -- condor_q", "-- Schedd: mini-"),
        ("logs {} --daemon collector", "collector"),
        ("doctor {}", ": usable"),
        ("token create -n {}", "eyJ"),
        ("token list -n {}", "LIMITED TO"),
    ],
    ids=lambda value: value.split()[0],
)
def test_command_knows_it(person: Person, kept: Path, name: str, command: str, shown: str) -> None:
    """The command answers about the pool by its name."""
    result = person.run(*command.format(name).split(), cwd=kept.parent)
    assert shown in result.stdout, result.stderr


def takes_files(person: Person) -> bool:
    """Whether the engine can copy files into the person's pool.

    Docker cannot if it is root's: the directories are mounted with exchanged owners, and the place
    that they were mounted from is gone.
    """
    return person.uid != 0 or person.engine.name != "docker"


@pytest.mark.parametrize(
    "command",
    ["debug -n {} schedd=D_FULLDEBUG", "submit -n {} --wait job.sub", "cp -n {} job.sub :copied"],
    ids=lambda value: value.split()[0],
)
def test_copy_that_is_impossible_is_refused(
    person: Person, kept: Path, name: str, write_job: Callable[..., Path], command: str
) -> None:
    """Where files cannot be copied into the pool, the commands that do it say what to do."""
    if takes_files(person):
        pytest.skip("the engine can copy into this person's pool")
    write_job(person, kept.parent, "true")
    result = person.run(*command.format(name).split(), cwd=kept.parent)
    assert (result.returncode, "condor-mini run --submit FILE" in result.stderr) == (6, True)


def test_debug_level_is_set(person: Person, kept: Path, name: str) -> None:
    """A daemon's debug level is set by the pool's name."""
    if not takes_files(person):
        pytest.skip("refused: test_copy_that_is_impossible_is_refused")
    result = person.run("debug", "-n", name, "schedd=D_FULLDEBUG", cwd=kept.parent)
    assert "D_FULLDEBUG" in result.stdout, result.stderr


def test_job_is_submitted_to_it(
    person: Person, kept: Path, name: str, write_job: Callable[..., Path]
) -> None:
    """A job's output comes back to the caller's directory, as the caller's."""
    if not takes_files(person):
        pytest.skip("refused: test_copy_that_is_impossible_is_refused")
    write_job(person, kept.parent, "echo here", "output = by-name.out")
    result = person.run("submit", "-n", name, "--wait", "job.sub", cwd=kept.parent)
    assert result.returncode == 0, result.stderr
    written = kept.parent / "by-name.out"
    assert (written.read_text(), written.stat().st_uid) == ("here\n", person.uid)


def test_copy_belongs_to_its_user(person: Person, kept: Path, name: str) -> None:
    """The pool's user can write to what `cp` has copied."""
    if not takes_files(person):
        pytest.skip("refused: test_copy_that_is_impossible_is_refused")
    (kept.parent / "copied").write_text("x")
    assert person.run("cp", "-n", name, "copied", ":copied", cwd=kept.parent).returncode == 0
    appended = person.run(
        "exec", "-n", name, "--", "sh", "-c", "echo y >>~/copied", cwd=kept.parent
    )
    assert appended.returncode == 0, appended.stderr


@pytest.mark.usefixtures("one_caller")
def test_stop_start_and_delete(
    person: Person, directory: Path, pools: Callable[[Path], list[ContainerInfo]]
) -> None:
    """The queue outlives `stop` and `start`; `delete` keeps the state directory and says where."""
    assert person.run("run", "--keep", "--", "true", cwd=directory).returncode == 0
    (pool,) = pools(directory)
    run = ("exec", "-n", pool.name, "--")
    held = "echo 'executable=/bin/true\nhold=true\nqueue' | condor_submit"
    submitted = person.run(*run, "sh", "-c", held, cwd=Path("/"))
    assert submitted.returncode == 0, submitted.stderr
    assert person.run("stop", pool.name, cwd=Path("/")).returncode == 0
    started = person.run("start", pool.name, cwd=Path("/"))
    assert started.returncode == 0, started.stderr
    assert "1 held" in person.run(*run, "condor_q", cwd=Path("/")).stdout
    deleted = person.run("delete", pool.name, cwd=Path("/"))
    assert f"its state is kept in {directory.resolve() / 'condor_state'}" in deleted.stderr
    assert pools(directory) == []
    assert (directory / "condor_state" / "spool").is_dir()
