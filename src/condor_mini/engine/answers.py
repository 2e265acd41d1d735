"""What the command line answers in JSON, in our own words; pure functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from condor_mini.engine.argv import host_in_url
from condor_mini.engine.protocol import (
    ContainerInfo,
    ContainerState,
    EngineInfo,
    ImageInfo,
    NetworkInfo,
    VolumeInfo,
)

Json = dict[str, Any]

_MEBIBYTE = 2**20


def engine_info(name: str, endpoint: str, facts: Json) -> EngineInfo:
    """The engine, of `info`."""
    return EngineInfo(
        name=name,
        version=facts["ServerVersion"],
        endpoint=endpoint,
        rootless=any("rootless" in option for option in facts.get("SecurityOptions") or ()),
        same_host=endpoint.startswith(("unix://", "npipe://")),
        cpus=facts["NCPU"],
        memory_mb=facts["MemTotal"] // _MEBIBYTE,
        architecture=facts["Architecture"],
    )


def image_info(facts: Json) -> ImageInfo:
    """One image, of `image inspect`."""
    labels = facts["Config"].get("Labels") or {}
    return ImageInfo(
        id=facts["Id"],
        size_bytes=facts["Size"],
        labels=labels,
        architecture=facts.get("Architecture", ""),
    )


def container_info(facts: Json) -> ContainerInfo:
    """One container, of `container inspect`."""
    state = facts["State"]
    ended = state["Status"] in {"exited", "dead"}
    health = (state.get("Health") or {}).get("Status")
    networks = facts["NetworkSettings"].get("Networks") or {}
    return ContainerInfo(
        id=facts["Id"],
        name=facts["Name"].removeprefix("/"),
        image=facts["Config"]["Image"],
        state=_state(state["Status"]),
        exit_code=state["ExitCode"] if ended else None,
        health=None if health == "none" else health,
        labels=facts["Config"].get("Labels") or {},
        addresses={
            name: network["IPAddress"]
            for name, network in networks.items()
            if network.get("IPAddress")
        },
        mounts={mount["Destination"]: mount["Source"] for mount in facts.get("Mounts") or ()},
        started_at=_time(state["StartedAt"]),
        ports=_ports(facts["NetworkSettings"].get("Ports") or {}) if state["Running"] else {},
    )


def network_info(facts: Json) -> NetworkInfo:
    """One network, of `network inspect`."""
    return NetworkInfo(id=facts["Id"], name=facts["Name"], labels=facts.get("Labels") or {})


def volume_info(facts: Json) -> VolumeInfo:
    """One volume, of `volume inspect`."""
    return VolumeInfo(name=facts["Name"], labels=facts.get("Labels") or {})


def _ports(bindings: Json) -> dict[int, str]:
    """Where each published TCP port is reached, of `{"80/tcp": [{"HostIp": ...}, ...]}`."""
    reached = {}
    for port, hosts in bindings.items():
        number, _, protocol = port.partition("/")
        if protocol == "tcp" and hosts:
            reached[int(number)] = f"{host_in_url(hosts[0]['HostIp'])}:{hosts[0]['HostPort']}"
    return reached


def _time(text: str) -> datetime | None:
    """A time, None for the one that stands for never; what is less than 1 us is cut off."""
    time = datetime.fromisoformat(text)
    return None if time.year == 1 else time


def _state(status: str) -> ContainerState:
    try:
        return ContainerState(status)
    except ValueError:
        return ContainerState.OTHER
