"""The fake engine itself: every method of ``Engine``, over records in memory.

Its containers understand the few commands of ``fake.shell``; a test adds its own with ``on_exec``,
makes the next call of a method fail with ``fail_next``, and reads what was asked from ``calls``.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    ImageBuildFailed,
    NotFound,
    ReadOnlyError,
)
from condor_mini.engine.fake.beside import FakeBeside
from condor_mini.engine.fake.host import FakeContainer, FakeNetwork, FakeVolume
from condor_mini.engine.fake.log import FakeLog, LogChoice
from condor_mini.engine.fake.shell import FakeExec, after_login, unknown
from condor_mini.engine.protocol import QUICK_TIMEOUT_S, ImageBuilder, NamespaceKeeper
from condor_mini.engine.values import (
    BindMount,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    EngineInfo,
    ImageInfo,
    NetworkInfo,
    VolumeInfo,
    VolumeMount,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO


_KILLED = 137

_INFO = EngineInfo(
    name="fake",
    version="1.0",
    endpoint="fake://",
    rootless=False,
    same_host=True,
    cpus=4,
    memory_mb=8192,
    architecture="x86_64",
)


class FakeEngine(FakeBeside, ImageBuilder, NamespaceKeeper):
    """An engine whose containers are records. May be used from many threads."""

    # -- the engine itself and images -------------------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``."""
        self._record("info")
        return replace(_INFO, name=self.name)

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        self._record("image", reference)
        return self._images.get(reference)

    def pull(self, reference: str, *, timeout_s: float) -> None:  # noqa: ARG002
        """See ``Engine.pull``."""
        self._record("pull", reference)
        if reference not in self.registry:
            raise self._failed("pull", reference, "no such image in the registry")
        self._images[reference] = self.registry[reference]

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        self._record("import_image", reference)
        if not tarball.is_file():
            raise self._failed("import", str(tarball), "no such file or directory")
        self.add_image(reference, labels=labels)

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """See ``Engine.build``."""
        self._record("build", spec.tags[0])
        self.builds.append(spec)
        on_line(f"building {', '.join(spec.tags)}")
        if not (spec.context / "Dockerfile").is_file():
            raise ImageBuildFailed(f"{spec.context} has no Dockerfile")
        for tag in spec.tags:
            self.add_image(tag, labels=spec.labels)

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        self._record("remove_image", reference)
        with self._host.lock:
            if any(record.spec.image == reference for record in self._host.containers.values()):
                raise self._failed("rmi", reference, "a container is using it")
            self._images.pop(reference, None)

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """See ``Engine.save_images``."""
        self._record("save_images", *references)
        with self._host.lock:
            if absent := [name for name in references if name not in self._images]:
                raise NotFound(f"no such image: {', '.join(absent)}")
            saved = {name: asdict(self._images[name]) for name in references}
        try:
            tarball.write_text(json.dumps(saved))
        except OSError as error:
            raise self._failed("save", str(tarball), str(error)) from None

    def load_images(self, tarball: Path) -> list[str]:
        """See ``Engine.load_images``."""
        self._record("load_images", str(tarball))
        try:
            saved = json.loads(tarball.read_text())
        except (OSError, ValueError) as error:
            raise self._failed("load", str(tarball), str(error)) from None
        with self._host.lock:
            self._images |= {name: ImageInfo(**facts) for name, facts in saved.items()}
        return list(saved)

    # -- networks and volumes ---------------------------------------------------------------------

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        self._record("create_network", name)
        with self._host.lock:
            if name in self._host.networks:
                raise AlreadyInUse(f"network with name {name} already exists")
            number = self._host.next_number()
            info = NetworkInfo(id=f"{number:064x}", name=name, labels=dict(labels))
            chosen = subnet or f"10.77.{number % 256}.0/24"
            self._host.networks[name] = FakeNetwork(info=info, subnet=chosen)

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """See ``Engine.networks``."""
        self._record("networks")
        with self._host.lock:
            infos = [network.info for network in self._host.networks.values()]
        return [info for info in infos if labels.items() <= info.labels.items()]

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        self._record("remove_network", name)
        with self._host.lock:
            known = self._host.network_name(name)
            if any(
                known in self._host.addresses(record) for record in self._host.containers.values()
            ):
                raise self._failed("network rm", name, "it has active endpoints")
            self._host.networks.pop(known, None)

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``."""
        self._record("create_volume", name)
        with self._host.lock:
            info = VolumeInfo(name=name, labels=dict(labels))
            self._host.volumes.setdefault(name, FakeVolume(info=info))
        self._host.changes.write(f"{name}\n")

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """See ``Engine.volumes``."""
        self._record("volumes")
        with self._host.lock:
            infos = [volume.info for volume in self._host.volumes.values()]
        return [info for info in infos if labels.items() <= info.labels.items()]

    def remove_volume(self, *names: str) -> None:
        """See ``Engine.remove_volume``."""
        if names:
            self._record("remove_volume", *names)
        with self._host.lock:
            used = set[str]().union(*(record.volumes for record in self._host.containers.values()))
            for name in set(names) - used:
                self._host.volumes.pop(name, None)
                self._host.changes.write(f"{name}\n")
            if in_use := used.intersection(names):
                raise self._failed("volume rm", " ".join(in_use), "a container is using it")

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        self._record("create", spec.name, argv=spec.command)
        with self._host.lock:
            if spec.name in self._host.containers:
                raise AlreadyInUse(f"container name {spec.name} is already in use")
            if spec.image not in self._images:
                raise NotFound(f"no such image: {spec.image}")
            for mount in spec.mounts:
                if isinstance(mount, BindMount) and not mount.source.exists():
                    raise self._failed("create", spec.name, f"no such path: {mount.source}")
                if isinstance(mount, VolumeMount) and mount.volume not in self._host.volumes:
                    if mount.labels is None:
                        raise NotFound(f"no such volume: {mount.volume}")
                    info = VolumeInfo(name=mount.volume, labels=dict(mount.labels))
                    self._host.volumes[mount.volume] = FakeVolume(info=info)
            number = self._host.next_number()
            log = FakeLog(self._host.clock)
            labels = {**self._images[spec.image].labels, **spec.labels}
            record = FakeContainer(
                id=f"{number:064x}",
                spec=spec,
                labels=labels,
                number=number,
                log=log,
                changes=self._host.changes,
            )
            self._host.containers[spec.name] = record
        record.note()
        return record.id

    def copy_in(self, container: str, archive: bytes | BinaryIO, *, at: str = "/") -> None:
        """See ``Engine.copy_in``."""
        self._record("copy_in", container)
        world = self._host.world(self._host.get(container))
        if not world.can_write(at):
            raise ReadOnlyError(f"the root of {container} is read-only: {at}")
        try:
            world.unpack(io.BytesIO(archive) if isinstance(archive, bytes) else archive, at)
        except tarfile.TarError as error:
            raise self._failed("cp", container, str(error)) from None

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        self._record("copy_out", container, argv=(path,))
        content = self._host.world(self._host.get(container)).read(path)
        if content is None:
            raise NotFound(f"no such file in container {container}: {path}")
        return content

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """See ``Engine.copy_out_archive``."""
        self._record("copy_out_archive", container, argv=(path,))
        self._host.world(self._host.get(container)).pack(path, archive)

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        self._record("start", container)
        record = self._host.get(container)
        if record.spec.network is not None and record.spec.network not in self._host.networks:
            raise self._failed("start", container, f"network {record.spec.network} not found")
        with self._host.lock:
            if record.is_running:
                return
            record.run(self._host.clock(), self._host.bind(record.spec))
        if not record.spec.command:
            return
        outcome = self._outcome(record, FakeExec.in_container(record.spec, record.spec.command))
        if outcome is None:  # an unknown command counts as a service
            return
        record.log.write(outcome.output)
        if outcome.seconds == 0:
            record.end(outcome.returncode)

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
        self._record("exec", container, argv=after_login(argv))
        record = self._host.running(container)
        line = (self.name, "exec", container, *argv)
        call = FakeExec.in_container(record.spec, argv, user, workdir, environment, stdin)
        outcome = self._outcome(record, call) or unknown(call)
        if outcome.seconds > timeout_s:
            raise CommandFailed(line, None, outcome.stderr)
        status, stdout, stderr = outcome.returncode, outcome.stdout, outcome.stderr
        return CommandResult(argv=line, returncode=status, stdout=stdout, stderr=stderr)

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
        self._record("attach", container, argv=after_login(argv))
        record = self._host.running(container)
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        stdin = None
        with suppress(OSError):  # a test runner's stdin refuses to be read
            stdin = None if terminal else sys.stdin.read()
        call = FakeExec.in_container(record.spec, argv, user, workdir, environment, stdin, terminal)
        outcome = self._outcome(record, call) or unknown(call)
        sys.stdout.write(outcome.stdout)
        sys.stdout.flush()
        sys.stderr.write(outcome.stderr)
        return outcome.returncode

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """See ``Engine.logs``."""
        self._record("logs", container)
        choice = LogChoice(tail=tail, since=since, timestamps=timestamps)
        return self._host.get(container).log.read(choice)

    def follow(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.follow``."""
        self._record("follow", container)
        choice = LogChoice(tail=tail, since=since, timestamps=timestamps)
        return self._host.get(container).log.follow(choice)

    def changes(self) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.changes``."""
        self._record("changes")
        return self._host.changes.follow(LogChoice(tail=0, since=None, timestamps=False))

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``."""
        self._record("containers")
        with self._host.lock:
            return [
                self._host.info(record)
                for record in self._host.containers.values()
                if labels.items() <= record.labels.items()
            ]

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        self._record("inspect", container)
        with suppress(NotFound):
            return self._host.info(self._host.get(container))
        return None

    def stop(self, *containers: str, timeout_s: float) -> None:  # noqa: ARG002
        """See ``Engine.stop``."""
        if containers:
            self._record("stop", *containers)
        for container in containers:
            with suppress(NotFound):
                self._host.running(container).end(_KILLED)

    def remove(self, *containers: str) -> None:
        """See ``Engine.remove``."""
        if containers:
            self._record("remove", *containers)
        for container in containers:
            with self._host.lock, suppress(NotFound):
                record = self._host.containers.pop(self._host.get(container).spec.name)
                record.log.close()
                record.note()
