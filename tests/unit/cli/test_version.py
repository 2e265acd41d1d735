"""``condor-mini version`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini import __version__
from condor_mini.base.errors import EngineNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from command_line import Result
    from condor_mini.engine import FakeEngine
    from fake_pool import FakePool


def test_text(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """Ours, Python's, the engine's, and HTCondor's."""
    fake.add_image("condor-mini:25", labels={"org.opencontainers.image.version": "25.14.1"})
    first, engine, default, *_ = run("version").out.splitlines()
    assert first.startswith(f"condor-mini {__version__} (Python 3.")
    assert engine == "engine: fake 1.0 at fake://"
    assert default.startswith("HTCondor 25, the default: tested with 25.")
    assert "25.14.1" in default


def test_without_an_engine(
    fake: FakeEngine, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works, and says why there is none."""

    def gone() -> None:
        raise EngineNotFound("no daemon")

    monkeypatch.setattr(fake, "info", gone)
    shown = run("version")
    assert (shown.status, "engine: none (no daemon)" in shown.out) == (0, True)


def test_of_a_pool(pool: FakePool, run: Callable[..., Result]) -> None:
    """With -n, what each node runs."""
    pool.engine.end("ci-execute-1", exit_code=0)
    shown = run("version", "-n", "ci").out
    assert "  ci-master: 25.14.1\n" in shown
    assert "  ci-execute-1: unknown (exited)\n" in shown


def test_json(pool: FakePool, run: Callable[..., Result]) -> None:
    """The documented keys."""
    del pool
    found = run("version", "-o", "json").json
    assert list(found) == [
        *("condor_mini", "python", "platform", "engine", "engine_error", "htcondor", "pool")
    ]
    assert found["pool"] is None
    assert run("version", "-n", "ci", "-o", "json").json["pool"]["name"] == "ci"


def test_absent_pool_is_3(run: Callable[..., Result]) -> None:
    """A pool that is asked for must be there."""
    assert run("version", "-n", "nope").status == 3
