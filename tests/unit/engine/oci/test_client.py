"""What an engine's command line complains of, with a ``docker`` that is a script."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    EngineCapabilityError,
    EngineNotFound,
    ImageBuildFailed,
    NotFound,
)
from condor_mini.engine import BuildSpec, ContainerSpec, OciEngine
from condor_mini.engine.oci import containers
from condor_mini.engine.oci.dialect import DOCKER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Complain = Callable[..., OciEngine]
    PutDocker = Callable[[str], None]

DAEMON = "Error response from daemon: "
EXTERNAL = "driver failed programming external connectivity on endpoint x (0123): "
NO_SPACE = f"{DAEMON}write /var/lib/docker/tmp/x: no space left on device"


@pytest.fixture
def put_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PutDocker:
    """Makes ``docker`` a shell's script."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def put(script: str) -> None:
        path = folder / "docker"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


@pytest.fixture
def complain(put_docker: PutDocker) -> Complain:
    """Makes an engine whose client says these lines, and fails."""

    def complain(*lines: str) -> OciEngine:
        put_docker("cat >&2 <<'END'\n" + "\n".join(lines) + "\nEND\nexit 1")
        return OciEngine(DOCKER)

    return complain


HERE = "127.0.0.1:8080"
PORT_TAKEN = [
    (f"Bind for {HERE} failed: port is already allocated", HERE),
    ("Bind for 10.0.0.1:8080 failed: port is already allocated", "10.0.0.1:8080"),
    (f"Error starting userland proxy: listen tcp4 {HERE}: bind: address already in use", HERE),
    ("listen tcp6 [::1]:8080: bind: address already in use", "[::1]:8080"),
    (f"set up container networking: Bind for {HERE} failed: port is already allocated", HERE),
    (f"failed to bind host port {HERE}/tcp: address already in use", HERE),
    (f"Ports are not available: x: listen tcp {HERE}: bind: address already in use", HERE),
]


@pytest.mark.parametrize(("said", "port"), PORT_TAKEN)
def test_taken_port_is_named(complain: Complain, said: str, port: str) -> None:
    """A port that is in use is named, with the engine's words as evidence."""
    engine = complain(DAEMON + EXTERNAL + said, "Error: failed to start containers: x")
    with pytest.raises(AlreadyInUse) as caught:
        engine.start("x")
    assert f"Host port {port} is already in use" in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize(
    "said",
    [
        f"{EXTERNAL}listen tcp4 203.0.113.7:80: bind: cannot assign requested address",
        "Address already in use",
    ],
)
def test_other_trouble_with_networks_is_no_taken_port(complain: Complain, said: str) -> None:
    """An address that the host does not have, or that a network has given away, is no port."""
    with pytest.raises(CommandFailed, match=re.escape(said)):
        complain(DAEMON + said).start("x")


NO_SUBNET = [
    "could not find an available, non-overlapping IPv4 address pool among the defaults",
    "all predefined address pools have been fully subnetted",
]


@pytest.mark.parametrize("said", NO_SUBNET)
def test_no_free_subnet_has_a_hint(complain: Complain, said: str) -> None:
    """Where an engine can make no more networks, it is told how to get rid of some."""
    with pytest.raises(EngineCapabilityError, match=said) as caught:
        complain(DAEMON + said).create_network("x", labels={})
    assert caught.value.hint is not None
    assert "docker network prune" in caught.value.hint


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda engine: engine.start("x"), id="start"),
        pytest.param(lambda engine: engine.copy_out("x", "/x"), id="copy_out"),
        pytest.param(lambda engine: engine.create_volume("x", labels={}), id="create_volume"),
        pytest.param(lambda engine: engine.remove("x"), id="remove"),
        pytest.param(lambda engine: engine.create(ContainerSpec(image="x", name="x")), id="create"),
    ],
)
def test_full_disk_has_a_hint(complain: Complain, call: Callable[[OciEngine], object]) -> None:
    """Whatever fails for want of room, it is told how to see what takes it."""
    with pytest.raises(CommandFailed) as caught:
        call(complain(NO_SPACE))
    assert caught.value.hint == DOCKER.hint_disk_full


def test_other_failure_has_no_hint(complain: Complain) -> None:
    """Of what is not known nothing is said."""
    with pytest.raises(CommandFailed) as caught:
        complain(f"{DAEMON}something else").start("x")
    assert caught.value.hint is None


def test_build_on_a_full_disk_has_a_hint(complain: Complain, tmp_path: Path) -> None:
    """A build that found no room is not to be tried by hand."""
    spec = BuildSpec(context=tmp_path, tags=("x",))
    with pytest.raises(ImageBuildFailed) as caught:
        complain(NO_SPACE).build(spec, on_line=lambda _: None)
    assert caught.value.hint == DOCKER.hint_disk_full


@pytest.mark.parametrize(
    "lines",
    [
        ["No such container: a", "No such container: b"],
        ["No such container: a", "removal of container b is already in progress"],
        ["network a not found", "exit status 1"],
        ["get a: no such volume"],
    ],
)
def test_what_is_absent_has_ended(complain: Complain, lines: list[str]) -> None:
    """It is a success to end what is absent or about to go, whatever else it is."""
    engine = complain(*(line if line.startswith("exit") else DAEMON + line for line in lines))
    engine.remove("a", "b")
    engine.stop("a", "b", timeout_s=1)
    engine.remove_volume("a")


@pytest.mark.parametrize("first", [True, False])
def test_one_failure_among_absent_ones_is_one(complain: Complain, *, first: bool) -> None:
    """Of several containers one that stays is an error, though others be absent."""
    lines = [f"{DAEMON}cannot remove container x: device busy", f"{DAEMON}No such container: a"]
    engine = complain(*(lines if first else reversed(lines)))
    with pytest.raises(CommandFailed, match="device busy"):
        engine.remove("x", "a")


def test_failure_without_words_is_one(put_docker: PutDocker) -> None:
    """A client that says nothing has not succeeded for that."""
    put_docker("exit 125")
    with pytest.raises(CommandFailed, match="ended with 125"):
        OciEngine(DOCKER).remove("x")


def test_loaded_names_are_told(put_docker: PutDocker, tmp_path: Path) -> None:
    """Of what a load says only the names are told, and no ids of nameless images."""
    put_docker(
        "echo 'Loading layer 1 of 2'; echo 'Loaded image: a/b:1'; echo 'Loaded image: c:2';"
        "echo 'Loaded image ID: sha256:0123'"
    )
    assert OciEngine(DOCKER).load_images(tmp_path / "x.tar") == ["a/b:1", "c:2"]


def test_client_that_fails_at_once_is_heard(complain: Complain) -> None:
    """What a client complains of, when it is to follow a container, is an error and no line."""
    seen: list[str] = []
    engine = complain(f"{DAEMON}No such container: x")
    with pytest.raises(NotFound, match="No such container: x"), engine.follow("x") as lines:
        seen.extend(lines)
    assert seen == []


def test_client_that_fails_later_is_heard(put_docker: PutDocker) -> None:
    """Lines that came before the client's complaint are the container's."""
    put_docker("echo one; echo two >&2; echo 'error during connect: EOF' >&2; exit 1")
    seen: list[str] = []
    with (
        pytest.raises(EngineNotFound, match="error during connect"),
        OciEngine(DOCKER).follow("x") as lines,
    ):
        seen.extend(lines)
    assert seen == ["one", "two"]


@pytest.mark.parametrize("more", ["", "; echo three"])
def test_containers_own_words_are_no_complaint(put_docker: PutDocker, more: str) -> None:
    """A container may write what looks like a client's complaint, at the end or before it."""
    put_docker(f"echo one; echo '{DAEMON}two'{more}")
    with OciEngine(DOCKER).follow("x") as lines:
        assert list(lines) == ["one", f"{DAEMON}two", *(["three"] if more else [])]


def test_following_without_a_client_is_not_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the command on PATH nothing is followed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineNotFound, match="no command docker"), OciEngine(DOCKER).follow("x"):
        pass


def test_many_containers_are_one_call(put_docker: PutDocker, tmp_path: Path) -> None:
    """All containers are named in one call, however many there are."""
    put_docker(f'echo "$#" >> {tmp_path}/counts')
    OciEngine(DOCKER).stop(*(f"c{number}" for number in range(120)), timeout_s=0.5)
    assert (tmp_path / "counts").read_text() == "123\n"


def test_containers_that_do_not_end_are_not_waited_for_forever(
    put_docker: PutDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is for as many turns as the client takes."""
    monkeypatch.setattr(containers, "QUICK_TIMEOUT_S", 0.2)
    put_docker("exec sleep 30")
    began = time.monotonic()
    with pytest.raises(CommandFailed, match="did not end in time"):
        OciEngine(DOCKER).stop(*(f"c{number}" for number in range(120)), timeout_s=0)
    assert 0.5 < time.monotonic() - began < 5
