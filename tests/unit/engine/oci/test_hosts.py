"""Docker on another host: how the client is called, and what is said of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError, HostNotReached
from condor_mini.engine.oci.hosts import DockerElsewhere, options_of

if TYPE_CHECKING:
    from pathlib import Path

INFO = {
    "ServerVersion": "20.10.24",
    "NCPU": 4,
    "MemTotal": 2**30,
    "Architecture": "x86_64",
    "ClientInfo": {"Context": "default"},
}


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A client that writes its arguments down, and answers with what the file ``answer`` does."""
    client = tmp_path / "docker"
    client.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n. {tmp_path}/answer\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("DOCKER_HOST", "unix:///here.sock")
    return tmp_path


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("node2", ("--context", "node2")),
        ("ssh://me@node2", ("--host", "ssh://me@node2")),
        ("tcp://node2:2376", ("--tlsverify", "--host", "tcp://node2:2376")),
    ],
)
def test_options(host: str, options: tuple[str, ...]) -> None:
    """A name is a context; a URL of TCP is never used without TLS."""
    assert options_of(host) == options


def test_it_is_another_machine(docker: Path) -> None:
    """Wherever its socket is: nothing of this machine is mounted there, or reached directly."""
    (docker / "answer").write_text(
        f"case $3 in info) echo '{json.dumps(INFO)}' ;; *) echo unix:///there.sock ;; esac\n"
    )
    info = DockerElsewhere("node2").info()
    assert not info.same_host
    assert not info.has_routes
    assert (docker / "called").read_text().startswith("--context node2 info ")
    assert DockerElsewhere("ssh://node2").endpoint() == "ssh://node2"


def test_host_that_is_not_reached(docker: Path) -> None:
    """The error has its name and the client's words, and the command to see more."""
    (docker / "answer").write_text("echo 'error during connect: refused' >&2\nexit 1\n")
    with pytest.raises(HostNotReached) as failure:
        DockerElsewhere("ssh://me@node2").containers({})
    assert failure.value.message == (
        "the host ssh://me@node2 is not reached: error during connect: refused"
    )
    assert failure.value.hint == "See what is wrong: docker --host ssh://me@node2 version"


def test_old_engine_is_refused(docker: Path) -> None:
    """With its version, and the oldest that will do."""
    old = json.dumps({**INFO, "ServerVersion": "19.03.15"})
    (docker / "answer").write_text(f"case $3 in info) echo '{old}' ;; *) echo unix:///x ;; esac\n")
    with pytest.raises(EngineCapabilityError, match=r"host node2 is version 19\.03\.15, and 20"):
        DockerElsewhere("node2").info()
