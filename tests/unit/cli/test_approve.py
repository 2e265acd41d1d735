"""``condor-mini approve`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool


def test_nothing_waits(pool: FakePool, run: Callable[..., Result]) -> None:
    """Where no request waits, a line says so, and it is a success."""
    pool.engine.on_exec(["condor_token_request_list"], lambda _: FakeOutcome(stdout="[]"))
    result = run("approve", "-n", "ci")
    assert (result.status, result.out, result.err) == (0, "", "No request is waiting\n")
