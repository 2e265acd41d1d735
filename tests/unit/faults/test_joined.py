"""Faults of pools of several hosts whose nodes have joined: who is struck where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.base.layout import BACKGROUND_SCRIPTS, REQUEST_SCRIPTS
from condor_mini.engine import FakeEngine, FakeOutcome
from condor_mini.nodes.node import pool_labels
from condor_mini.spec import PoolSpec
from fake_pool import FakePool
from struck_nodes import StruckNodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result

RENEW = f"{BACKGROUND_SCRIPTS}/renew-tokens"
MANAGER = "10.99.0.1:9618"
TOKEN = "aa01" * 8
LISTED = (
    'Header: {"alg":"HS256","kid":"POOL"} Payload: {"jti":"%s","scope":"condor:\\/ADVERTISE_STARTD '
    'condor:\\/ADVERTISE_MASTER","sub":"beta-execute-1@execute.d"} File: /etc/condor/tokens.d/node'
)


@pytest.fixture
def first(fake: FakeEngine) -> FakePool:
    """The first host: a pool that a node of the host beta has joined."""
    fake.create_network("ci", labels=pool_labels("ci"))
    pool = FakePool(engine=fake, name="ci")
    fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
    pool.add("master", spec=PoolSpec(name="ci").to_json(), exposed=MANAGER)
    pool.add("submit", 1, exposed=MANAGER)
    for ad in pool.ads:
        ad["CondorMiniHost"] = "alpha"
    for kind in ("StartD", "Machine"):
        pool.ads.append(pool.ad("beta-execute-1", kind, CondorMiniHost="beta"))
    StruckNodes(engine=fake)
    return pool


@pytest.fixture
def second(fake: FakeEngine) -> FakePool:
    """The host beta, with the node that has joined."""
    fake.create_network("beta", labels=pool_labels("beta"))
    pool = FakePool(engine=fake, name="beta")
    fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
    pool.add("execute", 1, joined=MANAGER)
    StruckNodes(engine=fake)
    fake.on_exec(["condor_token_list"], lambda _: FakeOutcome(stdout=LISTED % TOKEN))
    return pool


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (("kill-node", "beta-execute-1"), "kill-node -n beta execute-1"),
        (("freeze", "beta-execute-1/startd"), "freeze -n beta execute-1 startd"),
        (("loss", "beta-execute-1", "--percent", "9"), "loss -n beta execute-1 --percent P"),
        (("partition", "submit-1", "--from", "beta-execute-1"), "partition -n beta execute-1"),
    ],
)
def test_node_of_another_host_is_struck_there(
    first: FakePool, command_line: Callable[..., Result], argv: tuple[str, ...], typed: str
) -> None:
    """The error says on which host, and what to type."""
    done = command_line("fault", argv[0], "-n", "ci", *argv[1:])
    assert done.status == 3
    assert "beta-execute-1 has joined from the host beta" in done.err
    assert f"Type on beta: condor-mini fault {typed}" in done.err
    assert not first.faults.in_force()


def test_heal_of_a_node_of_another_host(first: FakePool) -> None:
    """It is healed where it was struck."""
    with pytest.raises(NotFound) as failure:
        first.faults.heal("beta-execute-1")
    assert failure.value.hint == "Type on beta: condor-mini heal -n beta execute-1"
    with pytest.raises(NotFound, match="the pool ci has no node beta-execute-7"):
        first.faults.heal("beta-execute-7")


def test_processes_of_a_job_elsewhere(first: FakePool) -> None:
    """They are out of reach, none of the jobs is struck, and the error says what is left."""
    struck = StruckNodes(engine=first.engine)
    struck.jobs = {"7.0": 2, "7.1": 2}
    first.add("execute", 1)
    struck.places = {
        "7.0": "slot1_1@ci-execute-1.nodes.internal",
        "7.1": "slot1_1@beta-execute-1.nodes.internal",
    }
    with pytest.raises(NotFound, match=r"7\.1 runs on slot1_1@beta-execute-1") as failure:
        first.faults.kill_starter("7")
    assert "condor-mini fault kill -n beta execute-1 starter" in (failure.value.hint or "")
    assert struck.signalled == []


@pytest.mark.parametrize("fault", ["revoke-token", "expire-token"])
def test_token_of_a_node_that_has_joined(second: FakePool, fault: str) -> None:
    """It is from the first host, where its id revokes it."""
    with pytest.raises(UsageError, match=f"from the central manager at {MANAGER}") as failure:
        second.faults.strike(fault, "execute-1")
    assert failure.value.hint == f"Type there: condor-mini token revoke --force {TOKEN}"
    assert not second.faults.in_force()


def test_key_of_a_pool_that_was_joined(second: FakePool) -> None:
    """It is on the first host."""
    with pytest.raises(UsageError, match=f"with the central manager at {MANAGER}") as failure:
        second.faults.strike("lose-key", "execute-1")
    assert failure.value.hint == "Type there: condor-mini fault lose-key master"
    with pytest.raises(NotFound) as absent:
        second.faults.lose_key()
    assert f"joined the pool at {MANAGER}" in (absent.value.hint or "")


def test_heal_of_the_key_names_who_still_lacks_a_token(
    first: FakePool, caplog: pytest.LogCaptureFixture
) -> None:
    """No host gives a token to a node of another one."""
    issue = f"{REQUEST_SCRIPTS}/issue-tokens"
    for argv in (["timeout", "1", issue], [f"{REQUEST_SCRIPTS}/rotate-key"], [RENEW, "users"]):
        first.engine.on_exec(argv, lambda _: FakeOutcome(stdout="node users\n"))
    made = first.faults.lose_key()
    assert made.record.undo == "beta-execute-1@beta"
    first.forget("beta-execute-1")
    first.faults.heal_all(made.records, wait=False)
    assert "ask for one within two minutes: beta-execute-1 on beta" in caplog.text
    assert "condor-mini approve -n ci" in caplog.text
    assert not first.faults.in_force()
