"""Docker on hosts for tests: each host has its own engine, in namespaces of its own.

A client reaches it at its socket, from wherever the socket's path is seen, or at a TCP port of the
host with TLS.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.waiting import wait_until
from hosts_for_tests import NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hosts_for_tests import Host

BOOT_TIMEOUT_S = 60.0
COPY_TIMEOUT_S = 120.0
_CGROUPS = Path("/sys/fs/cgroup")
# `ip netns exec` would replace /sys, and with it the control groups. exec-root is in memory, so
# that a second boot finds no traces of containers.
_BOOT = """
hostname "$NAME"
mkdir -p "$D/cg" "$D/exec" "$D/data"
mount --rbind /sys/fs/cgroup "$D/cg"
mount -t sysfs sysfs /sys
mount --rbind "$D/cg" /sys/fs/cgroup
mount -t tmpfs tmpfs "$D/exec"
exec docker-init -- dockerd --data-root "$D/data" --exec-root "$D/exec" --pidfile "$D/pid" \\
  -H "unix://$D/docker.sock" --cgroup-parent "/$GROUP" "$@"
"""
# A name server that knows no name. One that does not answer would delay HTCondor's daemons by
# seconds a query.
_NAME_SERVER = """
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    query, client = server.recvfrom(4096)
    server.sendto(query[:2] + bytes([0x81, 0x83]) + query[4:6] + bytes(6) + query[12:], client)
"""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Docker on a host."""

    host: Host
    """Commands here use this Docker."""
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where its socket is."""
        return f"unix://{self.folder}/docker.sock"

    def docker(self, *argv: str, stdin: bytes | None = None) -> str:
        """Run a command of the client, which succeeds; what it wrote to stdout."""
        done = subprocess.run(
            ["docker", "--host", self.url, *argv],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=COPY_TIMEOUT_S,
        )
        assert done.returncode == 0, f"{argv}: {done.stderr.decode()}"
        return done.stdout.decode()

    def held(self, label: str) -> list[str]:
        """The names of all containers, volumes and networks with a label."""
        by_label = ("--filter", f"label={label}")
        return [
            *self.docker("ps", "--all", "--format", "{{.Names}}", *by_label).split(),
            *self.docker("volume", "ls", "--quiet", *by_label).split(),
            *self.docker("network", "ls", "--format", "{{.Name}}", *by_label).split(),
        ]

    def load(self, references: Sequence[str]) -> None:
        """Load images of this machine's Docker."""
        with subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE) as saving:
            subprocess.run(
                ["docker", "--host", self.url, "load", "--quiet"],
                stdin=saving.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=COPY_TIMEOUT_S,
            )
        assert saving.returncode == 0

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let no client reach it at its socket."""
        socket = self.folder / "docker.sock"
        socket.rename(socket.with_suffix(".away"))
        try:
            yield
        finally:
            socket.with_suffix(".away").rename(socket)

    def answers(self) -> bool:
        """Whether it answers now."""
        argv = ["docker", "--host", self.url, "version"]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def can_have_docker() -> bool:
    """Whether hosts for tests can have Docker here."""
    return all(map(shutil.which, ("docker", "dockerd", "docker-init", "nsenter", "unshare")))


@contextmanager
def docker_on(host: Host, folder: Path, *options: str) -> Iterator[Engine]:
    """Yield Docker on a host; end it, and remove all that it has.

    Args:
        host: The host.
        folder: Directory for all that the engine keeps; the path of the socket in it must be short.
        options: More options of dockerd.
    """
    folder.mkdir(parents=True)
    group = host.namespace
    options = ("--dns", host.address, *options)
    inside = ("nsenter", f"--net={NAMESPACES / host.namespace}")
    name_server = [*inside, sys.executable, "-c", _NAME_SERVER, host.address]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        names = stack.enter_context(subprocess.Popen(name_server, stderr=log))
        stack.callback(names.kill)
        process = subprocess.Popen(
            [
                *inside,
                *("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", "--propagation", "slave", "sh", "-euc", _BOOT, "sh", *options),
            ],
            env={**os.environ, "NAME": host.name, "D": str(folder), "GROUP": group},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        variables = {"DOCKER_HOST": f"unix://{folder}/docker.sock", "CONDOR_MINI_ENGINE": "docker"}
        user = replace(host, variables=variables)
        made = Engine(host=user, folder=folder, process=process)
        try:
            _await(made)
            yield made
        finally:
            # A signal to its first process ends all of them: it has a PID namespace of its own.
            process.send_signal(signal.SIGKILL)
            process.wait(BOOT_TIMEOUT_S)
            _remove(folder, group)


def _await(engine: Engine) -> None:
    def silent() -> str | None:
        said = (engine.folder / "log").read_text(errors="replace")[-2000:]
        assert engine.process.poll() is None, said
        return None if engine.answers() else said

    wait_until(silent, timeout_s=BOOT_TIMEOUT_S)


def _remove(folder: Path, group: str) -> None:
    # The processes of its containers may take a moment to end.
    wait_until(lambda: _left_groups(group), timeout_s=BOOT_TIMEOUT_S)
    shutil.rmtree(folder, ignore_errors=True)


def _left_groups(group: str) -> str | None:
    """Remove the control groups of an engine that has ended; what is left of them."""
    left = []
    for controller in (_CGROUPS, *_CGROUPS.iterdir()):
        if not (top := controller / group).is_dir():
            continue
        for folder in [Path(place) for place, _, _ in os.walk(top, topdown=False)]:
            with suppress(OSError):
                folder.rmdir()
        left += [str(top)] if top.exists() else []
    return f"there are still {', '.join(left)}" if left else None
