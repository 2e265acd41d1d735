"""Bad input to ``condor-mini run``: one clear message, the right status, nothing left behind."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini import PersonalPool, PersonalSpec
from condor_mini.base.errors import PoolNotReady
from condor_mini.base.layout import USER_ID
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import BindMount, ContainerSpec
from condor_mini.images import builder

from ..people import image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import Engine

    from ..people import Person

    Leftovers = Callable[[Path], list[str]]

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root mounts and changes users")

TABLE = {
    "unknown series": (("--htcondor", "7"), 2, "there is no HTCondor series '7' here"),
    "bad memory": (("--memory", "much"), 2, "--memory much: must be a size"),
    "no memory": (("--memory", "0"), 2, "--memory 0: must be a size"),
    "too much memory": (("--memory", "9999999G"), 2, "HTCondor's limit"),
    "bad cores": (("--cpus", "0"), 2, "--cpus"),
    "bad name": (("--name", "No Name"), 2, "--name No Name: must be lower-case letters"),
    "bad option": (("--nonsense",), 2, "No such option"),
    "unknown engine": (("--engine", "steam"), 2, "There is no engine 'steam'"),
    "empty state": (("--state", ""), 2, "--state: must be the name of a directory"),
    "state is a file": (("--state", "file"), 1, "is not a directory"),
    "state below a file": (("--state", "file/state"), 1, "Not a directory"),
    "state that is not to be had": (("--state", "/proc/state"), 1, "cannot write to the state"),
    "missing submit file": (("--submit", "none.sub"), 3, "the submit file none.sub does not exist"),
    "folder for a submit file": (("--submit", "."), 3, "the submit file . is not a file"),
    "submit file elsewhere": (("--submit", "/etc/passwd"), 2, "not below the current directory"),
    "submit and command": (("--submit", "file", "--", "true"), 2, "use one of"),
}


@pytest.mark.parametrize(("options", "status", "words"), TABLE.values(), ids=TABLE)
def test_bad_option_is_told(
    anyone: Person, here: Path, options: tuple[str, ...], status: int, words: str
) -> None:
    """The message says what is wrong, without a traceback; nothing half-made is left of it."""
    (here / "file").write_text("")
    done = anyone.run("run", *options, cwd=here)
    assert (done.returncode, words in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in here.iterdir()] == ["file"]


@pytest.mark.pool_engines("docker", reason="embedded has no daemon")
def test_engine_that_does_not_answer(anyone: Person, here: Path) -> None:
    """An engine that does not answer is 6."""
    done = anyone.run("run", cwd=here, environment={"DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert (done.returncode, "tcp://127.0.0.1:1" in done.stderr) == (6, True)


def test_state_of_somebody_else(people: dict[str, Person], directory: Path) -> None:
    """A directory that this user cannot write to is told in one line with what to do."""
    user = people["user"]
    done = user.run("run", "--state", "/usr/state", "--", "true", cwd=directory)
    assert done.stderr == (
        "condor-mini: cannot write to the state directory /usr/state: Permission denied\n"
        "Name another: --state DIR\n"
    )


LINKS = {
    "log": "log",
    "lock": "log/.in-use",
    "queue": "spool/job_queue.log",
    "execute": "execute",
    "key": "passwords.d/POOL",
    "certificate": "hostkey.pem",
    "sessions": ".sessions",
}
"""Where somebody may have put a link in a state directory that they give away."""


@pytest.fixture
def victim(here: Path, anyone: Person) -> Path:
    """A directory beside the pool's, with a file that is nobody's business."""
    path = here / "victim"
    path.mkdir()
    (path / "file").write_text("mine")
    os.chown(path, anyone.uid, anyone.gid)
    os.chown(path / "file", anyone.uid, anyone.gid)
    return path


def with_link(state: Path, place: str, to: Path, owner: int) -> Path:
    """Put a link to this directory, or to the file in it, into a state directory."""
    link = state / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(to if place in ("log", "execute") else to / "file")
    for path in (state, *state.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)
    return link


@pytest.mark.parametrize("place", LINKS.values(), ids=LINKS)
def test_state_with_a_link_is_1(
    anyone: Person, here: Path, victim: Path, pools: Callable[[Path], list[object]], place: str
) -> None:
    """A state directory with a link where HTCondor writes is refused, and the link is named."""
    link = with_link(here / "condor_state", place, victim, anyone.uid)
    done = anyone.run("run", "--", "true", cwd=here)
    assert (done.returncode, f"{link} is a symbolic link to" in done.stderr) == (1, True)
    assert [path.read_text() for path in victim.iterdir()] == ["mine"]
    assert pools(here) == []


def test_state_that_a_job_has_made_a_link_is_1(anyone: Person, here: Path, victim: Path) -> None:
    """A job that puts a link in the state's place does not get another directory mounted."""
    script = f"mv work/condor_state work/old && ln -s {victim.name} work/condor_state"
    done = anyone.run("run", "--", "sh", "-c", f"cd && {script}", cwd=here)
    assert done.returncode == 0, done.stderr
    done = anyone.run("run", "--", "ls", "/condor_state", cwd=here)
    told = f"{here}/condor_state is a symbolic link to victim" in done.stderr
    assert (done.returncode, done.stdout, told) == (1, "", True), done.stderr
    assert [path.read_text() for path in victim.iterdir()] == ["mine"]


@needs_root
@pytest.mark.parametrize("place", [place for place in LINKS.values() if place != ".sessions"])
def test_container_with_such_a_state_ends(
    pool_engine: Engine, here: Path, until: Callable[..., None], place: str
) -> None:
    """A container that is started by itself on such a directory says the same, and ends with 1."""
    builder.build(pool_engine, ["mini"], catalogue().get(None), Progress())
    state = here / "state"
    state.mkdir()
    with_link(state, place, Path("/home/jovyan"), USER_ID)
    mount = BindMount(source=state, target="/condor_state")
    spec = ContainerSpec(image=image("mini"), name=f"links-{os.getpid()}", mounts=(mount,))
    container = pool_engine.create(spec)
    try:
        pool_engine.start(container)

        def has_ended() -> bool:
            info = pool_engine.inspect(container)
            return info is not None and info.exit_code is not None

        until(has_ended, "the container has ended")
        info = pool_engine.inspect(container)
        said = pool_engine.logs(container)
    finally:
        pool_engine.remove(container)
    told = f"condor-mini: /condor_state/{place} is a symbolic link to /home/jovyan"
    assert (info.exit_code if info else None, told in said) == (1, True), said


@pytest.fixture
def stranger(pool_engine: Engine, here: Path) -> Iterator[str]:
    """The name of a container that is no pool of ours."""
    name = f"stranger-{here.name[-8:].replace('_', '-').strip('-')}"
    builder.build(pool_engine, ["mini"], catalogue().get(None), Progress())
    pool_engine.create(ContainerSpec(image=image("mini"), name=name))
    yield name
    pool_engine.remove(name)


def test_taken_name_is_4(pool_engine: Engine, anyone: Person, here: Path, stranger: str) -> None:
    """A foreign container's name is told; the container is left alone, and no state is made."""
    done = anyone.run("run", "--name", stranger, "--", "true", cwd=here)
    told = f"the name {stranger} is taken by a container that is not a personal pool" in done.stderr
    assert (done.returncode, told) == (4, True)
    assert pool_engine.inspect(stranger) is not None
    assert list(here.iterdir()) == []


def test_running_pool_of_another_name_is_4(
    anyone: Person, here: Path, pools: Callable[[Path], list[object]]
) -> None:
    """Where a pool of another name or size runs is 4, and the pool goes on."""
    anyone.run("run", "--keep", "--name", "one-name", "--", "true", cwd=here)
    for other in (("--name", "another"), ("--name", "one-name", "--cpus", "3")):
        assert anyone.run("run", *other, "--", "true", cwd=here).returncode == 4, other
    assert len(pools(here)) == 1


@pytest.mark.pool_engines("docker", reason="plain containers are docker run's")
@needs_root
def test_state_in_use_by_a_plain_container_is_4(
    pool_engine: Engine, people: dict[str, Person], until: Callable[..., None]
) -> None:
    """A state directory that a container of the plain engine uses is 4, and is named."""
    user = replace(people["user"], uid=USER_ID, gid=USER_ID)
    with tempfile.TemporaryDirectory(prefix="condor-mini-test-") as folder:
        state = Path(folder)
        os.chown(state, user.uid, user.gid)
        mount = BindMount(source=state, target="/condor_state")
        plain = pool_engine.create(
            ContainerSpec(image=image("mini"), name=f"plain-{os.getpid()}", mounts=(mount,))
        )
        try:
            pool_engine.start(plain)
            until(lambda: (state / "log" / "MasterLog").exists(), "the container has the directory")
            done = user.run("run", "--state", folder, "--", "true", cwd=state)
        finally:
            pool_engine.remove(plain)
    told = f"the state directory {folder} is in use by another pool" in done.stderr
    assert (done.returncode, told) == (4, True), done.stderr


@needs_root
def test_full_disk(anyone: Person, full_disk: Path) -> None:
    """A full disk is one clear message, and nothing half-made is left on it."""
    done = anyone.run("run", "--state", str(full_disk / "state"), "--", "true", cwd=full_disk)
    assert done.stderr.splitlines()[0] == (
        f"condor-mini: cannot write to the state directory {full_disk}/state: "
        "No space left on device"
    )
    assert not (full_disk / "state").exists()


@pytest.fixture
def full_disk(here: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    disk = here / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=1777", "none", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_removed_directory(people: dict[str, Person], here: Path) -> None:
    """A current directory that has been removed is told, not traced."""
    gone = here / "gone"
    gone.mkdir()
    gone.chmod(0o777)
    person = people["user"]
    script = f'rmdir "{gone}"; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *person.argv("run", "--", "true")],
        cwd=gone,
        env=person.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        user=os.getuid(),
    )
    assert done.stderr == (
        "condor-mini: the current directory has been removed\nChange to another directory: cd DIR\n"
    )


@pytest.fixture(scope="module")
def failed_start(pool_engine: Engine, anyone: Person) -> Iterator[tuple[Path, str]]:
    """The state directory of a pool whose schedd could not start, and what was said of it."""
    with tempfile.TemporaryDirectory(prefix="condor-mini-test-") as folder:
        state = Path(folder) / "state"
        (state / "spool" / "job_queue.log").mkdir(parents=True)
        for path in (state.parent, state, *state.rglob("*")):
            os.chown(path, anyone.uid, anyone.gid)
        spec = PersonalSpec(state=state, workdir=state.parent)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("condor_mini.personal.pool.READY_TIMEOUT_S", 12.0)
            yield state, message_of_failed_start(pool_engine, spec)


def message_of_failed_start(pool_engine: Engine, spec: PersonalSpec) -> str:
    """What a start that fails says."""
    try:
        with PersonalPool.open(pool_engine, spec, Progress()):
            pytest.fail("it started")
    except PoolNotReady as error:
        return str(error)


@pytest.mark.any_engine
def test_failed_start_says_where_the_logs_are(failed_start: tuple[Path, str]) -> None:
    """At the deadline the message ends with the directory of the logs."""
    state, message = failed_start
    assert message.splitlines()[-1] == f"All logs: {state}/log"


@pytest.mark.any_engine
def test_failed_start_names_what_is_missing(failed_start: tuple[Path, str]) -> None:
    """At the deadline the message begins with the daemon that is missing."""
    assert re.match(r"Not ready after 12 s: .*(SCHEDD|Scheduler)", failed_start[1])


@pytest.mark.any_engine
def test_failed_start_keeps_its_logs(failed_start: tuple[Path, str]) -> None:
    """The logs of a start that failed are in the state directory."""
    assert "ERROR" in (failed_start[0] / "log" / "SchedLog").read_text()
