"""Making a runtime of tiny packages, from a mirror that is good, and from ones that are not."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.runtime.conftest import Mirror

    from condor_mini.runtime import Store

    Run = Callable[..., tuple[int, str, str]]

CONDOR = "pool/main/condor_1.deb"


def left(store: Store) -> list[str]:
    """What is in the cache beside the lock's own files."""
    ours = {".lock", "lock-25-amd64.json"}
    return sorted(entry.name for entry in store.directory.iterdir() if entry.name not in ours)


@pytest.fixture
def root(locked: dict[str, Any], condor_mini: Run) -> Path:
    """A runtime's tree."""
    del locked
    status, out, err = condor_mini("build")
    assert status == 0, err
    return Path(out.strip())


def test_packages_are_unpacked(root: Path) -> None:
    """The tree has the packages' files, executable where they were, without set-user-ID bits."""
    program = root / "usr/bin/condor_version"
    assert (program.read_bytes(), program.stat().st_mode & 0o7777) == (
        b"a program\n",
        0o555,
    )


def test_merged_usr(root: Path) -> None:
    """What a package has in /lib is in /usr/lib, and /lib is a link to there."""
    assert (str((root / "lib").readlink()), (root / "usr/lib/libc.so.6").read_bytes()[:3]) == (
        "usr/lib",
        b"ELF",
    )


def test_documentation_is_left_out(root: Path) -> None:
    """Manual pages are not in the tree."""
    assert not (root / "usr/share/man").exists()


def test_what_maintainer_scripts_make(root: Path) -> None:
    """Users, mount points and HTCondor's directories are there."""
    assert "\ncondor:" in (root / "etc/passwd").read_text()
    wanted = ("proc", "dev", "tmp", "var/lib/condor/execute", "etc/condor/config.d")
    assert [path for path in wanted if not (root / path).is_dir()] == []


def test_second_build_asks_nobody(root: Path, condor_mini: Run, mirror: Mirror) -> None:
    """A complete runtime is found without a mirror."""
    mirror.asked.clear()
    assert condor_mini("build")[:2] == (0, f"{root}\n")
    assert mirror.asked == []


def cut_short(root: Path) -> None:
    """What a disk does that was full, or lost its power."""
    file = root / "usr/lib/libc.so.6.1"
    file.unlink()
    file.write_bytes(b"ELF")


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "usr/bin/condor_version").unlink(),
        cut_short,
        lambda root: (root / "lib").unlink(),
        lambda root: (root.parent / "manifest.json").unlink(),
        lambda root: (root.parent / "manifest.json").write_text("[]"),
    ],
    ids=["file gone", "file cut", "link gone", "no manifest", "bad manifest"],
)
def test_damaged_runtime_is_made_anew(
    root: Path, condor_mini: Run, store: Store, damage: Callable[[Path], None]
) -> None:
    """A runtime that lost something is said to be damaged, and the next build mends it."""
    damage(root)
    (listed,) = json.loads(condor_mini("list", "-o", "json")[1])
    assert listed["state"] == "damaged"
    status, _, err = condor_mini("build")
    assert (status, "is damaged" in err) == (0, True)
    assert [runtime.problem for runtime in store.all()] == [None]


def test_left_half_made_is_swept(root: Path, condor_mini: Run, store: Store) -> None:
    """What a killed process left is removed by the next one that makes something."""
    (store.directory / ".making-0").mkdir()
    (root / "usr/bin/condor_version").unlink()
    condor_mini("build")
    assert left(store) == [root.parent.name]


def test_other_bytes_stop_everything(
    locked: dict[str, Any],
    mirror: Mirror,
    condor_mini: Run,
    store: Store,
) -> None:
    """A package with another digest is refused, and nothing is left."""
    del locked
    mirror.files[CONDOR] = mirror.files[CONDOR][:-1] + b"x"
    status, out, err = condor_mini("build")
    assert (status, out, left(store)) == (1, "", [])
    assert "sent a wrong condor_1.deb" in err
    assert "CONDOR_MINI_DEBIAN_MIRROR" in err


@pytest.mark.parametrize("answer", [b"<html>Please log in</html>", b"x" * 1_000_000])
def test_other_size_stops_everything(
    locked: dict[str, Any],
    mirror: Mirror,
    condor_mini: Run,
    answer: bytes,
) -> None:
    """A page in a package's place is refused, a short one and an endless one."""
    del locked
    mirror.files[CONDOR] = answer
    status, _, err = condor_mini("build")
    assert (status, "sent a wrong" in err) == (1, True)


def test_package_that_has_gone(
    locked: dict[str, Any],
    mirror: Mirror,
    condor_mini: Run,
    store: Store,
) -> None:
    """A superseded package's error names the command that refreshes the lock."""
    del locked
    del mirror.files[CONDOR]
    status, _, err = condor_mini("build")
    assert (status, left(store)) == (1, [])
    assert "condor-mini runtime lock --htcondor 25 --arch amd64" in err


def test_cut_connection_is_resumed(
    locked: dict[str, Any],
    mirror: Mirror,
    condor_mini: Run,
) -> None:
    """What is missing is asked for, and no more."""
    del locked
    mirror.cuts[CONDOR] = 1
    assert condor_mini("build")[0] == 0
    half = len(mirror.files[CONDOR]) // 2
    assert [how for path, how in mirror.asked if path == CONDOR] == [None, f"bytes={half}-"]


def test_connection_cut_again_and_again(
    locked: dict[str, Any],
    mirror: Mirror,
    condor_mini: Run,
    store: Store,
) -> None:
    """A mirror that never sends all of it is given up, and nothing is left."""
    del locked
    mirror.cuts[CONDOR] = 99
    status, _, err = condor_mini("build")
    assert (status, left(store)) == (1, [])
    assert "the connection ended after" in err


def test_sick_mirror(locked: dict[str, Any], mirror: Mirror, condor_mini: Run) -> None:
    """A mirror that only has errors is named with them."""
    del locked
    mirror.status = 503
    status, _, err = condor_mini("build")
    assert (status, f"{mirror.url}: HTTP status 503" in err) == (1, True)


def test_no_network(
    locked: dict[str, Any], condor_mini: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network the error says what to try, and nothing is left."""
    del locked
    monkeypatch.setenv("CONDOR_MINI_DEBIAN_MIRROR", "http://127.0.0.1:9/debian")
    status, out, err = condor_mini("build")
    assert (status, out, left(store)) == (1, "", [])
    assert "no mirror of Debian sent" in err
    assert "pip install condor-mini-runtime" in err


def test_full_disk(
    locked: dict[str, Any], condor_mini: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full half-way is said, and nothing is left."""
    del locked

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("condor_mini.runtime.unpack.shutil.copyfileobj", full)
    status, _, err = condor_mini("build")
    assert (status, left(store)) == (1, [])
    assert "No space left on device" in err
    assert "XDG_CACHE_HOME" in err


def test_unusable_cache(
    locked: dict[str, Any], condor_mini: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A cache directory that cannot be made is said, with the way out."""
    del locked
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    status, _, err = condor_mini("build")
    assert (status, "cannot write to the cache directory" in err) == (1, True)


@pytest.mark.parametrize("lock", ["", "{}", "[]", '{"format": 2, "packages": []}'])
def test_damaged_lock(condor_mini: Run, store: Store, lock: str) -> None:
    """A lock that is none is named."""
    store.directory.mkdir(parents=True)
    (store.directory / "lock-25-amd64.json").write_text(lock)
    status, _, err = condor_mini("build")
    assert (status, "lock-25-amd64.json is damaged" in err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "--htcondor", "9"], "no HTCondor series '9'"),
        (["build", "--arch", "riscv64"], "architecture 'riscv64'"),
        (["remove"], "use either a series or --all"),
        (["remove", "9"], "no HTCondor series '9'"),
        (["remove", "25", "--all"], "use either a series or --all"),
        (["export", "x.zip"], ".tar or .tar.xz"),
        (["lock", "--series", "9"], "no HTCondor series '9'"),
    ],
)
def test_bad_input_is_2(condor_mini: Run, arguments: list[str], words: str) -> None:
    """What there is not is refused by name."""
    status, _, err = condor_mini(*arguments)
    assert (status, words in err) == (2, True)


def test_bad_mirror_is_2(
    locked: dict[str, Any], condor_mini: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that is no address is refused before anything is asked."""
    del locked
    monkeypatch.setenv("CONDOR_MINI_DEBIAN_MIRROR", "/etc")
    status, _, err = condor_mini("build")
    assert (status, "CONDOR_MINI_DEBIAN_MIRROR=/etc" in err) == (2, True)


def test_two_at_once_make_one(
    locked: dict[str, Any],
    mirror: Mirror,
    store: Store,
) -> None:
    """Of several first builds one downloads; the others wait, and find what it has made."""
    argv = [sys.executable, "-m", "condor_mini", "runtime", "build", "--arch", "amd64"]
    builds = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [build.communicate(timeout=60) for build in builds]
    assert [build.returncode for build in builds] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1
    assert len(mirror.asked) == len(locked["packages"])
    assert len(store.all()) == 1


def test_remove(root: Path, condor_mini: Run, store: Store) -> None:
    """A removed runtime is gone; removing what is not there is success."""
    assert condor_mini("remove", "25")[:2] == (0, f"removed {root.parent}\n")
    assert condor_mini("remove", "25")[:2] == (0, "")
    assert left(store) == []


def test_export_can_be_unpacked(root: Path, condor_mini: Run, tmp_path: Path) -> None:
    """The exported archive holds the tree, links as links, and is the same each time."""
    archives = [tmp_path / "one.tar", tmp_path / "two.tar"]
    for archive in archives:
        assert condor_mini("export", str(archive))[0] == 0
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as tar:
        assert tar.getmember("lib").linkname == str((root / "lib").readlink())
    assert sorted(path.name for path in tmp_path.glob("*.tar*")) == ["one.tar", "two.tar"]


def test_export_to_nowhere(root: Path, condor_mini: Run, tmp_path: Path) -> None:
    """A directory that is not there is named."""
    del root
    status, _, err = condor_mini("export", str(tmp_path / "absent/x.tar"))
    assert (status, "No such file or directory" in err) == (1, True)
