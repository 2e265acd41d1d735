"""Looking again and again, on a terminal and in a pipe."""

from __future__ import annotations

import io
import os
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady
from condor_mini.cli.watch import (
    SHARE,
    Changes,
    Look,
    Redrawn,
    display_for_stdout,
    pause_while_read,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class _Enough(BaseException):
    """No more is to be looked at."""


def looking(*found: str | CondorMiniError) -> Callable[[], Look]:
    """Return a look that finds these in turn."""
    left = iter(found)

    def look() -> Look:
        each = next(left, None)
        if each is None:
            raise _Enough
        if isinstance(each, CondorMiniError):
            raise each
        return Look(lines=[each], state=each.partition(" ")[0])

    return look


def watched(*found: str | CondorMiniError) -> None:
    """Watch these in a pipe, one after the other."""
    with pytest.raises(_Enough):
        watch(looking(*found), Changes(with_time=False), every_s=1, pause=lambda _: None)


def test_pipe_gets_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """What differs in the passing of time alone is not printed again."""
    watched("a 1 s ago", "a 2 s ago", "b", "a")
    assert capsys.readouterr().out.splitlines() == ["a 1 s ago", "b", "a"]


def test_blocks_have_their_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Each block begins with the time, and an empty line is between two of them."""
    with pytest.raises(_Enough):
        watch(looking("a", "b"), Changes(with_time=True), every_s=1, pause=lambda _: None)
    assert re.fullmatch(f"{STAMP}\na\n\n{STAMP}\nb\n", capsys.readouterr().out)


def test_pool_that_stops_answering_is_looked_at_further(capsys: pytest.CaptureFixture[str]) -> None:
    """Why nothing is seen is said once, on stderr; what is seen later is shown."""
    watched("a", PoolNotReady("away"), PoolNotReady("away"), "a")
    output = capsys.readouterr()
    assert (output.out.split(), output.err) == (["a", "a"], "condor-mini: away\n")


@pytest.mark.parametrize("found", [[PoolNotReady("away")], ["a", NotFound("gone")]])
def test_what_is_not_there_ends_it(found: list[str | CondorMiniError]) -> None:
    """An error of the first look ends it, and so does a pool that is deleted."""
    with pytest.raises((PoolNotReady, NotFound)):
        watch(looking(*found), Changes(with_time=False), every_s=1, pause=lambda _: None)


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.1, 1.9), (3.0, 3.0 * SHARE)])
def test_pause_is_long_after_a_long_look(took_s: float, pause_s: float) -> None:
    """Looks are so many seconds apart, and those of a large queue take no more than a share."""
    times = iter([0.0, took_s])

    def pause(seconds: float) -> None:
        assert seconds == pytest.approx(pause_s)
        raise _Enough

    with pytest.raises(_Enough):
        watch(
            looking("a"),
            Changes(with_time=False),
            every_s=2,
            pause=pause,
            clock=lambda: next(times),
        )


def test_end_of_the_reader_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`| head` ends us though nothing changes any more."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        pause_while_read(0.01)
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            pause_while_read(60)


# -- terminals ------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 40 columns and 8 lines, as stdout."""
    for name, value in {"COLUMNS": "40", "LINES": "8", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CI", raising=False)
    terminal = Terminal()
    # pytest puts its own file in the place of sys.stdout when the test begins.
    monkeypatch.setattr("condor_mini.cli.watch.sys", SimpleNamespace(stdout=terminal))
    return terminal


def drawn(terminal: Terminal) -> list[str]:
    """Return the lines that were drawn, without what moves the cursor."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    return [line for line in text.replace("\r", "").split("\n") if line]


def test_terminal_is_redrawn_and_cut(terminal: Terminal) -> None:
    """Lines are cut to the width, and so many to the height; the last says how many are missing."""
    with Redrawn(2) as display:
        display.show(Look(lines=["x" * 60, *map(str, range(20))], state=None))
    shown = drawn(terminal)
    assert re.fullmatch(r"\d\d:\d\d:\d\d, every 2 s. End it with Ctrl-C.", shown[0])
    assert shown[1:5] == ["x" * 39 + "…", "0", "1", "2"]
    assert shown[5].startswith("… 17 more lines")  # what follows is drawn at the end


def test_cursor_comes_back_after_an_interrupt(terminal: Terminal) -> None:
    """However it ends, the terminal shows its cursor again."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(looking("a"), Redrawn(2), every_s=2, pause=interrupt)
    assert terminal.getvalue().endswith("\x1b[?25h")


def test_no_colour_is_written(terminal: Terminal) -> None:
    """There is nothing that NO_COLOR would have to take away; brackets are text."""
    with Redrawn(2) as display:
        display.show(Look(lines=["[red]a[/] 10.0.0.1 'x'"], state=None))
    assert "[red]a[/] 10.0.0.1 'x'" in terminal.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*m", terminal.getvalue())


@pytest.mark.parametrize(
    ("variables", "output"),
    [({"TERM": "dumb"}, "text"), ({"CI": "true"}, "text"), ({}, "json")],
    ids=["dumb", "CI", "json"],
)
@pytest.mark.usefixtures("terminal")
def test_what_is_no_display_is_printed(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], output: str
) -> None:
    """A terminal that cannot be redrawn, CI, and programs get lines."""
    assert type(display_for_stdout("text", 2)) is Redrawn
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert type(display_for_stdout(output, 2)) is Changes
