"""The seam: what every container engine can do for us, and the words for it.

Nothing here, and nothing that implements it, knows HTCondor. Commands are argv lists, never shell
strings; every call has a deadline; what comes back is typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

QUICK_TIMEOUT_S = 60.0
"""Deadline of the calls that only ask or change a record."""

BUILD_TIMEOUT_S = 1800.0
"""Deadline of building, pulling or importing an image."""


NAMELESS = re.compile(r"[0-9a-f]{64}")
"""What engines call a volume that nobody has named."""


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

    Of an engine without a daemon, where it keeps what it holds: ``file:///home/me/.local/...``.
    """
    rootless: bool
    same_host: bool
    """Whether its containers can mount this machine's directories."""
    cpus: int
    memory_mb: int
    architecture: str
    builds: bool = True
    """Whether it builds images by Dockerfiles; one that does not has them composed."""
    many_users: bool = True
    """Whether a container has users of its own; else all of them are the caller."""
    read_only_mounts: bool = True
    """Whether a mount can be one that the container cannot write to."""
    read_only_roots: bool = True
    """Whether something comes of ``ContainerSpec.read_only``."""
    on_loopback: bool = False
    """Whether containers share the host's network: their addresses are the loopback interface's.

    A port is then published at the container's own address, and at no number of the host's.
    """
    maps_caller: bool = False
    """Whether a container's user can be the caller (``ContainerSpec.as_caller``)."""
    limits: tuple[str, ...] = ("cpus", "memory_mb", "pids")
    """Which limits of ``ContainerSpec`` hold; nothing comes of the others."""
    shortcomings: tuple[Shortcoming, ...] = ()
    """What could be better here."""


@dataclass(frozen=True, kw_only=True)
class ImageTree:
    """An image as a tree of files: some of its own, some shared with whatever else has them."""

    archive: bytes = b""
    """A tar of its own files."""
    shared: Mapping[str, Path] = field(default_factory=dict)
    """Directories of the host by their paths in the image, where nobody writes."""
    shared_bytes: int = 0
    """Their size, where it is to count as the image's."""
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
    """The variables that its containers have."""


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
    """A volume of the engine's, seen in the container at ``target``.

    One that is absent raises ``NotFound``: it is not made up, unless there are labels for it.
    """

    volume: str
    target: str
    read_only: bool = False
    labels: Mapping[str, str] | None = None
    """Of the volume, which is made with them if it is absent, and left as it is if it is there."""


@dataclass(frozen=True, kw_only=True)
class ScratchMount:
    """A directory that the container can write to though its root is read-only.

    It is on the engine's disk, and goes with the container. At first it has what the image has
    there, with its owner and mode.
    """

    target: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """To find it by where somebody has removed the container without it; not every engine has them.
    """


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A TCP port of the container that is reached at a port of the host."""

    container_port: int
    host_port: int | None = None
    """None for any that is free, and perhaps another one at the next start."""
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
        """Whether nobody has named it: it belongs to one container."""
        return bool(NAMELESS.fullmatch(self.name))


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
    as_caller: bool = False
    """Whether that user is the caller, under another number: see ``EngineInfo.maps_caller``."""
    workdir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[BindMount | VolumeMount | ScratchMount, ...] = ()
    read_only: bool = False
    """Whether nobody in it, root included, writes anywhere but in its mounts.

    Of an engine whose ``EngineInfo.read_only_roots`` is false, nothing comes of it.
    """
    ports: tuple[PublishedPort, ...] = ()
    network: str | None = None
    ip: str | None = None
    cap_drop: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    no_new_privileges: bool = False
    healthcheck: bool = True
    """Whether the image's own health check, if it has one, is run."""
    cpus: float | None = None
    """A limit, in cores; None for none."""
    memory_mb: int | None = None
    """A limit, in MiB; None for none."""
    pids: int | None = None
    """A limit of processes and threads; None for the engine's own, if it has one."""


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
    """Its own and its image's; where both have a label, its own."""
    addresses: Mapping[str, str]
    """IPv4 address by network name; empty where it has none."""
    mounts: Mapping[str, str]
    """Host path by path in the container; of a volume, where the engine keeps it.

    A ``ScratchMount`` is none of them.
    """
    volumes: Mapping[str, str]
    """Those of the mounts that are volumes with a name: the name by path in the container.

    An image cannot bring one. What an image declares (``VOLUME``) is a volume without a name.
    """
    started_at: datetime | None
    """When it was last started, with its time zone; None where it never was."""
    ports: Mapping[int, str]
    """Where a published port is reached (``127.0.0.1:40001``), by its number in the container.

    Empty unless it runs; one that is published twice is told as one of the two.
    """


class Engine(Protocol):
    """A container engine. Each method raises ``CommandFailed`` unless it says otherwise.

    A container, image, network or volume that is absent raises ``NotFound`` where it is not said
    to be a success; an engine that has gone away raises ``EngineNotFound``.
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

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:
        """Make an image of files; in place of ``build``, where ``EngineInfo.builds`` is false."""

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """Build an image, handing each line of output to ``on_line`` as it comes."""

    def remove_image(self, reference: str) -> None:
        """Remove a name, and the image with its last name; one that is absent is a success."""

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """Write images with their names to one file; raises ``NotFound`` for one that is absent.

        Where it fails, there is no file.
        """

    def load_images(self, tarball: Path) -> list[str]:
        """Take in what ``save_images`` wrote; the names that the images have.

        A file that holds no images raises ``CommandFailed``.
        """

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """A network on which containers find each other by name.

        Raises ``AlreadyInUse`` for a taken name; of several that take it at once at most one
        succeeds, and perhaps none. ``ContainerSpec.ip`` needs a network that was
        given its ``subnet`` (``10.1.2.0/24``): engines refuse fixed addresses on any other.
        """

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """All networks that bear every one of these labels."""

    def remove_network(self, name: str) -> None:
        """Remove a network by name or id; one that is absent is a success."""

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """A directory that the engine keeps; a name that is taken is left as it is."""

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """All volumes that bear every one of these labels."""

    def remove_volume(self, *names: str) -> None:
        """Remove volumes with what is in them; one that is absent is a success.

        One that cannot be removed keeps none of the others.
        """

    def create(self, spec: ContainerSpec) -> str:
        """Create, but do not start, a container; its id. A taken name raises ``AlreadyInUse``."""

    def copy_in(self, container: str, archive: bytes | BinaryIO, *, at: str = "/") -> None:
        """Unpack a tar in the container, with the owners and modes the tar says.

        The container need not run. A large archive is handed over as a file of the operating
        system's, open for reading, and read from where it stands.

        Args:
            container: Its name or id.
            archive: The tar.
            at: A directory that is there, which the names in it begin from. Of a container whose
                root is read-only, it is one of its mounts or lies in one; anywhere else raises
                ``ReadOnlyError``, if the container runs.
        """

    def copy_out(self, container: str, path: str) -> bytes:
        """One file's content out of a container, running or not; raises ``NotFound``."""

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """Write a tar of a file or directory, running or not; raises ``NotFound``.

        The names in it begin with the last part of ``path``; the owners are not to be relied on.
        The file is one of the operating system's, open for writing: it may be large.
        """

    def start(self, container: str) -> None:
        """Start a container that was created or has ended.

        Raises ``AlreadyInUse`` where somebody else has a port that it publishes.
        """

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

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """What the container wrote to stdout and stderr, in order.

        Args:
            container: Its name or id.
            tail: Only so many of the last lines.
            since: Only what was written from then on; it has a time zone.
            timestamps: Each line begins with the time of its writing, in UTC and RFC 3339
                (``2026-11-21T09:40:28.123456789Z``), and a space.
        """

    def follow(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AbstractContextManager[Iterator[str]]:
        """The lines of ``logs``, and then each new one as it is written, until the container ends.

        They come without their ends. Of a container that does not run there are only those of
        ``logs``; one that is removed has ended, and one that was absent from the beginning raises
        ``NotFound``, when the context is entered or when the first line is asked for. Leaving the
        context ends the iteration, also one that another thread is in.
        """

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """All containers, running or not, that bear every one of these labels."""

    def inspect(self, container: str) -> ContainerInfo | None:
        """One container by name or id, or None."""

    def stop(self, *containers: str, timeout_s: float) -> None:
        """Ask them to end, all at once; kill after ``timeout_s``. One that has ended is a success.

        So is one that is absent.
        """

    def remove(self, *containers: str) -> None:
        """Kill and remove them with their anonymous volumes; one that is absent is a success."""
