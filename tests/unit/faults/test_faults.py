"""Faults of a pool in memory: made, recorded, undone."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CondorMiniError,
    EngineCapabilityError,
    NotFound,
    PoolNotReady,
    UsageError,
)
from condor_mini.engine import FakeOutcome
from condor_mini.faults import daemons, journal
from condor_mini.faults import faults as module
from condor_mini.faults.holder import this_process
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import EngineInfo
    from condor_mini.nodes.fault_records import FaultRecord
    from fake_pool import FakePool
    from struck_nodes import StruckNodes

NODE = "ci-execute-1"


def left(pool: Pool) -> list[str]:
    """The faults in force."""
    return [str(record) for record in pool.faults.in_force()]


@pytest.fixture
def dead_holder(pool: FakePool, struck: StruckNodes) -> FaultRecord:
    """A frozen startd whose holder was killed."""
    del struck
    made = pool.faults.freeze("execute-1", "startd").record
    assert made.holder
    dead = replace(made, holder=replace(made.holder, started="1"))
    pool.engine.remove_volume(made.volume)
    return journal.add(pool.engine, dead)


# -- made and undone ------------------------------------------------------------------------------


def test_fault_is_undone_at_the_end_of_the_block(pool: FakePool, struck: StruckNodes) -> None:
    """A frozen daemon is frozen in the block, and goes on after it."""
    with pool.faults.freeze("execute-1", "startd") as made:
        assert struck.frozen(NODE) == {"startd"}
        assert left(pool) == [f"freeze {NODE}/startd"]
        assert made.record.holder == this_process()
    assert (struck.frozen(NODE), left(pool)) == (set(), [])


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_fault_is_undone_after_an_error(
    pool: FakePool, struck: StruckNodes, error: type[BaseException]
) -> None:
    """So it does if an exception, or Ctrl-C, leaves the block; the exception is what is raised."""

    def work() -> None:
        with pool.faults.pause_node("execute-1"):
            assert struck.frozen(NODE) == {"master", "startd"}
            raise error

    with pytest.raises(error):
        work()
    assert (struck.frozen(NODE), left(pool)) == (set(), [])


def test_what_cannot_be_undone_is_a_note_on_the_error(pool: FakePool, struck: StruckNodes) -> None:
    """The exception of the block stays the one that is raised; the record stays too."""
    del struck

    def work() -> None:
        with pool.faults.stop("execute-1", "startd"):
            pool.engine.fail_next("exec", CondorMiniError("no engine"))
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        work()
    assert "could not be undone: no engine" in caught.value.__notes__[0]
    assert left(pool) == [f"stop {NODE}/startd"]


def test_fault_that_fails_leaves_no_record(pool: FakePool, struck: StruckNodes) -> None:
    """If HTCondor refuses what the fault does, nothing is in force."""
    del struck
    pool.engine.on_exec(["condor_drain"], lambda _: FakeOutcome(returncode=1, stderr="no"))
    pool.engine.on_exec(["condor_status"], lambda _: FakeOutcome())
    with pytest.raises(CondorMiniError, match="no"):
        pool.faults.drain_node("execute-1")
    assert left(pool) == []


def test_moment_has_no_record(pool: FakePool, struck: StruckNodes) -> None:
    """A killed daemon is dead, and nothing is in force."""
    pool.faults.kill("execute-1", "startd")
    assert (list(struck.of(NODE)), left(pool)) == (["master"], [])


def test_restart_is_off_and_on(pool: FakePool, struck: StruckNodes) -> None:
    """A restarted daemon is another process, and nothing is in force."""
    pool.faults.restart("execute-1", "startd")
    assert [argv[0] for argv in struck.asked] == ["condor_off", "condor_on"]
    assert (struck.of(NODE)["startd"], left(pool)) == ("99:990", [])


def test_daemon_that_does_not_end(
    pool: FakePool, struck: StruckNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given what its master gives it, and what condor_off said is the reason."""
    monkeypatch.setattr(daemons, "GRACE_S", 0.0)
    times = ["condor_config_val", "SHUTDOWN_GRACEFUL_TIMEOUT"]
    struck.engine.on_exec(times, lambda _: FakeOutcome(stdout="0.02\n0.01\n"))
    refusal = FakeOutcome(stdout="Sent\n", stderr="ERROR\nFailed to authenticate using FS\n")
    struck.engine.on_exec(["condor_off"], lambda _: refusal)
    with pytest.raises(PoolNotReady, match=r"after 0\.03 s: startd still .*: ERROR Failed to auth"):
        pool.faults.stop("execute-1", "startd")
    assert left(pool) == []


@pytest.mark.parametrize("name", ["kill-node", "stop-node"])
def test_node_is_started_again(pool: FakePool, struck: StruckNodes, name: str) -> None:
    """A node that was killed or stopped has ended, and runs again when the fault is healed."""
    del struck
    made = pool.faults.strike(name, "execute-1")
    assert made
    assert not pool.node("execute-1").is_running
    made.heal()
    assert (pool.node("execute-1").is_running, left(pool)) == (True, [])


def test_what_was_stopped_before_a_pause_stays_stopped(pool: FakePool, struck: StruckNodes) -> None:
    """The end of a pause lets go on what the pause has stopped, and nothing else."""
    with pool.faults.freeze("execute-1", "startd"):
        with pool.faults.pause_node("execute-1"):
            assert struck.frozen(NODE) == {"master", "startd"}
        assert struck.frozen(NODE) == {"startd"}


def test_fault_with_a_time_ends_by_itself(pool: FakePool, struck: StruckNodes) -> None:
    """`last` waits until the time is over, and heals."""
    made = pool.faults.strike("freeze", "execute-1", "startd", for_s=0.2)
    assert made
    began = time.monotonic()
    made.last()
    assert 0.1 < time.monotonic() - began < 5
    assert struck.frozen(NODE) == set()


# -- refused before anything is done --------------------------------------------------------------


@pytest.mark.parametrize(
    ("strike", "error", "words"),
    [
        (lambda f: f.strike("frezze", "execute-1", "startd"), UsageError, "did you mean freeze"),
        (lambda f: f.freeze("execute-9", "startd"), NotFound, "its nodes: ci-master"),
        (lambda f: f.freeze("execute-1", "cron"), UsageError, "no daemon cron"),
        (lambda f: f.freeze("execute-1", "schedd"), NotFound, "it is an execution point"),
        (lambda f: f.freeze("execute-1", "starter"), NotFound, "only while jobs run"),
        (lambda f: f.stop("execute-1", "master"), UsageError, "not master"),
        (lambda f: f.strike("freeze", "execute-1"), UsageError, "NODE DAEMON"),
        (lambda f: f.strike("kill-node"), UsageError, "name the node"),
        (lambda f: f.strike("kill", "execute-1", "startd", for_s=1), UsageError, "a moment"),
        (lambda f: f.drain_node("submit-1"), UsageError, "no execution point"),
        (lambda f: f.hold("7", node="execute-1"), UsageError, "no access point"),
    ],
)
def test_what_is_not_there_is_refused(
    pool: FakePool,
    struck: StruckNodes,
    strike: Callable[[module.Faults], object],
    error: type[CondorMiniError],
    words: str,
) -> None:
    """A fault, node or daemon that is not there is one message; nothing is done."""
    with pytest.raises(error, match=words):
        strike(pool.faults)
    assert (left(pool), struck.asked, struck.stopped.get(NODE, set())) == ([], [], set())


def test_node_that_does_not_run_is_refused(pool: FakePool, struck: StruckNodes) -> None:
    """A fault on a pool that is stopped says so, and how to start it."""
    del struck
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    with pytest.raises(PoolNotReady, match="has ended") as caught:
        pool.faults.freeze("execute-1", "startd")
    assert caught.value.hint == "Start it again: condor-mini start -n ci"


def test_engine_that_cannot_says_so(
    pool: FakePool, struck: StruckNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where processes cannot be stopped, freeze and pause are refused; kill is not."""
    info: Callable[[], EngineInfo] = pool.engine.info
    monkeypatch.setattr(pool.engine, "info", lambda: replace(info(), stops_processes=False))
    for strike in (lambda: pool.faults.freeze("execute-1", "startd"), _pause(pool)):
        with pytest.raises(EngineCapabilityError, match="without namespaces"):
            strike()
    pool.faults.kill("execute-1", "startd")
    assert (struck.frozen(NODE), left(pool)) == (set(), [])


def _pause(pool: Pool) -> Callable[[], object]:
    return lambda: pool.faults.pause_node("execute-1")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("freeze", "execute-1", "startd"), ("freeze", "execute-1", "startd")),
        (("kill-node", "execute-1"), ("kill", "execute-1", "startd")),
        (("pause-node", "execute-1"), ("drain-node", "execute-1")),
    ],
)
def test_fault_on_what_is_struck_is_refused(
    pool: FakePool, struck: StruckNodes, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    """The same fault twice, and any on a node that does nothing, name what is in force."""
    del struck
    assert pool.faults.strike(*first)
    with pytest.raises(AlreadyInUse, match=f"{first[0]} {NODE}.* is in force already") as caught:
        pool.faults.strike(*second)
    assert "condor-mini heal -n ci ci-execute-1" in str(caught.value.hint)
    assert len(left(pool)) == 1


def test_one_of_two_that_strike_at_once_has_it(pool: FakePool, struck: StruckNodes) -> None:
    """Two processes that have both seen nothing in force do not both record the fault."""
    del struck
    made = pool.faults.freeze("execute-1", "startd").record
    with pytest.raises(AlreadyInUse):
        journal.add(pool.engine, made)
    assert pool.faults.in_force() == [made]


# -- healed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "healed"),
    [
        (None, 3),
        ("freeze", 1),
        ("execute-1", 2),
        (NODE, 2),
        ("execute-1/startd", 1),
        ("kill-node", 0),
        ("submit-1", 0),
    ],
)
def test_heal_takes_faults_nodes_and_targets(
    pool: FakePool, struck: StruckNodes, what: str | None, healed: int
) -> None:
    """`heal` undoes what is named, or all; what is not in force is a success."""
    del struck
    for name, *place in (
        ("freeze", "execute-1", "startd"),
        ("drain-node", "execute-1"),
        ("stop", "master", "negotiator"),
    ):
        pool.faults.strike(name, *place, held=False)
    assert len(pool.faults.heal(what)) == healed
    assert len(left(pool)) == 3 - healed


def test_heal_refuses_what_is_unknown(pool: FakePool) -> None:
    """A name of neither a fault nor a node is not found."""
    with pytest.raises(NotFound, match="no node nothing"):
        pool.faults.heal("nothing")


def test_heal_waits_until_the_node_does_its_work(pool: FakePool, struck: StruckNodes) -> None:
    """A node that is healed but not healthy is an error that says what is missing."""
    del struck
    made = pool.faults.freeze("execute-1", "startd")
    pool.health[NODE] = "STARTD is not running"
    with pytest.raises(PoolNotReady, match="does not do its work: STARTD is not running"):
        made.heal()
    assert left(pool) == []


def test_heal_of_what_was_killed_meanwhile(pool: FakePool, struck: StruckNodes) -> None:
    """If the node has ended, there is nothing to undo, and healing is a success."""
    del struck
    made = pool.faults.freeze("execute-1", "startd")
    pool.engine.end(NODE, exit_code=137)
    made.heal()
    assert (left(pool), pool.node("execute-1").is_running) == ([], False)


def test_heal_of_what_was_healed(pool: FakePool, struck: StruckNodes) -> None:
    """Healing twice is a success, and leaves another fault in force alone."""
    first = pool.faults.freeze("execute-1", "startd")
    first.heal()
    pool.faults.freeze("execute-1", "startd")
    first.heal()
    assert struck.frozen(NODE) == {"startd"}


def test_own_faults_are_healed_alone(pool: FakePool, struck: StruckNodes) -> None:
    """`heal_own` leaves what another process, or nobody, holds."""
    del struck
    pool.faults.freeze("execute-1", "startd")
    pool.faults.strike("stop", "master", "negotiator", held=False)
    assert len(pool.faults.heal_own()) == 1
    assert left(pool) == ["stop ci-master/negotiator"]


# -- after SIGKILL --------------------------------------------------------------------------------


@pytest.mark.usefixtures("dead_holder")
@pytest.mark.parametrize("look", [lambda: Pool.open("ci"), lambda: Pool.open("ci").status()])
def test_next_command_heals(
    pool: FakePool, struck: StruckNodes, look: Callable[[], object]
) -> None:
    """What a process held that was killed is healed when the pool is opened."""
    assert struck.frozen(NODE) == {"startd"}
    look()
    assert (struck.frozen(NODE), left(pool)) == (set(), [])


@pytest.mark.usefixtures("dead_holder")
def test_status_heals_before_it_shows(pool: FakePool) -> None:
    """`status` shows no fault that it has healed."""
    assert pool.status().faults == ()


def test_fault_whose_time_is_over_is_healed(pool: FakePool, struck: StruckNodes) -> None:
    """Even if its holder lives: it may be stopped itself."""
    made = pool.faults.strike("freeze", "execute-1", "startd", for_s=60)
    assert made
    over = replace(made.record, until=datetime.now(UTC) - timedelta(seconds=10))
    pool.engine.remove_volume(over.volume)
    journal.add(pool.engine, over)
    assert [str(record) for record in pool.faults.heal_abandoned()] == [f"freeze {NODE}/startd"]
    assert struck.frozen(NODE) == set()


@pytest.mark.parametrize("held", [True, False])
def test_fault_that_is_held_or_to_stay_is_left(
    pool: FakePool, struck: StruckNodes, *, held: bool
) -> None:
    """A fault of a living process, and one that stays until it is healed, are left in force."""
    pool.faults.strike("freeze", "execute-1", "startd", held=held)
    Pool.open("ci")
    assert struck.frozen(NODE) == {"startd"}


def test_record_without_its_node_goes(pool: FakePool, struck: StruckNodes) -> None:
    """A record whose node was removed is removed, but not while the fault may be in the making."""
    del struck
    made = pool.faults.strike("freeze", "execute-1", "startd", held=False)
    assert made
    pool.engine.remove(NODE)
    assert pool.faults.heal_abandoned() == []
    old = replace(made.record, since=made.record.since - timedelta(minutes=5))
    pool.engine.remove_volume(old.volume)
    journal.add(pool.engine, old)
    pool.faults.heal_abandoned()
    assert left(pool) == []


def test_failure_to_heal_does_not_fail_the_command(
    pool: FakePool, dead_holder: FaultRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the record stays for the next command."""
    pool.engine.on_exec(["sh", "-s"], lambda _: FakeOutcome(returncode=1, stderr="denied"))
    Pool.open("ci")
    assert "denied" in caplog.text
    assert pool.faults.in_force() == [dead_holder]


# -- with the rest of the pool --------------------------------------------------------------------


def test_status_shows_faults(pool: FakePool, struck: StruckNodes) -> None:
    """The status has the faults in force, with who holds them."""
    del struck
    pool.faults.freeze("execute-1", "startd")
    (shown,) = pool.status().faults
    ours = this_process()
    assert (shown.fault, shown.target) == ("freeze", f"{NODE}/startd")
    assert (shown.host, shown.pid, shown.until) == (ours.host, ours.pid, None)


def test_stop_ends_faults(pool: FakePool, struck: StruckNodes) -> None:
    """A node that is stopped gracefully is thawed first: frozen daemons would not end."""
    pool.faults.freeze("execute-1", "startd")
    pool.faults.stop("master", "negotiator")
    pool.stop(node="execute-1")
    assert (struck.frozen(NODE), left(pool)) == (set(), ["stop ci-master/negotiator"])


def test_delete_removes_records(pool: FakePool, struck: StruckNodes) -> None:
    """Nothing of a fault outlives its pool."""
    del struck
    pool.faults.freeze("execute-1", "startd")
    pool.delete()
    assert pool.engine.volumes({}) == []
