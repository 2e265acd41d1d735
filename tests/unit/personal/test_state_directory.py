"""The state directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, StateError
from condor_mini.personal.state_directory import LOCKS, NOTEBOOK, StateDirectory

if TYPE_CHECKING:
    from pathlib import Path


def test_directory_is_made(tmp_path: Path) -> None:
    """A directory that is absent is made, with those above it."""
    assert StateDirectory(tmp_path / "a" / "b").path.is_dir()


def test_path_is_the_real_one(tmp_path: Path) -> None:
    """Two names of one directory are one state."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert StateDirectory(tmp_path / "link").path == tmp_path / "real"


def test_file_in_its_place(tmp_path: Path) -> None:
    """A file in its place is refused."""
    (tmp_path / "state").touch()
    with pytest.raises(StateError, match="is not a directory"):
        StateDirectory(tmp_path / "state")


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is refused before anything is started, and leaves nothing."""
    monkeypatch.setattr("condor_mini.personal.state_directory.NEEDED_BYTES", 2**62)
    with pytest.raises(StateError, match="No space left on device"):
        StateDirectory(tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


PLACES = {
    "log": "log",
    "log below": "log/MasterLog",
    "lock of the log": "log/.in-use",
    "spool": "spool",
    "queue": "spool/job_queue.log",
    "deep in the spool": "spool/1/0/any",
    "sandbox in the spool": "spool/1/0/cluster1.proc0.subproc0",
    "execute": "execute",
    "sandbox": "execute/dir_1",
    "keys": "passwords.d",
    "key": "passwords.d/POOL",
    "tokens": "tokens.d",
    "token": "tokens.d/token",
    "certificate": "hostkey.pem",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_link_where_the_daemons_write_is_refused(tmp_path: Path, place: str) -> None:
    """A link that somebody has put where HTCondor writes is named, with what to do."""
    link = tmp_path / "state" / place
    link.parent.mkdir(parents=True)
    link.symlink_to("/somewhere/else")
    with pytest.raises(
        StateError, match=f"{link} is a symbolic link to /somewhere/else"
    ) as refused:
        StateDirectory(tmp_path / "state").check_links()
    assert refused.value.hint == "Remove the link, or name another directory: --state DIR"


@pytest.mark.parametrize("place", ["execute/dir_1", "spool/1/0/cluster1.proc0.subproc0", "own"])
def test_links_of_jobs_are_theirs(tmp_path: Path, place: str) -> None:
    """In the directories of jobs, which a crash may have left, links are nothing odd."""
    folder = tmp_path / place
    folder.mkdir(parents=True)
    (folder / "python").symlink_to("/usr/bin/python3")
    StateDirectory(tmp_path).check_links()


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("to", ["file", "new"])
def test_lock_that_is_a_link_is_refused(tmp_path: Path, name: str, to: str) -> None:
    """A lock is not made where a link leads."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / name).symlink_to(f"../{to}")
    state = StateDirectory(tmp_path / "state")
    with pytest.raises(StateError, match=f"{name} is a symbolic link to ../{to}"):
        fail_in(state)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "state"]


def test_lock_of_the_notebook(tmp_path: Path) -> None:
    """There is one JupyterLab, whose lock is not made where a link leads."""
    state = StateDirectory(tmp_path / "state")
    with state.notebook(), pytest.raises(AlreadyInUse, match="JupyterLab runs already"):
        state.notebook().__enter__()
    (tmp_path / "state" / NOTEBOOK).unlink()
    (tmp_path / "state" / NOTEBOOK).symlink_to("../new")
    with pytest.raises(StateError, match=r"\.notebook is a symbolic link"):
        state.notebook().__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("path", ["condor_state", "sub/condor_state", "condor_state/deeper"])
@pytest.mark.parametrize("alias", [False, True])
def test_link_that_jobs_may_have_made_is_not_followed(
    tmp_path: Path, path: str, *, alias: bool
) -> None:
    """In the directory that the pool's jobs see, no link leads to the state: they may make it."""
    shown = tmp_path / "shown"
    shown.mkdir()
    (tmp_path / "ssh").mkdir()
    (tmp_path / "alias").symlink_to(shown)
    (shown / "sub").mkdir()
    link = shown / path.removesuffix("/deeper")
    link.symlink_to(tmp_path / "ssh")
    with pytest.raises(StateError, match="condor_state is a symbolic link to"):
        StateDirectory((tmp_path / "alias" if alias else shown) / path, shown=shown)
    assert list((tmp_path / "ssh").iterdir()) == []


@pytest.mark.parametrize("to", [".", "condor_state"])
@pytest.mark.parametrize("below", ["", "deeper"])
def test_link_to_what_jobs_see_is_refused_too(tmp_path: Path, to: str, below: str) -> None:
    """A link is one, wherever it leads, be it to itself."""
    (tmp_path / "condor_state").symlink_to(to)
    with pytest.raises(StateError, match="condor_state is a symbolic link"):
        StateDirectory(tmp_path / "condor_state" / below, shown=tmp_path)


def test_state_may_be_what_jobs_see(tmp_path: Path) -> None:
    """The current directory itself can be the state."""
    assert StateDirectory(tmp_path, shown=tmp_path).path == tmp_path


def test_directory_in_what_jobs_see_is_made(tmp_path: Path) -> None:
    """Where no link is on the way, the directory is made."""
    assert StateDirectory(tmp_path / "a" / "b", shown=tmp_path).path.is_dir()


def fail_in(state: StateDirectory, *made: str) -> None:
    """Fail in a session, after making these directories."""
    with state, state.session(), state.starting():
        for name in made:
            (state.path / name).mkdir()
        raise ZeroDivisionError


def test_new_directory_is_not_left_after_a_failure(tmp_path: Path) -> None:
    """A directory that was made for nothing is removed."""
    with pytest.raises(ZeroDivisionError):
        fail_in(StateDirectory(tmp_path / "state"))
    assert list(tmp_path.iterdir()) == []


def test_directory_with_content_stays_after_a_failure(tmp_path: Path) -> None:
    """Logs of a failed start stay."""
    with pytest.raises(ZeroDivisionError):
        fail_in(StateDirectory(tmp_path / "state"), "log")
    assert (tmp_path / "state" / "log").is_dir()


def test_only_session_is_the_last(tmp_path: Path) -> None:
    """A session that is alone is the last one."""
    with StateDirectory(tmp_path).session() as session:
        assert session.is_last()


def test_one_of_two_sessions_is_not_the_last(tmp_path: Path) -> None:
    """While another session lasts, nobody is the last."""
    state = StateDirectory(tmp_path)
    with state.session(), state.session() as session:
        assert not session.is_last()


def test_second_of_two_sessions_is_the_last(tmp_path: Path) -> None:
    """Of two that end at once, exactly one is the last."""
    state = StateDirectory(tmp_path)
    with state.session() as first, state.session() as second:
        assert [first.is_last(), second.is_last()] == [False, True]
