"""``condor-mini join``, ``leave`` and ``token create --join``."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from fake_pool import FakePool
    from pool_engine import PoolEngine


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, pools: PoolEngine) -> list[dict[str, Any]]:
    """What ``Pool.join`` was asked for."""
    calls: list[dict[str, Any]] = []

    def join(central_manager: str, token: str, name: str, **options: object) -> Pool:
        calls.append({"at": central_manager, "token": token, "name": name, **options})
        return Pool(pools, name)

    monkeypatch.setattr(Pool, "join", join)
    return calls


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with a token."""
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text("TOKEN\n")
    return file


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Worker7.example.org", "worker7"),
        ("my_host", "my-host"),
        ("-", "host"),
        ("a" * 60, "a" * 40),
    ],
)
def test_nodes_are_called_by_their_host(
    condor_mini: Callable[..., Result],
    asked: list[dict[str, Any]],
    token: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    name: str,
) -> None:
    """As far as names of nodes allow."""
    monkeypatch.setattr(platform, "node", lambda: host)
    assert condor_mini("join", "cm:9700", "--token-file", str(token)).status == 0
    (call,) = asked
    assert (call["at"], call["token"], call["name"]) == ("cm:9700", "TOKEN", name)
    assert (call["execution_points"], call["access_points"], call["spec"]) == (None, None, None)


def test_token_comes_from_stdin_too(
    condor_mini: Callable[..., Result], asked: list[dict[str, Any]]
) -> None:
    """So that no file has it."""
    said = condor_mini("join", "cm", "--token-file", "-", "-n", "w", stdin="TOKEN\n")
    assert (said.status, asked[0]["token"]) == (0, "TOKEN")


def test_file_that_others_read_is_refused(
    condor_mini: Callable[..., Result], asked: list[dict[str, Any]], token: Path
) -> None:
    """With the command that mends it; an absent one is not found."""
    token.chmod(0o640)
    said = condor_mini("join", "cm", "--token-file", str(token))
    assert (said.status, asked) == (2, [])
    assert f"chmod 600 {token}" in said.err
    assert condor_mini("join", "cm", "--token-file", f"{token}-2").status == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--uses", "2"],
        ["--expires", "1h"],
        ["--join", "execute", "--lifetime", "60"],
        ["--join", "execute", "--authz", "READ"],
        ["--join", "execute", "--user", "ada"],
        ["--join", "master"],
    ],
)
def test_options_of_two_kinds_of_tokens_contradict(
    condor_mini: Callable[..., Result], options: list[str]
) -> None:
    """A join token has the rights of its role, and its own options."""
    assert condor_mini("token", "create", *options).status == 2


def test_nothing_leaves_where_nothing_has_joined(
    pool: FakePool, run: Callable[..., Result]
) -> None:
    """The pool of this host is no candidate."""
    del pool
    said = run("leave")
    assert said.status == 3
    assert "no nodes of this host have joined a pool" in said.err


def test_nodes_of_other_hosts_are_shown(pool: FakePool, run: Callable[..., Result]) -> None:
    """With their hosts; their slots are no excess of this host's."""
    for kind in ("DaemonMaster", "StartD", "Machine"):
        pool.ads.append(pool.ad("worker7-execute-1", kind, CondorMiniHost="worker7"))
    pool.ads.append(pool.ad("gone-submit-1", "Submitter", CondorMiniHost="gone"))
    shown = run("status", "-n", "ci")
    assert shown.status == 0
    row = next(line for line in shown.out.splitlines() if "worker7" in line).split()
    assert row[:4] == ["worker7-execute-1", "worker7", "10.0.0.9:9618", "1"]
    assert row[-2:] == ["master", "startd"]
    assert "Slots: 1 of 1, and 1 on other hosts: 1 Unclaimed/Idle" in shown.out
    assert "gone" not in shown.out
    (found,) = run("status", "-n", "ci", "-o", "json").json["joined"]
    assert (found["host"], found["slots"], found["daemons"]) == ("worker7", 1, ["master", "startd"])
