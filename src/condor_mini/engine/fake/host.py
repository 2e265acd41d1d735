"""What a fake engine holds: networks, volumes, containers, and the ports of its host."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, NotFound
from condor_mini.engine.fake.files import FakeFile, FakeWorld
from condor_mini.engine.fake.log import FakeLog
from condor_mini.engine.values import (
    BindMount,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    NetworkInfo,
    ScratchMount,
    VolumeInfo,
    VolumeMount,
    host_in_url,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIRST_FREE_PORT = 40001
_ALL_ADDRESSES = {"0.0.0.0", "::"}  # noqa: S104 - nothing listens


@dataclass(frozen=True, kw_only=True)
class _Binding:
    """A port of the host that leads to a container's port."""

    container_port: int
    host_ip: str
    host_port: int

    @property
    def reached(self) -> str:
        return f"{host_in_url(self.host_ip)}:{self.host_port}"


@dataclass(kw_only=True)
class FakeContainer:
    """A container as the engine records it."""

    id: str
    spec: ContainerSpec
    labels: Mapping[str, str]
    """Its own and its image's."""
    number: int
    log: FakeLog
    changes: FakeLog
    """The engine's, with the name of whatever changes."""
    state: ContainerState = ContainerState.CREATED
    exit_code: int | None = None
    health: str | None = None
    started_at: datetime | None = None
    files: dict[str, FakeFile] = field(default_factory=dict)
    bindings: list[_Binding] = field(default_factory=list)
    """The host ports that it got when it was last started."""

    @property
    def is_running(self) -> bool:
        """Return whether it runs."""
        return self.state is ContainerState.RUNNING

    def run(self, now: datetime, bindings: list[_Binding]) -> None:
        """Let it run from now on."""
        self.state, self.exit_code = ContainerState.RUNNING, None
        self.started_at, self.bindings = now, bindings
        self.log.open()
        self.note()

    def end(self, exit_code: int) -> None:
        """Let it end with that status."""
        self.state, self.exit_code = ContainerState.EXITED, exit_code
        self.log.close()
        self.note()

    def note(self) -> None:
        """Let the engine know that it has changed."""
        self.changes.write(f"{self.spec.name}\n")

    @property
    def volumes(self) -> set[str]:
        """Return the names of the volumes that it mounts."""
        return {mount.volume for mount in self.spec.mounts if isinstance(mount, VolumeMount)}


@dataclass(frozen=True, kw_only=True)
class FakeNetwork:
    """A network, as the engine records it."""

    info: NetworkInfo
    subnet: str


@dataclass(frozen=True, kw_only=True)
class FakeVolume:
    """A volume as the engine records it, with what is in it."""

    info: VolumeInfo
    files: dict[str, FakeFile] = field(default_factory=dict)


class FakeHost:
    """Everything by name; hold the lock to change it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.networks: dict[str, FakeNetwork] = {}
        self.volumes: dict[str, FakeVolume] = {}
        self.containers: dict[str, FakeContainer] = {}
        self.taken_ports: set[tuple[str, int]] = set()
        """Ports of other processes of the host."""
        self.changes = FakeLog(lambda: datetime.now(UTC))
        """The name of whatever changes, one a line."""
        self.changes.open()
        self._numbers = count(1)

    def next_number(self) -> int:
        """Return a number that nothing has yet."""
        with self.lock:
            return next(self._numbers)

    def get(self, container: str) -> FakeContainer:
        """Return a container by its name or id; raises ``NotFound``."""
        with self.lock:
            for record in self.containers.values():
                if container in {record.spec.name, record.id}:
                    return record
        raise NotFound(f"no such container: {container}")

    def running(self, container: str) -> FakeContainer:
        """Return a container that runs; raises ``NotFound``."""
        record = self.get(container)
        if not record.is_running:
            raise NotFound(f"Container {container} is not running.")
        return record

    def network_name(self, network: str) -> str:
        """Return the name of a network that is known by name or id; else the word as it is."""
        infos = [record.info for record in self.networks.values()]
        return next((info.name for info in infos if info.id == network), network)

    def bind(self, spec: ContainerSpec) -> list[_Binding]:
        """Return free ports of the host for those that a container publishes."""
        taken = set(self.taken_ports)
        for other in self.containers.values():
            if other.is_running:
                taken |= {(binding.host_ip, binding.host_port) for binding in other.bindings}
        bindings: list[_Binding] = []
        for port in spec.ports:
            wanted = count(_FIRST_FREE_PORT) if port.host_port is None else [port.host_port]
            ip = port.host_ip
            number = next((number for number in wanted if not _meets((ip, number), taken)), None)
            if number is None:
                where = f"{host_in_url(ip)}:{port.host_port}"
                raise AlreadyInUse(f"Host port {where} is already in use.")
            taken.add((ip, number))
            binding = _Binding(container_port=port.container_port, host_ip=ip, host_port=number)
            bindings.append(binding)
        return bindings

    def addresses(self, record: FakeContainer) -> dict[str, str]:
        """Return the addresses of a container by network."""
        network = record.spec.network
        if not record.is_running or network is None:
            return {}
        subnet = self.networks[network].subnet.rpartition(".")[0]
        return {network: record.spec.ip or f"{subnet}.{record.number % 250 + 2}"}

    def world(self, record: FakeContainer) -> FakeWorld:
        """Return what a command sees of its container, and of its neighbours."""
        networks = self.addresses(record).keys()
        neighbours = {
            other.spec.name
            for other in list(self.containers.values())
            if networks & self.addresses(other).keys()
        }
        return FakeWorld(
            files=record.files,
            mounts=record.spec.mounts,
            is_read_only=record.spec.read_only,
            volumes={name: self.volumes[name].files for name in record.volumes},
            neighbours=neighbours,
        )

    def info(self, record: FakeContainer) -> ContainerInfo:
        """Return a container as ``inspect`` reports it."""
        # Reversed, so that the first binding of a port wins.
        bindings = reversed(record.bindings) if record.is_running else ()
        return ContainerInfo(
            id=record.id,
            name=record.spec.name,
            image=record.spec.image,
            state=record.state,
            exit_code=record.exit_code,
            health=record.health,
            labels=dict(record.labels),
            addresses=self.addresses(record),
            mounts={
                mount.target: _source(mount)
                for mount in record.spec.mounts
                if not isinstance(mount, ScratchMount)
            },
            volumes={
                mount.target: mount.volume
                for mount in record.spec.mounts
                if isinstance(mount, VolumeMount)
            },
            started_at=record.started_at,
            ports={binding.container_port: binding.reached for binding in bindings},
        )


def _source(mount: BindMount | VolumeMount) -> str:
    match mount:
        case BindMount(source=source):
            return str(source)
        case VolumeMount(volume=volume):
            return f"/var/lib/fake/volumes/{volume}"


def _meets(binding: tuple[str, int], taken: set[tuple[str, int]]) -> bool:
    """Return whether a port is taken, on the same address or on all."""
    ip, port = binding
    return any(
        port == other_port and (ip == other_ip or _ALL_ADDRESSES & {ip, other_ip})
        for other_ip, other_port in taken
    )
