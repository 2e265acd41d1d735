"""Nodes that join a pool on another host, and leave it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS, TOKENS
from condor_mini.cli import Terminated
from condor_mini.engine import FakeOutcome
from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool
from pool_ci import FAILURES, count_calls, held
from token_nodes import encoded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

MANAGER = "127.0.0.1:9700"


def join_token(role: str = "STARTD", *, issued: float = 0, expires: float = 86_400) -> str:
    """A join token; its times are seconds from now."""
    now = int(time.time())
    claims = {
        "iss": "mini.condor-mini.internal",
        "sub": "join-0123abcd@execute.condor-mini.internal",
        "scope": f"condor:/ADVERTISE_{role} condor:/ADVERTISE_MASTER",
        "iat": now + int(issued),
        "exp": now + int(expires),
    }
    return encoded(claims)


def _join(engine: PoolEngine) -> None:
    join(engine)


def join(
    engine: PoolEngine,
    token: str = "",
    *,
    execution_points: int | None = None,
    access_points: int | None = None,
    spec: Path | None = None,
) -> Pool:
    """Join with the nodes ``w``."""
    return Pool.join(
        MANAGER,
        token or join_token(),
        "w",
        engine=engine,
        execution_points=execution_points,
        access_points=access_points,
        spec=spec,
    )


@pytest.mark.parametrize(
    ("token", "access_points", "message"),
    [
        ("nonsense", None, "this is no join token"),
        (encoded({"sub": "ada", "scope": "condor:/READ"}), None, "this is no join token"),
        (join_token(expires=-5), None, r"the join token expired \d+ \w+ ago"),
        (join_token(issued=10**6, expires=2 * 10**6), None, "the clocks of both hosts differ"),
        (join_token("SCHEDD"), None, "for an access point, not for an execution point"),
        (join_token(), 1, "for an execution point, not for an access point"),
    ],
    ids=["no token", "a user's", "expired", "of the future", "of another role", "too little"],
)
def test_token_that_is_of_no_use_is_refused_first(
    pools: PoolEngine, token: str, access_points: int | None, message: str
) -> None:
    """Nothing is made, and the message has no part of the token."""
    with pytest.raises(UsageError, match=message) as refused:
        join(pools, token, access_points=access_points)
    assert "SIGNATURE" not in str(refused.value)
    assert held(pools) == []


def test_nodes_have_the_join_token_and_no_other(pools: PoolEngine) -> None:
    """Where the entrypoint looks for it, readable by root alone, and in no label or variable."""
    token = join_token()
    join(pools, token, execution_points=2)
    nodes = pool_nodes(pools, "w")
    assert [node.name for node in nodes] == ["w-execute-1", "w-execute-2"]
    for node in nodes:
        assert node.joined_to == MANAGER
        assert token not in repr(node.info)
        files = {name: file for name, file in pools.files(node.name).items() if TOKENS in name}
        assert list(files) == [f"{TOKENS}/join"]
        (file,) = files.values()
        assert (file.mode, file.content) == (0o600, f"{token}\n".encode())


@pytest.mark.parametrize(
    ("text", "role", "names"),
    [
        ("execution_points: [{count: 2}]", "STARTD", ["w-execute-1", "w-execute-2"]),
        ("access_points: [{}]", "SCHEDD", ["w-submit-1"]),
        ("config: A = 1", "STARTD", ["w-execute-1"]),
    ],
)
def test_groups_that_a_file_names_join(
    pools: PoolEngine, tmp_path: Path, text: str, role: str, names: list[str]
) -> None:
    """No others, although a pool of its own would have them; one execution point without any."""
    file = tmp_path / "pool.yaml"
    file.write_text(f"version: 1\n{text}\n")
    join(pools, join_token(role), spec=file)
    assert [node.name for node in pool_nodes(pools, "w")] == names


def test_join_waits_until_each_node_has_its_own_token(pools: PoolEngine) -> None:
    """A used-up join token is noticed then."""
    asked: list[str] = []

    def still(call: FakeExec) -> FakeOutcome:
        asked.append(call.container)
        return FakeOutcome(returncode=0 if len(asked) > 2 else 1, stdout="it waits")

    pools.on_exec([f"{REQUEST_SCRIPTS}/await-exchange"], still)
    join(pools)
    assert asked == ["w-execute-1"] * 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_failure_while_joining_leaves_nothing(
    new_pools: Callable[[], PoolEngine], *, after: bool
) -> None:
    """Whichever call fails."""
    total = count_calls(_join, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.fail_at(number, FAILURES["absent"](), after=after)
        with pytest.raises(CondorMiniError):
            join(engine)
        assert held(engine) == [], f"call {number}"


@pytest.mark.usefixtures("ending")
def test_signal_while_joining_leaves_nothing(new_pools: Callable[[], PoolEngine]) -> None:
    """Whichever call it arrives in."""
    total = count_calls(_join, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.signal_at(number, signal.SIGTERM)
        with pytest.raises(Terminated):
            join(engine)
        assert held(engine) == [], f"call {number}"


def test_leaving_takes_everything_away(pools: PoolEngine) -> None:
    """Nodes, volumes and network."""
    pool = join(pools, execution_points=2)
    told: list[str] = []

    def off(call: FakeExec) -> FakeOutcome:
        told.append(call.container)
        return FakeOutcome()

    pools.on_exec(["condor_off"], off)
    pools.on_exec(["sh"], lambda _: FakeOutcome(returncode=1))  # no startd is left
    pool.leave()
    assert told == ["w-execute-1", "w-execute-2"]
    assert held(pools) == []


def test_access_point_with_jobs_does_not_leave(pools: PoolEngine) -> None:
    """Its queue would be lost, unless that is wanted."""
    pool = join(pools, join_token("SCHEDD"), access_points=1)
    pools.on_exec(["condor_q"], lambda _: FakeOutcome(stdout="1\n1\n2\n"))
    with pytest.raises(UsageError, match="w-submit-1 has 3 jobs in its queue"):
        pool.leave()
    pool.leave(force=True)
    assert held(pools) == []


def test_pool_of_its_own_does_not_leave(pools: PoolEngine) -> None:
    """It is deleted."""
    pool = Pool.create("ci", engine=pools)
    with pytest.raises(UsageError, match="has its central manager here"):
        pool.leave()
    assert len(pool.nodes) == 3


def test_joined_nodes_are_not_scaled(pools: PoolEngine) -> None:
    """Their join token had uses for so many."""
    pool = join(pools)
    with pytest.raises(UsageError, match="the number of such nodes is fixed"):
        pool.scale(2)


def test_joined_nodes_are_started_and_made_again(pools: PoolEngine) -> None:
    """Without the central manager's help: a node's own token is in its volume."""
    pool = join(pools, execution_points=2)
    pool.stop()
    pool.start()
    pools.remove("w-execute-2")
    pool.start()
    assert [node.name for node in pool.nodes if node.is_running] == ["w-execute-1", "w-execute-2"]
    pools.remove("w-execute-1", "w-execute-2")
    pool.start()
    assert [node.name for node in pool.nodes if node.is_running] == ["w-execute-1", "w-execute-2"]


def test_central_manager_of_joined_nodes_is_elsewhere(pools: PoolEngine) -> None:
    """Tokens are made, listed and revoked there."""
    members = join(pools).members
    for ask in (members.tokens, members.requests, members.create_token, members.rotate_key):
        with pytest.raises(UsageError, match=f"is on another host: {MANAGER}"):
            ask()
