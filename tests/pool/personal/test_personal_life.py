"""What outlives a personal pool, and what does not: signals, crashes, state."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.engine import ContainerState

from ..people import kill_master, processes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import ContainerInfo, Engine

    from ..people import Person

    Leftovers = Callable[[Path], list[str]]
    Pools = Callable[[Path], list[ContainerInfo]]

HANGUP = pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow)
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), HANGUP]
DEADLINE_S = 60


def stopped_by(process: subprocess.Popen[str], number: int) -> int:
    """Send a signal; the status, once it has ended."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert "Traceback" not in errors
    return process.returncode


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow), HANGUP],
)
def test_signal_while_waiting_for_a_job(
    anyone: Person,
    here: Path,
    write_job: Callable[..., Path],
    leftovers: Leftovers,
    until: Callable[..., None],
    number: int,
    status: int,
) -> None:
    """A signal while a job runs ends with its status; nothing is left, nor the job in the queue."""
    write_job(anyone, here, "sleep 600", "log = events")
    with anyone.start("run", "--submit", "job.sub", cwd=here) as process:
        until(lambda: "executing" in text_of(here / "events"), "the job runs")
        assert (stopped_by(process, number), leftovers(here)) == (status, [])
    queue = anyone.run("run", "-q", "--", "condor_q", "-af", "ClusterId", cwd=here)
    assert (queue.returncode, queue.stdout) == (0, "")


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_signal_while_starting(
    person: Person,
    directory: Path,
    pools: Pools,
    leftovers: Leftovers,
    until: Callable[..., None],
    number: int,
    status: int,
) -> None:
    """A signal as soon as the container is there ends with its status, and nothing is left."""
    with person.start("run", "--", "true", cwd=directory) as process:
        until(lambda: bool(pools(directory)), "the container is there")
        assert (stopped_by(process, number), leftovers(directory)) == (status, [])


@pytest.mark.parametrize(("number", "status"), SIGNALS)
def test_signal_while_a_command_runs(
    pool_engine: Engine,
    anyone: Person,
    here: Path,
    pools: Pools,
    leftovers: Leftovers,
    until: Callable[..., None],
    number: int,
    status: int,
) -> None:
    """A signal to us alone ends the command too, and nothing is left."""
    with anyone.start("run", "--", "sleep", "600", cwd=here) as process:
        until(lambda: runs(pool_engine, pools(here), "sleep 600"), "the command runs")
        assert (stopped_by(process, number), leftovers(here)) == (status, [])


@pytest.mark.usefixtures("one_caller")
def test_history_and_queue_are_in_the_next_run(
    person: Person, directory: Path, write_job: Callable[..., Path]
) -> None:
    """The history of one run is there in the next, and its held jobs have the same ids."""
    write_job(person, directory, "exit 4")
    person.run("run", "--submit", "job.sub", cwd=directory)
    write_job(person, directory, "true", "hold = true", queue="queue 2")
    script = "condor_history -af ClusterId ExitCode; exec condor_submit job.sub >&2"
    history = person.run("run", "-q", "--", "sh", "-c", script, cwd=directory)
    assert (history.returncode, history.stdout) == (0, "1 4\n"), history.stderr
    queue = person.run("run", "-q", "--", "condor_q", "-af:j", "JobStatus", cwd=directory)
    assert queue.stdout == "2.0 5\n2.1 5\n"


@pytest.fixture
def killed(
    pool_engine: Engine,
    anyone: Person,
    here: Path,
    write_job: Callable[..., Path],
    pools: Pools,
    until: Callable[..., None],
) -> str:
    """The id of the pool of a run that was killed while it had a job in its queue."""
    write_job(anyone, here, "true", "hold = true")
    script = "condor_submit job.sub; exec sleep 600"
    with anyone.start("run", "--", "sh", "-c", script, cwd=here) as process:
        until(lambda: runs(pool_engine, pools(here), "sleep 600"), "the job is submitted")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=DEADLINE_S)
    (pool,) = pools(here)
    return pool.id


@pytest.mark.every_engine
@pytest.mark.usefixtures("killed")
def test_run_after_a_kill_has_the_queue(anyone: Person, here: Path, leftovers: Leftovers) -> None:
    """The queue of a run that was killed is in the next one, which ends what was left running."""
    queue = anyone.run("run", "-q", "--", "condor_q", "-af:j", "JobStatus", cwd=here)
    assert queue.stdout == "1.0 5\n"
    assert leftovers(here) == []


@pytest.mark.every_engine
def test_run_after_the_container_was_killed(
    pool_engine: Engine, killed: str, anyone: Person, here: Path, until: Callable[..., None]
) -> None:
    """A container that a reboot has ended is replaced, and its queue is kept."""
    kill_master(pool_engine, killed)
    until(lambda: has_ended(pool_engine, killed), "the container has ended")
    queue = anyone.run("run", "-q", "--", "condor_q", "-af:j", "JobStatus", cwd=here)
    assert queue.stdout == "1.0 5\n"


def test_pool_is_what_was_asked_for(anyone: Person, here: Path) -> None:
    """The slot advertises the cores, the memory and the name that were asked for.

    ``--profile production`` leaves HTCondor's pacing, except for what a container needs.
    ``--state`` names the directory, which may lie in others that are absent too.
    """
    options = ("--cpus", "4", "--memory", "2G", "--name", "my-pool", "--state", "a/b c, d")
    script = (
        "condor_status -af TotalCpus TotalMemory Machine; "
        "condor_config_val NEGOTIATOR_INTERVAL UPDATE_INTERVAL"
    )
    profile = ("--profile", "production")
    shown = anyone.run("run", *options, *profile, "--", "sh", "-c", script, cwd=here)
    assert shown.stdout == "4.0 2048 my-pool.nodes.internal\n60\n5\n", shown.stderr
    assert (here / "a" / "b c, d" / "spool").is_dir()


@pytest.mark.pool_engines("docker", reason="elsewhere its sockets are among the host's")
def test_it_can_listen_on_loopback_only(anyone: Person, here: Path) -> None:
    """With ``--not-reachable`` its ports are on loopback addresses: no container reaches them."""
    script = "awk '$4 == \"0A\" { print $2 }' /proc/net/tcp /proc/net/tcp6"
    run = ("run", "--not-reachable", "--", "sh", "-c", script)
    listening = anyone.run(*run, cwd=here).stdout.split()
    ports = {int(place.rpartition(":")[2], 16) for place in listening}
    assert 9618 in ports
    assert [
        place for place in listening if not re.fullmatch("[0-9A-F]{6}7F:[0-9A-F]{4}", place)
    ] == []


def has_ended(pool_engine: Engine, pool: str) -> bool:
    """Whether the container is there, and does not run."""
    info = pool_engine.inspect(pool)
    return info is not None and info.state is ContainerState.EXITED


def runs(pool_engine: Engine, pools: list[ContainerInfo], command: str) -> bool:
    """Whether such a command runs in the pool."""
    with suppress(NotFound):  # it is not running yet
        return any(command in processes(pool_engine, pool.id).values() for pool in pools)
    return False


def text_of(path: Path) -> str:
    """A file's text; none where there is no file."""
    return path.read_text() if path.exists() else ""
