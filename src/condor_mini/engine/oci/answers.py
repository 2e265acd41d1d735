"""Reads the JSON answers of the command line into our dataclasses; pure functions."""

from __future__ import annotations

from datetime import datetime

from condor_mini.engine.oci.shortcomings import Json, podman_shortcomings
from condor_mini.engine.values import (
    NAMELESS,
    ContainerInfo,
    ContainerState,
    EngineInfo,
    ImageInfo,
    NetworkInfo,
    VolumeInfo,
    host_in_url,
)

_MEBIBYTE = 2**20
_DOCKERS = {"cpus": "CpuCfsQuota", "memory_mb": "MemoryLimit", "pids": "PidsLimit"}
"""The keys of Docker's `info` for each limit of a container."""
_VIRTUAL_MACHINES = ("Docker Desktop", "OrbStack")
"""What Docker's `info` calls the operating system of an engine in a virtual machine here."""
_CONTROLLERS = {"cpus": "cpu", "memory_mb": "memory", "pids": "pids"}
"""The controllers of the control groups, by the limits that need them."""


def docker_info(facts: Json, endpoint: str) -> EngineInfo:
    """Return the engine, from Docker's `info`."""
    rootless = any("rootless" in option for option in facts.get("SecurityOptions") or ())
    same_host = endpoint.startswith(("unix://", "npipe://"))
    return EngineInfo(
        name="docker",
        version=facts["ServerVersion"],
        endpoint=endpoint,
        rootless=rootless,
        same_host=same_host,
        # Docker Desktop's containers are in a virtual machine.
        has_routes=same_host
        and not rootless
        and facts.get("OperatingSystem") not in _VIRTUAL_MACHINES,
        cpus=facts["NCPU"],
        memory_mb=facts["MemTotal"] // _MEBIBYTE,
        architecture=facts["Architecture"],
        limits=tuple(limit for limit, key in _DOCKERS.items() if facts.get(key)),
    )


def podman_info(facts: Json, endpoint: str) -> EngineInfo:
    """Return the engine, from Podman's `info`; without an endpoint it is this machine's."""
    host = facts["host"]
    controllers = host.get("cgroupControllers") or ()
    return EngineInfo(
        name="podman",
        version=facts["version"]["Version"],
        endpoint=endpoint or f"file://{facts['store']['graphRoot']}",
        rootless=host["security"]["rootless"],
        same_host=not host["serviceIsRemote"],
        has_routes=not host["serviceIsRemote"] and not host["security"]["rootless"],
        cpus=host["cpus"],
        memory_mb=host["memTotal"] // _MEBIBYTE,
        architecture=host["arch"],
        limits=tuple(limit for limit, needed in _CONTROLLERS.items() if needed in controllers),
        shortcomings=tuple(podman_shortcomings(facts)),
    )


def image_info(facts: Json) -> ImageInfo:
    """Return an image, from `image inspect`."""
    labels = facts["Config"].get("Labels") or {}
    variables = facts["Config"].get("Env") or []
    # Podman leaves out the digest's kind; with it, an image has the same id on both engines.
    image_id = f"sha256:{facts['Id'].removeprefix('sha256:')}"
    return ImageInfo(
        id=image_id,
        size_bytes=facts["Size"],
        labels=labels,
        architecture=facts.get("Architecture", ""),
        environment=dict(line.split("=", 1) for line in variables if "=" in line),
    )


def container_info(facts: Json, local_prefix: str = "") -> ContainerInfo:
    """Return a container, from `container inspect`.

    Args:
        facts: The answer for one container.
        local_prefix: The engine's prefix of an image's name that names no registry.
    """
    state = facts["State"]
    ended = state["Status"] in {"exited", "dead", "stopped"}
    health = (state.get("Health") or {}).get("Status")
    networks = facts["NetworkSettings"].get("Networks") or {}
    named = [mount for mount in facts.get("Mounts") or () if not is_nameless(mount)]
    return ContainerInfo(
        id=facts["Id"],
        name=facts["Name"].removeprefix("/"),
        image=facts["Config"]["Image"].removeprefix(local_prefix),
        state=_state(state["Status"]),
        exit_code=state["ExitCode"] if ended else None,
        health=None if health in {"none", ""} else health,
        labels=facts["Config"].get("Labels") or {},
        addresses={
            name: network["IPAddress"]
            for name, network in networks.items()
            if network.get("IPAddress")
        },
        mounts={mount["Destination"]: mount["Source"] for mount in named},
        volumes={
            mount["Destination"]: mount["Name"] for mount in named if mount.get("Type") == "volume"
        },
        started_at=_time(state["StartedAt"]),
        ports=_ports(facts["NetworkSettings"].get("Ports") or {}) if state["Running"] else {},
    )


def is_nameless(mount: Json) -> bool:
    """Return whether a mount, from `container inspect`, is a volume of the container's own."""
    return bool(NAMELESS.fullmatch(mount.get("Name") or ""))


def network_info(facts: Json) -> NetworkInfo:
    """Return a network, from `network inspect`."""
    known = {key.lower(): value for key, value in facts.items()}  # Podman's keys are in lower case
    return NetworkInfo(id=known["id"], name=known["name"], labels=known.get("labels") or {})


def volume_info(facts: Json) -> VolumeInfo:
    """Return a volume, from `volume inspect`."""
    return VolumeInfo(name=facts["Name"], labels=facts.get("Labels") or {})


def _ports(bindings: Json) -> dict[int, str]:
    """Return where each published TCP port is reached, from `{"80/tcp": [{"HostIp": ...}]}`."""
    reached = {}
    for port, hosts in bindings.items():
        number, _, protocol = port.partition("/")
        if protocol == "tcp" and hosts:
            reached[int(number)] = f"{host_in_url(hosts[0]['HostIp'])}:{hosts[0]['HostPort']}"
    return reached


def _time(text: str) -> datetime | None:
    """Return a time, None for the one that means never; fractions of 1 us are cut off."""
    time = datetime.fromisoformat(text)
    return None if time.year == 1 else time


def _state(status: str) -> ContainerState:
    match status:
        case "created" | "configured" | "initialized":
            return ContainerState.CREATED
        case "running":
            return ContainerState.RUNNING
        case "exited" | "stopped":  # Podman's state until it has cleaned up
            return ContainerState.EXITED
    return ContainerState.OTHER
