"""A pool over several hosts, whose nodes have joined it by hand."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from debian_packages import unpack

from .joining import joined_nodes, submitted, token

if TYPE_CHECKING:
    from hosts_for_tests import Host, Network

PAUSE_S = 25
"""How long the central manager may take to revoke a join token after its last use, in seconds."""


@pytest.fixture(scope="module")
def first(hosts: Network) -> Host:
    """The host with the central manager, an access point and an execution point."""
    host = hosts.host("alpha", address="10.99.0.1/16")
    host.ran("create", "--expose", host.address, "-q")
    return host


@pytest.fixture(scope="module")
def second(hosts: Network, first: Host) -> Host:
    """A host with two execution points that are reached at its address."""
    host = hosts.host("beta", address="10.99.0.2/16")
    file = token(first, host, "--uses", "2")
    said = host.cli("join", first.address, "--token-file", file, "--execute", "2")
    assert said.status == 0, said.err
    assert "beta-execute-1: the pool's nodes reach it at 10.99.0.2:" in said.err
    return host


@pytest.fixture(scope="module")
def third(hosts: Network, first: Host) -> Host:
    """A host that accepts no connection, with an execution point and an access point."""
    host = hosts.host("gamma", address="10.99.0.3/16")
    host.shell("iptables -A INPUT -i eth0 -p tcp --syn -j DROP")
    file = token(first, host)
    said = host.cli("join", first.address, "--token-file", file)
    assert said.status == 0, said.err
    broker = f"through the connection broker at {first.address}:9618"
    assert f"gamma-execute-1: the pool's nodes reach it {broker}" in said.err
    file = token(first, host, role="submit")
    host.ran("join", first.address, "--token-file", file, "--submit", "1", "-n", "gamma-ap")
    return host


def test_jobs_run_on_every_host(first: Host, second: Host, third: Host) -> None:
    """Of both access points, and large files come back as they were."""
    for host, pool in ((first, "mini"), (third, "gamma-ap")):
        for node in ("mini-execute-1", "beta-execute-2", "gamma-execute-1"):
            wanted = f'CondorMiniNode == "{node}"'
            assert submitted(host, pool, f"on-{node}", wanted) == {node}
    assert second.name != third.name


def test_status_shows_nodes_with_their_hosts(first: Host, second: Host, third: Host) -> None:
    """On the first host all of them, on another one its own."""
    ours = {f"beta-execute-{number}": "beta" for number in (1, 2)}
    theirs = {"gamma-execute-1": "gamma", "gamma-ap-submit-1": "gamma"}
    assert joined_nodes(first) == {**ours, **theirs}
    text = first.ran("status")
    assert f"Other hosts join it at {first.address}:9618." in text
    assert "Slots: 1 of 1, and 3 on other hosts" in text
    found = json.loads(second.ran("status", "beta", "-o", "json"))
    assert found["verdict"] == "usable"
    assert found["joins"] == f"{first.address}:9618"
    assert {node["name"] for node in found["nodes"]} == set(ours)
    assert f"in the pool at {first.address}:9618" in third.ran("list")


def test_nodes_keep_their_place_over_a_stop(first: Host, second: Host) -> None:
    """They have tokens of their own, which are part of their state."""
    second.ran("stop", "beta")
    wait_until(
        lambda: "beta-execute-1 is there" if "beta-execute-1" in joined_nodes(first) else None,
        timeout_s=20,
    )
    second.ran("start", "beta")
    assert submitted(first, "mini", "after-stop", 'CondorMiniHost == "beta"') <= {
        "beta-execute-1",
        "beta-execute-2",
    }


def test_central_managers_host_may_be_stopped(first: Host, third: Host) -> None:
    """The nodes of other hosts come back by themselves, also those behind the broker."""
    first.ran("stop")
    first.ran("start")

    def missing() -> str | None:
        left = {"gamma-execute-1"} - joined_nodes(first).keys()
        return f"{left} are not back" if left else None

    wait_until(missing, timeout_s=60)
    assert third.name
    assert submitted(first, "mini", "again", 'CondorMiniHost == "gamma"') == {"gamma-execute-1"}


def test_nodes_leave(first: Host, second: Host, hosts: Network) -> None:
    """They end their jobs, and nothing of them is left, on either host."""
    host = hosts.host("delta", address="10.99.0.4/16")
    file = token(first, host)
    host.ran("join", f"{first.address}:9618", "--token-file", file)
    assert joined_nodes(first)["delta-execute-1"] == "delta"
    assert second.cli("leave", "-n", "alpha").status == 3
    host.ran("leave")
    assert "delta-execute-1" not in joined_nodes(first)
    assert host.ran("list", "-q") == ""
    assert not list((host.home / "share").rglob("*delta-execute*"))


def test_number_of_joined_nodes_is_fixed(second: Host) -> None:
    """More of them join under another name."""
    said = second.cli("scale", "-n", "beta", "--execute", "3")
    assert said.status == 2
    assert "join" in said.err


def nothing_is_left(host: Host) -> bool:
    """Whether a host has no pool, and no process that goes on."""
    return host.ran("list", "-q") == "" and not host.run("pgrep", "-x", "condor_master").out


@pytest.fixture(scope="module")
def stranger(hosts: Network) -> Host:
    """A host without nodes."""
    return hosts.host("omega", address="10.99.0.9/16")


def refused(host: Host, *argv: str, status: int, timeout_s: int = 40) -> str:
    """Try to join; what was said. Nothing is left."""
    said = host.cli("join", *argv, "--timeout", str(timeout_s))
    assert said.status == status, said.out + said.err
    assert "Traceback" not in said.err
    assert host.ran("list", "-q") == ""
    return said.err


def test_used_up_token_is_refused(first: Host, second: Host, stranger: Host) -> None:
    """Its last use revokes it."""
    file = next(path for path in second.home.iterdir() if path.name.startswith("token-"))
    copy = stranger.home / "used"
    copy.touch(0o600)
    copy.write_text(file.read_text())

    def accepted() -> str | None:
        listed = json.loads(first.ran("token", "list", "-o", "json"))
        ids = {each["id"]: each["state"] for each in listed}
        return None if "revoked" in ids.values() else f"no token is revoked: {ids}"

    wait_until(accepted, timeout_s=PAUSE_S)
    said = refused(stranger, first.address, "--token-file", str(copy), status=5)
    assert f"{first.address}:9618 refuses the join token: it is used up" in said


def test_expired_token_is_refused(first: Host, stranger: Host) -> None:
    """Before anything is made."""
    file = token(first, stranger, "--expires", "1s")
    stranger.shell("sleep 1.5")  # that is what is tested: the time is over
    said = refused(stranger, first.address, "--token-file", file, status=2)
    assert "the join token expired" in said


@pytest.mark.slow
def test_token_of_another_pool_is_refused(first: Host, hosts: Network, stranger: Host) -> None:
    """Whoever signed it has another key."""
    other = hosts.host("epsilon", address="10.99.0.5/16")
    other.ran("create", "--expose", other.address, "-q", "--submit", "1")
    file = token(other, stranger)
    said = refused(stranger, first.address, "--token-file", file, status=5)
    assert "refuses the join token" in said
    other.ran("delete", "-q")


def test_token_is_good_for_one_role(first: Host, stranger: Host) -> None:
    """Nodes of another role are refused here, and by the central manager."""
    file = token(first, stranger)
    said = refused(stranger, first.address, "--token-file", file, "--submit", "1", status=2)
    assert "is for an execution point, not for an access point" in said


def test_taken_name_is_refused(first: Host, second: Host, stranger: Host) -> None:
    """Of a node of another host; and those of the first host are nobody else's."""
    file = token(first, stranger)
    said = refused(stranger, first.address, "--token-file", file, "-n", second.name, status=5)
    assert "has a node beta-execute-1 already, at 10.99.0.2:" in said


@pytest.mark.parametrize("ahead", ["+90s", "-90s"])
def test_clocks_that_differ_are_refused(
    first: Host, stranger: Host, tmp_path: Path, ahead: str
) -> None:
    """Tokens and leases do not work then; the node ends before it takes part."""
    unpack(tmp_path, "libfaketime")
    (library,) = tmp_path.rglob("libfaketime.so.1")
    shutil.copy(library, stranger.home)
    (stranger.home / "ld.so.preload").write_text(f"/etc/{library.name}\n")
    (stranger.home / "faketimerc").write_text(f"{ahead}\n")
    mounts = [f"./{name}:/etc/{name}:ro" for name in ("ld.so.preload", "faketimerc", library.name)]
    file = stranger.home / "pool.yaml"
    file.write_text(
        f"version: 1\nexecution_points: [{{count: 1, volumes: {json.dumps(mounts)}}}]\n"
    )
    argv = ("--token-file", token(first, stranger), "-c", str(file), "-n", "clock")
    said = refused(stranger, first.address, *argv, status=5)
    assert f"the clocks of this host and of {first.address}:9618 differ by more than a min" in said


def test_address_that_nobody_reaches_is_named(stranger: Host, first: Host) -> None:
    """With the reason, and from where."""
    file = token(first, stranger)
    said = refused(stranger, f"{first.address}:77", "--token-file", file, status=5, timeout_s=2)
    assert f"cannot reach the central manager '{first.address}' (port 77)" in said
    said = refused(stranger, "10.77.0.1", "--token-file", file, status=6)
    assert "no way to 10.77.0.1:9618" in said


def test_token_is_nobody_elses(first: Host, stranger: Host) -> None:
    """A file that others read is refused, as is one that is no token."""
    file = stranger.home / "open"
    file.write_text("eyJ.eyJ.eyJ\n")
    assert "can be read by other users" in refused(
        stranger, first.address, "--token-file", str(file), status=2
    )
    file.chmod(0o600)
    assert "no join token" in refused(stranger, first.address, "--token-file", str(file), status=2)


def test_pool_that_is_not_exposed_gives_no_join_token(stranger: Host) -> None:
    """It says how to create one that is."""
    stranger.ran("create", "-n", "alone", "-q")
    said = stranger.cli("token", "create", "-n", "alone", "--join", "execute")
    assert said.status == 2
    assert "condor-mini create --expose HOST" in said.err
    stranger.ran("delete", "-n", "alone", "-q")


def test_join_token_stands_nowhere(first: Host, second: Host) -> None:
    """Neither in logs and in what the engine records, nor in processes' environments."""
    file = next(path for path in second.home.iterdir() if path.name.startswith("token-"))
    secret = file.read_text().strip()
    for host, pool in ((first, "mini"), (second, "beta")):
        for pid in host.shell(f"ip netns pids {host.namespace}").split():
            for name in ("environ", "cmdline"):
                with suppress(OSError):  # the process has ended
                    assert secret not in Path("/proc", pid, name).read_text(errors="replace")
        assert secret not in host.ran("logs", "-n", pool)
        found = host.run("grep", "-rlF", "-e", secret, str(host.home))
        assert found.out.splitlines() in ([], [str(file)])
