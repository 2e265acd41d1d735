"""An engine that is driven by its command line: ``docker``, and what speaks like it.

The command line and not the socket's API: it brings contexts, TLS, SSH endpoints, credential
helpers and both builders, costs 20 to 30 ms a call, and what we do can be pasted into a shell.
"""

from __future__ import annotations

import io
import json
import math
import os
import shlex
import sys
import tarfile
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    EngineCapabilityError,
    ImageBuildFailed,
    NotFound,
)
from condor_mini.engine import command
from condor_mini.engine.answers import (
    container_info,
    image_info,
    is_nameless,
    network_info,
    volume_info,
)
from condor_mini.engine.archives import copy_below, copy_under, is_empty
from condor_mini.engine.argv import (
    build_arguments,
    create_arguments,
    each,
    exec_arguments,
    label_arguments,
    label_filters,
    logs_arguments,
    read_as_csv,
)
from condor_mini.engine.client import JSON, Client
from condor_mini.engine.log_lines import count_lines, format_lines, format_log
from condor_mini.engine.protocol import (
    BUILD_TIMEOUT_S,
    QUICK_TIMEOUT_S,
    BindMount,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    Engine,
    EngineInfo,
    ImageInfo,
    ImageTree,
    NetworkInfo,
    VolumeInfo,
    VolumeMount,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine.dialect import Dialect
    from condor_mini.engine.shortcomings import Json

INFO_TIMEOUT_S = 20.0
"""Deadline of the first question; what takes longer to answer it is of no use."""

COPY_TIMEOUT_S = 900.0
"""Deadline of copying files in or out: gigabytes, over a slow connection to the engine."""

_AT_ONCE = 50
"""How many containers Docker's client stops or removes at the same time."""


class OciEngine(Engine):
    """The engine behind one row of the table of dialects."""

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._client = Client(dialect)

    # -- the engine itself ------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``."""
        try:
            answer = self._client.run("info", *JSON, check=False, timeout_s=INFO_TIMEOUT_S)
        except CommandFailed:
            raise self._client.unreachable(f"no answer within {INFO_TIMEOUT_S:g} s") from None
        facts: Json = json.loads(answer.stdout) if answer.stdout.strip() else {}
        # Clients before 23 end with 0 and say only here that no daemon answered.
        trouble = "\n".join(facts.get("ServerErrors") or ())
        if answer.returncode != 0 or trouble or not facts:
            raise self._client.unreachable(trouble or answer.stderr)
        if blockers := list(self._dialect.blockers(facts)):
            raise EngineCapabilityError(
                f"{self.name} cannot be used here: {'; '.join(each.evidence for each in blockers)}",
                hint="\n".join(each.hint for each in blockers),
            )
        endpoint = self.endpoint((facts.get("ClientInfo") or {}).get("Context"))
        return self._dialect.engine_info(facts, endpoint)

    def endpoint(self, context: str | None = None) -> str:
        """Where the client looks for the engine, whether or not one answers there.

        Args:
            context: The client's current context, where it is known: that saves a call.
        """
        if named := os.environ.get(self._dialect.host_variable):
            return named
        if context == self._dialect.default_context:
            return self._dialect.default_endpoint
        host = "{{.Endpoints.docker.Host}}"
        asked = [context] if context else []
        return self._client.run("context", "inspect", "--format", host, *asked).stdout.strip()

    # -- images -----------------------------------------------------------------------------------

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        try:
            answer = self._client.run("image", "inspect", reference)
        except NotFound:
            return None
        return image_info(*json.loads(answer.stdout))

    def pull(self, reference: str, *, timeout_s: float) -> None:
        """See ``Engine.pull``."""
        self._client.run("pull", reference, timeout_s=timeout_s)

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        changes = [self._dialect.label_instruction(*label) for label in labels.items()]
        # An absolute path: a bare name could be taken for a URL.
        source = str(tarball.resolve())
        self._client.run(
            "import", *each("--change", changes), source, reference, timeout_s=BUILD_TIMEOUT_S
        )

    def compose(self, reference: str, tree: ImageTree, *, labels: Mapping[str, str]) -> None:  # noqa: ARG002
        """It builds."""
        raise EngineCapabilityError(f"{self.name} builds images, and composes none: {reference}")

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """See ``Engine.build``."""
        argv = self._client.argv(*build_arguments(spec, self._dialect.build_options))
        # The variable and not --progress, which the classic builder does not know.
        environment = {"BUILDKIT_PROGRESS": "plain"}
        try:
            command.stream(argv, on_line, timeout_s=BUILD_TIMEOUT_S, environment=environment)
        except FileNotFoundError:
            raise self._client.no_client() from None
        except CommandFailed as failure:
            if failure.returncode != 0 and self._dialect.unreachable.search(failure.stderr):
                raise self._client.unreachable(failure.stderr) from None
            outcome = (
                f"did not end within {BUILD_TIMEOUT_S:g} s"
                if failure.returncode is None
                else f"ended with {failure.returncode}"
            )
            raise ImageBuildFailed(
                f"Building {', '.join(spec.tags)} from {spec.context} {outcome}; its last lines:\n"
                f"{failure.stderr or '(no output)'}",
                hint=self._client.hint_of(failure.stderr)
                or f"Build it by hand: {shlex.join(argv)}",
                output=failure.stderr,
            ) from failure

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        self._client.end("rmi", reference)

    def save_images(self, references: Sequence[str], tarball: Path) -> None:
        """See ``Engine.save_images``."""
        tarball.unlink(missing_ok=True)  # Podman adds to no file that is there
        options = (*self._dialect.save_options, "--output", str(tarball))
        self._client.run("save", *options, *references, timeout_s=BUILD_TIMEOUT_S)

    def load_images(self, tarball: Path) -> list[str]:
        """See ``Engine.load_images``."""
        output = self._client.run("load", "--input", str(tarball), timeout_s=BUILD_TIMEOUT_S).stdout
        return self._dialect.loaded.findall(output)

    # -- networks and volumes ---------------------------------------------------------------------

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        chosen = [] if subnet is None else ["--subnet", subnet]
        created = self._client.run("network", "create", *label_arguments(labels), *chosen, name)
        # Docker looks for the name first and takes it later: of four at once all four succeed. At
        # most one of them sees itself alone afterwards; the others undo what they did.
        if len(self._networks_called(name)) > 1:
            self._client.end("network", "rm", created.stdout.strip())
            raise AlreadyInUse(f"Another process is creating the network {name} right now.")

    def networks(self, labels: Mapping[str, str]) -> list[NetworkInfo]:
        """See ``Engine.networks``."""
        ids = self._listed("network", "ls", "--no-trunc", *label_filters(labels))
        found = map(network_info, self._client.inspect("network", ids))
        return [info for info in found if labels.items() <= info.labels.items()]

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        for network in self._networks_called(name):
            self._client.end("network", "rm", network)

    def _networks_called(self, name: str) -> list[str]:
        """What to call those of that name or id: not every engine sees to it that it is one."""
        layout = ("--no-trunc", "--format", "{{.ID}} {{.Name}}")
        listed = self._client.run("network", "ls", *layout).stdout
        rows = (line.split(maxsplit=1) for line in listed.splitlines())
        place = 1 if self._dialect.unique_networks else 0
        return [row[place] for row in rows if name in row]

    def create_volume(self, name: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.create_volume``."""
        if self._dialect.bare_volume_labels:
            for key, value in labels.items():
                if read_as_csv(value):
                    raise EngineCapabilityError(
                        f"{self.name} makes no volume with a comma or a quote in a label: {key}"
                    )
        with suppress(AlreadyInUse):  # which Docker does not say
            self._client.run("volume", "create", *label_arguments(labels), name)

    def volumes(self, labels: Mapping[str, str]) -> list[VolumeInfo]:
        """See ``Engine.volumes``."""
        names = self._listed("volume", "ls", *label_filters(labels))
        found = map(volume_info, self._client.inspect("volume", names))
        return [info for info in found if labels.items() <= info.labels.items()]

    def remove_volume(self, *names: str) -> None:
        """See ``Engine.remove_volume``."""
        if names:
            self._client.end("volume", "rm", *names)

    def _listed(self, *listing: str) -> list[str]:
        return self._client.run(*listing, "--quiet").stdout.split()

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        volumes = [mount for mount in spec.mounts if isinstance(mount, VolumeMount)]
        if unlabelled := [mount.volume for mount in volumes if mount.labels is None]:
            # The ones that are absent would be made up, without labels to find them by.
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
        if is_empty(archive):  # which Podman takes for no archive
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
        except CommandFailed:
            # Of an absent container, and an absent daemon, it says that "/" must be a directory.
            if self.inspect(container) is None:
                raise NotFound(f"There is no container {container}.") from None
            raise

    def _copy_in(self, container: str, path: str, archive: bytes | BinaryIO) -> None:
        arguments = ("cp", *self._dialect.copy_in_options, "-", f"{container}:{path}")
        self._client.run_bytes(*arguments, stdin=archive, timeout_s=COPY_TIMEOUT_S)

    def _copy_into_each(self, container: str, archive: bytes | BinaryIO) -> None:
        """Into a container that does not run, and into its mounts, which are not there yet."""
        start = 0 if isinstance(archive, bytes) or not archive.seekable() else archive.tell()
        self._copy_in(container, "/", archive)
        source = io.BytesIO(archive) if isinstance(archive, bytes) else archive
        for target in self._mounted(container):
            source.seek(start)
            with tempfile.TemporaryFile() as part:
                if copy_below(source, target, part):
                    self._copy_in(container, target, part)

    def _mounted(self, container: str) -> list[str]:
        """Where a container has mounts whose files are not its own."""
        found = []
        for facts in self._client.inspect("container", [container]):
            # What it has of its own it fills at its first start, unless it finds something there.
            is_new = container_info(facts).started_at is None
            mounts = facts.get("Mounts") or ()
            found += [m["Destination"] for m in mounts if not (is_new and is_nameless(m))]
        return sorted(found)

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        # Links are followed: asked for a file's content, a link's own few bytes are no answer.
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
        """See ``Engine.exec``. At the deadline our client is killed; the command lives on."""
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
        """Tell the engine's own failure from the command's: the status alone does not."""
        output = result.stdout + result.stderr
        if self._dialect.not_running.fullmatch(output):
            raise NotFound(f"Container {container} is not running: {output.strip()}")
        if self._dialect.unreachable.match(output):
            raise self._client.unreachable(output)

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
            turns = math.ceil(len(containers) / _AT_ONCE)
            deadline_s = turns * (each_s + QUICK_TIMEOUT_S)
            self._client.end(*arguments, *containers, timeout_s=deadline_s)
