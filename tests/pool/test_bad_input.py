"""What a node says, and what it does, when what it was given is wrong."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HEALTH
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pool.conftest import Docker, Node, Pool

pytestmark = pytest.mark.engines("docker")

ENDS_WITH_2 = {
    "no-master": ([], "no central manager is set"),
    "no-name": (["-e", "MASTER=a;b"], "'a;b' is not a name or address"),
    "cpus": (["-e", "MASTER=cm", "-e", "NUM_CPUS=abc"], "NUM_CPUS=abc: must be a positive"),
    "no-cpus": (["-e", "MASTER=cm", "-e", "NUM_CPUS=0"], "NUM_CPUS=0: must be a positive"),
    "memory": (["-e", "MASTER=cm", "-e", "MEMORY=2G"], "MEMORY=2G: must be a positive"),
    "read": (["-e", "MASTER=cm", "-e", "READ=all"], "READ=all: must be anyone or members"),
}
NO_NETBLOCK = ["all", "10.0.0.0/99", "10.0.0.0/8,soon", "10.0.0.0/8 20"]
UNREACHABLE = {
    "name": ("nosuch.invalid", "'nosuch.invalid' (port 9618): nosuch.invalid: "),
    "address": ("192.0.2.77", "'192.0.2.77' (port 9618): "),
    "port": ("127.0.0.1:9", "'127.0.0.1' (port 9): Connection refused"),
}


@pytest.mark.parametrize(("options", "words"), ENDS_WITH_2.values(), ids=ENDS_WITH_2)
def test_a_wrong_setting_ends_the_node(docker: Docker, options: list[str], words: str) -> None:
    """A missing or malformed setting gets one line that names it, and status 2."""
    result = docker.foreground("execute", *options)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr


@pytest.mark.parametrize("value", NO_NETBLOCK)
def test_a_malformed_auto_approve_ends_the_master(docker: Docker, value: str) -> None:
    """An AUTO_APPROVE that is no netblock gets one line that says what is wanted, and status 2."""
    result = docker.foreground("master", "-e", f"AUTO_APPROVE={value}")
    assert result.returncode == 2
    assert f"AUTO_APPROVE={value}: must be <netblock>[,SECONDS]" in result.stderr


@pytest.mark.parametrize(
    ("target", "content", "words"),
    [
        ("/root/secrets/token", None, "/root/secrets/token is a directory"),
        ("/root/secrets/pool_password", None, "/root/secrets/pool_password is a directory"),
        ("/root/secrets/pool_password", "", "/root/secrets/pool_password is empty"),
        ("/root/secrets/token", "s3cret-word", "/root/secrets/token is not an HTCondor token"),
        ("/etc/condor/tokens-orig.d/t", "s3cret-word", "tokens-orig.d/t is not an HTCondor token"),
    ],
)
def test_a_wrong_secret_ends_the_node(
    docker: Docker, tmp_path: Path, target: str, content: str | None, words: str
) -> None:
    """A missing, empty or malformed secret gets one line that names it, and not what is in it."""
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content)
    result = docker.foreground("execute", "-e", "MASTER=cm", "-v", f"{secret}:{target}:ro")
    assert result.returncode == 1
    assert words in result.stderr
    assert "s3cret-word" not in result.stdout + result.stderr


def test_a_pool_password_that_is_asked_for_and_absent_ends_the_node(docker: Docker) -> None:
    """USE_POOL_PASSWORD without a password gets one line that says where to mount it."""
    result = docker.foreground("execute", "-e", "MASTER=cm", "-e", "USE_POOL_PASSWORD=yes")
    assert result.returncode == 1
    assert "no password is mounted at /root/secrets/pool_password" in result.stderr


@pytest.mark.parametrize(("master", "words"), UNREACHABLE.values(), ids=UNREACHABLE)
def test_an_unreachable_master_is_named(docker: Docker, master: str, words: str) -> None:
    """The log and the health check name the central manager that was tried, and why it failed."""
    node = docker.run("execute", "-e", f"MASTER={master}")
    node.wait_for_log("cannot reach the central manager", words, within_s=20)
    assert words in node.health()


def test_no_reason_is_not_healthy(docker: Docker) -> None:
    """When the wait ends between two looks of the health check, the daemons still have to start."""
    node = docker.run("execute", "-e", "MASTER=127.0.0.1:9")
    node.wait_for_log("cannot reach")
    node.shell("""mkdir /tmp/bin
        printf '#!/bin/sh\nrm -f "$1"\nexec /bin/cat "$@"\n' >/tmp/bin/cat
        chmod +x /tmp/bin/cat""")
    said = node.attempt("sh", "-c", f"PATH=/tmp/bin:$PATH {HEALTH}")
    assert (said.returncode, said.stdout.strip()) == (1, "condor_master is not running")


def test_a_node_joins_when_its_master_appears(docker: Docker) -> None:
    """A node that was started first keeps trying, and joins when the central manager is there."""
    network = docker.network()
    node = docker.run("execute", "-e", "MASTER=late", "--network", network)
    node.wait_for_log("cannot reach the central manager 'late'")
    docker.run(
        *("master", "-e", "AUTO_APPROVE=0.0.0.0/0"),
        *("--network", network, "--network-alias", "late"),
    )
    node.wait_for_log("reached the central manager 'late'")
    node.wait_until_healthy()


def test_the_engine_shows_that_the_master_is_unreachable(docker: Docker) -> None:
    """A node that waits for its central manager turns unhealthy in the engine's record."""
    node = docker.run(
        *("execute", "-e", "MASTER=127.0.0.1:9"),
        *("--health-interval=1s", "--health-start-period=1s"),
    )

    def probe() -> str | None:
        health = node.inspect("{{.State.Health.Status}}")
        return None if health == "unhealthy" else f"it is {health}"

    wait_until(probe, timeout_s=30)


def obeys_a_stop(node: Node) -> bool:
    """Whether a node ends when the engine stops it, before the engine kills it."""
    node.stop()
    return node.exit_code != 128 + signal.SIGKILL


def test_a_node_that_waits_for_its_master_stops(docker: Docker) -> None:
    """A stop is obeyed while the central manager is not there."""
    node = docker.run("submit", "-e", "MASTER=127.0.0.1:9")
    node.wait_for_log("cannot reach")
    assert obeys_a_stop(node)


def test_a_node_that_waits_for_approval_stops(docker: Docker, master: Node) -> None:
    """A stop is obeyed while the token request is pending."""
    node = docker.run("submit", "-e", f"MASTER={master.address}")
    node.wait_for_log("waiting for approval of token request")
    assert obeys_a_stop(node)


@pytest.fixture(scope="module")
def master(shared: Docker) -> Node:
    """A central manager that approves nobody."""
    return shared.run("master").wait_until_healthy()


def test_another_pools_token_is_refused_in_one_line(
    docker: Docker, master: Node, pool: Pool, tmp_path: Path
) -> None:
    """Log and health name a token of another pool; with the right one the node joins."""
    make = ("condor_token_create", "-identity", "condor@condor-mini.internal")
    secret = tmp_path / "token"
    secret.write_text(pool.master.exec(*make) + "\n")
    node = docker.run(
        *("execute", "-e", f"MASTER={master.address}"),
        *("-v", f"{tmp_path}:/etc/condor/tokens-orig.d:ro"),
    )
    refused = (
        "refuses this node's secret, mounted at /etc/condor/tokens-orig.d/token: it was revoked, "
        "or belongs to another pool"
    )
    node.wait_for_log(refused)
    assert refused in node.health()
    secret.write_text(master.exec(*make) + "\n")
    node.exec("/update-secrets")
    node.wait_until_healthy()
