"""What a pool file says of nodes: their groups, limits, GPUs. Docstrings are the schema's texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from condor_mini.spec.attributes import Attributes
from condor_mini.spec.base import Part, ShortForm, shown
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
"""Of one role: ``NAME-execute-9999`` is to be a host name."""
MOST_CPUS = 10**6
MOST_SLOTS = 10_000
MOST_GPUS = 1000
LEAST_LIMIT_MB = 32
"""A node's daemons take 8 to 12 MiB, and an engine kills what takes more than the limit."""
LEAST_PROCESSES = 32
"""A node's daemons and the scripts beside them are 12, and its start and its health need more."""
MOST_PROCESSES = 2**22
"""Linux has no more."""


def _suffices(value: int) -> int:
    if value < LEAST_LIMIT_MB:
        raise ValueError(f"must be at least {LEAST_LIMIT_MB} MiB: HTCondor does not run in less")
    return value


class Limit(Part):
    """What the engine really lets a node have, whatever the node advertises."""

    cpus: Annotated[Real, Field(ge=0.01)] | None = None
    """Cores: 1.5 for one and a half. Left out: all of the machine's."""
    memory_mb: Annotated[Megabytes, AfterValidator(_suffices)] | None = Field(
        default=None, alias="memory"
    )
    """Memory: MiB, or a text with a unit. Left out: all of the machine's."""
    processes: Annotated[int, Field(ge=LEAST_PROCESSES, le=MOST_PROCESSES)] | None = None
    """Processes and threads at a time, the daemons' dozen among them. Left out: for an execution
    point 512 for each core of the machine or 16 for each static slot, whichever is more, 1024 at
    least; for other nodes the engine's own."""


class Shared(Part):
    """One directory that all nodes see."""

    path: ContainerPath
    """Where the nodes see it."""
    source: SharedSource | None = None
    """A directory of the host, relative to the pool file. Left out: a volume of the pool's own."""


class Gpus(Part):
    """Simulated GPUs: jobs are matched to them and are told their names, but cannot use them."""

    count: Annotated[int, Field(ge=0, le=MOST_GPUS)]
    """How many each node advertises."""
    name: DeviceName | None = None
    """The model, which jobs find as DeviceName."""
    memory_mb: Megabytes | None = Field(default=None, alias="memory")
    """The memory of each: MiB, or a text with a unit. Jobs find it as GlobalMemoryMb."""
    capability: Annotated[Real, Field(gt=0, le=1000)] | None = None
    """The CUDA compute capability, which jobs find as Capability."""


class Node(Part):
    """What a node of any role has."""

    config: Configuration = ""
    """HTCondor configuration, as it would stand in a file. It wins over all else."""
    environment: Environment = Field(default_factory=dict)
    """Variables of the container. They win over the pool's."""
    labels: Labels = Field(default_factory=dict)
    """Labels of the container. They win over the pool's."""
    volumes: Volumes = ()
    """What is mounted: SOURCE:TARGET or SOURCE:TARGET:ro. A source that begins with / . or ~ is a
    path of the host, relative to the pool file; any other is a volume of the pool's own."""
    ports: Ports = ()
    """TCP ports that are reached from the host: PORT (at any free one), HOST:PORT or
    ADDRESS:HOST:PORT. The address is 127.0.0.1 if none is named."""
    limit: Limit = Limit()
    """What the engine enforces."""
    read_only: bool | None = None
    """Whether the root file system is read-only: false for nodes that something is to be installed
    in. Left out: true where the engine can, and false with an image of your own."""

    @property
    def is_read_only(self) -> bool:
        """Whether the root is read-only, where the engine can."""
        return self.read_only is not False

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Two mounts at one place."""
        targets = set[str]()
        for index, volume in enumerate(self.volumes):
            if volume.target in targets:
                yield ("volumes", index), f"another volume is mounted at {volume.target} already"
            targets.add(volume.target)


class CentralManager(Node):
    """The node that the others report to, and that matches jobs to slots."""


class Group(Node):
    """Equal nodes."""

    name: GroupName = "default"
    """The group's name. Needed, and different, where there are several groups."""
    count: Annotated[int, Field(ge=0, le=MOST_NODES)] = 1
    """How many nodes."""

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """The same, and one port of the host for several nodes."""
        yield from super().contradictions()
        for index, port in enumerate(self.ports):
            if port.host_port is not None and self.count > 1:
                message = f"port {port.host_port} of the host cannot be that of {self.count} nodes"
                yield ("ports", index), f"{message}: leave it out, for any that is free"


class AccessPoints(Group):
    """A group of equal access points: where jobs are submitted, and their queue is kept."""


def _gpus(value: object) -> object:
    match value:
        case dict() | Gpus():
            return value
        case int() if not isinstance(value, bool):
            return {"count": value}
    raise ValueError(f"must be a whole number, or a mapping with count, not {shown(value)}")


class ExecutionPoints(Group):
    """A group of equal execution points: where jobs run."""

    image: ImageReference | None = None
    """An image of your own that they are containers of, unchanged: jobs see its Python, compilers
    and libraries, and HTCondor is put beside them. Left out: condor-execute."""
    cpus: Annotated[int, Field(ge=1, le=MOST_CPUS)] | None = None
    """Cores that each advertises. Left out: the machine's; with slots, one for each."""
    memory_mb: Megabytes | None = Field(default=None, alias="memory")
    """Memory that each advertises: MiB, or a text with a unit, as 512GB; units are powers of 1024.
    Left out: the machine's; with slots, 2 GB for each."""
    disk_mb: Megabytes | None = Field(default=None, alias="disk")
    """Disk that each advertises, as memory. Left out: the machine's; with slots, 10 GB for each."""
    slots: Annotated[int, Field(ge=1, le=MOST_SLOTS)] | None = None
    """Static slots, which the resources are divided into evenly. Left out: one partitionable slot,
    which jobs take slices of."""
    gpus: Annotated[
        Gpus,
        BeforeValidator(_gpus),
        ShortForm({"type": "integer", "minimum": 0, "maximum": MOST_GPUS}),
    ] = Gpus(count=0)
    """Simulated GPUs that each advertises: how many, or what they are."""
    attributes: Attributes = Field(default_factory=dict)
    """Attributes of its slots' ClassAds: true, false, a number, a text, a list of these, or null
    for UNDEFINED."""

    @property
    def is_read_only(self) -> bool:
        """The same; an image of one's own gets files where no volume can be."""
        return self.image is None and super().is_read_only

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """The same, slots that would be empty, and attributes of one name."""
        yield from super().contradictions()
        if self.read_only and self.image is not None:
            yield (
                ("read_only",),
                "a node of an image of your own cannot be read-only: accounts are added to it",
            )
        slots = self.slots or 0
        if self.cpus is not None and slots > self.cpus:
            yield ("slots",), f"{slots} slots cannot share {self.cpus} cpus: each needs one"
        if self.memory_mb is not None and slots > self.memory_mb:
            yield ("slots",), f"{slots} slots cannot share {self.memory_mb} MiB: each needs one"
        names: dict[str, str] = {}
        for name in self.attributes:
            first = names.setdefault(name.lower(), name)
            if first != name:
                yield ("attributes", name), f"is {first} to HTCondor, and that is there already"
