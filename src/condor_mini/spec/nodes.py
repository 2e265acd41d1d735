"""The nodes in a pool file: their groups, limits and GPUs.

The docstrings of classes and fields are the descriptions in the JSON schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from condor_mini.spec.attributes import Attributes
from condor_mini.spec.base import Part, ShortForm, shown
from condor_mini.spec.hosts import HostName
from condor_mini.spec.mounts import ContainerPath, Ports, SharedSource, Volumes
from condor_mini.spec.types import (
    Configuration,
    DeviceName,
    Environment,
    GroupName,
    ImageReference,
    Labels,
    Megabytes,
    Real,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.spec.base import Location

MOST_NODES = 9999
"""Limit for the nodes of one role: ``NAME-execute-9999`` must be a valid host name."""
MOST_CPUS = 10**6
MOST_SLOTS = 10_000
MOST_GPUS = 1000
LEAST_LIMIT_MB = 32
"""A node's daemons use 8 to 12 MiB, and an engine kills what uses more than the limit."""
LEAST_PROCESSES = 32
"""A node's daemons and scripts are 12 processes; its start and its health check need more."""
MOST_PROCESSES = 2**22
"""The most processes that Linux can have."""


def _suffices(value: int) -> int:
    if value < LEAST_LIMIT_MB:
        raise ValueError(f"must be at least {LEAST_LIMIT_MB} MiB: HTCondor cannot run with less")
    return value


class Limit(Part):
    """Limits that the engine enforces on a node, whatever the node advertises."""

    cpus: Annotated[Real, Field(ge=0.01)] | None = None
    """Number of cores, for example 1.5. Default: all cores of the machine."""
    memory_mb: Annotated[Megabytes, AfterValidator(_suffices)] | None = Field(
        default=None, alias="memory"
    )
    """Memory, in MiB or as text with a unit. Default: all memory of the machine."""
    processes: Annotated[int, Field(ge=LEAST_PROCESSES, le=MOST_PROCESSES)] | None = None
    """Number of processes and threads, including about a dozen of the daemons. Default for an
    execution point: 512 per core of the machine or 16 per static slot, whichever is more, and at
    least 1024. Default for other nodes: the limit of the engine."""


class Shared(Part):
    """A directory that all nodes share."""

    path: ContainerPath
    """The path in the nodes."""
    source: SharedSource | None = None
    """A directory of the host, relative to the pool file. Default: a volume of the pool's own."""


class Gpus(Part):
    """Simulated GPUs: jobs are matched to them and see their names, but cannot use them."""

    count: Annotated[int, Field(ge=0, le=MOST_GPUS)]
    """Number of GPUs that each node advertises."""
    name: DeviceName | None = None
    """The model. Jobs see it as DeviceName."""
    memory_mb: Megabytes | None = Field(default=None, alias="memory")
    """The memory of each GPU, in MiB or as text with a unit. Jobs see it as GlobalMemoryMb."""
    capability: Annotated[Real, Field(gt=0, le=1000)] | None = None
    """The CUDA compute capability. Jobs see it as Capability."""


class Node(Part):
    """Settings that nodes of all roles have."""

    config: Configuration = ""
    """HTCondor configuration, written as in a configuration file. It overrides all other
    configuration."""
    environment: Environment = Field(default_factory=dict)
    """Environment variables of the container. They override the pool's."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the container. They override the pool's."""
    volumes: Volumes = ()
    """Mounts: SOURCE:TARGET or SOURCE:TARGET:ro. A source that begins with / . or ~ is a path of
    the host, relative to the pool file. Any other source is a volume of the pool's own."""
    ports: Ports = ()
    """TCP ports to publish on the host: PORT (on any free port), HOST:PORT or ADDRESS:HOST:PORT.
    The default address is 127.0.0.1."""
    limit: Limit = Limit()
    """Limits that the engine enforces."""
    read_only: bool | None = None
    """Whether the root file system is read-only. Set it to false to install programs in the nodes.
    Default: true where the engine supports it, but false with an image of your own."""

    @property
    def is_read_only(self) -> bool:
        """Whether the root is to be read-only where the engine supports it."""
        return self.read_only is not False

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield volumes with the same target."""
        targets = set[str]()
        for index, volume in enumerate(self.volumes):
            if volume.target in targets:
                yield ("volumes", index), f"another volume is already mounted at {volume.target}"
            targets.add(volume.target)


class CentralManager(Node):
    """The node that all others report to, and that matches jobs to slots."""


class Group(Node):
    """A group of nodes with the same settings."""

    name: GroupName = "default"
    """The group's name. Several groups need different names."""
    count: Annotated[int, Field(ge=0, le=MOST_NODES)] = 1
    """Number of nodes."""
    image: ImageReference | None = None
    """An image of your own. Default: that of the role."""
    host: HostName | None = None
    """The host that runs these nodes, if it is another one than the pool's: a Docker context,
    ssh://[USER@]HOST, tcp://HOST:PORT (with TLS), or embedded for this machine without an engine.
    The pool must have expose. Default: the engine that the pool is created on."""

    @property
    def is_read_only(self) -> bool:
        """Whether the root is to be read-only; never with an image of the user's own.

        Files are copied into such an image's container at paths where no volume can be mounted.
        """
        return self.image is None and super().is_read_only

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield contradictions of a node, and host ports that several nodes would share."""
        yield from super().contradictions()
        if self.read_only and self.image is not None:
            yield (
                ("read_only",),
                "a node with an image of your own cannot be read-only: accounts are added to it",
            )
        for index, port in enumerate(self.ports):
            if port.host_port is not None and self.count > 1:
                message = f"{self.count} nodes cannot share host port {port.host_port}"
                yield ("ports", index), f"{message}: leave it out to use free ports"


class AccessPoints(Group):
    """A group of access points with the same settings. They accept jobs and keep their queue."""

    image: Literal["host-files"] | None = None
    """host-files for the host's own programs, its Python included. Embedded engine only. Default:
    condor-submit."""


def _gpus(value: object) -> object:
    match value:
        case dict() | Gpus():
            return (value,)
        case int() if not isinstance(value, bool):
            return ({"count": value},)
        case list() | tuple():
            return tuple(value)
    raise ValueError(
        f"must be a whole number, a mapping with count, or a list of these, not {shown(value)}"
    )


class ExecutionPoints(Group):
    """A group of execution points with the same settings. They run jobs."""

    image: ImageReference | None = None
    """An image of your own. It stays unchanged: jobs see its Python, compilers and libraries, and
    HTCondor is mounted beside them. Default: condor-execute."""
    cpus: Annotated[int, Field(ge=1, le=MOST_CPUS)] | None = None
    """Cores that each node advertises. Default: those of the machine, or with slots one per
    slot."""
    memory_mb: Megabytes | None = Field(default=None, alias="memory")
    """Memory that each node advertises, in MiB or as text with a unit, for example 512GB. Units are
    powers of 1024. Default: that of the machine, or with slots 2 GB per slot."""
    disk_mb: Megabytes | None = Field(default=None, alias="disk")
    """Disk that each node advertises, written like memory. Default: that of the machine, or with
    slots 10 GB per slot."""
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)] | None = None
    """Number of static slots, which divide the resources evenly. Default: one partitionable slot,
    from which each job takes what it requests."""
    gpus: Annotated[
        tuple[Gpus, ...],
        BeforeValidator(_gpus),
        ShortForm({"type": "integer", "minimum": 0, "maximum": MOST_GPUS}, item=True),
    ] = ()
    """Simulated GPUs that each node advertises: their number, or a mapping with count, name, memory
    and capability, or a list of such mappings for several kinds in one machine."""
    attributes: Attributes = Field(default_factory=dict)
    """Attributes of the slots' ClassAds: true, false, a number, text, a list of these, or null for
    UNDEFINED."""

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield contradictions of a group, too many slots, and attributes with the same name."""
        yield from super().contradictions()
        slots = self.slots or 0
        if self.cpus is not None and slots > self.cpus:
            yield ("slots",), f"{slots} slots cannot share {self.cpus} cpus: each needs one"
        if self.memory_mb is not None and slots > self.memory_mb:
            yield ("slots",), f"{slots} slots cannot share {self.memory_mb} MiB: each needs one"
        names: dict[str, str] = {}
        for name in self.attributes:
            first = names.setdefault(name.lower(), name)
            if first != name:
                yield ("attributes", name), f"is the same attribute as {first} to HTCondor"
