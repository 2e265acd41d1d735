"""``condor-mini doctor`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result


def test_absent_pool_is_1_when_named(run: Callable[..., Result], inside: object) -> None:
    """One that was asked for must be there; the default one need not."""
    del inside
    assert run("doctor", "-n", "nope").status == 1
    assert run("doctor").status == 0


def test_json(run: Callable[..., Result], inside: object) -> None:
    """The documented keys."""
    del inside
    answer = run("doctor", "-o", "json").json
    assert answer["ok"] is True
    assert list(answer["findings"][0]) == ["subject", "level", "evidence", "hint"]


def test_text(run: Callable[..., Result], inside: dict[str, FakeOutcome]) -> None:
    """A line each, and what to do below it."""
    inside["df"] = FakeOutcome(stdout="x\noverlay 1 1 1000 1% /\n")
    shown = run("doctor")
    assert shown.status == 1
    assert "fail  disk of the engine: 0.0 GiB free in containers\n      Remove" in shown.out
    assert "ok    engine: fake 1.0" in shown.out
