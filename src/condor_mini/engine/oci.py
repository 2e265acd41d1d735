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
from typing import TYPE_CHECKING

from condor_mini.engine import command
from condor_mini.engine.answers import Json, container_info, engine_info, image_info
from condor_mini.engine.argv import (
    build_arguments,
    create_arguments,
    each,
    exec_arguments,
    label_arguments,
    label_instruction,
)
from condor_mini.engine.protocol import (
    BUILD_TIMEOUT_S,
    QUICK_TIMEOUT_S,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    Engine,
    EngineInfo,
    ImageInfo,
)
from condor_mini.errors import (
    AlreadyInUse,
    CommandFailed,
    CondorMiniError,
    EngineNotFound,
    ImageBuildFailed,
    NotFound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from condor_mini.engine.dialect import Dialect

INFO_TIMEOUT_S = 20.0
"""Deadline of the first question; what takes longer to answer it is of no use."""

_JSON = ("--format", "{{json .}}")


class OciEngine(Engine):
    """The engine behind one row of the table of dialects."""

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.name
        self._dialect = dialect

    # -- the engine itself ------------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """See ``Engine.info``."""
        try:
            answer = self._run("info", *_JSON, check=False, timeout_s=INFO_TIMEOUT_S)
        except CommandFailed:
            raise self._unreachable(f"no answer within {INFO_TIMEOUT_S:g} s") from None
        facts: Json = json.loads(answer.stdout) if answer.stdout.strip() else {}
        # Clients before 23 end with 0 and say only here that no daemon answered.
        trouble = "\n".join(facts.get("ServerErrors") or ())
        if answer.returncode != 0 or trouble or not facts:
            raise self._unreachable(trouble or answer.stderr)
        endpoint = self.endpoint(facts["ClientInfo"].get("Context"))
        return engine_info(self.name, endpoint, facts)

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
        return self._run("context", "inspect", "--format", host, *asked).stdout.strip()

    # -- images -----------------------------------------------------------------------------------

    def image(self, reference: str) -> ImageInfo | None:
        """See ``Engine.image``."""
        try:
            answer = self._run("image", "inspect", *_JSON, reference)
        except NotFound:
            return None
        return image_info(json.loads(answer.stdout))

    def pull(self, reference: str, *, timeout_s: float) -> None:
        """See ``Engine.pull``."""
        self._run("pull", reference, timeout_s=timeout_s)

    def import_image(self, tarball: Path, reference: str, *, labels: Mapping[str, str]) -> None:
        """See ``Engine.import_image``."""
        changes = [label_instruction(key, value) for key, value in labels.items()]
        # An absolute path: a bare name could be taken for a URL.
        source = str(tarball.resolve())
        self._run(
            "import", *each("--change", changes), source, reference, timeout_s=BUILD_TIMEOUT_S
        )

    def build(self, spec: BuildSpec, *, on_line: Callable[[str], None]) -> None:
        """See ``Engine.build``."""
        argv = [self._dialect.binary, *build_arguments(spec)]
        # The variable and not --progress, which the classic builder does not know.
        environment = {"BUILDKIT_PROGRESS": "plain"}
        try:
            command.stream(argv, on_line, timeout_s=BUILD_TIMEOUT_S, environment=environment)
        except FileNotFoundError:
            raise self._no_client() from None
        except CommandFailed as failure:
            if failure.returncode != 0 and self._dialect.unreachable.search(failure.stderr):
                raise self._unreachable(failure.stderr) from None
            outcome = (
                f"did not end within {BUILD_TIMEOUT_S:g} s"
                if failure.returncode is None
                else f"ended with {failure.returncode}"
            )
            raise ImageBuildFailed(
                f"Building {', '.join(spec.tags)} from {spec.context} {outcome}; its last lines:\n"
                f"{failure.stderr or '(no output)'}",
                hint=f"Build it by hand: {shlex.join(argv)}",
            ) from failure

    def remove_image(self, reference: str) -> None:
        """See ``Engine.remove_image``."""
        self._remove("rmi", reference)

    # -- networks ---------------------------------------------------------------------------------

    def create_network(
        self, name: str, *, labels: Mapping[str, str], subnet: str | None = None
    ) -> None:
        """See ``Engine.create_network``."""
        chosen = [] if subnet is None else ["--subnet", subnet]
        created = self._run("network", "create", *label_arguments(labels), *chosen, name)
        # Docker looks for the name first and takes it later: of four at once all four succeed. At
        # most one of them sees itself alone afterwards; the others undo what they did.
        if len(self._network_ids(name)) > 1:
            self._remove("network", "rm", created.stdout.strip())
            raise AlreadyInUse(f"Another process is creating the network {name} right now.")

    def remove_network(self, name: str) -> None:
        """See ``Engine.remove_network``."""
        for network_id in self._network_ids(name):
            self._remove("network", "rm", network_id)

    def _network_ids(self, name: str) -> list[str]:
        """All networks of that name: the engine does not see to it that there is only one."""
        layout = ("--no-trunc", "--format", "{{.ID}} {{.Name}}")
        # The filter finds names that contain it.
        listed = self._run("network", "ls", *layout, "--filter", f"name={name}").stdout
        rows = (line.split(maxsplit=1) for line in listed.splitlines())
        return [network_id for network_id, found in rows if found == name]

    # -- containers -------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> str:
        """See ``Engine.create``."""
        return self._run(*create_arguments(spec)).stdout.strip()

    def copy_in(self, container: str, archive: bytes) -> None:
        """See ``Engine.copy_in``."""
        try:
            self._run("cp", "-", f"{container}:/", stdin=archive)
        except CommandFailed:
            # Of an absent container, and an absent daemon, it says that "/" must be a directory.
            if self.inspect(container) is None:
                raise NotFound(f"There is no container {container}.") from None
            raise

    def copy_out(self, container: str, path: str) -> bytes:
        """See ``Engine.copy_out``."""
        # --follow-link: asked for a file's content, a link's own few bytes are no answer.
        archive = self._run_bytes("cp", "--follow-link", f"{container}:{path}", "-").stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member is not None else None
            if content is None:
                raise NotFound(f"{path} in container {container} is not a file.")
            return content.read()

    def start(self, container: str) -> None:
        """See ``Engine.start``."""
        self._run("start", container)

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
        result = self._run(
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
        said = result.stdout + result.stderr
        if self._dialect.not_running.fullmatch(said):
            raise NotFound(f"Container {container} is not running: {said.strip()}")
        if self._dialect.unreachable.match(said):
            raise self._unreachable(said)

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
                [
                    self._dialect.binary,
                    "exec",
                    "--interactive",
                    *(["--tty"] if terminal else []),
                    *options,
                    container,
                    *argv,
                ]
            )
        except FileNotFoundError:
            raise self._no_client() from None
        if status == 1 and not self._runs(container):
            raise NotFound(f"Container {container} is not running.")
        return status

    def _runs(self, container: str) -> bool:
        info = self.inspect(container)
        return info is not None and info.state is ContainerState.RUNNING

    def logs(self, container: str, *, tail: int | None = None) -> str:
        """See ``Engine.logs``."""
        last = [] if tail is None else ["--tail", str(tail)]
        return self._run("logs", *last, container, merge=True).stdout

    def containers(self, labels: Mapping[str, str]) -> list[ContainerInfo]:
        """See ``Engine.containers``."""
        filters = each("--filter", [f"label={key}={value}" for key, value in labels.items()])
        ids = self._run("ps", "--all", "--quiet", "--no-trunc", *filters).stdout.split()
        return self._inspect_all(ids) if ids else []

    def inspect(self, container: str) -> ContainerInfo | None:
        """See ``Engine.inspect``."""
        return next(iter(self._inspect_all([container])), None)

    def _inspect_all(self, containers: Sequence[str]) -> list[ContainerInfo]:
        """Those of them that are there: one may have gone since it was listed."""
        answer = self._run("container", "inspect", *_JSON, *containers, check=False)
        complaints = [line for line in answer.stderr.splitlines() if line.strip()]
        if answer.returncode != 0 and not all(map(self._dialect.absent.search, complaints)):
            raise self._translated(
                CommandFailed(answer.argv, answer.returncode, answer.stderr or answer.stdout)
            )
        return [
            container_info(json.loads(line))
            for line in answer.stdout.splitlines()
            if line.startswith("{")
        ]

    def stop(self, container: str, *, timeout_s: float) -> None:
        """See ``Engine.stop``."""
        patience = str(math.ceil(timeout_s))
        self._remove("stop", "-t", patience, container, timeout_s=timeout_s + QUICK_TIMEOUT_S)

    def remove(self, container: str) -> None:
        """See ``Engine.remove``."""
        self._remove("rm", "--force", "--volumes", container)

    # -- calling it -------------------------------------------------------------------------------

    def _remove(self, *arguments: str, timeout_s: float = QUICK_TIMEOUT_S) -> None:
        """Run a command that ends something; what is absent has ended."""
        try:
            self._run(*arguments, timeout_s=timeout_s)
        except NotFound:
            return
        except CommandFailed as failure:
            if not self._dialect.removing.search(failure.stderr):
                raise

    def _run(
        self,
        *arguments: str,
        timeout_s: float = QUICK_TIMEOUT_S,
        stdin: bytes | None = None,
        check: bool = True,
        merge: bool = False,
    ) -> CommandResult:
        return self._run_bytes(
            *arguments, timeout_s=timeout_s, stdin=stdin, check=check, merge=merge
        ).text()

    def _run_bytes(
        self,
        *arguments: str,
        timeout_s: float = QUICK_TIMEOUT_S,
        stdin: bytes | None = None,
        check: bool = True,
        merge: bool = False,
    ) -> command.BytesResult:
        argv = [self._dialect.binary, *arguments]
        try:
            return command.run_bytes(
                argv, timeout_s=timeout_s, stdin=stdin, check=check, merge=merge
            )
        except FileNotFoundError:
            raise self._no_client() from None
        except CommandFailed as failure:
            raise self._translated(failure) from None

    def _translated(self, failure: CommandFailed) -> CondorMiniError:
        """The engine's words as one of our errors; the only place that knows them."""
        if failure.returncode is None:
            return failure
        said = failure.stderr.strip()
        if self._dialect.unreachable.search(said):
            return self._unreachable(said)
        if self._dialect.taken.search(said):
            return AlreadyInUse(f"{shlex.join(failure.argv)}\n{said}")
        if self._dialect.absent.search(said):
            return NotFound(f"{shlex.join(failure.argv)}\n{said}")
        return failure

    def _unreachable(self, said: str) -> EngineNotFound:
        denied = self._dialect.denied.search(said)
        return EngineNotFound(
            f"{self.name} does not answer: {said.strip() or '(it said nothing)'}",
            hint=self._dialect.hint_denied if denied else self._dialect.hint_unreachable,
        )

    def _no_client(self) -> EngineNotFound:
        return EngineNotFound(
            f"There is no command {self._dialect.binary} on PATH.", hint=self._dialect.hint_absent
        )
