"""``condor-mini dashboard``: what it says before it serves."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.dashboard.server import Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool


def test_no_such_pool(pool: FakePool, command_line: Callable[..., Result]) -> None:
    """A name that is wrong is said with the names that there are."""
    del pool
    result = command_line("dashboard", "-n", "other")
    assert (result.status, "ci" in result.err, result.out) == (3, True, "")


def test_port_in_use(pool: FakePool, command_line: Callable[..., Result]) -> None:
    """A port that is taken ends it with 4."""
    del pool
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = command_line("dashboard", "ci", "--port", str(port))
    assert (result.status, f"port {port}" in result.err) == (4, True)


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_no_port(command_line: Callable[..., Result], port: str) -> None:
    """What is no port is refused."""
    assert command_line("dashboard", "--port", port).status == 2


def test_extra_is_missing(
    pool: FakePool, command_line: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, the command that installs it is said."""
    del pool
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    result = command_line("dashboard", "ci")
    assert result.status == 3
    assert "pip install sse-starlette starlette uvicorn" in result.err


@pytest.mark.parametrize("opens", [True, False])
def test_open(
    pool: FakePool,
    command_line: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    opens: bool,
) -> None:
    """--open starts a browser when the page answers, and says so where there is none."""
    del pool
    token = "t" * 43
    called = threading.Event()

    def show(_: str) -> bool:
        called.set()
        return opens

    def serve(_: object, name: str, *, on_ready: Callable[[Link], None], **others: object) -> None:
        assert (name, others) == ("ci", {"port": 0, "token_file": None})
        on_ready(Link(port=8000, token=token))
        assert called.wait(10)

    monkeypatch.setattr("webbrowser.open", show)
    monkeypatch.setattr("condor_mini.dashboard.server.serve", serve)
    result = command_line("dashboard", "ci", "--open")
    assert result.status == 0
    assert result.out == f"The pool ci is shown at http://127.0.0.1:8000/?token={token}\n"
    assert token not in result.err
