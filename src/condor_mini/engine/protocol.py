"""The seam: what container engines can do for us.

Nothing here, and nothing that implements it, knows HTCondor. Commands are argv lists, never shell
strings; every call has a deadline; what comes back is typed.

Engine                what all of them do
├── ContainerEngine   containers
├── NetworkStore      networks
├── VolumeStore       volumes
└── ImageStore        images, wherever they come from

ImageBuilder          an Engine that has registries and reads Dockerfiles: Docker, Podman
ImageComposer         an Engine that makes images of files: embedded
NamespaceKeeper       an Engine whose containers' namespaces can be entered: Docker, Podman
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine.values import (
        BuildSpec,
        CommandResult,
        ContainerInfo,
        ContainerSpec,
        EngineInfo,
        ImageInfo,
        ImageTree,
        NetworkInfo,
        VolumeInfo,
    )

QUICK_TIMEOUT_S = 60.0
"""Deadline of the calls that only ask or change a record."""

BUILD_TIMEOUT_S = 1800.0
"""Deadline of building, pulling or importing an image."""


class ContainerEngine(Protocol):
    """The containers of an engine."""

    def create(self, spec: ContainerSpec) -> str:
        """Create a container without starting it; return its id.

        Raises ``AlreadyInUse`` for a taken name.
        """

    def copy_in(self, container: str, archive: bytes | BinaryIO, *, at: str = "/") -> None:
        """Unpack a tar in the container, with the owners and modes of the tar.

        The container need not run. A large archive is a file of the operating system, open for
        reading; it is read from its current position.

        Args:
            container: Its name or id.
            archive: The tar.
            at: An existing directory, which the names in the tar are relative to. If the
                container's root is read-only, it must be a mount or lie in one: anywhere else
                raises ``ReadOnlyError`` while the container runs.
        """

    def copy_out(self, container: str, path: str) -> bytes:
        """Return one file of a container, running or not; raises ``NotFound``."""

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """Write a tar of a file or directory, running or not; raises ``NotFound``.

        The names in it begin with the last part of ``path``; do not rely on the owners. The archive
        is a file of the operating system, open for writing: it may be large.
        """

    def start(self, container: str) -> None:
        """Start a container that was created or has ended.

        Raises ``AlreadyInUse`` if a port that it publishes is in use.
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
        """Run a command in a running container; return its result, whatever its status.

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
        """Run a command on our own stdin, stdout and stderr; return its status.

        The command gets a terminal if both our stdin and stdout are one. There is no deadline: a
        person waits. Raises ``NotFound`` if the container is absent or not running.
        """

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """Return what the container wrote to stdout and stderr, in order.

        Args:
            container: Its name or id.
            tail: Only so many of the last lines.
            since: Only what was written from then on; it has a time zone.
            timestamps: Whether each line begins with the time of its writing, in UTC and RFC 3339
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
        """Yield the lines of ``logs``, then each new line, until the container ends.

        The lines have no line ends. A container that does not run has only the lines of ``logs``; a
        container that is removed has ended. One that was absent from the beginning raises
        ``NotFound``, either on entering the context or with the first line. Leaving the context
        ends the iteration, even in another thread.
        """

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """Return all containers, running or not, that bear every one of these labels."""

    def inspect(self, container: str) -> ContainerInfo | None:
        """Return one container by name or id, or None."""

    def changes(self) -> AbstractContextManager[Iterator[str]]:
        """Yield the name of each container and volume that changes from now on.

        A container changes if it is created, starts, ends or is removed; a volume, if it is created
        or removed. Several changes at once may be told as one, and one as several.
        Leaving the context ends the iteration, even in another thread.
        """

    def stop(self, *containers: str, timeout_s: float) -> None:
        """Ask containers to end, all at once; kill those that still run after ``timeout_s``.

        One that has ended, or is absent, is a success.
        """

    def remove(self, *containers: str) -> None:
        """Kill and remove containers with their nameless volumes; an absent one is a success."""


class NetworkStore(Protocol):
    """The networks of an engine."""

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """Create a network on which containers find each other by name.

        Raises ``AlreadyInUse`` for a taken name. Of several processes that take it at once, at most
        one succeeds, and perhaps none. ``ContainerSpec.ip`` needs a network that was created
        with a ``subnet`` (``10.1.2.0/24``): engines refuse fixed addresses on others.
        """

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """Return all networks that bear every one of these labels."""

    def remove_network(self, name: str) -> None:
        """Remove a network by name or id; an absent one is a success."""


class VolumeStore(Protocol):
    """The volumes of an engine: directories that it keeps."""

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """Create a volume; one that exists is left as it is."""

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """Return all volumes that bear every one of these labels."""

    def remove_volume(self, *names: str) -> None:
        """Remove volumes with their content; an absent one is a success.

        All others are removed even if one cannot be.
        """


class ImageStore(Protocol):
    """The images of an engine."""

    def image(self, reference: str) -> ImageInfo | None:
        """Return the image with that name, or None."""

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """Create an image with one layer, from a tar of a root file system."""

    def remove_image(self, reference: str) -> None:
        """Remove a name, and the image with its last name; an absent one is a success."""


class Engine(ContainerEngine, NetworkStore, VolumeStore, ImageStore, Protocol):
    """A container engine. Each method raises ``CommandFailed`` unless it says otherwise.

    An absent container, image, network or volume raises ``NotFound``, unless the method says that
    this is a success. An engine that has gone away raises ``EngineNotFound``.
    """

    name: str

    def info(self) -> EngineInfo:
        """Return what the engine says of itself; raises ``EngineNotFound`` if none answers."""


@runtime_checkable
class ImageBuilder(Engine, Protocol):
    """An engine that gets images from registries, from Dockerfiles and from files of images."""

    def images(self, references: Sequence[str]) -> dict[str, ImageInfo]:
        """Return those of these images that the engine has, by name."""
        return {name: image for name in references if (image := self.image(name))}

    def pull(self, reference: str, *, timeout_s: float) -> None:
        """Fetch an image from its registry."""

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """Build an image; hand each line of output to ``on_line`` as it comes."""

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """Write images with their names to one file; raises ``NotFound`` for an absent one.

        If it fails, there is no file.
        """

    def load_images(self, tarball: Path) -> list[str]:
        """Load what ``save_images`` wrote; return the names of the images.

        A file that holds no images raises ``CommandFailed``.
        """


@runtime_checkable
class ImageComposer(Engine, Protocol):
    """An engine that makes images from files, without a Dockerfile."""

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:
        """Create an image from files."""


@runtime_checkable
class NamespaceKeeper(Engine, Protocol):
    """An engine whose containers have namespaces of their own, which a command can change.

    A command runs as root in a container of its own that is removed when the command ends, also if
    this process dies before. Each method returns the result, whatever its status is, and raises
    ``CommandFailed`` if the engine could not run the command, or it did not end in time.
    """

    def run_in_network(
        self,
        container: str | None,
        image: str,
        argv: Sequence[str],
        *,
        stdin: str = "",
        labels: Mapping[str, str] | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """Run a command with CAP_NET_ADMIN in the network of a container.

        Args:
            container: A running container. None for a network of its own, with only a loopback
                interface.
            image: Image that has the command.
            argv: The command.
            stdin: Text for its stdin.
            labels: Labels of the command's container.
            timeout_s: Deadline.
        """

    def run_in_mounts(
        self,
        container: str | None,
        image: str,
        argv: Sequence[str],
        *,
        stdin: str = "",
        labels: Mapping[str, str] | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """Run a command with CAP_SYS_ADMIN in the mount namespace of a container.

        Args:
            container: A running container, whose programs the command is of. None for a namespace
                of its own, with the programs of the image.
            image: Image that has nsenter(1) and unshare(1).
            argv: The command.
            stdin: See ``run_in_network``, as for ``labels`` and ``timeout_s``.
            labels: Labels of the command's container.
            timeout_s: Deadline.
        """
