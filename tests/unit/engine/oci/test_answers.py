"""What the command line answers in JSON, in our own words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from condor_mini.engine.oci.answers import (
    container_info,
    docker_info,
    image_info,
    network_info,
    podman_info,
    volume_info,
)
from podman_answers import ROOT, ROOTLESS, changed


def container(*, running: bool = True, ports: Any = None, **state: str) -> dict[str, Any]:  # noqa: ANN401
    """What is said of a container."""
    return {
        "Id": "0123",
        "Name": "/node",
        "Config": {"Image": "image", "Labels": None},
        "State": {
            "Status": "running" if running else "exited",
            "Running": running,
            "ExitCode": 0,
            "StartedAt": "2026-11-21T09:40:28Z",
            **state,
        },
        "NetworkSettings": {"Networks": None, "Ports": ports},
        "Mounts": None,
    }


@pytest.mark.parametrize(
    ("said", "limits"),
    [
        (
            {"CpuCfsQuota": True, "MemoryLimit": True, "PidsLimit": True},
            ("cpus", "memory_mb", "pids"),
        ),
        ({"CpuCfsQuota": False, "MemoryLimit": True, "PidsLimit": False}, ("memory_mb",)),
        ({}, ()),
    ],
)
def test_dockers_limits(said: dict[str, bool], limits: tuple[str, ...]) -> None:
    """Docker says which limits hold, as rootless without delegated control groups none does."""
    facts = {"ServerVersion": "20.10", "NCPU": 2, "MemTotal": 2**30, "Architecture": "x86_64"}
    assert docker_info({**facts, **said}, "unix:///x").limits == limits


@pytest.mark.parametrize(
    ("said", "endpoint", "routes"),
    [
        ({"OperatingSystem": "Debian GNU/Linux 13"}, "unix:///x", True),
        ({"OperatingSystem": "Docker Desktop"}, "unix:///x", False),
        ({"SecurityOptions": ["name=rootless"]}, "unix:///x", False),
        ({}, "tcp://elsewhere:2376", False),
    ],
    ids=["this machine", "virtual machine", "rootless", "elsewhere"],
)
def test_routes_to_dockers_containers(said: dict[str, Any], endpoint: str, *, routes: bool) -> None:
    """Only containers of this machine's own daemon have addresses that this machine reaches."""
    facts = {"ServerVersion": "20.10", "NCPU": 2, "MemTotal": 2**30, "Architecture": "x86_64"}
    assert docker_info({**facts, **said}, endpoint).has_routes is routes


@pytest.mark.parametrize(
    ("said", "microsecond"),
    [
        ("2026-11-21T09:40:28Z", 0),
        ("2026-11-21T09:40:28.5Z", 500_000),
        ("2026-11-21T09:40:28.123456Z", 123_456),
        ("2026-11-21T09:40:28.123456999Z", 123_456),
        ("2026-11-21T11:40:28.12345678+02:00", 123_456),
    ],
)
def test_start_is_told_to_the_microsecond(said: str, microsecond: int) -> None:
    """A time comes with as many digits as there are, in whatever zone it was told."""
    expected = datetime(2026, 11, 21, 9, 40, 28, microsecond, tzinfo=UTC)
    assert container_info(container(StartedAt=said)).started_at == expected


def test_time_of_never_is_none() -> None:
    """The time that stands for never is no time."""
    assert container_info(container(StartedAt="0001-01-01T00:00:00Z")).started_at is None


PORTS = {
    "80/tcp": [
        {"HostIp": "127.0.0.1", "HostPort": "8080"},
        {"HostIp": "10.0.0.1", "HostPort": "8081"},
    ],
    "81/tcp": [{"HostIp": "::1", "HostPort": "40001"}],
    "82/tcp": None,
    "83/tcp": [],
    "84/udp": [{"HostIp": "127.0.0.1", "HostPort": "8084"}],
}


def test_first_binding_of_each_tcp_port_is_told() -> None:
    """A port is reached at the first of its addresses; what is not published is left out."""
    info = container_info(container(ports=PORTS))
    assert info.ports == {80: "127.0.0.1:8080", 81: "[::1]:40001"}


def test_ports_of_ended_are_none() -> None:
    """Whatever is said of a container that does not run, its ports are not reached."""
    assert container_info(container(running=False, ports=PORTS)).ports == {}


@pytest.mark.parametrize("ports", [None, {}])
def test_ports_may_be_missing(ports: object) -> None:
    """A container without ports is said to have none in two ways."""
    assert container_info(container(ports=ports)).ports == {}


def test_labels_may_be_missing() -> None:
    """A network or a volume without labels is said to have none in two ways."""
    said: list[dict[str, Any]] = [{}, {"Labels": None}, {"Labels": {"k": "v"}}]
    networks = [network_info({"Id": "0", "Name": "n", **facts}).labels for facts in said]
    volumes = [volume_info({"Name": "v", **facts}).labels for facts in said]
    assert networks == volumes == [{}, {}, {"k": "v"}]


# -- Podman's ------------------------------------------------------------------------------------


def test_info_of_this_machines() -> None:
    """Podman without a daemon tells where it keeps what it holds."""
    info = podman_info(ROOT, "")
    assert (info.name, info.version, info.rootless, info.same_host) == (
        *("podman", "4.3.1"),
        *(False, True),
    )
    assert info.endpoint == "file:///var/lib/containers/storage"
    assert (info.cpus, info.memory_mb, info.architecture) == (2, 2048, "amd64")
    assert info.limits == ("cpus", "memory_mb", "pids")


def test_info_of_another_machines() -> None:
    """A Podman that is called through a socket is elsewhere."""
    info = podman_info(changed(ROOT, serviceIsRemote=True), "ssh://me@there/run/podman.sock")
    assert (info.endpoint, info.same_host) == ("ssh://me@there/run/podman.sock", False)


@pytest.mark.parametrize(
    ("controllers", "limits"),
    [([], ()), (None, ()), (["memory", "pids"], ("memory_mb", "pids")), (["cpu"], ("cpus",))],
)
def test_limits_need_controllers(controllers: list[str] | None, limits: tuple[str, ...]) -> None:
    """Without a controller of the control groups a limit does not hold."""
    assert podman_info(changed(ROOTLESS, cgroupControllers=controllers), "").limits == limits


def test_image_has_the_id_that_docker_tells() -> None:
    """The same image counts as the same on both engines."""
    assert image_info({"Id": "0123", "Size": 1, "Config": {}}).id == "sha256:0123"


def test_image_variables() -> None:
    """An image's variables are told, also one with an equals sign; a name alone is none."""
    config = {"Env": ["A=b=c", "EMPTY=", "NAME"]}
    info = image_info({"Id": "0123", "Size": 1, "Config": config})
    assert info.environment == {"A": "b=c", "EMPTY": ""}


def test_network_has_small_keys() -> None:
    """A network's keys are written otherwise."""
    info = network_info({"id": "01", "name": "net", "labels": {"a": "b"}})
    assert (info.id, info.name, info.labels) == ("01", "net", {"a": "b"})


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *(("configured", "created"), ("initialized", "created"), ("running", "running")),
        *(("stopped", "exited"), ("exited", "exited"), ("stopping", "other"), ("paused", "other")),
    ],
)
def test_states_have_words_of_their_own(status: str, state: str) -> None:
    """Podman has more states than we tell apart."""
    facts = {
        "Id": "01",
        "Name": "x",
        "Config": {"Image": "localhost/image:1"},
        "State": {
            "Status": status,
            "Running": status == "running",
            "ExitCode": 3,
            "StartedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": ""},
        },
        "NetworkSettings": {},
    }
    info = container_info(facts, "localhost/")
    assert (info.state, info.image, info.health, info.started_at) == (
        *(state, "image:1"),
        *(None, None),
    )
    assert info.exit_code == (3 if state == "exited" else None)
