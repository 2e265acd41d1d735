"""What goes wrong with the embedded engine: one clear message, the right status, nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine.embedded import EmbeddedEngine
from condor_mini.engine.embedded.networks import Networks

from .conftest import UID_BAD_INPUT, new_home, person_at, remove_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..people import Person

pytestmark = [
    pytest.mark.every_engine,
    pytest.mark.pool_engines("embedded", reason="it is about the embedded engine"),
    pytest.mark.usefixtures("pool_engine_name"),
]
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root changes users and mounts")
NO_MIRROR = {"CONDOR_MINI_DEBIAN_MIRROR": "http://127.0.0.1:1/debian"}
LONG = f"with space/{'long' * 47}"
"""Of 199 characters."""


@pytest.fixture
def user() -> Iterator[Person]:
    """An ordinary user."""
    uid = UID_BAD_INPUT if os.getuid() == 0 else os.getuid()
    home = new_home(uid)
    yield person_at(home, uid)
    remove_home(home)


@pytest.fixture
def home(user: Person) -> Path:
    """That user's home, which is the current directory too."""
    return Path(user.environment["HOME"])


def runtime_of(home: Path) -> Path:
    """The default series' runtime in that home's cache."""
    series = max((home / "cache/condor-mini/runtime").glob("25-*"), key=os.path.getmtime)
    return series / "root"


def test_no_network_and_no_cache(user: Person, home: Path) -> None:
    """Without a runtime and a mirror the mirror is named, and nothing is left half made."""
    cache = home / "empty"
    variables = {**NO_MIRROR, "XDG_CACHE_HOME": str(cache)}
    done = user.run("run", "--", "true", cwd=home, environment=variables)
    assert (done.returncode, "127.0.0.1:1" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in cache.rglob("*") if path.is_file() and path.name != ".lock"] == []


def test_damaged_cache_and_no_network(user: Person, home: Path) -> None:
    """What is missing in a damaged runtime is told, and that it cannot be made anew."""
    for place in (home / "cache/condor-mini/runtime").glob("25-*"):
        (place / "root/usr/bin/condor_status").unlink()
    done = user.run("run", "--", "true", cwd=home, environment=NO_MIRROR)
    assert done.returncode == 1, done.stderr
    assert "is damaged: /usr/bin/condor_status is missing. Making it again" in done.stderr
    assert "127.0.0.1:1" in done.stderr


@needs_root
def test_cache_that_is_not_ours_to_write(user: Person, home: Path) -> None:
    """A complete runtime is used from a cache that cannot be written."""
    for place in (home / "cache/condor-mini/runtime").iterdir():
        os.chown(place, 0, 0)
    os.chown(home / "cache/condor-mini/runtime", 0, 0)
    done = user.run("run", "-q", "--", "condor_status", "-af", "State", cwd=home)
    assert (done.returncode, done.stdout) == (0, "Unclaimed\n"), done.stderr


@needs_root
def test_empty_cache_that_is_not_ours_to_write(user: Person, home: Path) -> None:
    """Where no runtime can be put, the message names the directory, and what to do."""
    variables = {**NO_MIRROR, "XDG_CACHE_HOME": "/usr/lib"}
    done = user.run("run", "--", "true", cwd=home, environment=variables)
    assert done.returncode == 1, done.stderr
    assert done.stderr == (
        "condor-mini: cannot write to the cache directory /usr/lib/condor-mini/runtime: "
        "Permission denied\nName another cache directory: XDG_CACHE_HOME=DIR\n"
    )


@needs_root
@pytest.mark.parametrize("what", ["XDG_CACHE_HOME", "XDG_STATE_HOME"])
def test_full_disk(user: Person, home: Path, what: str) -> None:
    """A disk without room for the runtime, or for containers, is one clear message."""
    disk = home / "disk"
    disk.mkdir()
    options = ("-t", "tmpfs", "-o", "size=1m,mode=1777", "none")
    subprocess.run(["mount", *options, disk], check=True)
    try:
        variables = {**NO_MIRROR, what: str(disk)}
        done = user.run("create", "-n", "full", cwd=home, environment=variables)
        assert (done.returncode, "No space left on device" in done.stderr) == (1, True)
        assert "Traceback" not in done.stderr
        assert [path for path in disk.glob("*/*/containers/*") if path.is_dir()] == []
    finally:
        subprocess.run(["umount", disk], check=True)


@needs_root
def test_host_without_user_namespaces(user: Person, home: Path) -> None:
    """Where the host gives ordinary users no namespaces, paths are translated, and it is said."""
    tool = EmbeddedEngine(lambda: runtime_of(home)).tools.argv
    everybody = ("--map-users=0:0:65536", "--map-groups=0:0:65536")
    script = (
        "echo 0 >/proc/sys/user/max_user_namespaces; "
        'exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"'
    )
    without = [*tool("unshare", "--user", *everybody, "sh", "-c", script, str(user.uid))]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*without, *user.argv(*arguments)],
            cwd=home,
            env=user.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    done = run("run", "-q", "--", "condor_status", "-af", "State")
    assert (done.returncode, done.stdout) == (0, "Unclaimed\n"), done.stderr
    assert "at paths://" in run("version").stdout


@pytest.mark.parametrize("sandbox", ["namespaces", "paths"])
def test_long_paths_with_spaces(sandbox: str, pytestconfig: pytest.Config) -> None:
    """Home, state, cache and current directory may have spaces, and 200 characters."""
    if sandbox == "paths" and not pytestconfig.getoption("--pool-engines"):
        pytest.skip("it takes most of a minute: --pool-engines embedded")
    uid = UID_BAD_INPUT if os.getuid() == 0 else os.getuid()
    home = new_home(uid, LONG)
    try:
        user = person_at(home, uid, CONDOR_MINI_SANDBOX=sandbox)
        shown = user.run("run", "-q", "--", "condor_status", "-af", "State", cwd=home)
        assert (shown.returncode, shown.stdout) == (0, "Unclaimed\n"), shown.stderr
        created = user.run("create", "-n", "long", cwd=home, timeout_s=120)
        assert created.returncode == 0, created.stderr
        deleted = user.run("delete", "-n", "long", cwd=home)
        assert deleted.returncode == 0, deleted.stderr
    finally:
        remove_home(home)


def test_reboot(user: Person, home: Path) -> None:
    """After a reboot the pool is listed as stopped; it can be started, and its queue is there."""
    created = user.run("create", "-n", "booted", cwd=home, timeout_s=120)
    assert created.returncode == 0, created.stderr
    in_pool = ("exec", "-n", "booted", "--")
    hold = "printf 'executable=/bin/true\\nhold=true\\nqueue\\n' | condor_submit -terse -"
    held = user.run(*in_pool, "sh", "-c", hold, cwd=home).stdout.partition(".")[0]
    reboot(home / "state" / "condor-mini" / "engine" / "containers")
    listed = user.run("list", cwd=home).stdout
    assert "stopped 0/3" in listed, listed
    started = user.run("start", "-n", "booted", cwd=home, timeout_s=120)
    assert started.returncode == 0, started.stderr
    queue = user.run(*in_pool, "condor_q", "-af", "ClusterId", cwd=home)
    assert queue.stdout.split() == [held]


def reboot(containers: Path) -> None:
    """End all processes at once, and let them have been of an earlier boot."""
    for notes in containers.glob("*/notes/pid"):
        pid, parent, start, _boot = notes.read_text().split()
        shim = (notes.parent.parent / "keeper").read_text().split()[0]
        for number in (shim, parent, pid):
            os.kill(int(number), signal.SIGKILL)
        notes.write_text(f"{pid} {parent} {start} another-boot\n")


def test_all_networks_in_use(user: Person, home: Path) -> None:
    """Where no network is left, the message says so, and how to get one."""
    directory = home / "state" / "condor-mini" / "engine" / "networks"
    networks = Networks(directory, lambda _: True)
    for number in range(1, 255):
        networks.create(f"n{number}", {}, f"127.{number}.0.0/16")
    for place in home.joinpath("state").rglob("*"):
        os.chown(place, user.uid, user.uid)
    os.chown(home / "state", user.uid, user.uid)
    done = user.run("create", "-n", "more", cwd=home)
    assert (done.returncode, "is in use" in done.stderr) == (6, True), done.stderr
    assert "condor-mini list" in done.stderr


@needs_root
@pytest.mark.skipif(shutil.which("ip") is None, reason="it takes ip(8)")
@pytest.mark.parametrize("argv", [("create", "-n", "port"), ("run", "--", "true")], ids=str)
def test_port_that_somebody_has_on_all_addresses(
    user: Person, home: Path, argv: tuple[str, ...]
) -> None:
    """A program that listens on 0.0.0.0:9618 is told at once, and the pool is gone."""
    # In a network of its own: no other pool of this machine is disturbed.
    listener = (
        "import os, socket, sys; s = socket.create_server(('0.0.0.0', 9618)); "
        "sys.exit(os.spawnvp(os.P_WAIT, sys.argv[1], sys.argv[1:]))"
    )
    script = 'ip link set lo up; exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"'
    done = subprocess.run(
        [
            *("unshare", "--net", "sh", "-c", script, str(user.uid)),
            *(user.python, "-c", listener, *user.argv(*argv)),
        ],
        cwd=home,
        env=user.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "the port 9618 of 127." in done.stderr) == (5, True), done.stderr
