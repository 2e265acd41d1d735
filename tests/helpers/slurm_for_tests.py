"""A Slurm cluster for tests: real daemons, each on a host of its own, and an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.waiting import wait_until
from hosts_for_tests import Host, network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import Result

USER, UID = "student", 4323
"""Who uses the cluster: an ordinary user, who is known on its hosts alone."""
PROGRAMS = ("munged", "slurmctld", "slurmd")
START_TIMEOUT_S = 60.0
PLACE, PREFIX = Path("/var/tmp"), "cm-slurm-"
"""Where a cluster has its files: not in ``/tmp``, of which each host has its own."""
_CONFIG = """\
ClusterName=test
SlurmctldHost=login({controller})
SlurmUser=root
AuthInfo=socket={base}/munge/socket
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool-%n
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd-%n.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd-%n.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
GresTypes=gpu
KillWait=10
OverTimeLimit=0
ReturnToService=2
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=closed Nodes=ALL AllowGroups=root State=UP
"""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A login host, compute nodes ``n1``, ``n2``, …, and the directory of the user."""

    base: Path
    login: Host
    nodes: tuple[Host, ...]
    python: str = sys.executable
    """A Python that the user can run."""
    packages: str = ""
    """Where the user has the packages that condor-mini needs; empty for the Python's own."""

    @property
    def home(self) -> Path:
        """The user's directory, which all hosts see."""
        return self.base / USER

    def run(self, *argv: str, on: Host | None = None, timeout_s: float = 120.0) -> Result:
        """Run a command of the user's on the login host, or on another."""
        user = ("setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--no-new-privs")
        environment = {
            "HOME": str(self.home),
            "USER": USER,
            "LOGNAME": USER,
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_DATA_HOME": str(self.home / "share"),
            "SLURM_CONF": str(self.base / "slurm.conf"),
            "PYTHONPATH": self.packages,
        }
        words = ("env", "-C", str(self.home), *(f"{k}={v}" for k, v in environment.items()))
        return (on or self.login).run(*words, *user, *argv, timeout_s=timeout_s)

    def cli(self, *argv: str, timeout_s: float = 120.0) -> Result:
        """Run condor-mini as the user, on the login host, whatever its status."""
        return self.run(self.python, "-m", "condor_mini", *argv, timeout_s=timeout_s)

    def ran(self, *argv: str) -> str:
        """Run condor-mini as the user, which succeeds; what it wrote to stdout."""
        done = self.cli(*argv)
        assert done.status == 0, f"{argv}: {done.out}{done.err}"
        return done.out

    def slurm(self, *argv: str) -> str:
        """Run a command of Slurm's as the user, which succeeds; what it wrote to stdout."""
        done = self.run(*argv)
        assert done.status == 0, f"{argv}: {done.out}{done.err}"
        return done.out.strip()

    def temporary(self, node: Host) -> Path:
        """What a compute node has as ``/tmp``."""
        return node.home / "tmp"


@contextmanager
def cluster(nodes: int, *, cpus: int = 2, memory_mb: int = 1500) -> Iterator[Cluster]:
    """Yield a cluster with so many compute nodes, each with so many cores and so much memory."""
    for left in PLACE.glob(f"{PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(PREFIX).partition("-")[0]).exists():
            shutil.rmtree(left, ignore_errors=True)
    base = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=PLACE))
    base.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        login_address = "10.99.8.1"
        names = {f"n{number}": f"10.99.8.{number + 10}" for number in range(1, nodes + 1)}
        names["login"] = login_address
        net = stack.enter_context(network(base / "hosts", "u", names))
        hosts = {name: net.host(name, address=f"{ip}/16") for name, ip in names.items()}
        for host in hosts.values():
            _prepare(host, base)
        home = base / USER
        home.mkdir(mode=0o700)
        os.chown(home, UID, UID)
        lines = [
            f"NodeName={name} NodeAddr={ip} CPUs={cpus} RealMemory={memory_mb} Gres=gpu:2"
            for name, ip in names.items()
            if name != "login"
        ]
        config = _CONFIG.format(base=base, controller=login_address, nodes="\n".join(lines))
        (base / "slurm.conf").write_text(config)
        (base / "gres.conf").write_text("Name=gpu File=/dev/tty[0-1]\n")
        made = Cluster(
            base=base,
            login=hosts.pop("login"),
            nodes=tuple(hosts[f"n{number}"] for number in range(1, nodes + 1)),
        )
        _start(made, stack)
        yield made


def _prepare(host: Host, base: Path) -> None:
    """Give a host ``/etc`` with an account of the user, and a compute node its own ``/tmp``."""
    if host.name != "login":  # what the user types may be there
        (host.home / "tmp").mkdir()
        (host.home / "tmp").chmod(0o1777)
    etc = base / "etc"
    if not etc.exists():
        subprocess.run(["cp", "-a", "/etc", str(etc)], check=True)
        with (etc / "passwd").open("a", encoding="utf-8") as passwd:
            passwd.write(f"{USER}:x:{UID}:{UID}::{base / USER}:/bin/bash\n")
        with (etc / "group").open("a", encoding="utf-8") as group:
            group.write(f"{USER}:x:{UID}:\n")
    (host.home / "etc").symlink_to(etc)
    for folder in (host.home, host.home.parent):
        folder.chmod(0o755)


def _start(made: Cluster, stack: ExitStack) -> None:
    base = made.base
    munge = base / "munge"
    munge.mkdir(mode=0o755)
    (munge / "key").touch(0o600)
    (munge / "key").write_bytes(os.urandom(64))
    files = [f"--{name}-file={munge / name}" for name in ("key", "pid", "log", "seed")]
    argv = ["munged", "--force", "--foreground", f"--socket={munge / 'socket'}", *files]
    _daemon(made.login, argv, stack)
    for folder in (base / "state", *(base / f"spool-{node.name}" for node in made.nodes)):
        folder.mkdir()
    _daemon(made.login, ["slurmctld", "-D", "-f", f"{base}/slurm.conf"], stack)
    for node in made.nodes:
        _daemon(node, ["slurmd", "-D", "-N", node.name, "-f", f"{base}/slurm.conf"], stack)

    def missing() -> str | None:
        idle = made.run("sinfo", "-h", "-N", "-o", "%N %t", "-p", "main").out.splitlines()
        words = [f"{node.name} idle" for node in made.nodes]
        return None if sorted(idle) == sorted(words) else f"the nodes are {idle}"

    wait_until(missing, timeout_s=START_TIMEOUT_S, interval_s=0.2)


def _daemon(host: Host, argv: list[str], stack: ExitStack) -> None:
    process = host.popen(*argv)

    def end() -> None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(end)


def can_have_slurm() -> bool:
    """Whether this machine has Slurm's daemons, and nobody has the user's number."""
    if any(shutil.which(program) is None for program in PROGRAMS):
        return False
    return all(entry.pw_uid != UID for entry in pwd.getpwall())
