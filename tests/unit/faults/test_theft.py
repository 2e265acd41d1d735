"""A token that is stolen, in memory: who uses it, how, and what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, CondorMiniError, UsageError
from condor_mini.engine import FakeOutcome
from condor_mini.faults import theft
from condor_mini.pool import Pool
from token_nodes import LIES_ON

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine
    from token_nodes import TokenNodes

PLACE = "/run/condor-mini/thief-of-ci-"
GIVEN = "a new token"


class Thief:
    """What is done with a copy of a token, and what comes of it."""

    def __init__(self, engine: PoolEngine) -> None:
        self.done: list[tuple[str, ...]] = []
        """The node on which it is done, and what."""
        self.kept: list[tuple[str, str | None]] = []
        """The arguments, and what is on standard input."""
        self.refused: set[str] = set()
        """What is refused: ``advertise``, ``queue``."""
        self.has_it = True
        engine.on_exec(["cat"], lambda _: FakeOutcome(stdout="SECRET\n"))
        engine.on_exec(["condor_status"], lambda _: FakeOutcome(stdout="<10.0.0.1:9618>\n"))
        engine.on_exec(["sh", "-c", theft.KEEP], self._keep)
        engine.on_exec(["sh", "-s"], self._do)

    def _keep(self, call: FakeExec) -> FakeOutcome:
        self.kept.append((" ".join(call.argv), call.stdin))
        return FakeOutcome()

    def _do(self, call: FakeExec) -> FakeOutcome:
        action, place, *words = call.argv[2:]
        self.done.append((call.container, action, place, *words))
        fails = action in self.refused or (action == "has" and not self.has_it)
        return FakeOutcome(returncode=int(fails), stderr="refused\n" if fails else "")

    @property
    def actions(self) -> list[str]:
        """What was done, without the rest."""
        return [action for _, action, *_ in self.done]


@pytest.fixture
def thief(pools: PoolEngine, nodes: TokenNodes, monkeypatch: pytest.MonkeyPatch) -> Thief:
    """Somebody with a copy of a token of the pool ``ci``."""
    monkeypatch.setattr(
        theft, "give", lambda _, given: nodes.given.append((GIVEN, *(n.name for n in given)))
    )
    monkeypatch.setattr("condor_mini.faults.healing.await_health", lambda *_: None)
    return Thief(pools)


@pytest.fixture
def pool(pools: PoolEngine, thief: Thief) -> Pool:
    """The pool."""
    del thief
    return Pool(pools, "ci")


@pytest.mark.parametrize(
    ("node", "seat", "command", "kind"),
    [
        ("execute-1", "ci-submit-1", "UPDATE_STARTD_AD", "Machine"),
        ("submit-1", "ci-execute-1", "UPDATE_SCHEDD_AD", "Scheduler"),
    ],
)
def test_thief_advertises_what_the_token_is_good_for(
    pool: Pool, thief: Thief, node: str, seat: str, command: str, kind: str
) -> None:
    """A machine or a schedd of an own name, from another node; the copy is on no command line."""
    with pool.faults.steal_token(node):
        place = f"{PLACE}{node}"
        found = next(words for words in thief.done if words[1] == "advertise")
        assert found[:4] == (seat, "advertise", place, command)
        assert f'MyType = "{kind}"' in found
        assert f'Machine = "thief-of-ci-{node}"' in found
        assert thief.kept == [(f"sh -c {theft.KEEP} sh {place}", "SECRET\n")]
        thief.refused.add("advertise")


def test_heal_locks_the_thief_out(pool: Pool, thief: Thief, nodes: TokenNodes) -> None:
    """The node gets another token first, the stolen one is revoked, and the thief tries again."""
    made = pool.faults.steal_token("execute-1")
    assert pool.faults.in_force()
    thief.done.clear()
    thief.refused.add("advertise")
    made.heal()
    token = LIES_ON["ci-execute-1"][0]
    assert nodes.given[0] == (GIVEN, "ci-execute-1")
    assert ("ci-master", "jti", token) in nodes.given[1:]
    assert thief.actions == ["has", "advertise", "forget"]
    assert not pool.faults.in_force()


def test_copy_that_is_gone_is_not_tried(pool: Pool, thief: Thief) -> None:
    """The node of the thief was started again: there is nothing left to refuse."""
    thief.has_it = False
    pool.faults.steal_token("execute-1").heal()
    assert thief.actions[-1] == "has"
    assert not pool.faults.in_force()


def test_token_that_is_still_good_is_an_error(pool: Pool, thief: Thief) -> None:
    """The fault stays in force if the thief is let in after the heal."""
    made = pool.faults.steal_token("execute-1")
    with pytest.raises(CondorMiniError, match="is revoked, and still good"):
        made.heal()
    assert pool.faults.in_force()
    thief.refused.add("advertise")
    made.heal()
    assert not pool.faults.in_force()


def test_token_that_is_good_for_nothing(pool: Pool, thief: Thief) -> None:
    """If the collector does not let the thief in, there is no such fault, and it is undone."""
    thief.refused.add("advertise")
    with pytest.raises(CommandFailed, match="refused"):
        pool.faults.steal_token("execute-1")
    assert not pool.faults.in_force()
    assert thief.actions[-1] == "forget"


def test_central_manager_has_no_token(pool: Pool, thief: Thief) -> None:
    """It has the key."""
    with pytest.raises(UsageError, match="it has the key"):
        pool.faults.steal_token("master")
    assert thief.done == []
