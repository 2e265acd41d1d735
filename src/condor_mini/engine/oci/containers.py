"""Containers, by the command line of Docker or Podman."""

from __future__ import annotations

import io
import math
import re
import sys
import tarfile
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, NotFound
from condor_mini.engine import command
from condor_mini.engine.oci.answers import container_info, is_nameless
from condor_mini.engine.oci.archives import copy_below, copy_under, is_empty
from condor_mini.engine.oci.argv import (
    create_arguments,
    exec_arguments,
    label_filters,
    logs_arguments,
    run_in_mounts_arguments,
    run_in_network_arguments,
)
from condor_mini.engine.oci.log_lines import count_lines, format_lines, format_log
from condor_mini.engine.oci.stores import OciVolumes
from condor_mini.engine.oci.temporary import own_temporary_files
from condor_mini.engine.protocol import QUICK_TIMEOUT_S
from condor_mini.engine.values import BindMount, ContainerState, VolumeMount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from condor_mini.engine.values import CommandResult, ContainerInfo, ContainerSpec

COPY_TIMEOUT_S = 900.0
"""Deadline of copying files in or out: gigabytes, over a slow connection to the engine."""

_CONCURRENT = 50
"""How many containers Docker's client stops or removes at the same time."""

_NEVER_RAN = (125, 126, 127)
"""Statuses of ``run`` if the command was not run: docker-run(1), podman-run(1)."""


class OciContainers(OciVolumes):
    """The containers of the engine, and the volumes that they bring."""

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        volumes = [mount for mount in spec.mounts if isinstance(mount, VolumeMount)]
        if unlabelled := [mount.volume for mount in volumes if mount.labels is None]:
            # An absent one would be created without labels, and never be found again.
            self._client.run("volume", "inspect", *unlabelled)
        by_mount = self._dialect.labels_volumes
        if not by_mount:
            for mount in volumes:
                if mount.labels is not None:
                    self.create_volume(mount.volume, labels=mount.labels)
        options = self._dialect.create_options
        if any(isinstance(mount, BindMount) for mount in spec.mounts):
            options += self._dialect.bind_options
        if spec.read_only:
            options += self._dialect.read_only_options
        arguments = create_arguments(spec, options, labels_volumes=by_mount)
        return self._client.run(*arguments).stdout.strip()

    def copy_in(self, container: str, archive: bytes | BinaryIO, *, at: str = "/") -> None:
        """See ``Engine.copy_in``."""
        if is_empty(archive):  # Podman does not take this for an archive
            if self.inspect(container) is None:
                raise NotFound(f"There is no container {container}.")
            return
        try:
            if self._dialect.copies_into_volumes or self._runs(container):
                self._copy_in(container, at, archive)
            elif at == "/":
                self._copy_into_each(container, archive)
            else:
                source = io.BytesIO(archive) if isinstance(archive, bytes) else archive
                with tempfile.TemporaryFile() as whole:
                    copy_under(source, at, whole)
                    self._copy_into_each(container, whole)
        except CommandFailed as failure:
            # For an absent container or daemon the client says that "/" must be a directory.
            if self.inspect(container) is None:
                raise NotFound(f"There is no container {container}.") from None
            if failure.stderr.strip().endswith("must be a directory"):
                raise EngineCapabilityError(
                    f"{self._dialect.name} cannot copy into the container {container}: a directory "
                    "that is mounted there is no longer where it was mounted from",
                    hint="A personal pool that root has started on Docker is one. Work in its "
                    "directory: condor-mini run --submit FILE, or condor-mini run -- COMMAND",
                ) from None
            raise

    def _copy_in(self, container: str, path: str, archive: bytes | BinaryIO) -> None:
        arguments = ("cp", *self._dialect.copy_in_options, "-", f"{container}:{path}")
        with own_temporary_files() if self._dialect.leaves_archives else nullcontext() as own:
            self._client.run_bytes(
                *arguments, stdin=archive, timeout_s=COPY_TIMEOUT_S, environment=own
            )

    def _copy_into_each(self, container: str, archive: bytes | BinaryIO) -> None:
        """Copy into a container that does not run, and into each of its mounts."""
        start = 0 if isinstance(archive, bytes) or not archive.seekable() else archive.tell()
        self._copy_in(container, "/", archive)
        source = io.BytesIO(archive) if isinstance(archive, bytes) else archive
        for target in self._mounted(container):
            command.rewind(source, start)
            with tempfile.TemporaryFile() as part:
                if copy_below(source, target, part):
                    self._copy_in(container, target, part)

    def _mounted(self, container: str) -> list[str]:
        """Return the paths of a container's mounts whose files are not its own."""
        found = []
        for facts in self._client.inspect("container", [container]):
            # Its nameless volumes are filled from the image at its first start, if they are empty.
            is_new = container_info(facts).started_at is None
            mounts = facts.get("Mounts") or ()
            found += [m["Destination"] for m in mounts if not (is_new and is_nameless(m))]
        return sorted(found)

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        # Follow links: the content of the file is wanted, not that of the link.
        archive = self._client.run_bytes(
            *("cp", *self._dialect.follow_options, f"{container}:{path}", "-"),
            timeout_s=COPY_TIMEOUT_S,
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member is not None else None
            if content is None:
                raise NotFound(f"{path} in container {container} is not a file.")
            return content.read()

    def copy_out_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """See ``Engine.copy_out_archive``."""
        self._client.run_bytes(
            *("cp", f"{container}:{path}", "-"), stdout=archive, timeout_s=COPY_TIMEOUT_S
        )

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        self._client.run("start", container)

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
        """See ``Engine.exec``. At the deadline our client is killed, but the command runs on."""
        options = exec_arguments(user, workdir, environment)
        result = self._client.run(
            "exec",
            *(["--interactive"] if stdin is not None else []),
            *options,
            container,
            *argv,
            stdin=None if stdin is None else stdin.encode(),
            timeout_s=timeout_s,
            check=False,
        )
        if result.returncode != 0:
            self._raise_if_it_never_ran(container, result)
        return result

    def _raise_if_it_never_ran(self, container: str, result: CommandResult) -> None:
        """Raise if the engine failed, and not the command: the status alone does not tell."""
        output = result.stdout + result.stderr
        if re.fullmatch(self._dialect.not_running, output):
            raise NotFound(f"Container {container} is not running: {output.strip()}")
        if re.match(self._dialect.unreachable, output):
            raise self._client.unreachable(output)

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
        """See ``NamespaceKeeper.run_in_network``."""
        return self._run_beside(
            run_in_network_arguments(container, image, argv, labels or {}), stdin, timeout_s
        )

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
        """See ``NamespaceKeeper.run_in_mounts``."""
        return self._run_beside(
            run_in_mounts_arguments(container, image, argv, labels or {}), stdin, timeout_s
        )

    def _run_beside(self, arguments: Sequence[str], stdin: str, timeout_s: float) -> CommandResult:
        command, *options = arguments
        result = self._client.run(
            *(command, *self._dialect.create_options, *options),
            stdin=stdin.encode(),
            timeout_s=timeout_s,
            check=False,
        )
        if result.returncode in _NEVER_RAN:
            raise self._client.error_of(
                CommandFailed(result.argv, result.returncode, result.stderr)
            )
        return result

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
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        options = exec_arguments(user, workdir, environment)
        try:
            status = command.attach(
                self._client.argv(
                    "exec",
                    "--interactive",
                    *(["--tty"] if terminal else []),
                    *options,
                    container,
                    *argv,
                )
            )
        except FileNotFoundError:
            raise self._client.no_client() from None
        if status in self._dialect.refusals and not self._runs(container):
            raise NotFound(f"Container {container} is not running.")
        return status

    def _runs(self, container: str) -> bool:
        info = self.inspect(container)
        return info is not None and info.state is ContainerState.RUNNING

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> str:
        """See ``Engine.logs``."""
        if self._dialect.whole_lines:
            return self._logs(container, logs_arguments(tail, since, timestamps=timestamps))
        output = self._logs(container, logs_arguments(None, since, timestamps=timestamps))
        return format_log(output, tail=tail, timestamps=timestamps)

    def _logs(self, container: str, options: Iterable[str]) -> str:
        return self._client.run("logs", *options, container, merge=True).stdout

    def follow(
        self,
        container: str,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        timestamps: bool = False,
    ) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.follow``."""
        whole = self._dialect.whole_lines
        options = list(logs_arguments(tail if whole else None, since, timestamps=timestamps))
        followed = self._client.follow("logs", "--follow", *options, container)
        if whole:
            return followed
        before = 0 if tail is None else count_lines(self._logs(container, options))
        return format_lines(followed, skip=max(0, before - (tail or 0)), timestamps=timestamps)

    def changes(self) -> AbstractContextManager[Iterator[str]]:
        """See ``Engine.changes``."""
        filters = ["type=container", "type=volume", *(f"event={e}" for e in self._dialect.changes)]
        options = [word for each in filters for word in ("--filter", each)]
        # The client needs some time: what changes meanwhile is told too.
        since = datetime.now(UTC).isoformat()
        return self._client.follow(
            "events", "--since", since, "--format", self._dialect.change_format, *options
        )

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``."""
        ids = self._listed("ps", "--all", "--no-trunc", *label_filters(labels))
        return [info for info in self._inspected(ids) if labels.items() <= info.labels.items()]

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        return next(iter(self._inspected([container])), None)

    def _inspected(self, names: Sequence[str]) -> list[ContainerInfo]:
        prefix = self._dialect.local_prefix
        return [container_info(facts, prefix) for facts in self._client.inspect("container", names)]

    def stop(self, *containers: str, timeout_s: float) -> None:
        """See ``Engine.stop``."""
        patience_s = math.ceil(timeout_s)
        options = (*self._dialect.stop_options, "-t", str(patience_s))
        self._end("stop", *options, containers=containers, each_s=patience_s)

    def remove(self, *containers: str) -> None:
        """See ``Engine.remove``."""
        options = ("--force", "--volumes", *self._dialect.remove_options)
        self._end("rm", *options, containers=containers)

    def _end(self, *arguments: str, containers: Sequence[str], each_s: float = 0.0) -> None:
        if containers:
            turns = math.ceil(len(containers) / _CONCURRENT)
            deadline_s = turns * (each_s + QUICK_TIMEOUT_S)
            self._client.end(*arguments, *containers, timeout_s=deadline_s)
