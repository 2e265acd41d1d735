"""Hosts for tests: network namespaces of their own, with the embedded engine or none.

All of them are in a network that no other host is in. What a run that was killed has left is
removed by the next one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from command_line import Result

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PREFIX = "cmh"
"""The names of our namespaces begin so; the PID of who made them follows."""
TIMEOUT_S = 150.0
NAMESPACES = Path("/run/netns")


_BOOT = """
hostname "$0"
# Not its single files: useradd(8) replaces /etc/passwd, and a mount there would end.
if [ -d "$HOST_FILES/etc" ]; then mount --bind "$HOST_FILES/etc" /etc; fi
# A name server that does not answer delays HTCondor's daemons by 5 s a query.
mount --bind /dev/null /etc/resolv.conf
mount --bind "$HOST_FILES/hosts" /etc/hosts
if [ -d "$HOST_FILES/tmp" ]; then mount --bind "$HOST_FILES/tmp" /tmp; fi
exec "$@"
"""
_CAPTURE = """
import select, socket, sys
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
packets.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
with open(sys.argv[1], "wb") as file:
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([packets, sys.stdin], [], [])
        if packets in ready:
            file.write(packets.recv(65536))
        elif sys.stdin in ready:
            break
"""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host: a network namespace with an address, a name, and a home."""

    name: str
    namespace: str
    address: str
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """What commands here have in their environment besides."""

    def run(
        self, *argv: str, stdin: str | None = None, timeout_s: float = TIMEOUT_S, **env: str
    ) -> Result:
        """Run a command here, whatever its status."""
        done = subprocess.run(
            self._command(argv),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd=self.home,
            env={**os.environ, **self._environment(), **env},
        )
        return Result(status=done.returncode, out=done.stdout, err=done.stderr)

    def popen(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a daemon here, which stays in the foreground; the test ends it."""
        return subprocess.Popen(
            self._command(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.home,
            env={**os.environ, **self._environment()},
        )

    def _command(self, argv: Sequence[str]) -> list[str]:
        return [
            *("nsenter", f"--net={NAMESPACES / self.namespace}", "unshare", "--uts", "--mount"),
            *("sh", "-euc", _BOOT, self.name, *argv),
        ]

    def _environment(self) -> Mapping[str, str]:
        caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return {
            "HOME": str(self.home),
            "HOST_FILES": str(self.home),
            "XDG_CACHE_HOME": caches,
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_DATA_HOME": str(self.home / "share"),
            "CONDOR_MINI_ENGINE": "embedded",
            **self.variables,
        }

    def cli(self, *argv: str, stdin: str | None = None, timeout_s: float = TIMEOUT_S) -> Result:
        """Run condor-mini here, whatever its status."""
        return self.run(
            sys.executable, "-m", "condor_mini", *argv, stdin=stdin, timeout_s=timeout_s
        )

    def ran(self, *argv: str, stdin: str | None = None) -> str:
        """Run condor-mini here, which succeeds; what it wrote to stdout."""
        done = self.cli(*argv, stdin=stdin)
        assert done.status == 0, f"{self.name}: {argv}: {done.out}{done.err}"
        return done.out

    def shell(self, script: str) -> str:
        """Run a shell script of the host's administrator, which succeeds."""
        done = self.run("sh", "-euc", script)
        assert done.status == 0, f"{self.name}: {script}: {done.out}{done.err}"
        return done.out

    def power_off(self) -> None:
        """End all processes at once, without notice."""
        for pid in _ip("netns", "pids", self.namespace).split():
            subprocess.run(["kill", "-KILL", pid], check=False, capture_output=True)

    def end(self) -> None:
        """Delete all pools, and end whatever process is left."""
        self.cli("delete", "--all", "-q")
        self.power_off()


class Network:
    """A network with hosts in it: ``10.99.0.0/16``, and one network more behind each router."""

    def __init__(self, folder: Path, tag: str, names: Mapping[str, str]) -> None:
        """Make the network.

        Args:
            folder: Directory for the homes of the hosts.
            tag: Distinguishes the networks of one process.
            names: Addresses that all hosts know by name.
        """
        self._names = names
        self._folder, self._tag = folder, f"{PREFIX}{os.getpid()}{tag}"
        self._switches = 0
        self.hosts: list[Host] = []
        self.switch = self._new_switch()

    def host(self, name: str, *, address: str, gateway: str = "", switch: str = "") -> Host:
        """Add a host. Behind a router, ``gateway`` is the router's address there."""
        namespace = f"{self._tag}{name}"
        _ip("netns", "add", namespace)
        _in(namespace, "link", "set", "lo", "up")
        self._plug(namespace, address, switch or self.switch, "eth0")
        if gateway:
            _in(namespace, "route", "add", "default", "via", gateway)
        home = self._folder / name
        home.mkdir(parents=True)
        addresses = {"localhost": "127.0.0.1", **self._names}
        (home / "hosts").write_text("".join(f"{ip} {known}\n" for known, ip in addresses.items()))
        made = Host(name=name, namespace=namespace, address=address.partition("/")[0], home=home)
        self.hosts.append(made)
        return made

    def behind_nat(self, name: str, *, outside: str, port: int | None = None) -> Host:
        """Add a host behind a router of its own, which hides its address.

        Args:
            name: Name of the host.
            outside: The router's address in this network, with its length: ``10.99.1.1/16``.
            port: Port of the router that leads to the host, from inside too. None for no such port.
        """
        inside = self._new_switch()
        router = f"{self._tag}r{name}"
        _ip("netns", "add", router)
        _in(router, "link", "set", "lo", "up")
        self._plug(router, outside, self.switch, "eth0")
        self._plug(router, "192.168.7.1/24", inside, "eth1")
        rules = ["-A POSTROUTING -o eth0 -j MASQUERADE"]
        if port:
            here = outside.partition("/")[0]
            leads = f"-A PREROUTING -d {here} -p tcp --dport {port} -j DNAT --to 192.168.7.2"
            rules += [leads, f"-A POSTROUTING -d 192.168.7.2 -p tcp --dport {port} -j MASQUERADE"]
        subprocess.run(
            ["ip", "netns", "exec", router, "sh", "-euc", "echo 1 >/proc/sys/net/ipv4/ip_forward"],
            check=True,
        )
        for rule in rules:
            argv = ["ip", "netns", "exec", router, "iptables", "-t", "nat", *rule.split()]
            subprocess.run(argv, check=True, capture_output=True)
        return self.host(name, address="192.168.7.2/24", gateway="192.168.7.1", switch=inside)

    def _new_switch(self) -> str:
        self._switches += 1
        switch = f"{self._tag}s{self._switches}"
        _ip("netns", "add", switch)
        _in(switch, "link", "add", "br0", "type", "bridge")
        _in(switch, "link", "set", "br0", "up")
        return switch

    def _plug(self, namespace: str, address: str, switch: str, device: str) -> None:
        port = self._port(namespace, device)
        peer = ("type", "veth", "peer", "name", port, "netns", switch)
        _in(namespace, "link", "add", device, *peer)
        _in(switch, "link", "set", port, "master", "br0")
        _in(switch, "link", "set", port, "up")
        _in(namespace, "addr", "add", address, "dev", device)
        _in(namespace, "link", "set", device, "up")

    @contextmanager
    def cut(self, host: Host) -> Iterator[None]:
        """Let nothing pass to and from a host."""
        self._set(host, "down")
        try:
            yield
        finally:
            self._set(host, "up")

    @contextmanager
    def impaired(self, host: Host, *, delay_s: float, loss: float) -> Iterator[None]:
        """Delay what passes to and from a host, and lose a part of it, ``0.01`` for one in 100."""
        port = self._port(host.namespace, "eth0")
        line = ("line1", "line2")
        _in(self.switch, "link", "add", line[0], "type", "veth", "peer", "name", line[1])
        argv = [sys.executable, str(Path(__file__).parent / "bad_line.py"), port, line[0]]
        try:
            _in(self.switch, "link", "set", port, "nomaster")
            for device in line:
                _in(self.switch, "link", "set", device, "up")
            _in(self.switch, "link", "set", line[1], "master", "br0")
            with self._in_switch(*argv, str(delay_s), str(loss)):
                yield
        finally:
            _in(self.switch, "link", "delete", line[0])
            _in(self.switch, "link", "set", port, "master", "br0")

    def _set(self, host: Host, state: str) -> None:
        _in(self.switch, "link", "set", self._port(host.namespace, "eth0"), state)

    def _port(self, namespace: str, device: str) -> str:
        return f"p{namespace.removeprefix(self._tag)}{device[-1]}"

    @contextmanager
    def captured(self, file: Path) -> Iterator[None]:
        """Write all that passes between the hosts to a file."""
        with self._in_switch(sys.executable, "-c", _CAPTURE, str(file)):
            yield

    @contextmanager
    def _in_switch(self, *argv: str) -> Iterator[None]:
        """Run a program between the hosts, which says when it is ready, and ends with its stdin."""
        command = ["ip", "netns", "exec", self.switch, *argv]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            try:
                yield
            finally:
                process.stdin.close()
                assert process.wait(30) == 0

    def remove(self) -> None:
        """Remove the hosts, with all that they run."""
        with ExitStack() as stack:
            stack.callback(_remove, self._tag)
            for host in self.hosts:
                stack.callback(host.end)


@contextmanager
def network(folder: Path, tag: str, names: Mapping[str, str] | None = None) -> Iterator[Network]:
    """Yield a network without hosts; remove it at the end with all that is in it."""
    _sweep()
    made = Network(folder, tag, names or {})
    try:
        yield made
    finally:
        made.remove()


def _sweep() -> None:
    """Remove what runs have left that were killed."""
    for path in NAMESPACES.glob(f"{PREFIX}[0-9]*"):
        pid = path.name.removeprefix(PREFIX)
        digits = pid[: len(pid) - len(pid.lstrip("0123456789"))]
        if not Path("/proc", digits).exists():
            for process in _ip("netns", "pids", path.name).split():
                subprocess.run(["kill", "-KILL", process], check=False, capture_output=True)
            _ip("netns", "delete", path.name)


def _remove(tag: str) -> None:
    for path in NAMESPACES.glob(f"{tag}*"):
        _ip("netns", "delete", path.name)


def _in(namespace: str, *argv: str) -> str:
    return _ip("-n", namespace, *argv)


def _ip(*argv: str) -> str:
    done = subprocess.run(["ip", *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {argv}: {done.stderr}"
    return done.stdout


def can_have_hosts() -> bool:
    """Whether this machine can have such hosts: root, with ip(8)."""
    return os.geteuid() == 0 and shutil.which("ip") is not None
