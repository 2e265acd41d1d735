"""Faults of networks in memory: what is run beside the node, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    EngineCapabilityError,
    NotFound,
    PoolNotReady,
    UsageError,
)
from condor_mini.engine import FakeOutcome
from condor_mini.engine.fake.host import FakeHost
from condor_mini.images import fault_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.engine import FakeExec
    from condor_mini.faults.faults import Faults
    from fake_pool import FakePool


@dataclass(kw_only=True)
class Beside:
    """What was run beside the nodes."""

    refused: dict[str, str] = field(default_factory=dict)
    """The complaint about each rule, by its first word."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The node and the words of each command; no node for a trial."""

    def answer(self, call: FakeExec) -> FakeOutcome:
        """Note a command, and let it succeed unless it is refused."""
        words = call.argv[2:]
        self.asked.append((call.container, " ".join(words)))
        complaint = self.refused.get(words[1], "")
        return FakeOutcome(returncode=1 if complaint else 0, stderr=complaint)

    def made(self) -> list[tuple[str, str]]:
        """What was done to nodes."""
        return [(node.removeprefix("ci-"), words) for node, words in self.asked if node]


@pytest.fixture
def beside(pool: FakePool) -> Beside:
    """The pool ``ci`` with a second execution point; what is run beside its nodes."""
    pool.add("execute", 2)
    beside = Beside()
    for action in ("make", "end"):
        pool.engine.on_exec(["sh", "-s", action], beside.answer)
    pool.engine.add_image("debian:trixie-slim")
    return beside


def addresses(pool: FakePool, *names: str) -> str:
    """The addresses of nodes."""
    found = [pool.node(name).address for name in names]
    assert all(found)
    return " ".join(map(str, found))


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda f: f.partition("execute-1"), "partition"),
        (lambda f: f.loss("execute-1", percent=2.5), "loss 2500"),
        (lambda f: f.bandwidth("execute-1", rate="1.5M"), "bandwidth 1500000"),
        (lambda f: f.delay("execute-1", ms=40), "delay 40"),
        (lambda f: f.no_dns("execute-1"), "no-dns"),
        (lambda f: f.silent_dns("execute-1"), "silent-dns"),
    ],
)
@pytest.mark.usefixtures("pool")
def test_rule_is_tried_made_and_ended(
    pool: FakePool, beside: Beside, make: Callable[[Faults], object], rule: str
) -> None:
    """It is tried in a network of nobody's, made in the node's, and ended there."""
    make(pool.faults)
    assert beside.asked == [("", f"make {rule}"), ("ci-execute-1", f"make {rule}")]
    pool.faults.heal()
    assert beside.asked[2:] == [("ci-execute-1", f"end {rule.split()[0]}")]
    assert pool.faults.in_force() == []


def test_group_reaches_each_other(pool: FakePool, beside: Beside) -> None:
    """Each node of a group is cut off from all but the others of it."""
    with pool.faults.partition("execute-1", "execute-2", "execute-1") as made:
        assert [record.target for record in made.records] == ["ci-execute-1", "ci-execute-2"]
    assert sorted(beside.made()) == [
        ("execute-1", "end partition"),
        ("execute-1", f"make partition {addresses(pool, 'execute-2')}"),
        ("execute-2", "end partition"),
        ("execute-2", f"make partition {addresses(pool, 'execute-1')}"),
    ]


def test_from_names_who_is_not_reached(pool: FakePool, beside: Beside) -> None:
    """With others named, only their addresses are cut off."""
    with pool.faults.partition("execute-1", away_from=["master", "submit-1"]):
        there = addresses(pool, "master", "submit-1")
        assert beside.made() == [("execute-1", f"make cut {there}")]
    assert beside.made()[1:] == [("execute-1", "end partition")]


def test_kernel_that_cannot_is_asked_first(pool: FakePool, beside: Beside) -> None:
    """What the kernel refuses is not tried in the node; the message says what it needs."""
    beside.refused["delay"] = "Error: Specified qdisc kind is unknown."
    with pytest.raises(EngineCapabilityError, match="qdisc kind is unknown") as refusal:
        pool.faults.delay("execute-1", ms=10)
    assert "sudo modprobe sch_netem" in (refusal.value.hint or "")
    assert (beside.made(), pool.faults.in_force()) == ([], [])


def test_group_of_which_one_fails_is_healed(pool: FakePool, beside: Beside) -> None:
    """If one node cannot be struck, none stays struck."""
    whole = beside.answer

    def answer(call: FakeExec) -> FakeOutcome:
        if call.container == "ci-execute-2" and call.argv[2] == "make":
            return FakeOutcome(returncode=1, stderr="no memory")
        return whole(call)

    pool.engine.on_exec(["sh", "-s", "make"], answer)
    with pytest.raises(CommandFailed, match="no memory"):
        pool.faults.partition("execute-1", "execute-2")
    assert pool.faults.in_force() == []
    assert ("execute-1", "end partition") in beside.made()


@pytest.mark.parametrize(
    ("nodes", "away_from", "error"),
    [
        (["execute-1"], ["execute-1"], UsageError),
        (["execute-1"], ["execute-9"], NotFound),
        (["execute-9"], [], NotFound),
        ([], [], UsageError),
    ],
)
def test_false_names(
    pool: FakePool,
    beside: Beside,
    nodes: Sequence[str],
    away_from: Sequence[str],
    error: type[Exception],
) -> None:
    """A node that is not there, or is to be cut off from itself, is refused."""
    with pytest.raises(error):
        pool.faults.partition(*nodes, away_from=away_from)
    assert beside.asked == []


def test_node_that_does_not_run_is_left_alone(pool: FakePool, beside: Beside) -> None:
    """A node that has ended has no network."""
    pool.engine.stop("ci-execute-1", timeout_s=1)
    with pytest.raises(PoolNotReady):
        pool.faults.loss("execute-1", percent=1)
    assert beside.asked == []


def test_network_of_the_host_is_left_alone(
    pool: FakePool, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node on the host's network has no address: a rule would strike the host."""
    monkeypatch.setattr(FakeHost, "addresses", lambda *_: {"host": ""})
    with pytest.raises(EngineCapabilityError, match="no network of its own"):
        pool.faults.loss("execute-1", percent=1)
    assert beside.asked == []


def test_same_fault_twice(pool: FakePool, beside: Beside) -> None:
    """One fault of a kind is in force on a node; another kind goes with it."""
    del beside
    pool.faults.loss("execute-1", percent=1)
    with pytest.raises(AlreadyInUse):
        pool.faults.loss("execute-1", percent=2)
    pool.faults.bandwidth("execute-1", rate="1M")
    assert [record.fault for record in pool.faults.in_force()] == ["loss", "bandwidth"]


def test_image_is_built_once(pool: FakePool, beside: Beside) -> None:
    """The image for such faults is built at the first one."""
    del beside
    for _ in range(2):
        pool.faults.no_dns("execute-1").heal()
    tags = [spec.tags for spec in pool.engine.builds]
    assert tags == [(fault_tools.reference(),)]


def test_image_that_was_removed_is_built_for_the_heal(pool: FakePool, beside: Beside) -> None:
    """Whoever removes images meanwhile does not keep the fault in force."""
    pool.faults.no_dns("execute-1")
    pool.engine.remove_image(fault_tools.reference())
    pool.faults.heal()
    assert (beside.made()[-1], pool.faults.in_force()) == (("execute-1", "end no-dns"), [])
