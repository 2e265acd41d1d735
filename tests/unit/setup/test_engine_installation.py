"""Getting an engine, with commands that are scripts: nothing is installed or started."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini import engines
from condor_mini.base.errors import EngineInstallError, EngineNotFound
from condor_mini.base.waiting import wait_until
from condor_mini.setup import engine_installation
from condor_mini.setup.engine_installation import Action, Host, Site, ensure_engine, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import Engine

INFO = json.dumps(
    {
        "ServerVersion": "20.10",
        "NCPU": 2,
        "MemTotal": 2**30,
        "Architecture": "x86_64",
        "ClientInfo": {"Context": "default"},
    }
)
NO_DAEMON = "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?"
DENIED = "permission denied while trying to connect to the Docker daemon socket at unix:///x"

DOCKER = f"""
case $1 in
context) echo "${{CONTEXT_HOST:-unix:///var/run/docker.sock}}";;
*) if [ -e "$STATE/up" ]; then echo '{INFO}'; else echo '{NO_DAEMON}' >&2; exit 1; fi;;
esac
"""
DOCKERD = 'echo started >> "$STATE/starts"; echo listening; : > "$STATE/up"; exec /bin/sleep 60'
DOCKERD_DIES = "echo first; echo no iptables here >&2; exit 3"
DOCKERD_HANGS = "echo waiting for something; exec /bin/sleep 60"


JOIN = ("sudo usermod -aG docker $USER", "newgrp docker")

ROOT = Host(
    platform="linux",
    os_ids=("debian",),
    is_root=True,
    dockerd=None,
    docker=None,
    systemd=False,
)


class Bench:
    """A PATH of scripts, folders for what is written, and what was said."""

    def __init__(self, root: Path) -> None:
        self.bin = root / "bin"
        self.state = root / "state"
        self.run = root / "run"
        self.log = root / "log"
        self.pid_file = root / "docker.pid"
        for folder in (self.bin, self.state, self.log):
            folder.mkdir()
        self.host = ROOT
        self.said: list[str] = []
        self.now = 0.0
        self.naps = 0

    def put(self, name: str, script: str) -> None:
        """Put a command on PATH."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def look(self) -> Host:
        """The machine, with a dockerd if there is one by now."""
        dockerd = self.bin / "dockerd"
        docker = self.bin / "docker"
        return replace(
            self.host,
            dockerd=str(dockerd) if dockerd.exists() else None,
            docker=str(docker) if docker.exists() else None,
        )

    def sleep(self, seconds: float) -> None:
        """Sleep a little, but let the clock go as far as was asked, and more."""
        self.now += seconds + 1
        self.naps += 1
        time.sleep(0.02)

    def ensure(self, choice: str = "auto", confirm: Callable[[str], bool] | None = None) -> Engine:
        """Get an engine on this bench."""
        site = Site(
            host=self.look,
            state_dir=self.run,
            log_dir=self.log,
            pid_files={"dockerd": self.pid_file},
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        return ensure_engine(choice, confirm=confirm, say=self.said.append, site=site)

    @property
    def starts(self) -> int:
        """How many daemons were started."""
        record = self.state / "starts"
        return len(record.read_text().splitlines()) if record.exists() else 0


@pytest.fixture(autouse=True)
def docker_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker is the only candidate: else there is always one that answers."""
    alone = tuple(each for each in engines.CANDIDATES if each.name == "docker")
    monkeypatch.setattr(engines, "CANDIDATES", alone)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose daemons end with the test."""
    bench = Bench(tmp_path)
    monkeypatch.setenv("PATH", str(bench.bin))
    monkeypatch.setenv("STATE", str(bench.state))
    for variable in ("CONDOR_MINI_ENGINE", "DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)
    yield bench
    for daemon in engine_installation._started:
        daemon.kill()
        daemon.wait()
    engine_installation._started.clear()


@pytest.fixture
def stopped(bench: Bench) -> Bench:
    """A bench where Docker is installed, but does not run."""
    bench.put("docker", DOCKER)
    bench.put("dockerd", DOCKERD)
    return bench


def test_engine_that_answers_is_left_alone(stopped: Bench) -> None:
    """Where an engine answers, nothing is said or started."""
    (stopped.state / "up").touch()
    stopped.ensure()
    assert (stopped.said, stopped.starts) == ([], 0)


def test_stopped_engine_is_started(stopped: Bench) -> None:
    """Where Docker is installed and does not run, root starts it."""
    assert stopped.ensure().info().version == "20.10"


def test_start_is_announced(stopped: Bench) -> None:
    """What is about to be done is said."""
    stopped.ensure()
    assert stopped.said == ["Docker is installed but does not run: starting it ..."]


def test_start_is_confirmed(stopped: Bench) -> None:
    """Where a person is there, they are asked first."""
    asked: list[str] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return True

    stopped.ensure(confirm=confirm)
    assert asked == ["Docker is installed but does not run: starting it. Do it now?"]


def test_no_is_heeded(stopped: Bench) -> None:
    """A no leaves the machine as it is."""
    with pytest.raises(EngineNotFound):
        stopped.ensure(confirm=lambda _: False)
    assert stopped.starts == 0


def test_no_is_answered_with_the_commands(stopped: Bench) -> None:
    """After a no, the commands are told."""
    with pytest.raises(EngineNotFound, match="service docker start"):
        stopped.ensure(confirm=lambda _: False)


def test_daemon_has_a_session_of_its_own(stopped: Bench) -> None:
    """The daemon outlives our terminal."""
    stopped.ensure()
    pid = int((stopped.run / "dockerd.pid").read_text())
    assert os.getsid(pid) == pid


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_daemon_inherits_no_descriptor(stopped: Bench) -> None:
    """The daemon holds nothing of ours open, be it our output or our lock."""
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    try:
        stopped.ensure()
        pid = (stopped.run / "dockerd.pid").read_text().strip()
        log = str(stopped.log / "condor-mini-dockerd.log")
        own = {"0": "/dev/null", "1": log, "2": log}

        def more() -> str | None:
            # What a shell opens for a moment may be gone before it is read.
            with suppress(FileNotFoundError):
                places = Path(f"/proc/{pid}/fd").iterdir()
                found = {path.name: str(path.readlink()) for path in places}
                return None if found == own else str(found)
            return "one was just closed"

        wait_until(more, timeout_s=10)
    finally:
        os.close(ours)
        os.close(theirs)


def test_log_is_private(stopped: Bench) -> None:
    """Only its owner reads the daemon's log, whatever it was before."""
    log = stopped.log / "condor-mini-dockerd.log"
    log.touch(mode=0o644)
    stopped.ensure()
    assert (log.stat().st_mode & 0o777, log.read_text()) == (0o600, "listening\n")


def test_daemon_that_dies_is_noticed_at_once(stopped: Bench) -> None:
    """Nobody waits for the deadline of a daemon that has died."""
    stopped.put("dockerd", DOCKERD_DIES)
    with pytest.raises(EngineInstallError):
        stopped.ensure()
    assert stopped.naps < 20


def test_daemon_that_dies_is_quoted(stopped: Bench) -> None:
    """The error of a daemon that died holds its status and its last words."""
    stopped.put("dockerd", DOCKERD_DIES)
    with pytest.raises(
        EngineInstallError, match=r"dockerd ended with 3; .*\nfirst\nno iptables here\n"
    ):
        stopped.ensure()


def test_daemon_that_hangs_is_quoted(stopped: Bench) -> None:
    """The error of a daemon that does not answer in time holds the reason and its last words."""
    stopped.put("dockerd", DOCKERD_HANGS)
    with pytest.raises(
        EngineInstallError, match=r"(?s)Not ready after 60 s: .*Cannot connect.*waiting for some"
    ):
        stopped.ensure()


def test_daemon_that_hangs_is_ended(stopped: Bench) -> None:
    """A daemon that did not answer in time is not left behind."""
    stopped.put("dockerd", DOCKERD_HANGS)
    with pytest.raises(EngineInstallError):
        stopped.ensure()
    assert engine_installation._started[-1].wait(timeout=5) != 0


def test_two_at_once_start_one_daemon(stopped: Bench) -> None:
    """Of many that need an engine at the same time one starts it, and all get it."""
    with ThreadPoolExecutor(3) as pool:
        engines = list(pool.map(lambda _: stopped.ensure(), range(3)))
    assert (len(engines), stopped.starts) == (3, 1)


def test_failure_to_start_ends_with_6(stopped: Bench) -> None:
    """The command line ends with 6 where the engine could not be started."""
    stopped.put("dockerd", DOCKERD_DIES)
    with pytest.raises(EngineInstallError) as caught:
        stopped.ensure()
    assert caught.value.exit_code == 6


def test_systemd_starts_where_it_runs(stopped: Bench) -> None:
    """Where systemd runs, it is asked."""
    stopped.host = replace(ROOT, systemd=True)
    stopped.put("systemctl", 'echo "$@" > "$STATE/systemctl"; : > "$STATE/up"')
    stopped.ensure()
    assert ((stopped.state / "systemctl").read_text(), stopped.starts) == ("start docker\n", 0)


def test_failure_of_systemd_is_quoted(stopped: Bench) -> None:
    """Where systemd cannot start it, the journal's last words are in the error."""
    stopped.host = replace(ROOT, systemd=True)
    stopped.put("systemctl", "echo Job failed >&2; exit 1")
    stopped.put("journalctl", "echo dockerd: no iptables")
    with pytest.raises(EngineInstallError, match=r"(?s)Job failed.*dockerd: no iptables"):
        stopped.ensure()


def test_missing_systemctl_is_an_install_error(stopped: Bench) -> None:
    """A command that is not there is no traceback."""
    stopped.host = replace(ROOT, systemd=True)
    with pytest.raises(EngineInstallError, match="systemctl"):
        stopped.ensure()


def test_user_is_told(stopped: Bench) -> None:
    """Who is not root gets the commands."""
    stopped.host = replace(ROOT, is_root=False)
    with pytest.raises(EngineNotFound) as caught:
        stopped.ensure()
    assert (caught.value.exit_code, caught.value.hint) == (
        6,
        "To get it:\n  sudo service docker start\n  sudo usermod -aG docker $USER\n  newgrp docker",
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("DOCKER_HOST", "tcp://elsewhere:2375"), ("CONTEXT_HOST", "ssh://elsewhere")],
)
def test_engine_elsewhere_is_not_ours_to_start(
    stopped: Bench, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Where the client is pointed at another machine, nothing is started here."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(EngineNotFound):
        stopped.ensure()
    assert stopped.starts == 0


def test_endpoint_of_here_by_name_is_here(stopped: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming the usual endpoint in the environment changes nothing."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    stopped.ensure()
    assert stopped.starts == 1


def test_closed_socket_is_not_mended(stopped: Bench) -> None:
    """A daemon that runs but refuses us is not started again, and the group is named."""
    stopped.put("docker", f"echo '{DENIED}' >&2; exit 1")
    with pytest.raises(EngineNotFound, match="usermod -aG docker"):
        stopped.ensure()
    assert stopped.starts == 0


APT_GET = """
echo "$DEBIAN_FRONTEND $*" >> "$STATE/apt-get"
echo "apt says hello"
case "$*" in *install*)
  for name in docker dockerd; do /bin/cp "$STATE/$name" "$BIN/$name"; done
esac
"""


@pytest.fixture
def bare(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench where Docker can be installed."""
    monkeypatch.setenv("BIN", str(bench.bin))
    for name, script in (("docker", DOCKER), ("dockerd", DOCKERD)):
        bench.put(name, script)
        (bench.bin / name).rename(bench.state / name)
    bench.put("apt-get", APT_GET)
    bench.put("apt-cache", "exit 100")
    return bench


def test_missing_engine_is_installed_and_started(bare: Bench) -> None:
    """On a bare Debian root gets a running Docker."""
    assert bare.ensure().info().version == "20.10"


def test_install_is_announced(bare: Bench) -> None:
    """What is about to be installed is said."""
    bare.ensure()
    assert bare.said == [
        "Docker is not installed: installing Debian's package docker.io and starting it ..."
    ]


@pytest.mark.parametrize(
    ("apt_cache", "packages"),
    [
        ("exit 100", "docker.io"),
        ("exit 0", "docker.io"),
        ("echo Package: docker-cli", "docker.io docker-cli"),
    ],
)
def test_packages_are_those_of_the_release(bare: Bench, apt_cache: str, packages: str) -> None:
    """The client is asked for where it is a package of its own."""
    bare.put("apt-cache", apt_cache)
    bare.ensure()
    options = "noninteractive -o DPkg::Lock::Timeout=120"
    assert (bare.state / "apt-get").read_text().splitlines() == [
        f"{options} update",
        f"{options} install -y --no-install-recommends --no-remove {packages}",
    ]


def test_output_of_apt_is_in_a_log(bare: Bench) -> None:
    """What apt-get says is kept."""
    bare.ensure()
    log = bare.log / "condor-mini-apt.log"
    assert (log.read_text(), log.stat().st_mode & 0o777) == ("apt says hello\n" * 2, 0o600)


def test_failure_of_apt_is_quoted(bare: Bench) -> None:
    """Where the packages cannot be had, apt-get's last words are in the error."""
    bare.put("apt-get", "echo E: Unable to fetch some archives; exit 100")
    with pytest.raises(EngineInstallError, match=r"(?s)ended with 100: E: Unable.*apt\.log"):
        bare.ensure()


def test_package_that_starts_its_daemon_is_left_alone(bare: Bench) -> None:
    """Where the package has started the daemon, we start no other."""
    bare.put("apt-get", APT_GET + '\n: > "$STATE/up"')
    bare.ensure()
    assert bare.starts == 0


def test_pid_file_of_another_process_is_dropped(stopped: Bench) -> None:
    """A killed dockerd's pid file goes when another process has its number by now."""
    stopped.pid_file.write_text(f"{os.getpid()}\n")
    stopped.ensure()
    assert not stopped.pid_file.exists()


def test_pid_file_without_a_process_is_left_to_dockerd(stopped: Bench) -> None:
    """A pid file of no process is no obstacle to dockerd, and is left to it."""
    stopped.pid_file.write_text("4194999\n")  # above the largest that Linux gives out
    stopped.ensure()
    assert stopped.pid_file.exists()


def test_pid_file_that_is_no_number_is_dropped(stopped: Bench) -> None:
    """A damaged pid file is no process's."""
    stopped.pid_file.write_text("x")
    stopped.ensure()
    assert not stopped.pid_file.exists()


# -- what is to be done, machine by machine --------------------------------------------------------


def host(
    *ids: str,
    platform: str = "linux",
    is_root: bool = True,
    dockerd: bool = False,
    docker: bool = False,
    systemd: bool = False,
) -> Host:
    """A machine."""
    return Host(
        platform=platform,
        os_ids=ids or ("debian",),
        is_root=is_root,
        dockerd="/usr/sbin/dockerd" if dockerd else None,
        docker="/usr/bin/docker" if docker else None,
        systemd=systemd,
    )


APT = ("apt-get update", "apt-get install docker.io")


@pytest.mark.parametrize(
    ("machine", "action", "commands"),
    [
        pytest.param(
            host(dockerd=True, docker=True),
            *(Action.START, ("service docker start",)),
            id="root-with-dockerd",
        ),
        pytest.param(
            host("fedora", dockerd=True, docker=True, systemd=True),
            *(Action.START, ("systemctl start docker",)),
            id="root-with-dockerd-and-systemd",
        ),
        pytest.param(
            host(), *(Action.INSTALL, (*APT, "service docker start")), id="root-on-debian"
        ),
        pytest.param(
            host("ubuntu", "debian", systemd=True),
            *(Action.INSTALL, (*APT, "systemctl start docker")),
            id="root-on-ubuntu",
        ),
        pytest.param(
            host("linuxmint", "ubuntu", "debian"),
            *(Action.INSTALL, (*APT, "service docker start")),
            id="root-on-a-relative-of-ubuntu",
        ),
        pytest.param(
            host(dockerd=True),
            *(Action.INSTALL, (*APT, "service docker start")),
            id="root-on-debian-without-the-client",
        ),
        pytest.param(
            host(docker=True),
            *(Action.INSTALL, (*APT, "service docker start")),
            id="root-on-debian-with-only-the-client",
        ),
        pytest.param(
            host(is_root=False, systemd=True),
            Action.TELL,
            (*(f"sudo {command}" for command in APT), "sudo systemctl start docker", *JOIN),
            id="user-on-debian",
        ),
        pytest.param(
            host(is_root=False, dockerd=True, docker=True, systemd=True),
            *(Action.TELL, ("sudo systemctl start docker", *JOIN)),
            id="user-with-dockerd",
        ),
        pytest.param(
            host("fedora", is_root=False, systemd=True),
            Action.TELL,
            ("sudo dnf install moby-engine docker-cli", "sudo systemctl start docker", *JOIN),
            id="user-on-fedora",
        ),
        pytest.param(
            host("rocky", "rhel", "centos", "fedora", systemd=True),
            Action.TELL,
            (
                "(add Docker's own package repository, as its installation guide says)",
                "dnf install docker-ce docker-ce-cli containerd.io",
                "systemctl start docker",
            ),
            id="root-on-enterprise-linux",
        ),
        pytest.param(
            host("arch", is_root=False, systemd=True),
            Action.TELL,
            ("sudo pacman -S docker", "sudo systemctl start docker", *JOIN),
            id="user-on-arch",
        ),
        pytest.param(
            host("darwin", platform="darwin", is_root=False),
            *(Action.TELL, ("brew install --cask docker-desktop", "open -a Docker")),
            id="mac",
        ),
        pytest.param(
            host("darwin", platform="darwin", is_root=False, docker=True),
            *(Action.TELL, ("open -a Docker",)),
            id="mac-with-docker",
        ),
        pytest.param(
            host("unheard-of"),
            Action.TELL,
            (
                "(install Docker Engine with this system's package manager)",
                "service docker start",
            ),
            id="somewhere-else",
        ),
    ],
)
def test_plan(machine: Host, action: Action, commands: tuple[str, ...]) -> None:
    """What is done depends on the machine alone, and can always be typed by hand."""
    todo = plan(machine)
    assert (todo.action, todo.commands) == (action, commands)


def test_this_machine_can_be_described() -> None:
    """A description of this machine can be had, whatever it is."""
    assert plan(Host.here()).commands
