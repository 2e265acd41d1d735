"""The few commands that a ``FakeEngine``'s containers understand, and the words for a command.

Enough for the contract suite and for simple tests; what a test needs beyond it, it scripts with
``FakeEngine.on_exec``.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.layout import LOGIN
from condor_mini.engine.fake.files import FakeFile
from condor_mini.engine.values import BindMount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from condor_mini.engine.fake.files import FakeWorld
    from condor_mini.engine.values import ContainerSpec

NOT_FOUND = 127


@dataclass(frozen=True, kw_only=True)
class FakeCall:
    """One call of the engine, as it was recorded."""

    method: str
    target: str
    """The container, image, network or volume that it was about; of several, all in one line."""
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FakeExec:
    """A command as it is run in a container."""

    container: str
    argv: tuple[str, ...]
    user: str
    workdir: str
    environment: Mapping[str, str]
    stdin: str | None = None
    terminal: bool = False
    """Whether its stdin and stdout are a terminal."""

    @classmethod
    def in_container(
        cls,
        spec: ContainerSpec,
        argv: Sequence[str],
        user: str | None = None,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        terminal: bool = False,
    ) -> FakeExec:
        """Return the command with the container's values where the caller gives none."""
        user = user or spec.user or "0"
        if argv[:1] == [LOGIN]:
            workdir = argv[1] or ("/root" if user in ("root", "0") else f"/home/{user}")
        return cls(
            container=spec.name,
            argv=after_login(argv),
            user=user,
            workdir=workdir or spec.workdir or "/",
            environment={
                "HOSTNAME": spec.hostname or spec.name,
                **spec.environment,
                **(environment or {}),
            },
            stdin=stdin,
            terminal=terminal,
        )


def after_login(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command that the script ``login`` runs, or the command itself without it."""
    return tuple(argv[2:] if argv[:1] == [LOGIN] else argv)


@dataclass(frozen=True, kw_only=True)
class FakeOutcome:
    """What a command comes to."""

    returncode: int = 0
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    """How long it would take: nobody waits, but deadlines are compared with it."""
    output: str = ""
    """Both in the order of writing; stdout, then stderr, where it is not given."""

    def __post_init__(self) -> None:
        if not self.output:
            object.__setattr__(self, "output", self.stdout + self.stderr)

    def then(self, later: FakeOutcome) -> FakeOutcome:
        """Return both, one after the other."""
        return FakeOutcome(
            returncode=later.returncode,
            stdout=self.stdout + later.stdout,
            stderr=self.stderr + later.stderr,
            seconds=self.seconds + later.seconds,
            output=self.output + later.output,
        )


def interpret(call: FakeExec, world: FakeWorld) -> FakeOutcome | None:
    """Return what a command comes to; None if we do not know it."""
    command = _COMMANDS.get(call.argv[0]) if call.argv else None
    return None if command is None else command(call, world)


def unknown(call: FakeExec) -> FakeOutcome:
    """Return what an unknown command comes to."""
    name = call.argv[0] if call.argv else ""
    return FakeOutcome(returncode=NOT_FOUND, stderr=f"{name}: not found\n")


def _cat(call: FakeExec, world: FakeWorld) -> FakeOutcome:
    if len(call.argv) == 1:
        return FakeOutcome(stdout=call.stdin or "")
    content = world.read(call.argv[1])
    if content is None:
        return FakeOutcome(returncode=1, stderr=f"cat: {call.argv[1]}: No such file\n")
    return FakeOutcome(stdout=content.decode())


def _touch(call: FakeExec, world: FakeWorld) -> FakeOutcome:
    path = call.argv[1]
    mount = world.mount_of(path)
    if not world.can_write(path):
        return FakeOutcome(returncode=1, stderr=f"touch: {path}: Read-only file system\n")
    if isinstance(mount, BindMount):
        (mount.source / PurePosixPath(path).relative_to(mount.target)).touch()
    elif world.read(path) is None:
        world.put(path, FakeFile(content=b"", mode=0o644, uid=0, gid=0))
    return FakeOutcome()


def _stat(call: FakeExec, world: FakeWorld) -> FakeOutcome:
    """``stat -c %u:%g:%a PATH``."""
    *_, layout, path = call.argv
    file = world.files.get(str(PurePosixPath(path)))
    if file is None:
        return FakeOutcome(returncode=1, stderr=f"stat: {path}: No such file\n")
    facts = {"%u": str(file.uid), "%g": str(file.gid), "%a": f"{file.mode:o}"}
    for word, value in facts.items():
        layout = layout.replace(word, value)
    return FakeOutcome(stdout=layout + "\n")


def _chmod(call: FakeExec, world: FakeWorld) -> FakeOutcome:
    """``chmod MODE DIRECTORY...``."""
    for path in call.argv[2:]:
        world.put(path, FakeFile(content=None, mode=int(call.argv[1], 8), uid=0, gid=0))
    return FakeOutcome()


def _ping(call: FakeExec, world: FakeWorld) -> FakeOutcome:
    host = call.argv[-1]
    if host in world.neighbours:
        return FakeOutcome(stdout=f"{host} is alive\n")
    return FakeOutcome(returncode=1, stderr=f"ping: bad address '{host}'\n")


def _env(call: FakeExec, _: FakeWorld) -> FakeOutcome:
    return FakeOutcome(stdout="".join(f"{k}={v}\n" for k, v in call.environment.items()))


def _tty(call: FakeExec, _: FakeWorld) -> FakeOutcome:
    if call.terminal:
        return FakeOutcome(stdout="/dev/pts/0\n")
    return FakeOutcome(returncode=1, stdout="not a tty\n")


def _sh(call: FakeExec, world: FakeWorld) -> FakeOutcome:
    """``sh -c 'A; B; exit N'``: simple commands, of which ``>&2`` turns the output to stderr."""
    outcome = FakeOutcome()
    for line in call.argv[2].split(";"):
        words = shlex.split(line)
        if words[:1] == ["exit"]:
            return outcome.then(FakeOutcome(returncode=int(words[1])))
        to_stderr = words[-1:] == [">&2"]
        step = replace(call, argv=tuple(words[:-1] if to_stderr else words))
        result = interpret(step, world) or unknown(step)
        if to_stderr:
            result = replace(result, stdout="", stderr=result.stdout + result.stderr)
        outcome = outcome.then(result)
    return outcome


_COMMANDS: Mapping[str, Callable[[FakeExec, FakeWorld], FakeOutcome]] = {
    "cat": _cat,
    "chmod": _chmod,
    "echo": lambda call, _: FakeOutcome(stdout=" ".join(call.argv[1:]) + "\n"),
    "env": _env,
    "false": lambda _, __: FakeOutcome(returncode=1),
    "hostname": lambda call, _: FakeOutcome(stdout=call.environment["HOSTNAME"] + "\n"),
    "id": lambda call, _: FakeOutcome(stdout=call.user.partition(":")[0] + "\n"),
    "ping": _ping,
    "pwd": lambda call, _: FakeOutcome(stdout=call.workdir + "\n"),
    "sh": _sh,
    "sleep": lambda call, _: FakeOutcome(seconds=float(call.argv[1])),
    "stat": _stat,
    "touch": _touch,
    "true": lambda _, __: FakeOutcome(),
    "tty": _tty,
}
