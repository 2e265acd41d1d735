"""Commands to the master of a node, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle.master_commands import command_master

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool

BINDING = "_CONDOR_SEC_FS_ENFORCE_CHANNEL_BINDING"


def test_master_need_not_know_its_address(pool: FakePool) -> None:
    """The tool runs as root, without the address; what it says of problems is returned."""
    ran: list[tuple[str, str | None]] = []

    def off(call: FakeExec) -> FakeOutcome:
        ran.append((call.user, call.environment.get(BINDING)))
        return FakeOutcome(stdout="Sent\n", stderr="ERROR\nrefused\n")

    pool.engine.on_exec(["condor_off"], off)
    assert command_master(pool.node("execute-1"), "condor_off", "-fast") == "ERROR refused"
    assert ran == [("root", "False")]


def test_failure_is_an_error(pool: FakePool) -> None:
    """A tool that does not reach the master says so."""
    failure = FakeOutcome(returncode=1, stderr="Can't connect to local master")
    pool.engine.on_exec(["condor_on"], lambda _: failure)
    with pytest.raises(CommandFailed, match="Can't connect"):
        command_master(pool.node("execute-1"), "condor_on")
