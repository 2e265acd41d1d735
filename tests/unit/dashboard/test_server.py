"""The port, and the token's file."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, NotFound, StateError
from condor_mini.dashboard import server

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "t" * 43


def test_port_in_use() -> None:
    """A port that something else has is said with what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AlreadyInUse, match=f"port {port} .* already in use") as raised:
            server.listening(port)
    assert "--port" in str(raised.value)


def test_free_port_of_the_loopback() -> None:
    """Without a port there is a free one, and other machines cannot reach it."""
    with server.listening(0) as bound:
        address, port = bound.getsockname()
    assert (address, port > 0) == ("127.0.0.1", True)


def test_token_file_is_made_once(tmp_path: Path) -> None:
    """The first start makes it, for this user only; later starts use it."""
    path = tmp_path / "token"
    first = server.kept_token(path, lambda: TOKEN)
    again = server.kept_token(path, lambda: "other")
    assert (first, again, path.stat().st_mode & 0o777) == (TOKEN, TOKEN, 0o600)


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (TOKEN, 0o644, "others can read"),
        (TOKEN, 0o620, "others can read"),
        ("short", 0o600, "has no token"),
        ("", 0o600, "has no token"),
        ("é" * 40, 0o600, "cannot be read"),
        (f"{TOKEN}\n{TOKEN}", 0o600, "has no token"),
    ],
)
def test_bad_token_file(tmp_path: Path, content: str, mode: int, why: str) -> None:
    """A file that others can read, or that has no token, is refused."""
    path = tmp_path / "token"
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(StateError, match=why):
        server.kept_token(path, lambda: "new")


def test_token_file_that_cannot_be_made(tmp_path: Path) -> None:
    """A directory that does not exist is said."""
    with pytest.raises(StateError, match="cannot be made: No such file"):
        server.kept_token(tmp_path / "no" / "token", lambda: TOKEN)
    with pytest.raises(StateError, match=r"cannot be read|others can read"):
        server.kept_token(tmp_path, lambda: TOKEN)


def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the command that installs it is said."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name != "uvicorn" or None)
    with pytest.raises(NotFound, match="not installed: uvicorn") as raised:
        server.check_installed()
    assert "pip install sse-starlette starlette uvicorn" in str(raised.value)
