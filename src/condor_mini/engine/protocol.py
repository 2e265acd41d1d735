"""The seam: what every container engine can do for us, and the words for it.

Nothing here, and nothing that implements it, knows HTCondor. Commands are argv lists, never shell
strings; every call has a deadline; what comes back is typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

QUICK_TIMEOUT_S = 60.0
"""Deadline of the calls that only ask or change a record."""

BUILD_TIMEOUT_S = 1800.0
"""Deadline of building, pulling or importing an image."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """A finished command: what was run, its status, and all that it wrote."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """The engine that answered."""

    name: str
    """``docker``, ``podman``, ``fake``."""
    version: str
    endpoint: str
    """Where it listens, as a URL: ``unix:///var/run/docker.sock``."""
    rootless: bool
    same_host: bool
    """Whether its containers can mount this machine's directories."""
    cpus: int
    memory_mb: int
    architecture: str


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """An image that the engine holds."""

    id: str
    size_bytes: int
    labels: Mapping[str, str]


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
class ContainerSpec:
    """A container to create. Secrets never stand here: they go in by ``Engine.copy_in``."""

    image: str
    name: str
    entrypoint: str | None = None
    """Replaces the image's entrypoint, and its command too."""
    command: tuple[str, ...] = ()
    """Replaces the image's command, not its entrypoint."""
    hostname: str | None = None
    user: str | None = None
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[BindMount, ...] = ()
    network: str | None = None
    ip: str | None = None
    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    no_new_privileges: bool = False
    cpus: float | None = None
    """A limit, in cores; None for none."""
    memory_mb: int | None = None
    """A limit, in MiB; None for none."""


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
    """Its status where it has ended, else None."""
    health: str | None
    """``starting``, ``healthy``, ``unhealthy``, or None where it has no health check."""
    labels: Mapping[str, str]
    addresses: Mapping[str, str]
    """IPv4 address by network name; empty where it has none."""
    mounts: Mapping[str, str]
    """Host path by path in the container."""


class Engine(Protocol):
    """A container engine. Each method raises ``CommandFailed`` unless it says otherwise.

    A container, image or network that is absent raises ``NotFound`` where it is not said to be a
    success; an engine that has gone away raises ``EngineNotFound``.
    """

    name: str

    def info(self) -> EngineInfo:
        """The engine that answers; raises ``EngineNotFound`` with its own words if none does."""

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name, or None."""

    def pull(self, reference: str, *, timeout_s: float) -> None:
        """Fetch an image from its registry."""

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """Make an image of one layer from a tar of a root file system."""

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """Build an image, handing each line of output to ``on_line`` as it comes."""

    def remove_image(self, reference: str) -> None:
        """Remove a name, and the image with its last name; one that is absent is a success."""

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """A network on which containers find each other by name.

        Raises ``AlreadyInUse`` for a taken name; of several that take it at once at most one
        succeeds, and perhaps none. ``ContainerSpec.ip`` needs a network that was
        given its ``subnet`` (``10.1.2.0/24``): engines refuse fixed addresses on any other.
        """

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is absent is a success."""

    def create(self, spec: ContainerSpec) -> str:
        """Create, but do not start, a container; its id. A taken name raises ``AlreadyInUse``."""

    def copy_in(self, container: str, archive: bytes) -> None:
        """Unpack a tar at the container's root, with the owners and modes the tar says."""

    def copy_out(self, container: str, path: str) -> bytes:
        """One file's content out of a container, running or not; raises ``NotFound``."""

    def start(self, container: str) -> None:
        """Start a container that was created or has ended."""

    def exec(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """Run a command in a running container, to its end, whatever its status.

        Raises ``NotFound`` if the container is absent or not running, and ``CommandFailed`` with
        status None if the command did not end in time.
        """

    def attach(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Run a command on our own stdin, stdout and stderr; its status.

        It gets a terminal if both our stdin and stdout are one. Has no deadline: a person is there.
        Raises ``NotFound`` if the container is absent or not running.
        """

    def logs(self, container: str, *, tail: int | None = None) -> str:
        """What the container wrote to stdout and stderr, in order; the last ``tail`` lines."""

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """All containers, running or not, that bear every one of these labels."""

    def inspect(self, container: str) -> ContainerInfo | None:
        """One container by name or id, or None."""

    def stop(self, container: str, *, timeout_s: float) -> None:
        """Ask it to end; kill it after ``timeout_s``. One that has ended is a success."""

    def remove(self, container: str) -> None:
        """Kill and remove it with its anonymous volumes; one that is absent is a success."""
