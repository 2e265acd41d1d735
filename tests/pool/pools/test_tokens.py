"""What a pool knows of its tokens, and what its nodes do when one of theirs is revoked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

pytestmark = pytest.mark.any_engine

EMBEDDED = pytest.mark.pool_engines(
    "embedded", reason="test_members.py and test_plain_secrets.py do the like on Docker"
)

SPOOL = "/var/spool/condor"
ISSUED, REVOKED = f"{SPOOL}/issued-tokens", f"{SPOOL}/revoked-tokens"
ID = "0123456789abcdef0123456789abcdef"


def file_of(pool: Pool, path: str, node: str = "master") -> str:
    """A file of a node's, as root reads it; empty where there is none."""
    return pool.exec(["cat", path], node=node, user="root").stdout


@pytest.fixture(scope="module")
def created(pool: Pool) -> dict[str, Any]:
    """What `token create -o json` says of a token that was created just now."""
    made = pool.members.create_token("tess", authorizations=["READ"], lifetime_s=600)
    facts: dict[str, Any] = json.loads(json.dumps(made.to_json()))
    return facts


@pytest.mark.every_engine
def test_a_new_token_is_known(cli: Cli, created: dict[str, Any]) -> None:
    """`token list` has a token of `token create`, with the id and end that HTCondor gave it."""
    listed = json.loads(cli.succeeds("token", "list", "-o", "json"))
    (row,) = (row for row in listed if row["id"] == created["id"])
    facts = {key: created[key] for key in ("ids", "identity", "authorizations", "expires_at")}
    assert {key: row[key] for key in facts} == facts
    assert (row["state"], row["authorizations"]) == ("valid", ["READ"])


@pytest.mark.every_engine
@pytest.mark.parametrize("node", ["master", "submit-1"])
def test_no_secret_is_noted(pool: Pool, created: dict[str, Any], node: str) -> None:
    """What a node notes of a token is no part of the token itself, and is root's to read."""
    noted = file_of(pool, ISSUED, node)
    assert created["identity"] in noted
    for line in str(created["token"]).split():
        assert not any(part in noted for part in line.split("."))
    mode = pool.exec(["stat", "-c", "%a", ISSUED], node=node, user="root").stdout
    assert mode == "600\n"


@pytest.mark.every_engine
def test_what_has_expired_is_forgotten(pool: Pool, created: dict[str, Any]) -> None:
    """The next token that is created drops those that have expired, and keeps the others."""
    del created
    made = pool.members.create_token("brief", lifetime_s=1)

    def known() -> str | None:
        states = [token.state for token in pool.members.tokens() if token.id == made.id]
        return None if states == ["expired"] else f"it is {states}"

    wait_until(known, timeout_s=10)
    pool.members.create_token("tess", lifetime_s=600)
    noted = file_of(pool, ISSUED)
    assert ("brief@" in noted, noted.count("tess@")) == (False, 2)


@pytest.mark.every_engine
def test_a_token_of_a_revoked_holder_is_not_created(cli: Cli, pool: Pool) -> None:
    """`token create` refuses a holder of whom all tokens are revoked: a new one would be, too."""
    pool.members.create_token("tova")
    cli.succeeds("token", "revoke", "--identity", "tova")
    made = cli("token", "create", "--user", "tova")
    assert (made.returncode, made.stdout) == (1, "")
    assert "all tokens of tova@condor-mini.internal are revoked" in made.stderr


@pytest.mark.every_engine
def test_revoking_twice_writes_one_line(cli: Cli, pool: Pool) -> None:
    """A token that is revoked twice stands once in the revocation list of each node."""
    made = pool.members.create_token("tilo")
    cli.succeeds("token", "revoke", made.id[:12])
    assert "already revoked" in cli.succeeds("token", "revoke", made.id)
    for node in ("master", "submit-1"):
        revoked = file_of(pool, REVOKED, node)
        assert [revoked.count(f'|| jti =?= "{id_}"\n') for id_ in made.ids] == [1, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["jti"],
        ["jti", "nope"],
        ["jti", ID[1:]],
        ["jti", f"{ID}0"],
        ["jti", ID.upper()],
        ["jti", f"{ID}\n"],
        ["jti", f"{ID}\n{ID}"],
        ["jti", 'x" || true || "x'],
        ["jti", ID, "nope"],
        ["sub", "nobody"],
        ["sub", "a@b@c"],
        ["sub", "@b"],
        ["sub", "a@"],
        ["sub", 'a@b" || true || "'],
        ["sub", "a@b\nALLOW_ADMINISTRATOR = *"],
        ["true || jti", ID],
        ["jti =?= jti ||\nALLOW_WRITE = *\n", ID],
    ],
)
def test_nothing_malformed_is_written(arguments: list[str], pool: Pool) -> None:
    """The script revoke-token ends with 2 for what is no id or identity, and writes nothing."""
    before = file_of(pool, REVOKED)
    done = pool.exec([f"{REQUEST_SCRIPTS}/revoke-token", *arguments], node="master", user="root")
    assert (done.returncode, file_of(pool, REVOKED)) == (2, before), done.stderr


@pytest.mark.every_engine
@EMBEDDED
def test_a_new_key_forgets_what_it_makes_useless(pool: Pool) -> None:
    """After `rotate-key` no token of the old key is known, by which nobody comes in any more."""
    made = pool.members.create_token("tess")
    pool.members.rotate_key(timeout_s=60)
    assert not {*made.ids} & {id_ for token in pool.members.tokens() for id_ in token.ids}


def test_ads_return_where_nodes_seldom_send_them(fresh: Cli, tmp_path: Path) -> None:
    """In the profile ``production`` nodes send their ads every five minutes, unless asked.

    A central manager that was restarted lacks them, and a collector after a revocation.
    """
    file = tmp_path / "pool.yaml"
    file.write_text("version: 1\nprofile: production\nprobe_job: false\n")
    fresh.succeeds("create", "-c", str(file))
    fresh.succeeds("restart", "--node", "master", "--timeout", "60")
    fresh.succeeds("token", "revoke", "--identity", "tess@far.example", "--force")
    fresh.succeeds("client", str(tmp_path / "client"))


@pytest.fixture
def quick(fresh: Cli, tmp_path: Path, pool_engine: Engine) -> Pool:
    """A pool whose nodes ask often whether their tokens are taken."""
    file = tmp_path / "pool.yaml"
    file.write_text('version: 1\nenvironment: {_CONDOR_NODE_TOKEN_LIFETIME: "60"}\n')
    fresh.succeeds("create", "-c", str(file))
    return Pool.open(fresh.name, engine=pool_engine)


@pytest.mark.every_engine
@pytest.mark.slow
@EMBEDDED
def test_a_node_whose_token_is_revoked_asks_for_another(
    quick: Pool, cli_of: Callable[[str], Cli]
) -> None:
    """It says so and waits, and is in the pool again after `approve`, without a restart."""
    cli, node = cli_of(quick.name), quick.node("execute-1")
    cli.succeeds("token", "revoke", "--identity", node.name)

    def unasked() -> str | None:
        asks = [request.client for request in quick.members.requests()]
        return None if any(client.startswith(node.name) for client in asks) else f"{asks}"

    wait_until(unasked, timeout_s=60)
    said = quick.engine.logs(node.info.id)
    assert "no longer accepts this node's token: it was revoked" in said
    cli.succeeds("approve", "--all")
    wait_until(
        lambda: None if quick.slot_ads(f'CondorMiniNode == "{node.name}"') else "no slot",
        timeout_s=60,
    )
    assert node.health() == ""
