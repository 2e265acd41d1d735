"""The state directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.errors import StateError
from condor_mini.state import StateDirectory

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
    monkeypatch.setattr("condor_mini.state.NEEDED_BYTES", 2**62)
    with pytest.raises(StateError, match="No space left on device"):
        StateDirectory(tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


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
    """Who is alone is the last."""
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
