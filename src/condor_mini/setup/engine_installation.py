"""Getting an engine where there is none: the one place that installs or starts something.

As root on Debian or Ubuntu it installs Docker and starts it; where Docker is installed, root starts
it; everybody else is told the commands for this system.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError, EngineInstallError
from condor_mini.base.locks import Lock
from condor_mini.base.waiting import wait_until
from condor_mini.engine import command
from condor_mini.engine.oci import OciEngine
from condor_mini.engine.oci.dialect import DOCKER
from condor_mini.engines import Finding, Reach, chosen, find_engine, not_found, survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from condor_mini.engine.protocol import Engine

PACKAGE_TIMEOUT_S = 900.0
"""Deadline of one run of apt-get."""

START_TIMEOUT_S = 60.0
"""Deadline of the daemon's start until it answers."""

_TAIL_LINES = 20
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"

_started: list[subprocess.Popen[bytes]] = []
"""The daemons that we started. They outlive us; a Popen dropped while its child lives warns."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """The facts of a machine that decide how to get an engine."""

    platform: str
    """``linux``, ``darwin``: as in ``sys.platform``."""
    os_ids: tuple[str, ...]
    """ID and ID_LIKE of /etc/os-release."""
    is_root: bool
    dockerd: str | None
    docker: str | None
    systemd: bool
    """Whether systemd runs here, not only whether it is installed."""

    @classmethod
    def here(cls) -> Host:
        """Return this machine."""
        return cls(
            platform=sys.platform,
            os_ids=_os_ids(),
            is_root=os.geteuid() == 0,
            dockerd=shutil.which("dockerd", path=_path_with_sbin()),
            docker=shutil.which(DOCKER.binary),
            systemd=Path("/run/systemd/system").is_dir(),
        )


class Action(StrEnum):
    """What we can do about a missing engine."""

    START = "start"
    INSTALL = "install"
    """Install, then start."""
    TELL = "tell"
    """Do nothing, but tell the commands."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done, in words, and what a person would type instead."""

    action: Action
    summary: str
    commands: tuple[str, ...]

    @property
    def hint(self) -> str:
        """Return the commands, for the last lines of an error."""
        return "\n  ".join(("To get it:", *self.commands))


@dataclass(frozen=True, kw_only=True)
class Site:
    """The directories and the clock to work with; the defaults are this machine's."""

    host: Callable[[], Host] = Host.here
    state_dir: Path = Path("/run/condor-mini")
    log_dir: Path = Path("/var/log")
    pid_files: Mapping[str, Path] = field(
        default_factory=lambda: {
            "dockerd": Path("/var/run/docker.pid"),
            "containerd": Path("/var/run/docker/containerd/containerd.pid"),
        }
    )
    """The PID file of each of Docker's daemons, by the daemon's name."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def ensure_engine(
    choice: str | None = None,
    *,
    confirm: Callable[[str], bool] | None,
    say: Callable[[str], None],
    site: Site | None = None,
) -> Engine:
    """Return the engine to use; if none answers, start Docker, or install and start it.

    Args:
        choice: See ``find_engine``.
        confirm: Asks a person and returns the answer; None where there is none to ask.
        say: Called with a line before something is done.
        site: The directories and the clock; None for this machine's.

    Raises:
        UsageError: There is no engine of that name.
        EngineNotFound: None answers, and it is not for us to change that; holds the commands.
        EngineInstallError: We tried, and failed; holds the evidence.
    """
    site = site or Site()
    findings = survey(choice)
    if findings[-1].engine is not None or not _is_ours_to_mend(findings):
        return chosen(findings, on_note=say)
    todo = plan(site.host())
    if todo.action is Action.TELL:
        raise not_found(findings, hint=todo.hint)
    if confirm is not None and not confirm(f"{todo.summary}. Do it now?"):
        raise not_found(findings, hint=todo.hint)
    try:
        with _alone(site, say):
            if not _answers():  # otherwise another process was faster
                say(f"{todo.summary} ...")
                _carry_out(todo.action, site)
    except OSError as error:  # no such command, a directory that cannot be written
        raise EngineInstallError(f"Docker could not be set up: {error}", hint=todo.hint) from error
    return find_engine(DOCKER.name)


def plan(host: Host) -> Plan:
    """Return what to do on this machine, where Docker does not answer."""
    if host.platform == "darwin":
        desktop = () if host.docker else ("brew install --cask docker-desktop",)
        return _tell(*desktop, "open -a Docker")
    sudo = "" if host.is_root else "sudo "
    start = sudo + ("systemctl start docker" if host.systemd else "service docker start")
    install: tuple[str, ...]
    join = () if host.is_root else ("sudo usermod -aG docker $USER", "newgrp docker")
    if host.dockerd and host.docker:
        if not host.is_root:
            return _tell(start, *join)
        summary = "Docker is installed but does not run: starting it"
        return Plan(action=Action.START, summary=summary, commands=(start,))
    if _is_one_of(host, "debian", "ubuntu"):
        install = (f"{sudo}apt-get update", f"{sudo}apt-get install docker.io")
        if not host.is_root:
            return _tell(*install, start, *join)
        summary = "Docker is not installed: installing Debian's package docker.io and starting it"
        return Plan(action=Action.INSTALL, summary=summary, commands=(*install, start))
    if _is_one_of(host, "rhel", "centos"):
        repository = "(add Docker's own package repository, as its installation guide says)"
        install = (repository, f"{sudo}dnf install docker-ce docker-ce-cli containerd.io")
    elif _is_one_of(host, "fedora"):
        install = (f"{sudo}dnf install moby-engine docker-cli",)
    elif _is_one_of(host, "arch"):
        install = (f"{sudo}pacman -S docker",)
    else:
        install = ("(install Docker Engine with this system's package manager)",)
    return _tell(*install, start, *join)


def _tell(*commands: str) -> Plan:
    return Plan(action=Action.TELL, summary="Docker is needed", commands=commands)


def _is_one_of(host: Host, *ids: str) -> bool:
    return not set(ids).isdisjoint(host.os_ids)


def _is_ours_to_mend(findings: Sequence[Finding]) -> bool:
    """Return whether Docker was asked for, does not answer, and should be on this machine."""
    reach = {finding.name: finding.reach for finding in findings}.get(DOCKER.name)
    if reach is Reach.NO_CLIENT:
        endpoint = os.environ.get(DOCKER.host_variable) or DOCKER.default_endpoint
    elif reach is Reach.NO_DAEMON:
        try:
            endpoint = OciEngine(DOCKER).endpoint()
        except CondorMiniError:  # a context that does not exist: the user meant something else
            return False
    else:
        return False
    return endpoint == DOCKER.default_endpoint


def _carry_out(action: Action, site: Site) -> None:
    """Start Docker; install it first where that is planned."""
    if action is Action.INSTALL:
        _install_packages(site)
    if _answers():  # the package has started it
        return
    host = site.host()
    if host.systemd:
        _start_with_systemd(site)
    else:
        _start_detached(host, site)


def _answers() -> bool:
    return survey(DOCKER.name)[-1].reach is Reach.READY


def _silent_because() -> str | None:
    """Return why Docker does not answer; None if it does."""
    finding = survey(DOCKER.name)[-1]
    return None if finding.reach is Reach.READY else finding.evidence


def _install_packages(site: Site) -> None:
    """Install Debian's Docker and its client by apt-get."""
    log = site.log_dir / "condor-mini-apt.log"
    with os.fdopen(_open_private(log), "w") as output:

        def apt_get(*arguments: str) -> None:
            command.stream(
                ["apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments],
                lambda line: print(line, file=output, flush=True),
                timeout_s=PACKAGE_TIMEOUT_S,
                environment={"DEBIAN_FRONTEND": "noninteractive"},
            )

        try:
            apt_get("update")
            # --no-remove: docker.io conflicts with Docker's own packages, which apt would drop.
            apt_get("install", "-y", "--no-install-recommends", "--no-remove", *_packages())
        except CommandFailed as failure:
            raise EngineInstallError(
                f"Docker could not be installed: {failure}", hint=f"All of its output: {log}"
            ) from None


def _packages() -> list[str]:
    """Return ``docker.io``, and its client if that is a package of its own (Debian 13)."""
    client = command.run(["apt-cache", "show", "docker-cli"], timeout_s=60, check=False)
    return ["docker.io", *(["docker-cli"] if client.returncode == 0 and client.stdout else [])]


def _start_with_systemd(site: Site) -> None:
    try:
        command.run(["systemctl", "start", "docker"], timeout_s=START_TIMEOUT_S)
    except CommandFailed as failure:
        journal = ["journalctl", "--no-pager", f"--lines={_TAIL_LINES}", "--unit=docker"]
        output = command.run(journal, timeout_s=10, check=False).stdout
        raise EngineInstallError(
            f"Docker could not be started: {failure}\n{output.strip()}",
            hint="See why: systemctl status docker; journalctl --unit=docker",
        ) from None
    _wait_for_answer(_silent_because, site)


def _start_detached(host: Host, site: Site) -> None:
    """Start the daemon in a session of its own, and wait until it answers or dies."""
    if host.dockerd is None:
        raise EngineInstallError("Docker could not be started: there is no command dockerd.")
    log = site.log_dir / "condor-mini-dockerd.log"
    for daemon_name, pid_file in site.pid_files.items():
        _drop_if_stale(pid_file, daemon_name)
    daemon = _spawn(host.dockerd, log)
    (site.state_dir / "dockerd.pid").write_text(f"{daemon.pid}\n")

    def probe() -> str | None:
        reason = _silent_because()
        if reason is not None and daemon.poll() is not None:
            raise EngineInstallError(
                f"dockerd ended with {daemon.returncode}; its last lines:\n{_tail(log)}",
                hint=f"All of its output: {log}",
            )
        return reason

    try:
        _wait_for_answer(probe, site, log=log)
    except BaseException:
        daemon.terminate()
        raise


def _drop_if_stale(pid_file: Path, daemon_name: str) -> None:
    """Remove the PID file of a killed daemon if another process has its number.

    dockerd takes any process of that number for its predecessor or its containerd, and gives up.
    """
    try:
        pid = int(pid_file.read_text())
        runs = Path(f"/proc/{pid}/comm").read_text().strip() == daemon_name
    except (FileNotFoundError, ProcessLookupError):
        return  # no file, or no process: dockerd sees to these itself
    except ValueError:
        runs = False
    if not runs:
        pid_file.unlink()


def _spawn(dockerd: str, log: Path) -> subprocess.Popen[bytes]:
    descriptor = _open_private(log)
    try:
        daemon = subprocess.Popen(
            [dockerd],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**os.environ, "PATH": _path_with_sbin()},  # it calls iptables
            start_new_session=True,
            close_fds=True,
        )
    finally:
        os.close(descriptor)
    _started.append(daemon)
    return daemon


def _wait_for_answer(
    probe: Callable[[], str | None], site: Site, *, log: Path | None = None
) -> None:
    def error(message: str) -> EngineInstallError:
        evidence = "" if log is None else f"\n{_tail(log)}"
        return EngineInstallError(
            f"Docker was started but does not answer. {message}{evidence}",
            hint=None if log is None else f"All of its output: {log}",
        )

    wait_until(probe, timeout_s=START_TIMEOUT_S, error=error, clock=site.clock, sleep=site.sleep)


@contextmanager
def _alone(site: Site, say: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time install or start; the others wait here."""
    site.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Lock.open(site.state_dir / "install.lock") as lock:
        if not lock.try_acquire():
            say("Another process is getting Docker ready; waiting for it ...")
            lock.acquire_within(
                2 * PACKAGE_TIMEOUT_S + START_TIMEOUT_S,
                reason="another process holds the lock",
                error=EngineInstallError,
                clock=site.clock,
                sleep=site.sleep,
            )
        yield


def _open_private(log: Path) -> int:
    """Open an empty log that only its owner reads."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(log, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:]) or "(it wrote nothing)"


def _os_ids() -> tuple[str, ...]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ()
    return (release.get("ID", ""), *release.get("ID_LIKE", "").split())


def _path_with_sbin() -> str:
    """Return PATH with the administrator's directories, which not every root's PATH has."""
    return f"{os.environ.get('PATH', os.defpath)}:{_SBIN}"
