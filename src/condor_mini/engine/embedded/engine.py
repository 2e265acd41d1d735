"""The engine itself: the methods of ``ImageComposer``, over records, sandboxes and logs."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from condor_mini.base.directories import user_state
from condor_mini.base.errors import CommandFailed, NotFound
from condor_mini.engine import command, terminal
from condor_mini.engine.embedded import state
from condor_mini.engine.embedded.cgroups import Cgroups
from condor_mini.engine.embedded.changes import followed_changes
from condor_mini.engine.embedded.choice import best_sandbox
from condor_mini.engine.embedded.containers import Containers, Volumes
from condor_mini.engine.embedded.images import Images
from condor_mini.engine.embedded.log import FollowedLog, read_log
from condor_mini.engine.embedded.networks import Networks
from condor_mini.engine.embedded.processes import kill_tree
from condor_mini.engine.embedded.supervisor import Supervisor
from condor_mini.engine.embedded.tools import Tools
from condor_mini.engine.protocol import QUICK_TIMEOUT_S, ImageComposer
from condor_mini.engine.values import (
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    EngineInfo,
    ImageInfo,
    ImageTree,
    NetworkInfo,
    VolumeInfo,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine.embedded.records import Record
    from condor_mini.engine.embedded.sandbox import InitProcess, Sandbox

NAME = "embedded"
VERSION = "1"


class EmbeddedEngine(ImageComposer):
    """Containers of one user, below one directory."""

    name = NAME

    def __init__(
        self,
        tools: Callable[[], Path],
        *,
        directory: Path | None = None,
        sandbox: str | None = None,
    ) -> None:
        """Nothing is made or asked yet.

        Args:
            tools: Returns the tree of the runtime, whose programs make the sandboxes.
            directory: The directory for everything; by default the user's own.
            sandbox: ``namespaces`` or ``paths``; by default the first of them that works.
        """
        self._find_tools = tools
        self._wanted_sandbox = sandbox
        self.directory = (directory or default_directory()).resolve()
        self._images = Images(self.directory / "images")
        self._networks = Networks(self.directory / "networks", self._container_exists)
        self._volumes = Volumes(self.directory / "volumes", lambda: self.sandbox)
        self._containers = Containers(
            self.directory / "containers", lambda: self.sandbox, self._volumes, self._networks
        )
        self._supervisor = Supervisor(self._containers, lambda: self._cgroups)

    def _container_exists(self, container_id: str) -> bool:
        return self._containers.exists(container_id)

    @cached_property
    def tools(self) -> Tools:
        """Return the programs of the runtime, which is made first if it is absent."""
        return Tools(self._find_tools())

    @cached_property
    def _cgroups(self) -> Cgroups:
        return Cgroups(self.tools, self.directory / "groups")

    @cached_property
    def _choice(self) -> tuple[Sandbox, tuple[str, ...]]:
        return best_sandbox(self.tools, self.directory, self._wanted_sandbox)

    @property
    def sandbox(self) -> Sandbox:
        """Return the best kind that works here; raises ``EngineNotFound`` if none does."""
        return self._choice[0]

    @property
    def rejected(self) -> tuple[str, ...]:
        """Return the better kinds that do not work here, each with the reason."""
        return self._choice[1]

    # -- the engine itself ------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``."""
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return EngineInfo(
            name=self.name,
            version=VERSION,
            endpoint=f"{self.sandbox.name}://{self.directory}",
            rootless=False,
            same_host=True,
            cpus=len(os.sched_getaffinity(0)),
            memory_mb=pages // 2**20,
            architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(
                platform.machine(), platform.machine()
            ),
            many_users=self.sandbox.many_users,
            read_only_mounts=self.sandbox.read_only_mounts,
            read_only_roots=False,
            on_loopback=True,
            maps_caller=True,
            stops_processes=self.sandbox.stops_processes,
            limits=tuple(dict.fromkeys(("cpus", "memory_mb", *sorted(self._cgroups.limits)))),
        )

    # -- images -----------------------------------------------------------------------------------

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        return self._images.info(reference)

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.compose``."""
        self._images.compose(reference, tree, labels)
        # The runtime may have been made for this image, and the tools come from there.
        if "tools" in self.__dict__ and self._find_tools() != self.tools.root:
            for chosen in ("tools", "_cgroups", "_choice"):
                self.__dict__.pop(chosen, None)

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        self._images.import_tar(tarball, reference, labels)

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        users = [each.name for each in self._containers.all() if each.facts["image"] == reference]
        if users:
            raise CommandFailed(("rmi", reference), 1, f"containers use it: {', '.join(users)}")
        self._images.delete(reference)

    # -- networks and volumes ---------------------------------------------------------------------

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        self._networks.create(name, labels, subnet)

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """See ``Engine.networks``."""
        return [
            NetworkInfo(id=record.id, name=record.name, labels=record.labels)
            for record in self._networks.all(labels)
        ]

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        self._networks.delete(name)
        # Also remove what a killed process has left half made for it.
        for store in (self._containers, self._volumes, self._networks):
            store.sweep()

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``."""
        self._volumes.create(name, labels)

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """See ``Engine.volumes``."""
        return [VolumeInfo(name=r.name, labels=r.labels) for r in self._volumes.all(labels)]

    def remove_volume(self, *names: str) -> None:
        """See ``Engine.remove_volume``."""
        used = {
            mount[0]: container.name
            for container in (self._containers.all() if names else ())
            for mount in container.facts["mounts"]
        }
        in_use = {}
        for name in names:
            if record := self._volumes.find(name):
                if user := used.get(self._volumes.data(record)):
                    in_use[name] = user
                else:
                    self._volumes.remove(record)
        if in_use:
            reason = "\n".join(f"{user} has {name}" for name, user in in_use.items())
            raise CommandFailed(("volume", "rm", *in_use), 1, reason)

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        with self._images.open(spec.image) as (image, archive):
            return self._containers.create(spec, image, archive).id

    def copy_in(self, container: str, archive: bytes | BinaryIO, *, at: str = "/") -> None:
        """See ``Engine.copy_in``."""
        self._containers.unpack(self._containers.get(container), archive, at)

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        return self._containers.content(self._containers.get(container), path)

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """See ``Engine.copy_out_archive``."""
        self._containers.pack(self._containers.get(container), path, archive)

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        record = self._containers.get(container)
        self._supervisor.start(record)

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
        """See ``Engine.exec``."""
        enter, variables, _ = self._exec_command(container, argv, user, workdir, environment)
        result = command.run_bytes(
            enter,
            timeout_s=timeout_s,
            stdin=None if stdin is None else stdin.encode(),
            check=False,
            environment=variables,
            end=kill_tree,
        ).text()
        # A signal killed it: report the status as a shell and other engines do.
        status = result.returncode if result.returncode >= 0 else 128 - result.returncode
        self._raise_if_it_ended(container, status)
        return CommandResult(
            argv=tuple(argv), returncode=status, stdout=result.stdout, stderr=result.stderr
        )

    def attach(
        self,
        container: str,
        argv: Sequence[str],
        *,
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """See ``Engine.attach``."""
        by_terminal = terminal.is_ours()
        enter, variables, first = self._exec_command(
            container, argv, user, workdir, environment, by_terminal=by_terminal
        )
        if by_terminal:
            variables.setdefault("TERM", os.environ.get("TERM", "xterm"))
            master, slave = self.sandbox.open_terminal(first)
            status = terminal.attach(enter, environment=variables, master=master, slave=slave)
        else:
            status = command.attach(enter, environment=variables, send=self.sandbox.send)
        self._raise_if_it_ended(container, status)
        return status

    def _exec_command(
        self,
        container: str,
        argv: Sequence[str],
        user: str | None,
        workdir: str | None,
        environment: Mapping[str, str] | None,
        *,
        by_terminal: bool = False,
    ) -> tuple[list[str], dict[str, str], InitProcess]:
        record = self._containers.get(container)
        first = state.live_init(record)
        if first is None:
            raise NotFound(f"Container {container} is not running.")
        view, variables = self._containers.view_for(record, user, environment)
        where = self._containers.workdir(record, workdir)
        enter = self.sandbox.enter(view, first, where, argv, terminal=by_terminal)
        return self._cgroups.join_command(first.pid, enter), variables, first

    def _raise_if_it_ended(self, container: str, status: int) -> None:
        """Tell a command that could not be run from one that failed."""
        if status != 0:
            record = self._containers.find(container)
            if record is None or self._supervisor.has_ended(record):
                raise NotFound(f"Container {container} is not running.")

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """See ``Engine.logs``."""
        place = self._containers.get(container).path
        return read_log(place, tail=tail, since=since, timestamps=timestamps)

    def follow(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.follow``."""
        record = self._containers.get(container)
        lines = FollowedLog(
            record.path,
            lambda: state.has_ended(record) or state.live_init(record) is None,
            tail=tail,
            since=since,
            timestamps=timestamps,
        )

        @contextmanager
        def context() -> Iterator[Iterator[str]]:
            try:
                yield lines
            finally:
                lines.stop()

        return context()

    def changes(self) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.changes``."""
        return followed_changes([self._containers.directory, self._volumes.directory])

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``."""
        return [self._containers.info(record) for record in self._containers.all(labels)]

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        record = self._containers.find(container)
        return None if record is None else self._containers.info(record)

    def stop(self, *containers: str, timeout_s: float) -> None:
        """See ``Engine.stop``."""
        self._supervisor.stop(self._existing(containers), timeout_s=timeout_s)

    def remove(self, *containers: str) -> None:
        """See ``Engine.remove``."""
        found = self._existing(containers)
        self._supervisor.kill(found)
        for record in found:
            self._containers.remove(record)
            self._networks.leave(record.facts["network"], record.id)

    def _existing(self, containers: Sequence[str]) -> list[Record]:
        return [record for name in containers if (record := self._containers.find(name))]


def default_directory() -> Path:
    """Return the directory with the user's containers."""
    return user_state() / "engine"
