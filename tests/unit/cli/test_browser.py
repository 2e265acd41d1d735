"""Links with a token, opened in the user's browser."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path

import pytest

from condor_mini.cli import browser

LINK = f"http://127.0.0.1:8000/?token={'t' * 43}"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "user_state", lambda: tmp_path)


def test_browser_is_not_called_with_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other users see what a program is called with: it gets a file that only we can read."""
    called: list[tuple[str, int, str]] = []
    opened = threading.Event()

    def open_it(where: str) -> bool:
        path = Path(where.removeprefix("file://"))
        called.append((where, path.stat().st_mode & 0o777, path.read_text("utf-8")))
        opened.set()
        return True

    monkeypatch.setattr(webbrowser, "open", open_it)
    with browser.opener("new") as show:
        show(LINK)
        assert opened.wait(10)
    ((where, mode, content),) = called
    assert ("token" in where, mode, LINK in content) == (False, 0o600, True)
    assert list((tmp_path / "new").iterdir()) == []


def test_there_is_no_browser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where none can be opened, the user is told."""
    told = threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    monkeypatch.setattr("click.echo", lambda text, **_: told.set() if "yourself" in text else None)
    with browser.opener("new") as show:
        show(LINK)
        assert told.wait(10)
    assert capsys.readouterr().out == ""
