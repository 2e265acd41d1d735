"""Faults of tokens and keys, and a removed node, seen in HTCondor's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine

    from .conftest import Cli

pytestmark = pytest.mark.every_engine
WITHIN_S = 40.0
UNKNOWN = "required authentication of .* failed"
"""What a daemon logs of somebody whose token it does not take."""
REFUSED = "Failed to authenticate"
"""What a daemon logs whose token is refused."""


@pytest.fixture
def struck(pool: Pool) -> Iterator[Pool]:
    """The pool, in which no fault is left in force."""
    yield pool
    pool.faults.heal()


def startds(pool: Pool) -> set[str]:
    """The nodes whose startds have an ad at the collector."""
    said = pool.node("master").exec(
        ["condor_status", "-startd", "-af", "CondorMiniNode"], user="root"
    )
    return {name.removeprefix(f"{pool.name}-") for name in said.stdout.split()}


def await_startds(pool: Pool, *names: str) -> None:
    """Wait until these execution points have ads, and no others."""

    def different() -> str | None:
        found = startds(pool)
        return None if found == set(names) else f"there are {sorted(found)}"

    wait_until(different, timeout_s=WITHIN_S, interval_s=0.5)


def await_refusal(pool: Pool, node: str) -> None:
    """Wait until a log of the node's master says that its token is refused."""

    def absent() -> str | None:
        lines = pool.logs(nodes=[node], daemons=["master"], tail=100)
        return None if any(REFUSED in line.text for line in lines) else f"no {REFUSED!r}"

    wait_until(absent, timeout_s=WITHIN_S, interval_s=0.5)


def token_states(pool: Pool, node: str) -> list[str]:
    """The states of the tokens on a node."""
    return [str(one.state) for one in pool.members.tokens() if one.node == f"{pool.name}-{node}"]


@pytest.mark.slow_on("docker")
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("revoke-token", "revoked"),
        pytest.param("expire-token", "expired", marks=pytest.mark.slow),
    ],
)
def test_node_whose_token_is_bad_is_refused(struck: Pool, fault: str, state: str) -> None:
    """The list of tokens and the node's logs say so, its ads are gone; healed, all is back."""
    with struck.faults.strike(fault, "execute-1"):  # type: ignore[union-attr]  # it lasts
        assert token_states(struck, "execute-1") == [state]
        await_startds(struck, "execute-2")
        await_refusal(struck, "execute-1")
    assert token_states(struck, "execute-1") == ["valid"]
    await_startds(struck, "execute-1", "execute-2")
    assert struck.status().verdict == "usable"


LIMITED = "limited authorization which did not include this command"
"""What a daemon logs of somebody whose token is good, and not for this."""


def logged(pool: Pool, node: str, daemon: str, words: str) -> int:
    """How many lines of a daemon's log have these words."""
    script = f"grep -c '{words}' $(condor_config_val {daemon}_LOG)"
    return int(pool.exec(["sh", "-c", script], node=node, user="root").stdout)


def advertised_by(pool: Pool, machine: str) -> set[str]:
    """Whose token has advertised the ads of a machine."""
    argv = ["condor_status", "-any", "-constraint", f'Machine == "{machine}"']
    argv += ["-af", "AuthenticatedIdentity"]
    return set(pool.exec(argv, node="master", user="root").stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize(("node", "role"), [("execute-1", "execute"), ("submit-1", "submit")])
def test_thief_is_seen_and_locked_out(struck: Pool, node: str, role: str) -> None:
    """What is advertised with the stolen token is the node's; other rights are refused.

    Healed, it is gone, the thief is refused, and the node has another token.
    """
    name = f"{struck.name}-{node}"
    limited = logged(struck, "master", "COLLECTOR", LIMITED)
    queue = logged(struck, "submit-1", "SCHEDD", UNKNOWN)
    stolen = [one.id for one in struck.members.tokens() if one.node == name]
    with struck.faults.steal_token(node):
        assert advertised_by(struck, f"thief-of-{name}") == {f"{name}@{role}.condor-mini.internal"}
        assert logged(struck, "master", "COLLECTOR", LIMITED) > limited
        assert logged(struck, "submit-1", "SCHEDD", UNKNOWN) > queue
        refused = logged(struck, "master", "COLLECTOR", UNKNOWN)
    assert advertised_by(struck, f"thief-of-{name}") == set()
    assert logged(struck, "master", "COLLECTOR", UNKNOWN) > refused
    assert set(token_states(struck, node)) == {"valid"}
    tokens = {one.id: (one.node, str(one.state)) for one in struck.members.tokens()}
    assert (None, "revoked") in {tokens[one] for one in stolen if one in tokens}

    def unusable() -> str | None:
        # Every slot is there; the ads of masters and startds come with their next updates.
        status = struck.status()
        return None if status.verdict == "usable" else f"{status.reasons}"

    wait_until(unusable, timeout_s=WITHIN_S, interval_s=0.5)


@pytest.mark.slow
def test_all_are_refused_when_the_key_is_lost(fresh: Cli, pool_engine: Engine) -> None:
    """Nodes and clients alike; healed, nodes and users have tokens again, and a job runs."""
    fresh.succeeds("create", timeout_s=120)
    pool = Pool(pool_engine, fresh.name)
    secret = pool.members.create_token().secret
    assert pool.members.accepts(secret)
    with pool.faults.lose_key():
        await_startds(pool)
        await_refusal(pool, "execute-1")
        assert pool.exec(["condor_status"]).returncode != 0
        assert not pool.members.accepts(secret)
    assert pool.status().verdict == "usable"
    await_startds(pool, "execute-1")
    assert pool.exec(["condor_status"]).returncode == 0
    assert pool.submit({"executable": "/bin/true"}).wait(timeout_s=WITHIN_S) == 0
    assert not pool.members.accepts(secret)


@pytest.mark.slow
def test_removed_node_is_made_anew(struck: Pool) -> None:
    """Its container is gone meanwhile, and another one has its name and its ads afterwards."""
    before = struck.node("execute-2").info.id
    with struck.faults.remove_node("execute-2"):
        assert f"{struck.name}-execute-2" not in {node.name for node in struck.nodes}
        assert struck.faults.in_force()
    assert struck.node("execute-2").info.id != before
    await_startds(struck, "execute-1", "execute-2")
    assert struck.status().verdict == "usable"
