"""The embedded engine beyond the contract: what a daemon would have seen to, nobody does here."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tarfile
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, CondorMiniError, EngineCapabilityError, NotFound
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.engine import BindMount, ContainerSpec, ContainerState, EmbeddedEngine
from condor_mini.engine.embedded import state
from condor_mini.engine.embedded.cgroups import Cgroups, cgroup_of
from condor_mini.engine.embedded.containers import Containers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from condor_mini.engine import ContainerInfo
    from condor_mini.engine.embedded.records import Record

    MakeContainer = Callable[[ContainerSpec], str]
    AttachByTerminal = Callable[..., tuple[int, str]]

pytestmark = pytest.mark.engines("namespaces", "paths")

CHILD = Path(__file__).parent / "embedded_child.py"
ROWS, COLUMNS = 33, 101
REPLACEMENTS = 100
"""Of an image, one after another."""


@pytest.fixture
def embedded(engine: object) -> EmbeddedEngine:
    """The engine under test, by its own type."""
    assert isinstance(engine, EmbeddedEngine)
    return engine


@pytest.fixture
def own(embedded: EmbeddedEngine, tmp_path: Path, root_tar: Path) -> Iterator[EmbeddedEngine]:
    """An engine with a directory of its own, whose path is long and has odd characters."""
    directory = (
        tmp_path / ("a long path, with 'quotes' and $signs " * 6)[: 250 - len(str(tmp_path))]
    )
    engine = EmbeddedEngine(
        lambda: embedded.tools.root, directory=directory, sandbox=embedded.sandbox.name
    )
    engine.import_image(root_tar, "child:1", labels={})
    engine.create_network("net", labels={})
    yield engine
    engine.remove(*(info.name for info in engine.containers({})))


@pytest.fixture
def child(own: EmbeddedEngine) -> Callable[..., list[str]]:
    """The command line of another process that uses that engine."""

    def child(verb: str, *names: str) -> list[str]:
        where = (str(own.tools.root), str(own.directory), own.sandbox.name)
        return [sys.executable, str(CHILD), verb, *where, *names]

    return child


@pytest.fixture
def own_spec() -> ContainerSpec:
    """A container of that engine."""
    return ContainerSpec(image="child:1", name="box", command=("sleep", "1000"), network="net")


def record_of(engine: EmbeddedEngine, name: str) -> Record:
    """How the engine keeps a container."""
    return engine._containers.get(name)


def kill(pid: int | None) -> None:
    """Kill a process that must be there."""
    assert pid is not None
    assert pid > 1
    os.kill(pid, signal.SIGKILL)


def traces(record: Record) -> list[str]:
    """What there is of a container outside its directory: processes that know its path."""
    path = str(record.path).encode()
    mark = f"CONDOR_MINI_CONTAINER={record.id}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        if place.name == str(os.getpid()):
            continue
        try:
            words = (place / "cmdline").read_bytes()
            knows = path in words or path in (place / "mountinfo").read_bytes()
            knows = knows or mark in (place / "environ").read_bytes()
        except OSError:
            continue
        if knows:
            found.append(f"{place.name} {words!r}")
    return found


def status(text: str, field: str) -> str:
    """A field of proc_pid_status(5)."""
    (found,) = re.findall(rf"^{field}:\s*(.*)$", text, re.MULTILINE)
    return str(found)


# -- the terminal -------------------------------------------------------------------------------


def test_terminal_is_a_device_of_the_container(
    engine_name: str, box: str, attach_by_terminal: AttachByTerminal
) -> None:
    """The terminal that a command gets has a name, and is there."""
    code, said = attach_by_terminal(engine_name, box, "sh", "-c", 'tty && [ -c "$(tty)" ]')
    assert (code, said.startswith("/dev/pts/")) == (0, True)


def test_interrupt_is_the_commands(
    engine_name: str, box: str, attach_by_terminal: AttachByTerminal
) -> None:
    """Ctrl-C is heard by the command, whose status is the answer."""
    script = "trap 'echo heard; exit 7' INT; echo ready; while :; do sleep 0.05; done"
    code, said = attach_by_terminal(
        *(engine_name, box, "sh", "-c", script), keys=b"\x03", keys_after=b"ready"
    )
    assert (code, "heard" in said) == (7, True)


def test_shell_has_job_control(
    engine_name: str, box: str, attach_by_terminal: AttachByTerminal
) -> None:
    """An interactive shell is in charge of its terminal."""
    code, said = attach_by_terminal(
        *(engine_name, box, "sh", "-i"), keys=b"exit 3\n", keys_after=b"/ "
    )
    assert (code, "job control" in said) == (3, False)


def test_terminal_ends_with_the_command(
    engine_name: str, box: str, attach_by_terminal: AttachByTerminal
) -> None:
    """What a command leaves in the background is not waited for."""
    code, said = attach_by_terminal(engine_name, box, "sh", "-c", "sleep 20 & echo over")
    assert (code, "over" in said) == (0, True)


def test_window_is_as_large_as_ours_and_restored(engine_name: str, box: str) -> None:
    """The command's terminal has the size of ours, which is afterwards as it was."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    before = termios.tcgetattr(slave)
    argv = [sys.executable, str(CHILD.with_name("attach_child.py")), engine_name, box]
    done = subprocess.run(
        [*argv, "sh", "-c", "stty size; stty size >/tmp/size"],
        stdin=slave,
        stdout=slave,
        timeout=30,
        check=False,
    )
    after = termios.tcgetattr(slave)
    said = os.read(master, 1000)
    for descriptor in (master, slave):
        os.close(descriptor)
    assert (done.returncode, said.strip(), after) == (0, f"{ROWS} {COLUMNS}".encode(), before)


# -- what is left -------------------------------------------------------------------------------


@pytest.mark.parametrize("victim", [None, "shim", "first", "parent"])
def test_nothing_is_left_of_a_removed_container(
    own: EmbeddedEngine, own_spec: ContainerSpec, victim: str | None
) -> None:
    """Whichever of its processes was killed before, all of a removed container is gone."""
    before = set(Path("/tmp").glob("prooted-*"))
    script = "sleep 1000 & sleep 1000"
    own.create(replace(own_spec, command=("sh", "-c", script)))
    own.start("box")
    record = record_of(own, "box")
    first = state.last_init(record)
    assert first is not None
    pids = {"shim": state.shim(record), "first": first.pid, "parent": first.parent}
    if victim is not None:
        kill(pids[victim])
    own.remove("box")

    def left() -> str | None:
        # A proot that is tried for a moment, by whoever else tests now, removes its own.
        of_proot = set(Path("/tmp").glob("prooted-*")) - before
        return "; ".join([*traces(record), *map(str, of_proot)]) or None

    wait_until(left, timeout_s=5)
    assert (list((own.directory / "containers").iterdir()), own.inspect("box")) == ([], None)
    own.remove_network("net")


def test_container_whose_shim_was_killed_still_runs(
    own: EmbeddedEngine, own_spec: ContainerSpec
) -> None:
    """The shim is not the container: who kills it loses the log and the status, no more."""
    own.create(own_spec)
    own.start("box")
    kill(state.shim(record_of(own, "box")))
    ran = own.exec("box", ["true"]).returncode
    own.stop("box", timeout_s=0)
    info = own.inspect("box")
    assert info is not None
    assert (ran, info.state) == (0, ContainerState.EXITED)


def test_command_in_a_container_that_is_ending(
    own: EmbeddedEngine, own_spec: ContainerSpec
) -> None:
    """A command that fails then is told why, and the end is known from then on."""
    own.create(own_spec)
    own.start("box")
    record = record_of(own, "box")
    first, shim = state.last_init(record), state.shim(record)
    assert first is not None
    assert shim is not None
    # The end cannot be noted while what starts the container is stopped.
    os.killpg(shim, signal.SIGSTOP)
    kill(first.parent)  # the first process goes with it
    timer = threading.Timer(0.5, os.killpg, (shim, signal.SIGCONT))
    timer.start()
    try:
        with pytest.raises(NotFound, match="is not running"):
            own.exec("box", ["false"])
    finally:
        timer.join()
    info = own.inspect("box")
    assert info is not None
    assert info.state is ContainerState.EXITED


def test_half_made_container_is_swept(
    own: EmbeddedEngine, child: Callable[..., list[str]], own_spec: ContainerSpec
) -> None:
    """Of a container whose maker was killed nothing is seen, and the next call clears it away."""
    done = subprocess.run(child("die", "half"), timeout=30, check=False)
    seen = own.containers({})
    own.create(own_spec)
    own.start("box")
    info = own.inspect("box")
    assert info is not None
    kept = sorted(place.name for place in (own.directory / "containers").iterdir())
    assert (done.returncode, seen, kept) == (-signal.SIGKILL, [], ["box"])
    assert info.addresses["net"].endswith(".2")


def test_half_made_container_does_not_hold_its_network(
    own: EmbeddedEngine, child: Callable[..., list[str]]
) -> None:
    """A network is removed though somebody was killed who made a container on it."""
    subprocess.run(child("die", "half"), timeout=30, check=False)
    own.remove_network("net")
    assert own.networks({}) == []


def test_late_command_leaves_no_process(embedded: EmbeddedEngine, box: str) -> None:
    """What a command has started by its deadline ends with it."""
    with pytest.raises(CommandFailed):
        embedded.exec(box, ["sh", "-c", "sleep 98761 & sleep 98761"], timeout_s=0.5)

    def left() -> str | None:
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = place.read_bytes().split(b"\0")
            except OSError:
                continue
            found += [place.parent.name] if words[-2:-1] == [b"98761"] else []
        return " ".join(found) or None

    wait_until(left, timeout_s=5)


# -- other processes ----------------------------------------------------------------------------


def test_container_outlives_its_maker(own: EmbeddedEngine, child: Callable[..., list[str]]) -> None:
    """A container runs when the process that made it has ended, and others find it."""
    done = subprocess.run(child("run", "box"), stdout=subprocess.PIPE, timeout=30, check=True)
    info = own.inspect("box")
    assert info is not None
    assert ([info.id], info.state) == (json.loads(done.stdout), ContainerState.RUNNING)
    assert own.exec("box", ["echo", "here"]).stdout == "here\n"


def test_processes_share_names_and_addresses(
    own: EmbeddedEngine, child: Callable[..., list[str]]
) -> None:
    """Of several processes that take the same names at once one gets each, and its own address."""
    names = [f"box-{number}" for number in range(4)]
    children = [
        subprocess.Popen(child("create", *names), stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in children]
    addresses = {record.facts["address"] for record in own._containers.all()}
    won = [sum(column) for column in zip(*answers, strict=True)]
    assert (won, len(addresses)) == ([1] * 4, 4)


def test_image_that_is_replaced_is_there_all_the_time(
    own: EmbeddedEngine, own_spec: ContainerSpec, root_tar: Path
) -> None:
    """While somebody makes an image anew, others find it, and make containers of it."""
    with ThreadPoolExecutor(1) as executor:
        replacing = executor.submit(replace_image, own, root_tar, times=REPLACEMENTS)
        rounds = 0
        while not replacing.done() or not rounds:
            assert own.image("child:1") is not None
            own.remove(own.create(own_spec))
            rounds += 1
        assert replacing.result() == REPLACEMENTS


def replace_image(engine: EmbeddedEngine, root_tar: Path, *, times: int) -> int:
    """Import the image that is there again and again; how often."""
    for _ in range(times):
        engine.import_image(root_tar, "child:1", labels={})
    return times


def test_container_that_is_about_to_start_has_not_ended(
    own: EmbeddedEngine, own_spec: ContainerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until its first process runs, others see a container that was not started."""
    seen: list[ContainerInfo | None] = []
    start_command = Containers.start_command

    def looked_at(
        containers: Containers, record: Record, *, by_cgroup: Collection[str]
    ) -> tuple[str, list[str], dict[str, str]]:
        seen.append(own.inspect("box"))
        return start_command(containers, record, by_cgroup=by_cgroup)

    monkeypatch.setattr(Containers, "start_command", looked_at)
    own.create(own_spec)
    own.start("box")
    seen.append(own.inspect("box"))
    assert [(info.state, info.started_at is None) for info in seen if info] == [
        (ContainerState.CREATED, True),
        (ContainerState.RUNNING, False),
    ]


def test_container_of_before_a_reboot_has_ended(
    own: EmbeddedEngine, own_spec: ContainerSpec
) -> None:
    """After a reboot a container has ended, whoever has its process's number, and starts again."""
    own.create(own_spec)
    own.start("box")
    record = record_of(own, "box")
    own.stop("box", timeout_s=0)
    for noted in (state.EXIT, state.NEXT_EXIT):
        (record.path / noted).unlink(missing_ok=True)
    ours = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    note = f"{os.getpid()} {os.getppid()} {ours} 00000000-0000-0000-0000-000000000000\n"
    (record.path / "notes/pid").write_text(note)
    (record.path / state.SHIM).unlink()
    before = own.inspect("box")
    own.start("box")
    after = own.inspect("box")
    assert before is not None
    assert after is not None
    assert (before.state, before.exit_code, before.addresses) == (ContainerState.EXITED, 137, {})
    assert (after.state, own.exec("box", ["true"]).returncode) == (ContainerState.RUNNING, 0)


def test_signals_held_back_here_are_heard_there(
    own: EmbeddedEngine, own_spec: ContainerSpec
) -> None:
    """Neither a container nor a command in it inherits what we do with signals for ourselves."""
    with held_back():
        own.create(replace(own_spec, command=("sh", "-c", "cat /proc/self/status; exec sleep 99")))
        own.start("box")
        inside = own.exec("box", ["cat", "/proc/self/status"]).stdout
    wait_until(lambda: None if "SigIgn" in own.logs("box") else "no status", timeout_s=10)
    said = [int(status(text, "SigBlk"), 16) for text in (own.logs("box"), inside)]
    assert said == [0, 0]


# -- limits and files ---------------------------------------------------------------------------


@pytest.fixture
def no_cgroups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where no control group is to be had."""
    monkeypatch.setattr(Cgroups, "limits", frozenset())


@pytest.mark.usefixtures("no_cgroups")
def test_limits_are_the_kernels(own: EmbeddedEngine, own_spec: ContainerSpec) -> None:
    """Without control groups: so many cores by affinity, so much address space for each process."""
    script = "ulimit -v; cat /proc/self/status; exec sleep 99"
    own.create(replace(own_spec, command=("sh", "-c", script), cpus=1, memory_mb=200))
    own.start("box")
    wait_until(lambda: None if "Cpus_allowed_list" in own.logs("box") else "no status", timeout_s=5)
    said = own.logs("box")
    cores = status(said, "Cpus_allowed_list")
    assert (said.partition("\n")[0], cores.isdigit()) == (str(200 * 1024), True)


@pytest.mark.usefixtures("no_cgroups")
def test_processes_are_not_limited(own: EmbeddedEngine) -> None:
    """Without control groups the kernel's limit is for all that a user runs: none is promised."""
    assert own.info().limits == ("cpus", "memory_mb")


FULL = 20
FORKS = f"for i in $(seq {2 * FULL}); do sleep 99 >/dev/null 2>&1 & done"
FILES = {"cpu.max": "50000 100000", "memory.max": str(64 * 2**20), "pids.max": str(FULL)}
FILLS = "x=12345678; while :; do x=$x$x; done"
"""A shell's memory, doubled without end."""


@pytest.fixture
def limited(own: EmbeddedEngine, own_spec: ContainerSpec) -> ContainerSpec:
    """A container with all limits, on a machine that has control groups for them."""
    if "pids" not in own.info().limits:
        pytest.skip("no control group of version 2 is to be had of systemd here")
    return replace(own_spec, cpus=0.5, memory_mb=64, pids=FULL)


def started(engine: EmbeddedEngine, spec: ContainerSpec) -> Path | None:
    """Make a container that runs, and tell its group."""
    engine.create(spec)
    engine.start(spec.name)
    return group(engine, spec.name)


def group(engine: EmbeddedEngine, name: str) -> Path | None:
    """The group of a container that runs."""
    first = state.live_init(record_of(engine, name))
    assert first is not None
    return cgroup_of(first.pid)


def is_left(place: Path) -> str | None:
    """Whether a group is there: systemd, which removes it, is another process."""
    return f"{place} is left" if place.exists() else None


def test_limits_are_a_groups(own: EmbeddedEngine, limited: ContainerSpec) -> None:
    """A container has a group with its limits, and what is run in it later is in the group."""
    place = started(own, limited)
    assert place is not None
    assert {name: (place / name).read_text().strip() for name in FILES} == FILES
    assert own.exec("box", ["cat", "/proc/self/cgroup"]).stdout.strip().endswith(place.name)


def test_environment_is_the_containers(own: EmbeddedEngine, limited: ContainerSpec) -> None:
    """Nothing of what a group is asked for with is seen in the container, at start or later."""
    own.create(replace(limited, command=("sh", "-c", "env; exec sleep 99")))
    own.start("box")
    wait_until(lambda: None if "HOME=" in own.logs("box") else "no environment", timeout_s=10)
    said = own.logs("box") + own.exec("box", ["env"]).stdout
    assert not re.findall("^(?:XDG|DBUS|INVOCATION|SYSTEMD).*", said, re.MULTILINE)


def test_processes_are_limited_by_a_group(own: EmbeddedEngine, limited: ContainerSpec) -> None:
    """A container that is full has no room for one more process; others have."""
    started(own, limited)
    started(own, replace(limited, name="other"))
    full = own.exec("box", ["sh", "-c", FORKS]).returncode
    assert (full != 0, own.exec("other", ["true"]).returncode) == (True, 0)


def test_memory_is_limited_by_a_group(own: EmbeddedEngine, limited: ContainerSpec) -> None:
    """A process that takes more memory than its container has is killed; the container lives."""
    started(own, limited)
    assert own.exec("box", ["sh", "-c", FILLS]).returncode == 137
    assert own.exec("box", ["true"]).returncode == 0


def test_group_goes_with_its_container(own: EmbeddedEngine, limited: ContainerSpec) -> None:
    """No group is left of a container that is stopped, was killed, or is removed."""

    def killed() -> None:
        first = state.live_init(record_of(own, "box"))
        kill(None if first is None else first.pid)
        wait_until(
            lambda: "it runs" if state.live_init(record_of(own, "box")) else None, timeout_s=10
        )

    own.create(limited)
    places = []
    ends: list[Callable[[], None]] = [
        lambda: own.stop("box", timeout_s=0),
        killed,
        lambda: own.remove("box"),
    ]
    for end in ends:
        own.start("box")
        places.append(group(own, "box"))
        end()
    for place in places:
        assert place is not None
        wait_until(partial(is_left, place), timeout_s=10)


def test_no_limit_takes_no_group(own: EmbeddedEngine, own_spec: ContainerSpec) -> None:
    """A container without limits is where we are."""
    assert started(own, own_spec) is None


def test_container_starts_where_its_group_cannot_be_made(
    own: EmbeddedEngine, own_spec: ContainerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was to have a group, and gets none, runs with the limits that need none."""
    monkeypatch.setattr(Cgroups, "limits", frozenset({"memory_mb", "pids"}))
    monkeypatch.setattr("shutil.which", lambda _: "false")
    command = ("sh", "-c", "ulimit -v; exec sleep 99")
    assert started(own, replace(own_spec, command=command, memory_mb=200, pids=99)) is None
    wait_until(lambda: None if own.logs("box") else "nothing is said", timeout_s=5)
    assert own.logs("box") == f"{200 * 1024}\n"


def links(**targets: str) -> bytes:
    """A tar of links in ``/tmp``."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, target in targets.items():
            member = tarfile.TarInfo(f"tmp/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return archive.getvalue()


@pytest.mark.parametrize("prefix", ["", "/.old", "/proc/1/root", "/proc/self/root", "../../../.."])
@pytest.mark.parametrize("runs", [False, True])
def test_links_do_not_lead_out_of_a_container(
    own: EmbeddedEngine,
    own_spec: ContainerSpec,
    tmp_path: Path,
    tar_of: Callable[..., bytes],
    prefix: str,
    *,
    runs: bool,
) -> None:
    """Whatever a container's links say, the host's files are neither read nor written by them."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("the host's")
    own.create(own_spec)
    own.copy_in("box", links(x=f"{prefix}{outside}", passwd=f"{prefix}{outside}/file"))
    if runs:
        own.start("box")
    with pytest.raises(NotFound):
        own.copy_out("box", "/tmp/x/file")
    with pytest.raises(NotFound):
        own.copy_out("box", "/tmp/passwd")
    with suppress(CommandFailed):  # there is no such directory in the container
        own.copy_in("box", tar_of("tmp/x/file", b"the container's"))
    assert (outside / "file").read_text() == "the host's"
    assert sorted(place.name for place in outside.iterdir()) == ["file"]


def test_link_in_place_of_a_directory_is_refused(
    own: EmbeddedEngine, own_spec: ContainerSpec, tmp_path: Path
) -> None:
    """An image whose ``/etc`` is a link to the host's leaves that alone."""
    tar_path = tmp_path / "odd.tar"
    with tarfile.open(tar_path, "w") as tar:
        member = tarfile.TarInfo("etc")
        member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(member)
    own.import_image(tar_path, "odd:1", labels={})
    with suppress(CommandFailed):
        own.create(replace(own_spec, image="odd:1"))
        own.start("box")
    assert [place.name for place in tmp_path.iterdir() if place.name == "hosts"] == []


UP = "../" * 40
HOSTILE = {
    "link of hosts": [("etc/hosts", "-> OUTSIDE")],
    "absolute link": [("a", "-> OUTSIDE"), ("a/file", "")],
    "link upwards": [("a", f"-> {UP}OUTSIDE"), ("a/file", "")],
    "chain": [*((f"x{n}", "-> .") for n in range(4)), ("a", f"-> x0/x1/x2/x3/{UP}OUTSIDE")],
    "file behind a chain": [("x", "-> ."), ("a", f"-> x/{UP}OUTSIDE"), ("a/file", "")],
    "name upwards": [(f"{UP}OUTSIDE/file", "")],
    "name behind a link": [("x", "-> ."), (f"x/{UP}OUTSIDE/file", "")],
    "absolute name": [("OUTSIDE/file", "")],
    "hard link": [("a", f"= {UP}OUTSIDE/file"), ("a", "")],
    "hard link to a link": [("a", "-> OUTSIDE/file"), ("b", "= a"), ("b", "")],
    "link in place of what is mounted": [(".network", "-> OUTSIDE"), ("dev", "-> OUTSIDE")],
}
"""Root file systems, by the names of their files; ``->`` is a symbolic link, ``=`` a hard one."""


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
def test_image_that_somebody_gave_does_not_lead_outside(
    own: EmbeddedEngine, own_spec: ContainerSpec, tmp_path: Path, files: list[tuple[str, str]]
) -> None:
    """Whatever is in an imported image, the host's files stay as they are."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("the host's")
    before = [
        (place.stat().st_ctime_ns, place.stat().st_nlink) for place in (outside, *outside.iterdir())
    ]
    with tarfile.open(tmp_path / "hostile.tar", "w") as tar:
        for name, what in files:
            member = tarfile.TarInfo(name.replace("OUTSIDE", str(outside)))
            kind, _, member.linkname = what.replace("OUTSIDE", str(outside)).partition(" ")
            member.type = {"->": tarfile.SYMTYPE, "=": tarfile.LNKTYPE}.get(kind, tarfile.REGTYPE)
            tar.addfile(member)
    own.import_image(tmp_path / "hostile.tar", "hostile:1", labels={})
    with suppress(CommandFailed):  # or what is outside is left out
        own.create(replace(own_spec, image="hostile:1"))
        own.start("box")
    places = (outside, *outside.iterdir())
    assert [(place.stat().st_ctime_ns, place.stat().st_nlink) for place in places] == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
@pytest.mark.engines("namespaces")
def test_device_of_an_image_is_not_opened(
    own: EmbeddedEngine, own_spec: ContainerSpec, root_tar: Path, tmp_path: Path
) -> None:
    """A device that an image brings is no way to the host's."""
    tarball = tmp_path / "device.tar"
    tarball.write_bytes(root_tar.read_bytes())
    with tarfile.open(tarball, "a") as tar:
        device = tarfile.TarInfo("zero")
        device.type, device.devmajor, device.devminor, device.mode = tarfile.CHRTYPE, 1, 5, 0o666
        tar.addfile(device)
    own.import_image(tarball, "device:1", labels={})
    own.create(replace(own_spec, image="device:1"))
    own.start("box")
    said = [own.exec("box", ["sh", "-c", f": <{path}"]) for path in ("/zero", "/dev/zero")]
    assert [result.returncode == 0 for result in said] == [False, True]


@pytest.mark.engines("namespaces")
def test_fuse_is_as_on_the_host(own: EmbeddedEngine, own_spec: ContainerSpec) -> None:
    """A container has the device with which users mount images as the host has it."""
    fuse = Path("/dev/fuse")
    own.create(own_spec)
    own.start("box")
    said = own.exec("box", ["stat", "-c", "%a", str(fuse)])
    mode = f"{fuse.stat().st_mode & 0o777:o}" if fuse.exists() else ""
    assert said.stdout.strip() == mode


@pytest.mark.parametrize("runs", [False, True])
def test_mount_in_another_ones_files_that_becomes_a_link(
    own: EmbeddedEngine, own_spec: ContainerSpec, tmp_path: Path, *, runs: bool
) -> None:
    """What a container has put in the place of a mount's source is not mounted the next time."""
    (tmp_path / "shared" / "inner").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("the host's")
    mounts = (
        BindMount(source=tmp_path / "shared", target="/mnt/shared"),
        BindMount(source=tmp_path / "shared" / "inner", target="/mnt/inner"),
    )
    own.create(replace(own_spec, mounts=mounts))
    if runs:
        own.start("box")
    (tmp_path / "shared" / "inner").rmdir()
    (tmp_path / "shared" / "inner").symlink_to("../outside")
    with pytest.raises(CondorMiniError, match=r"shared/inner mounted, and a symbolic link there"):
        own.copy_out("box", "/mnt/inner/file")
    own.stop("box", timeout_s=0)
    with pytest.raises(CondorMiniError, match="a symbolic link there leads to"):
        own.start("box")


@pytest.mark.engines("paths")
def test_target_with_a_colon_is_refused(
    own: EmbeddedEngine, own_spec: ContainerSpec, tmp_path: Path
) -> None:
    """Where paths are translated, a colon cannot stand in one of the container's."""
    mounts = (BindMount(source=tmp_path, target="/mnt/a:b"),)
    own.create(replace(own_spec, mounts=mounts))
    with pytest.raises(EngineCapabilityError, match="a:b"):
        own.start("box")


# -- which sandbox ----------------------------------------------------------------------------


@pytest.mark.skipif("CONDOR_MINI_TEST_REFUSED" not in os.environ, reason="namespaces are granted")
def test_refused_namespaces_are_passed_over(own: EmbeddedEngine, tmp_path: Path) -> None:
    """Where the kernel refuses namespaces, paths are translated, and the reason is told."""
    auto = EmbeddedEngine(lambda: own.tools.root, directory=tmp_path / "auto")
    assert auto.sandbox.name == "paths"
    assert re.fullmatch(r"namespaces: unshare: unshare failed: .+", "\n".join(auto.rejected))


def test_other_users_reach_no_container(own: EmbeddedEngine, own_spec: ContainerSpec) -> None:
    """Nobody else enters the directories of images, containers, networks and volumes."""
    own.create_volume("vol", labels={})
    own.create(own_spec)
    open_to_others = {
        place.name: oct(place.stat().st_mode)
        for place in own.directory.iterdir()
        if place.is_dir() and place.stat().st_mode & 0o077
    }
    assert open_to_others == {}
