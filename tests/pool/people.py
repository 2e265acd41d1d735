"""Persons who type ``condor-mini``: we, and ordinary users of this machine."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini import runtime
from condor_mini.base.errors import NotFound
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import EmbeddedEngine
from condor_mini.images import builder
from sandbox_programs import sandbox_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine

TIMEOUT_S = 40.0
PROMPT = r"jovyan@[a-z0-9-]+:~[^\n$]*\$ "
PACKAGES = (
    *("annotated_types", "click", "markdown_it", "mdurl", "platformdirs", "pydantic"),
    *("pydantic_core", "pygments", "rich", "typing_extensions", "typing_inspection", "yaml"),
    "condor_mini",
)
"""What the command needs."""


def image(role: str, series: str | None = None) -> str:
    """The name of our image for a role, of this series or of the one that is tested."""
    return builder.reference(role, catalogue().get(series))


def no_executable(name: str) -> str:
    """condor_submit's own words for an executable that is not there."""
    if catalogue().get(None).number == "23":
        return f"Executable file {name} does not exist"
    return f"Can't access executable file {name}: No such file or directory"


@dataclass(kw_only=True)
class Terminal:
    """A process whose stdin, stdout and stderr are a terminal that the test types at."""

    process: subprocess.Popen[bytes]
    descriptor: int
    seen: str = ""

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self.descriptor, line.encode() + b"\n")

    def expect(self, pattern: str, timeout_s: float = TIMEOUT_S) -> str:
        """Read until the pattern is there; all that was read for it."""
        deadline = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self.seen)):
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.descriptor], [], [], left_s)[0]:
                self.seen += self._read()
        read, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return read

    def command(self, line: str) -> str:
        """Type a line at the prompt; all that is seen until the next prompt."""
        self.type(line)
        return self.expect(PROMPT)

    def end(self) -> int:
        """Read to the end; the status."""
        with contextlib.suppress(EOFError):
            while True:
                self.seen += self._read()
        return self.process.wait(timeout=TIMEOUT_S)

    def _read(self) -> str:
        try:
            chunk = os.read(self.descriptor, 4096)
        except OSError:  # Linux says so when the last writer has gone
            raise EOFError(self.seen) from None
        if not chunk:
            raise EOFError(self.seen)
        return chunk.decode(errors="replace")


@dataclass(kw_only=True)
class Person:
    """Somebody who types commands."""

    uid: int
    gid: int
    engine: Engine
    """Theirs: one user's containers may be unknown to another's."""
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    groups: tuple[int, ...] = ()

    def run(
        self,
        *arguments: str,
        cwd: Path,
        stdin: str | None = None,
        environment: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> subprocess.CompletedProcess[str]:
        """``condor-mini ARGUMENTS``, to its end."""
        with self.start(*arguments, cwd=cwd, environment=environment) as process:
            try:
                out, err = process.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
                out, err = process.communicate(timeout=TIMEOUT_S)
                pytest.fail(f"{arguments} did not end in {timeout_s:g} s: {out}{err}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start(
        self, *arguments: str, cwd: Path, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """``condor-mini ARGUMENTS``, with pipes."""
        process: subprocess.Popen[str] = subprocess.Popen(
            self.argv(*arguments),
            cwd=cwd,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **self.identity(),  # type: ignore[call-overload]
        )
        return process

    @contextlib.contextmanager
    def terminal(self, *arguments: str, cwd: Path) -> Iterator[Terminal]:
        """``condor-mini ARGUMENTS``, at a terminal; it is ended with the context."""
        descriptor, slave = os.openpty()
        with subprocess.Popen(
            self.argv(*arguments),
            cwd=cwd,
            env={**self.environment, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            **self.identity(),  # type: ignore[call-overload]
        ) as process:
            os.close(slave)
            try:
                yield Terminal(process=process, descriptor=descriptor)
            finally:
                if process.poll() is None:
                    process.terminate()
                os.close(descriptor)

    def argv(self, *arguments: str) -> list[str]:
        """The command line of ``condor-mini ARGUMENTS``."""
        return [self.python, "-m", "condor_mini", *arguments]

    def identity(self) -> dict[str, object]:
        """What makes a child process this person's."""
        if self.uid == os.getuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups)}


def python_for(uid: int) -> str:
    """A Python that an ordinary user can run: ours may be in root's home."""
    for candidate in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            subprocess.run([candidate, "-c", ""], user=uid, group=uid, check=True)
            return candidate
    pytest.fail("no Python that an ordinary user can run")


def copy_of_us(to: Path) -> Path:
    """The package and what it needs, where everybody can read it."""
    to.mkdir(parents=True)
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None, name
        source = Path(str(spec.origin))
        if source.name == "__init__.py":
            shutil.copytree(source.parent, to / name)
        else:
            shutil.copy(source, to / source.name)
    return to


def embedded_at(state_home: Path) -> EmbeddedEngine:
    """The embedded engine of whoever has that ``XDG_STATE_HOME``."""
    root = sandbox_runtime().root
    return EmbeddedEngine(lambda: root, directory=state_home / "condor-mini" / "engine")


def copy_of_cache(to: Path, uid: int) -> None:
    """Our runtimes as another user's, who then makes none: the same files, as nobody writes them.

    Args:
        to: That user's ``XDG_CACHE_HOME``, made here.
        uid: Whose it is to be.
    """
    target = to / "condor-mini" / "runtime"
    target.mkdir(parents=True)
    runtime.ensure(catalogue().get(None), Progress())  # perhaps no test has made it yet
    for series in catalogue().series.values():
        if (made := runtime.find(series)) is not None:
            here = target / made.path.name
            here.mkdir()
            _link(str(made.path / "manifest.json"), str(here / "manifest.json"))
            shutil.copytree(made.root, here / "root", symlinks=True, copy_function=_link)
    for place in (to, to / "condor-mini", target, *target.iterdir()):
        os.chown(place, uid, uid)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # on another disk
        shutil.copy2(source, target, follow_symlinks=False)


def processes(engine: Engine, container: str) -> dict[str, str]:
    """The command line of each process in a container, by its number there."""
    # Where paths are translated, all of the host's are seen, and a container's have a mark.
    script = """
        cd /proc
        mark=$(tr '\\0' '\\n' <self/environ | grep ^CONDOR_MINI_CONTAINER=)
        for p in [0-9]*; do
            [ -z "$mark" ] || grep -qz "^$mark\\$" $p/environ || continue
            echo $p `tr '\\0' ' ' <$p/cmdline`
        done 2>/dev/null
    """
    lines = engine.exec(container, ["sh", "-c", script]).stdout.splitlines()
    return {number: words for number, _, words in (line.partition(" ") for line in lines)}


def kill_master(engine: Engine, container: str) -> None:
    """Kill a container's condor_master."""
    for number, words in processes(engine, container).items():
        if words.startswith("condor_master"):
            with contextlib.suppress(NotFound):  # the command may end with the container
                engine.exec(container, ["sh", "-c", f"kill -KILL {number}"])
            return
    raise AssertionError(f"no condor_master in {container}")
