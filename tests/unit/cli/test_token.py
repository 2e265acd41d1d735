"""``condor-mini token`` on a pool in memory, whose nodes keep records as the scripts do."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.engine import ContainerSpec, FakeOutcome
from token_nodes import DOMAIN, ELSEWHERE, LIES_ON, TokenNodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]


@pytest.fixture
def token(nodes: TokenNodes, condor_mini: Run) -> Run:
    """``condor-mini token COMMAND -n ci ARGUMENTS``."""
    del nodes

    def run(command: str, *arguments: str) -> Result:
        return condor_mini("token", command, "-n", "ci", *arguments)

    return run


def rows(token: Run) -> list[dict[str, Any]]:
    """What ``token list -o json`` shows."""
    found: list[dict[str, Any]] = json.loads(token("list", "-o", "json").out)
    return found


# -- token create ---------------------------------------------------------------------------------


def test_stdout_is_the_token_alone(token: Run) -> None:
    """`token create` prints a line for the central manager and one for each access point."""
    made = token("create")
    assert (made.status, [line.count(".") for line in made.out.splitlines()]) == (0, [2, 2])


def test_stderr_tells_the_id_and_how_to_revoke_it(token: Run) -> None:
    """`token create` says on stderr what it is, and the command that revokes it; not the token."""
    made = token("create", "--user", "ada", "--authz", "READ", "--lifetime", "60")
    id_ = f"{1:08x}" + "0" * 24
    assert f"Token {id_} of ada@{DOMAIN}: READ, until 20" in made.err
    assert f"Revoke it: condor-mini token revoke -n ci {id_}\n" in made.err
    assert "SIGNATURE" not in made.err


def test_quiet(token: Run) -> None:
    """`token create -q` says nothing on stderr."""
    assert token("create", "-q").err == ""


def test_json_of_a_new_token(token: Run) -> None:
    """`token create -o json` prints the token with its id, holder, limits and end."""
    made = json.loads(token("create", "--user", "ada", "-o", "json").out)
    assert made["token"].count("SIGNATURE\n") == 2
    assert (made["id"], len(made["ids"])) == (made["ids"][0], 2)
    assert made["identity"] == f"ada@{DOMAIN}"
    assert made["authorizations"] == ["READ", "WRITE"]
    assert made["expires_at"] is None


def test_a_file_of_ones_own(token: Run, tmp_path: Path) -> None:
    """`token create --file` writes the token into a file that only its owner reads."""
    file = tmp_path / "token"
    made = token("create", "--file", str(file))
    assert (made.status, made.out, file.read_text().count("SIGNATURE")) == (0, "", 2)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "pipe"])
def test_what_is_there_is_not_written(
    kind: str, token: Run, tmp_path: Path, nodes: TokenNodes
) -> None:
    """`token create --file` neither overwrites a file nor follows a link, and creates no token."""
    path, elsewhere = tmp_path / "token", tmp_path / "elsewhere"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to(elsewhere)
        if kind == "link":
            elsewhere.write_text("mine")
    made = token("create", "--file", str(path))
    assert (made.status, f"{path} already exists" in made.err) == (2, True)
    assert nodes.given == []
    assert not elsewhere.exists() or elsewhere.read_text() == "mine"


def test_no_file_is_left_of_a_failure(token: Run, tmp_path: Path) -> None:
    """`token create --file` that fails leaves no file."""
    assert token("create", "--authz", "NOPE", "--file", str(tmp_path / "token")).status == 2
    assert not (tmp_path / "token").exists()


def test_an_output_that_is_a_file(token: Run, nodes: TokenNodes) -> None:
    """`token create -o FILE`, the former spelling, is refused with a hint at --file."""
    made = token("create", "-o", "my token")
    assert (made.status, nodes.given) == (2, [])
    assert "--file 'my token'" in made.err


def test_limits_in_any_case(token: Run, nodes: TokenNodes) -> None:
    """`token create --authz` takes HTCondor's levels in upper and lower case, each once."""
    token("create", "--authz", "read", "--authz", "Advertise_Startd", "--authz", "READ")
    assert nodes.given[0] == ("ci-master", "jovyan", "0", "READ", "ADVERTISE_STARTD")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--authz", "NOPE"], "The levels are: READ, WRITE, ADVERTISE_STARTD"),
        (["--authz", "RAED"], "Did you mean READ?"),
        (["--authz", "ALLOW"], "'ALLOW' is not an authorization"),
        (["--authz", ""], "'' is not an authorization"),
        (["--user", "-x"], "'-x' is not a user"),
        (["--user", "a b"], "'a b' is not a user"),
        (["--user", 'a"@b'], "is not a user"),
        (["--user", "a@b@c"], "is not a user"),
        (["--user", "a\nb"], "is not a user"),
        (["--lifetime", "0"], "--lifetime"),
        (["--lifetime", "1d"], "--lifetime"),
        (["--lifetime", "9" * 20], "a token's lifetime must be 1 to"),
    ],
)
def test_bad_wishes(arguments: list[str], words: str, token: Run, nodes: TokenNodes) -> None:
    """What cannot be in a token is refused with 2 before one is created."""
    made = token("create", *arguments)
    assert (made.status, words in made.err, nodes.given) == (2, True, [])


# -- token list -----------------------------------------------------------------------------------


def test_list_has_what_was_given_out(token: Run) -> None:
    """`token list` has one row for a token of `token create`, with all that is not secret."""
    made = json.loads(token("create", "--user", "ada", "--lifetime", "60", "-o", "json").out)
    (row,) = (row for row in rows(token) if row["kind"] == "issued")
    assert {key: row[key] for key in made.keys() - {"token"}} == {
        key: made[key] for key in made.keys() - {"token"}
    }
    assert (row["state"], row["node"], row["file"]) == ("valid", None, None)


def test_list_has_the_nodes_tokens(token: Run) -> None:
    """`token list` has the tokens that lie on nodes."""
    found = {(row["node"], row["id"], row["state"]) for row in rows(token)}
    assert found == {(name, id_, "valid") for name, (id_, *_) in LIES_ON.items()}


def test_list_tells_no_secret(token: Run) -> None:
    """`token list` shows neither a token nor its signature."""
    token("create")
    shown = token("list").out + token("list", "-o", "json").out
    assert "eyJ" not in shown
    assert "SIGNATURE" not in shown


def test_list_of_an_expired_token(token: Run, nodes: TokenNodes) -> None:
    """A token that has expired is listed as expired."""
    nodes.now -= 61
    token("create", "--lifetime", "60")
    assert [row["state"] for row in rows(token) if row["kind"] == "issued"] == ["expired"]


def test_list_of_an_endless_date(token: Run, nodes: TokenNodes) -> None:
    """An end beyond all calendars, which another program wrote, does no harm."""
    nodes.now *= 1e9
    token("create", "--lifetime", "60")
    assert [row["expires_at"] for row in rows(token) if row["kind"] == "issued"] == [None]


def test_list_of_a_revoked_token(token: Run) -> None:
    """`token list` tells which tokens were revoked, by id and by holder."""
    token("create", "--user", "ada")
    token("create", "--user", "bob")
    token("revoke", "00000001", "--identity", "ci-execute-1@execute.condor-mini.internal")
    states = {row["identity"].partition("@")[0]: row["state"] for row in rows(token)}
    revoked = {name for name, state in states.items() if state == "revoked"}
    assert revoked == {"ada", "ci-execute-1"}


def test_list_of_a_revoked_token_that_is_elsewhere(token: Run) -> None:
    """`token list` has a revoked token of which nothing else is known."""
    token("revoke", ELSEWHERE, "--force")
    (row,) = (row for row in rows(token) if row["kind"] == "elsewhere")
    assert (row["id"], row["state"], row["issued_at"]) == (ELSEWHERE, "revoked", None)
    assert f"{ELSEWHERE}  revoked  (elsewhere)" in token("list").out


def test_list_for_people(token: Run) -> None:
    """`token list` has a table that tells where each token is."""
    token("create")
    lines = token("list").out.splitlines()
    assert lines[0].split() == [
        "ID",
        "STATE",
        "STORED",
        "ON",
        "IDENTITY",
        "LIMITED",
        "TO",
        "EXPIRES",
    ]
    assert "valid  (issued)      jovyan@condor-mini.internal" in lines[1]
    assert "valid  ci-submit-1   ci-submit-1@submit.condor-mini.internal" in lines[2]


def test_list_without_a_central_manager_that_runs(token: Run, pools: PoolEngine) -> None:
    """`token list` of a pool that does not run says so, and the command that starts it."""
    pools.end("ci-master", exit_code=0, log="")
    listed = token("list")
    assert (listed.status, "condor-mini start -n ci" in listed.err) == (5, True)


def test_a_central_manager_of_the_engines(
    nodes: TokenNodes, pools: PoolEngine, condor_mini: Run
) -> None:
    """--container is for a central manager that no pool of ours has: list, create and revoke."""
    del nodes
    pools.on_exec(["printenv"], lambda _: FakeOutcome(stdout="master\n"))
    pools.start(pools.create(ContainerSpec(image="condor-master:25", name="cm")))
    made = condor_mini("token", "create", "--container", "cm")
    id_ = f"{1:08x}" + "0" * 24
    assert f"Revoke it: condor-mini token revoke --container cm {id_}\n" in made.err
    assert f"{id_}  valid" in condor_mini("token", "list", "--container", "cm").out
    unknown = condor_mini("token", "revoke", "--container", "cm", "nope")
    assert (unknown.status, "token list --container cm" in unknown.err) == (3, True)
    assert condor_mini("token", "revoke", "--container", "cm", id_).status == 0


# -- token revoke ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        [ELSEWHERE],
        ["000"],
        [""],
        ["00000001", "nope"],
        ["--identity", "nobody"],
        ["--identity", f"nobody@{DOMAIN}"],
    ],
)
def test_what_nobody_knows_is_not_revoked(
    arguments: list[str], token: Run, nodes: TokenNodes
) -> None:
    """An id or a holder that the pool does not know is refused with 3, and nothing is revoked."""
    token("create")
    done = token("revoke", *arguments)
    assert (done.status, "condor-mini token list -n ci" in done.err) == (3, True)
    assert not any(nodes.revoked.values())


def test_revoke_tells_what_it_did(token: Run) -> None:
    """`token revoke ID` says whose token that was."""
    token("create", "--user", "ada")
    id_ = f"{1:08x}" + "0" * 24
    done = token("revoke", id_)
    assert (done.status, done.out) == (0, f"revoked the token {id_} of ada@{DOMAIN}\n")


def test_revoke_by_the_begin_of_an_id(token: Run, nodes: TokenNodes) -> None:
    """An id can be shortened, and be in upper case; all parts of the token are revoked."""
    token("create")
    token("create")
    assert token("revoke", "BBBB").status == 0
    nodes.given.clear()
    assert token("revoke", "00000003").status == 0
    ids = [f"{number:08x}" + "0" * 24 for number in (3, 4)]
    assert nodes.given == [("ci-submit-1", "jti", *ids), ("ci-master", "jti", *ids)]


def test_revoke_by_the_id_of_a_part(token: Run, nodes: TokenNodes) -> None:
    """The id of an access point's part, which that one's holder sees, revokes the whole token."""
    made = json.loads(token("create", "-o", "json").out)
    token("revoke", made["ids"][1])
    assert nodes.revoked["ci-master"] == [f"revoked jti {id_}" for id_ in made["ids"]]


def test_an_ambiguous_begin_of_an_id(token: Run, nodes: TokenNodes) -> None:
    """What begins several tokens' ids is refused with 2, and names them."""
    token("create")
    token("create")
    done = token("revoke", "0000")
    ids = [f"{number:08x}" + "0" * 24 for number in (1, 3)]
    assert (done.status, ", ".join(ids) in done.err) == (2, True)
    assert not any(nodes.revoked.values())


@pytest.mark.parametrize("name", ["ada", f"ada@{DOMAIN}"])
def test_revoke_by_holder(name: str, token: Run, nodes: TokenNodes) -> None:
    """--identity takes a holder with or without its domain."""
    token("create", "--user", "ada")
    done = token("revoke", "--identity", name)
    assert (done.status, done.out) == (0, f"revoked all tokens of ada@{DOMAIN}\n")
    assert nodes.given[-1] == ("ci-master", "sub", f"ada@{DOMAIN}")


def test_revoke_a_node_that_does_not_run(token: Run, pools: PoolEngine, nodes: TokenNodes) -> None:
    """A node's identity is known although the node has ended."""
    pools.end("ci-execute-1", exit_code=0, log="")
    identity = f"ci-execute-1@execute.{DOMAIN}"
    assert token("revoke", "--identity", identity).status == 0
    assert nodes.given[-1] == ("ci-master", "sub", identity)


@pytest.mark.parametrize("what", [["00000001"], ["--identity", "ada"]])
def test_revoking_twice(what: list[str], token: Run) -> None:
    """What is revoked already is a success that says so."""
    token("create", "--user", "ada")
    token("revoke", *what)
    again = token("revoke", *what)
    assert (again.status, "already revoked" in again.out) == (0, True)


def test_revoking_twice_what_is_elsewhere(token: Run) -> None:
    """A forced revocation is known from then on."""
    assert token("revoke", ELSEWHERE, "--force").out == f"revoked the token {ELSEWHERE}\n"
    token("revoke", "--identity", "eve@far.example", "--force")
    assert token("revoke", ELSEWHERE, "--identity", "eve@far.example").status == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nope"],
        [ELSEWHERE[:-1]],
        [ELSEWHERE + "0"],
        ['c" || true || "c'],
        ["--identity", "nobody"],
        ["--identity", "a@b@c"],
        ["--identity", 'a"@b'],
        ["--identity", "a@b\nALLOW_ADMINISTRATOR = *"],
    ],
)
def test_what_is_malformed_is_not_revoked(
    arguments: list[str], token: Run, nodes: TokenNodes
) -> None:
    """--force takes ids and identities only as HTCondor makes them; else it ends with 2."""
    assert token("revoke", "--force", *arguments).status == 2
    assert not any(nodes.revoked.values())


def test_revoke_nothing(token: Run) -> None:
    """`token revoke` without a token is refused with a hint at `token list`."""
    done = token("revoke")
    assert (done.status, "token list" in done.err) == (2, True)
