"""Nodes without a secret wait for approval; with one they join at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.waiting import wait_until

from .conftest import READY_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pool.conftest import Docker, Node

pytestmark = pytest.mark.engines("docker")

PASSWORD = "not-a-real-Password"  # noqa: S105 (of pools that live for a minute)
WAITS = "waiting for approval of token request"
JOIN = ("condor_ping", "-type", "collector", "ADVERTISE_STARTD")
APPROVED_S = 20
"""Enough for a node to join, on a machine that does other work too."""


@pytest.fixture(scope="module")
def network(shared: Docker) -> str:
    """Where the nodes of this module are."""
    return shared.network()


@pytest.fixture(scope="module")
def master(shared: Docker, network: str) -> Node:
    """A central manager that approves nobody by itself."""
    return shared.run("master", "--network", network).wait_until_healthy()


@pytest.fixture(scope="module")
def waiting(shared: Docker, network: str, master: Node) -> tuple[Node, str]:
    """A node that waits for approval, and its request's number."""
    node = shared.run("execute", "-e", f"MASTER={master.name}", "--network", network)
    return node, node.wait_for_log(WAITS).split()[-1]


def test_a_pending_request_is_in_the_nodes_log(waiting: tuple[Node, str]) -> None:
    """The node's log names the request and the command that approves it; so does its health."""
    node, request = waiting
    says = f"on the central manager, run condor_token_request_approve -reqid {request}"
    assert says in node.health()


def test_a_pending_request_is_in_the_masters_log(master: Node, waiting: tuple[Node, str]) -> None:
    """The master's log names the node that waits, and the command that approves it."""
    node, request = waiting
    waits = f"{node.exec('hostname')} waits for approval: "
    master.wait_for_log(f"{waits}condor_token_request_approve -reqid {request}")


def test_a_pending_request_is_listed(master: Node, waiting: tuple[Node, str]) -> None:
    """condor_token_request_list on the master shows it, with no more rights than its role needs."""
    node, request = waiting
    listed = master.exec("condor_token_request_list")
    assert f'RequestId = "{request}"' in listed
    assert f'PeerLocation = "{node.address}"' in listed
    assert 'LimitAuthorization = "ADVERTISE_STARTD,ADVERTISE_MASTER"' in listed


def test_one_command_approves(docker: Docker, network: str, master: Node) -> None:
    """condor_token_request_approve on the master lets the node in."""
    node = docker.run("submit", "-e", f"MASTER={master.name}", "--network", network)
    request = node.wait_for_log(WAITS).split()[-1]
    said = master.exec("condor_token_request_approve", "-reqid", request, stdin="yes\n")
    assert f"Request {request} approved successfully." in said
    node.wait_until_healthy()


def pending(master: Node, node: Node) -> str:
    """Wait until the central manager lists a node's request; its number.

    A node's log also has the requests that were approved, by AUTO_APPROVE too if that took a while.
    """
    listed: list[str] = []

    def probe() -> str | None:
        said = master.exec("condor_token_request_list", "-json")
        requests = json.loads(said) if said.strip() else []
        listed[:] = [r["RequestId"] for r in requests if r["PeerLocation"] == node.address]
        return None if listed else f"no request of {node.address} in: {said}"

    wait_until(probe, timeout_s=READY_S)
    return listed[-1]


def id_of(node: Node) -> str:
    """The id of a node's token."""
    (found,) = re.findall(r'"jti":"(\w+)"', node.exec("condor_token_list"))
    return str(found)


def condor_mini(*argv: str) -> str:
    """What a command of ours about the members of a central manager says."""
    command = [sys.executable, "-m", "condor_mini", *argv, "--engine", "docker"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


@pytest.mark.slow
def test_our_commands_approve_and_revoke(docker: Docker, network: str) -> None:
    """`approve --container` lets a plain node in; with its token revoked it is out again."""
    master = docker.run("master", "--network", network).wait_until_healthy()
    node = docker.run("execute", "-e", f"MASTER={master.name}", "--network", network)
    request = node.wait_for_log(WAITS).split()[-1]
    assert request in condor_mini("approve", "--container", master.name, request)
    node.wait_until_healthy()
    assert node.attempt(*JOIN).returncode == 0
    token_id = id_of(node)
    condor_mini("token", "revoke", "--container", master.name, token_id, "--force")
    assert node.attempt(*JOIN).returncode != 0
    assert token_id in condor_mini("token", "list", "--container", master.name)


@pytest.fixture(scope="module")
def approving(shared: Docker, network: str) -> Node:
    """A central manager that approves everybody, but for APPROVED_S only."""
    approve = ("-e", f"AUTO_APPROVE=0.0.0.0/0,{APPROVED_S}")
    return shared.run("master", *approve, "--network", network)


def test_auto_approve_lets_in(docker: Docker, network: str, approving: Node) -> None:
    """AUTO_APPROVE=<netblock>,SECONDS lets nodes in for that time."""
    member = ("-e", f"MASTER={approving.name}", "--network", network)
    docker.run("execute", *member).wait_until_healthy()


def test_auto_approve_is_for_its_netblock_only(docker: Docker, network: str) -> None:
    """A node that is outside of AUTO_APPROVE's netblock waits."""
    master = docker.run("master", "-e", "AUTO_APPROVE=203.0.113.0/24", "--network", network)
    node = docker.run("execute", "-e", f"MASTER={master.name}", "--network", network)
    node.wait_for_log(WAITS)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("/root/secrets/pool_password", []),
        pytest.param(
            *("/root/secrets/pool_password", ["-e", "USE_POOL_PASSWORD=yes"]),
            marks=pytest.mark.slow,
        ),
        pytest.param("/etc/condor/passwords-orig.d/POOL", [], marks=pytest.mark.slow),
    ],
)
def test_a_pool_password_lets_in(
    docker: Docker, network: str, tmp_path: Path, target: str, options: list[str]
) -> None:
    """Nodes that have the master's pool password mounted join at once, and ask nobody."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    common = ("--network", network, "-v", f"{secret}:{target}:ro", *options)
    master = docker.run("master", *common)
    members = [docker.run(r, "-e", f"MASTER={master.name}", *common) for r in ("submit", "execute")]
    for node in members:
        node.wait_until_healthy()
        assert "token" not in "".join(x for x in node.log().splitlines() if "condor-mini:" in x)
    assert members[0].run_job("echo done") == "done"


@pytest.mark.parametrize(
    "target",
    [
        "/root/secrets/token",
        pytest.param("/etc/condor/tokens-orig.d/mine", marks=pytest.mark.slow),
    ],
)
def test_a_token_lets_in(
    docker: Docker, network: str, master: Node, tmp_path: Path, target: str
) -> None:
    """A node that has a token of condor_token_create mounted joins at once."""
    secret = tmp_path / "token"
    make = ("condor_token_create", "-identity", "condor@condor-mini.internal")
    secret.write_text(master.exec(*make) + "\n")
    node = docker.run(
        *("execute", "-e", f"MASTER={master.name}", "--network", network),
        *("-v", f"{secret}:{target}:ro"),
    )
    node.wait_until_healthy()
    assert "asking" not in node.log()


def test_no_secret_is_shown(docker: Docker, network: str, tmp_path: Path) -> None:
    """Neither the log, nor a process, nor the environment of a node has its password."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    common = ("--network", network, "-v", f"{secret}:/root/secrets/pool_password:ro")
    node = docker.run("master", *common).wait_until_healthy()
    seen = node.shell("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '")
    assert PASSWORD not in seen + node.log() + node.inspect("{{json .Config}}")


def test_secrets_are_the_daemons_only(master: Node) -> None:
    """The signing key is root's, and no ordinary user reads it."""
    said = master.exec("stat", "-c", "%U %a", "/etc/condor/passwords.d/POOL")
    assert said == "root 600"
    assert master.attempt("cat", "/etc/condor/passwords.d/POOL", user="jovyan").returncode != 0


# -- who is to be in no more: docs/how-to/manage-tokens.md, "Nodes started by hand" -------


OFTEN = ("-e", "_CONDOR_NODE_TOKEN_LIFETIME=20")
"""A node with it looks each second whether its secret is taken, not each minute."""


@pytest.fixture(scope="module")
def members(shared: Docker) -> tuple[Node, Node, Node]:
    """A central manager of their own, and two nodes that it has approved."""
    network = shared.network()
    master = shared.run("master", "-e", "AUTO_APPROVE=0.0.0.0/0", "--network", network)
    join = ("-e", f"MASTER={master.name}", "--network", network)
    one, other = shared.run("execute", *join, *OFTEN), shared.run("execute", *join)
    return master, one.wait_until_healthy(), other.wait_until_healthy()


def test_a_revoked_token_lets_nobody_in(members: tuple[Node, Node, Node]) -> None:
    """revoke-token on the master shuts out who has that token, and nobody else."""
    master, one, other = members
    master.exec(f"{REQUEST_SCRIPTS}/revoke-token", "jti", id_of(one))
    assert one.attempt(*JOIN).returncode != 0
    other.exec(*JOIN)


def test_a_revoked_node_asks_for_another_token(members: tuple[Node, Node, Node]) -> None:
    """A node that was revoked says so, asks once for all its daemons, and joins when approved."""
    master, one, _ = members
    request = pending(master, one)
    assert "no longer accepts this node's token: it was revoked" in one.log()
    listed = master.exec("condor_token_request_list")
    assert listed.count(f'PeerLocation = "{one.address}"') == 1
    master.exec("condor_token_request_approve", "-reqid", request, stdin="yes\n")
    one.wait_until_healthy()


@pytest.mark.slow
def test_a_revoked_token_that_is_mounted_is_named(
    docker: Docker, members: tuple[Node, Node, Node], tmp_path: Path
) -> None:
    """A node whose mounted token was revoked says where it is; with another one there it joins."""
    master = members[0]
    make = ("condor_token_create", "-identity", "condor@condor-mini.internal")
    secret = tmp_path / "token"
    secret.write_text(master.exec(*make) + "\n")
    network = master.inspect("{{.HostConfig.NetworkMode}}")
    node = docker.run(
        *("execute", "-e", f"MASTER={master.name}", "--network", network, *OFTEN),
        *("-v", f"{secret}:/root/secrets/token:ro"),
    ).wait_until_healthy()
    master.exec(f"{REQUEST_SCRIPTS}/revoke-token", "jti", id_of(node))
    refused = "refuses this node's secret, mounted at /root/secrets/token: it was revoked"
    assert "Replace the secret" in node.wait_for_log(refused)
    assert refused in node.health()
    secret.write_text(master.exec(*make) + "\n")
    node.wait_until_healthy()


def test_a_new_key(members: tuple[Node, Node, Node]) -> None:
    """After rotate-key on the master no token is of use; a node that is restarted asks anew."""
    master, _, node = members
    node.exec(*JOIN)
    master.exec(f"{REQUEST_SCRIPTS}/rotate-key")
    assert node.attempt(*JOIN).returncode != 0
    asked = node.log().count(WAITS)
    node.restart()
    node.wait_for_log(WAITS, count=asked + 1)
    request = pending(master, node)
    master.exec("condor_token_request_approve", "-reqid", request, stdin="yes\n")
    node.wait_until_healthy()


def test_a_node_that_runs_asks_only_whom_it_knows(members: tuple[Node, Node, Node]) -> None:
    """Who gets hold of the central manager's address is asked for no token until a restart."""
    master, node, _ = members
    request = pending(master, node)
    master.exec("condor_token_request_approve", "-reqid", request, stdin="yes\n")
    node.wait_until_healthy()
    asked = node.log().count(WAITS)
    # Another one in its place: it has another key, and another certificate.
    master.exec("sh", "-c", "rm /etc/condor/*.pem")
    master.exec(f"{REQUEST_SCRIPTS}/rotate-key")
    node.wait_for_log("is another central manager than when the node started")
    assert node.log().count(WAITS) == asked
    node.restart()
    node.wait_for_log(WAITS, count=asked + 1)


def test_auto_approve_ends(docker: Docker, network: str, approving: Node) -> None:
    """It lets none in afterwards: it has been over for long while the tests before this one ran."""
    began = int(approving.exec("stat", "-c", "%Y", "/etc/condor/passwords.d/POOL"))
    approving.wait_for(f"test $(date +%s) -gt {began + APPROVED_S + 2} && echo over", "over")
    late = docker.run("execute", "-e", f"MASTER={approving.name}", "--network", network)
    late.wait_for_log(WAITS)
    assert WAITS in late.health()


def test_a_request_is_limited(master: Node, waiting: tuple[Node, str]) -> None:
    """A request for more than a node needs is refused; one that names nothing is for that much."""
    node, _ = waiting
    ssl = "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS=SSL"
    ask = "timeout 5 condor_token_request -identity condor@condor-mini.internal -file /tmp/t"
    refused = node.attempt("sh", "-c", f"{ssl} {ask} -authz ADMINISTRATOR")
    assert "All requested authorizations were eliminated" in refused.stdout + refused.stderr
    node.attempt("sh", "-c", f"{ssl} {ask}")
    limits = "ADVERTISE_MASTER,ADVERTISE_SCHEDD,ADVERTISE_STARTD,READ"
    assert f'LimitAuthorization = "{limits}"' in master.exec("condor_token_request_list")
