"""Calls the engine's command line, and turns its complaints into errors."""

from __future__ import annotations

import json
import re
import shlex
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    CondorMiniError,
    EngineAccessDenied,
    EngineCapabilityError,
    EngineNotFound,
    HostNotReached,
    NotFound,
    ReadOnlyError,
)
from condor_mini.engine import command
from condor_mini.engine.protocol import QUICK_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from condor_mini.engine.oci.dialect import Dialect
    from condor_mini.engine.oci.shortcomings import Json
    from condor_mini.engine.values import CommandResult

JSON = ("--format", "{{json .}}")
"""For ``info``; ``inspect`` answers in JSON by itself, as an array."""
_PERMISSION_DENIED = "permission denied"
"""What a client reports of a socket, or of a file that it needs, which this user may not open."""

MOST_REPETITIONS = 4
PAUSE_S = 0.2
Result = TypeVar("Result")


class _Disturbed(Exception):
    """A command that was disturbed, and that may fail."""

    def __init__(self, result: command.BytesResult) -> None:
        super().__init__()
        self.result = result


class Client:
    """The command line behind one row of the table of dialects."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def argv(self, *arguments: str) -> list[str]:
        """Return the whole command line."""
        return [self._dialect.binary, *self._dialect.options, *arguments]

    def run(
        self,
        *arguments: str,
        timeout_s: float = QUICK_TIMEOUT_S,
        stdin: bytes | None = None,
        check: bool = True,
        merge: bool = False,
    ) -> CommandResult:
        """Run a command of the client to its end; see ``command.run``."""
        return self.run_bytes(
            *arguments, timeout_s=timeout_s, stdin=stdin, check=check, merge=merge
        ).text()

    def run_bytes(
        self,
        *arguments: str,
        timeout_s: float = QUICK_TIMEOUT_S,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        check: bool = True,
        merge: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> command.BytesResult:
        """Run a command of the client whose output is not text; see ``command.run_bytes``."""
        source = None if stdin is None or isinstance(stdin, bytes) else stdin
        start = source.tell() if source is not None and source.seekable() else None

        def attempt() -> command.BytesResult:
            if source is not None and start is not None:
                command.rewind(source, start)
            result = command.run_bytes(
                self.argv(*arguments),
                timeout_s=timeout_s,
                stdin=stdin,
                stdout=stdout,
                check=check,
                merge=merge,
                environment=environment,
            )
            if result.returncode != 0 and self._is_disturbed(result.text().stderr):
                raise _Disturbed(result)
            return result

        can_be_repeated = stdout is None and (source is None or start is not None)
        try:
            return self.undisturbed(attempt) if can_be_repeated else attempt()
        except _Disturbed as disturbed:
            return disturbed.result
        except FileNotFoundError:
            raise self.no_client() from None
        except CommandFailed as failure:
            raise self.error_of(failure) from None

    def undisturbed(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns, and repeat it if the engine was disturbed meanwhile.

        Podman fails at one image if another one, or its layers, goes at the same moment, and at a
        network if an interface of the host does. At times its own process that unpacks an archive
        ends before Podman has written the zeros after the archive's end (buildah issue 6573).

        Raises:
            CommandFailed: The call failed for another reason, or has been repeated often enough.
        """
        for _ in range(MOST_REPETITIONS):
            try:
                return call()
            except _Disturbed:
                pass
            except CommandFailed as failure:
                if not self._is_disturbed(failure.stderr):
                    raise
            time.sleep(PAUSE_S)
        return call()

    def _is_disturbed(self, stderr: str) -> bool:
        return re.search(self._dialect.disturbed, stderr) is not None

    @contextmanager
    def follow(self, *arguments: str) -> Iterator[Iterator[str]]:
        """Run a command of the client while the context lasts; see ``command.follow``."""
        with ExitStack() as stack:
            try:
                lines = stack.enter_context(command.follow(self.argv(*arguments)))
            except FileNotFoundError:
                raise self.no_client() from None
            yield self._without_complaint(lines)

    def _without_complaint(self, lines: Iterator[str]) -> Iterator[str]:
        """Yield the lines; the client's own last complaint is raised as an error."""
        # A complaint comes in the same stream as the container's output. Only the status, which
        # comes later, tells which it is.
        held = None
        try:
            for line in lines:
                if held is not None:
                    yield held
                held = line if re.match(self._dialect.complaint, line) else None
                if held is None:
                    yield line
        except CommandFailed as failure:
            raise self.error_of(failure) from None
        if held is not None:
            yield held

    def inspect(self, kind: str, names: Sequence[str]) -> list[Json]:
        """Return the facts of those that exist: one may have gone since it was listed."""
        if not names:
            return []
        result = self.run(kind, "inspect", *names, check=False)
        self._raise_complaints(result, self._dialect.absent)
        found: list[Json] = json.loads(result.stdout or "[]")
        return found

    def end(self, *arguments: str, timeout_s: float = QUICK_TIMEOUT_S) -> None:
        """Run a command that ends or removes things; an absent one is a success."""
        result = self.run(*arguments, timeout_s=timeout_s, check=False)
        self._raise_complaints(result, self._dialect.absent, self._dialect.removing)

    def _raise_complaints(self, result: CommandResult, *harmless: str) -> None:
        """Raise what a command about several things complains of, unless it is harmless."""
        if result.returncode == 0:
            return
        lines = [line.strip() for line in result.stderr.splitlines()]
        complaints = [
            line for line in lines if line and not re.fullmatch(self._dialect.verdict, line)
        ]
        failures = [line for line in complaints if not any(re.search(p, line) for p in harmless)]
        if failures or not complaints:
            text = "\n".join(failures) or result.stderr or result.stdout
            raise self.error_of(CommandFailed(result.argv, result.returncode, text))

    # -- complaints -------------------------------------------------------------------------------

    def error_of(self, failure: CommandFailed) -> CondorMiniError:
        """Return one of our errors for the engine's words; nothing else knows them."""
        if failure.returncode is None:
            return failure
        stderr = failure.stderr.strip()
        if re.search(self._dialect.unreachable, stderr):
            return self.unreachable(stderr)
        if port := re.search(self._dialect.port_taken, stderr):
            return AlreadyInUse(f"Host port {port[1]} is already in use.\n{failure.message}")
        if re.search(self._dialect.taken, stderr):
            return AlreadyInUse(failure.message)
        if re.search(self._dialect.no_subnet, stderr):
            return EngineCapabilityError(failure.message, hint=self._dialect.hint_no_subnet)
        if re.search(self._dialect.absent, stderr):
            return NotFound(failure.message)
        if re.search(self._dialect.read_only, stderr):
            return ReadOnlyError(failure.message)
        failure.hint = self.hint_of(stderr)
        return failure

    def hint_of(self, stderr: str) -> str | None:
        """Return what to do about a failure, if the engine's words tell."""
        if re.search(self._dialect.disk_full, stderr):
            return self._dialect.hint_disk_full
        hints = (hint for words, hint in self._dialect.remedies if re.search(words, stderr))
        return next(hints, None)

    def unreachable(self, stderr: str) -> EngineNotFound:
        """Return the error for an engine that does not answer, with its client's words."""
        # Some clients add how they are used, and what they sent. The first line is the reason.
        reason = next(filter(None, map(str.strip, stderr.splitlines())), "(it said nothing)")
        if host := self._dialect.host:
            return HostNotReached(
                f"the host {host} is not reached: {reason}",
                hint=f"See what is wrong: {shlex.join(self.argv('version'))}",
            )
        denied = re.search(self._dialect.denied, stderr)
        error = EngineAccessDenied if _PERMISSION_DENIED in stderr else EngineNotFound
        return error(
            f"{self._dialect.name} does not answer: {reason}",
            hint=self._dialect.hint_denied
            if denied
            else self.hint_of(stderr) or self._dialect.hint_unreachable,
        )

    def no_client(self) -> EngineNotFound:
        """Return the error for a client that is not installed."""
        return EngineNotFound(
            f"There is no command {self._dialect.binary} on PATH.", hint=self._dialect.hint_absent
        )
