"""What goes into an engine and comes out of it: frozen dataclasses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path


NAMELESS = re.compile(r"[0-9a-f]{64}")
"""How engines name a volume that was created without a name."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """A finished command: what was run, its status, and all that it wrote."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Shortcoming:
    """What an engine lacks on this machine: the evidence, and the next command."""

    evidence: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """The engine that answered."""

    name: str
    """``docker``, ``podman``, ``fake``."""
    version: str
    endpoint: str
    """Where it listens, as a URL: ``unix:///var/run/docker.sock``.

    For an engine without a daemon, where it keeps its data: ``file:///home/me/.local/...``.
    """
    rootless: bool
    same_host: bool
    """Whether its containers can mount this machine's directories."""
    cpus: int
    memory_mb: int
    architecture: str
    many_users: bool = True
    """Whether a container has users of its own; if not, all of them are the caller."""
    read_only_mounts: bool = True
    """Whether a mount can be read-only."""
    read_only_roots: bool = True
    """Whether ``ContainerSpec.read_only`` has an effect."""
    on_loopback: bool = False
    """Whether containers share the host's network: their addresses are the loopback interface's.

    A port is then published at the container's own address, never at a port of the host.
    """
    has_routes: bool = True
    """Whether this machine reaches containers at their own addresses."""
    maps_caller: bool = False
    """Whether a container's user can be the caller (``ContainerSpec.as_caller``)."""
    stops_processes: bool = True
    """Whether SIGSTOP stops a container's process."""
    limits: tuple[str, ...] = ("cpus", "memory_mb", "pids")
    """The limits of ``ContainerSpec`` that are enforced; the others are ignored."""
    shortcomings: tuple[Shortcoming, ...] = ()
    """What works, but could work better on this machine."""

    @property
    def keeps_owners(self) -> bool:
        """Whether a file of this machine has the same owner in a container that mounts it.

        Containers to which this machine has a route are in no virtual machine and in no user
        namespace.
        """
        return self.same_host and self.has_routes and not self.on_loopback


@dataclass(frozen=True, kw_only=True)
class ImageTree:
    """An image as a tree of files: its own, and directories that it shares with the host."""

    archive: bytes = b""
    """A tar of its own files."""
    shared: Mapping[str, Path] = field(default_factory=dict)
    """Directories of the host by their paths in the image, read-only."""
    shared_bytes: int = 0
    """Their size, if it counts as the image's."""
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str | None = None
    workdir: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """An image that the engine holds."""

    id: str
    size_bytes: int
    labels: Mapping[str, str]
    architecture: str = ""
    """As images name it: ``amd64``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The environment variables of its containers."""


@dataclass(frozen=True, kw_only=True)
class BuildSpec:
    """What to build: a folder with a Dockerfile, and the names that the result gets."""

    context: Path
    tags: tuple[str, ...]
    build_args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    no_cache: bool = False


@dataclass(frozen=True, kw_only=True)
class BindMount:
    """A directory or file of the host, seen in the container at ``target``."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class VolumeMount:
    """A volume of the engine, seen in the container at ``target``.

    An absent volume raises ``NotFound``, unless there are labels to create it with.
    """

    volume: str
    target: str
    read_only: bool = False
    labels: Mapping[str, str] | None = None
    """Labels to create the volume with if it is absent; an existing one is left as it is."""


@dataclass(frozen=True, kw_only=True)
class ScratchMount:
    """A directory that the container can write to though its root is read-only.

    It is on the engine's disk, and is removed with the container. It starts with the image's
    content of that directory, with the same owner and mode.
    """

    target: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels to find it by if the container was removed without it; not every engine sets them."""


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A TCP port of the container that is reached at a port of the host."""

    container_port: int
    host_port: int | None = None
    """None for any free port, which may be another one at the next start."""
    host_ip: str = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class NetworkInfo:
    """A network that the engine holds."""

    id: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class VolumeInfo:
    """A volume that the engine holds."""

    name: str
    labels: Mapping[str, str]

    @property
    def is_nameless(self) -> bool:
        """Return whether it was created without a name, for one container."""
        return bool(NAMELESS.fullmatch(self.name))


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """A container to create. It holds no secrets: copy them in with ``Engine.copy_in``."""

    image: str
    name: str
    entrypoint: str | None = None
    """Replaces the image's entrypoint, and its command too."""
    command: tuple[str, ...] = ()
    """Replaces the image's command, not its entrypoint."""
    hostname: str | None = None
    user: str | None = None
    as_caller: bool = False
    """Whether ``user`` is the caller under another UID: see ``EngineInfo.maps_caller``."""
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[BindMount | VolumeMount | ScratchMount, ...] = ()
    read_only: bool = False
    """Whether the root file system is read-only, even for root; mounts can be written.

    It has no effect if ``EngineInfo.read_only_roots`` is false.
    """
    ports: tuple[PublishedPort, ...] = ()
    network: str | None = None
    ip: str | None = None
    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    no_new_privileges: bool = False
    healthcheck: bool = True
    """Whether to run the image's own health check, if it has one."""
    cpus: float | None = None
    """A limit, in cores; None for none."""
    memory_mb: int | None = None
    """A limit, in MiB; None for none."""
    pids: int | None = None
    """A limit of processes and threads; None for the engine's default."""
    host: str = ""
    """Which host of ``SeveralHosts`` it is for; empty for the first. Other engines ignore it."""


class ContainerState(StrEnum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    OTHER = "other"
    """Paused, restarting, being removed, dead."""


@dataclass(frozen=True, kw_only=True)
class ContainerInfo:
    """A container as the engine sees it now."""

    id: str
    name: str
    image: str
    state: ContainerState
    exit_code: int | None
    """Its status if it has ended, else None."""
    health: str | None
    """``starting``, ``healthy``, ``unhealthy``, or None if it has no health check."""
    labels: Mapping[str, str]
    """Its own and its image's; where both have a label, its own."""
    addresses: Mapping[str, str]
    """IPv4 addresses by network name; empty if it has none."""
    mounts: Mapping[str, str]
    """Host paths by path in the container; for a volume, where the engine keeps it.

    A ``ScratchMount`` is not among them.
    """
    volumes: Mapping[str, str]
    """The names of mounted volumes by path in the container; those without a name are left out.

    An image cannot bring one: what it declares (``VOLUME``) is a volume without a name.
    """
    started_at: datetime | None
    """When it was last started, with a time zone; None if it never was."""
    ports: Mapping[int, str]
    """Where each published port is reached (``127.0.0.1:40001``), by its number in the container.

    Empty unless it runs. A port that is published twice has one of its two addresses.
    """


def host_in_url(ip: str) -> str:
    """Return an address to which a colon and a port can be added."""
    return f"[{ip}]" if ":" in ip else ip
