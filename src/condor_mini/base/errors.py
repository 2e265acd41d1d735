"""Every error a caller can meet, each with the exit code the command line ends with.

CondorMiniError                 1
├── UsageError                  2   options that contradict each other
├── NotFound                    3   a file, an image, a container that is not there
├── AlreadyInUse                4   a name or a state directory that another pool has
├── TimedOut                    5   a deadline passed; says what was missing, and for how long
│   └── PoolNotReady                a pool is not usable; names the daemon, since when, and the log
├── EngineError                 6
│   ├── EngineNotFound              none reachable, or not the one asked for
│   │   ├── EngineAccessDenied      one is there, but closed to this user
│   │   └── HostNotReached          that of another host of a pool does not answer
│   ├── EngineCapabilityError       this engine cannot do it
│   └── EngineInstallError          an engine could not be installed or started
├── ReadOnlyError               1   a place in a node that nobody can write to
├── CommandFailed               1   an engine's command; prints argv and the tail of stderr
├── ImageBuildFailed            1
├── RuntimeFailed               1   the embedded HTCondor could not be made: mirror, package, disk
├── StateError                  1   a state directory that cannot be used
├── RecordError                 1   labels of a pool that do not tell what it was made from
├── DocumentError               7   a file in YAML that is wrong; a Problem for each place
│   ├── PoolFileError               a pool file
│   └── ScenarioError               a scenario
└── JobFailed                   the job's own status, or 1 where it has none
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.redaction import redact, redact_argv

if TYPE_CHECKING:
    from collections.abc import Sequence

STDERR_TAIL_LINES = 20
MOST_SHOWN = 120
"""Characters of a command line that an error shows; ``argv`` has all of it."""


class CondorMiniError(Exception):
    """The root: what failed, the evidence, and the next command to type."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


class UsageError(CondorMiniError):
    """Options that contradict each other or name something unknown."""

    exit_code = 2


class NotFound(CondorMiniError):
    """A file, an image or a container that is not there."""

    exit_code = 3


class AlreadyInUse(CondorMiniError):
    """A name or a state directory that another pool has."""

    exit_code = 4


class TimedOut(CondorMiniError):
    """A deadline passed: says what was missing, and for how long."""

    exit_code = 5


class PoolNotReady(TimedOut):
    """A pool is not usable: names the daemon that is missing, since when, and the log."""


class EngineError(CondorMiniError):
    """The container engine is the reason."""

    exit_code = 6


class EngineNotFound(EngineError):
    """No engine answers, or not the one that was asked for."""


class EngineAccessDenied(EngineNotFound):
    """An engine is there, but this user may not use it."""


class HostNotReached(EngineNotFound):
    """The engine of another host of a pool does not answer: names the host."""


class EngineCapabilityError(EngineError):
    """This engine answers, but cannot do what is asked of it."""


class EngineInstallError(EngineError):
    """An engine could not be installed or started."""


class ReadOnlyError(CondorMiniError):
    """A place in a container that is read-only."""


def _shown(argv: Sequence[str]) -> str:
    """Return a command line without its secrets; of a long one the beginning."""
    words = redact_argv(argv)
    if len(words) <= MOST_SHOWN:
        return words
    return f"{words[:MOST_SHOWN].rpartition(' ')[0]} ..."


class CommandFailed(CondorMiniError):
    """An engine's command ended with a status other than 0, or not in time (status None)."""

    def __init__(self, argv: Sequence[str], returncode: int | None, stderr: str) -> None:
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stderr = stderr
        outcome = "did not end in time" if returncode is None else f"ended with {returncode}"
        tail = "\n".join(redact(stderr).strip().splitlines()[-STDERR_TAIL_LINES:])
        super().__init__(f"{_shown(argv)}\n{outcome}: {tail or '(nothing on stderr)'}")


class ImageBuildFailed(CondorMiniError):
    """An image could not be built; ``output`` has the last lines of the build, if it began."""

    def __init__(self, message: str, *, hint: str | None = None, output: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class RuntimeFailed(CondorMiniError):
    """The embedded runtime could not be made: a mirror, a package, or the disk is the reason."""


class StateError(CondorMiniError):
    """A state directory that cannot be used: unwritable, full, or not a directory."""


class RecordError(CondorMiniError):
    """What the engine holds of a pool does not tell what that pool was made from."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong in a file, and where. Lines and columns count from 1."""

    line: int | None
    """None where it is wrong as a whole: it cannot be read, or is too large."""
    column: int | None
    path: str
    """The keys that lead there: ``execution_points[0].count``; empty for the whole file."""
    message: str


class DocumentError(CondorMiniError):
    """A file in YAML that is wrong; holds every problem, in the order of the file.

    Each is one line of the message: ``pool.yaml:12:5: execution_points[0].count: must be at least
    0, not -3``. ``source`` is the name of the file there, ``-`` for stdin.
    """

    exit_code = 7

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(
            sorted(problems, key=lambda p: (p.line or 0, p.column or 0, p.path, p.message))
        )
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    def _line(self, problem: Problem) -> str:
        place = self.source
        if problem.line is not None:
            place += f":{problem.line}:{problem.column}"
        return ": ".join(part for part in (place, problem.path, problem.message) if part)


class PoolFileError(DocumentError):
    """A pool file that is wrong."""


class ScenarioError(DocumentError):
    """A scenario of faults that is wrong."""


class JobFailed(CondorMiniError):
    """A job ended with a status other than 0, was held, or was removed."""

    def __init__(self, message: str, *, status: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = status
