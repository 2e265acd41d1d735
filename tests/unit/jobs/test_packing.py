"""A directory's way into an archive, and what comes back into it."""

from __future__ import annotations

import io
import os
import tarfile
from itertools import takewhile
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.tree import Tree
from condor_mini.jobs import packing
from condor_mini.jobs.packing import Directory

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
LONG_AGO = 1_000_000_000


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    """An empty directory, beside which others can be."""
    path = tmp_path / "here"
    path.mkdir()
    return Directory(path=path)


def packed(directory: Directory, *, follow_links: bool = False) -> dict[str, tarfile.TarInfo]:
    """What goes into the archive, by path."""
    directory.follow_links = follow_links
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory.pack(tar, "top")
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        return {member.name.removeprefix("top/"): member for member in tar}


def member(name: str, content: bytes = b"", **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    """Something in an archive."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(content), LONG_AGO
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info, content


def unpack(
    directory: Directory, *members: tuple[tarfile.TarInfo, bytes], since: float = LONG_AGO
) -> list[Path]:
    """Let this come back, and be what is below ``top``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, content in members:
            info.name = f"top/{info.name}"
            tar.addfile(info, io.BytesIO(content))
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        return directory.unpack(tar, "top", since)


# -- the way in -----------------------------------------------------------------------------------


def test_all_is_the_ordinary_users(directory: Directory) -> None:
    """Files and directories are the ordinary user's, in the pool."""
    (directory.path / "sub").mkdir()
    (directory.path / "sub" / "file").write_text("it")
    assert {(m.uid, m.gid) for m in packed(directory).values()} == {(1000, 1000)}


def test_modes_are_kept(directory: Directory) -> None:
    """A program stays one."""
    (directory.path / "run").touch(0o755)
    (directory.path / "run").chmod(0o750)
    assert packed(directory)["run"].mode == 0o750


def test_set_uid_is_not_kept(directory: Directory) -> None:
    """In the pool a file has another owner: its set-UID bit would mean another thing."""
    (directory.path / "run").touch()
    (directory.path / "run").chmod(0o4755)
    assert packed(directory)["run"].mode == 0o755


def test_names_may_be_anything(directory: Directory) -> None:
    """A name that is no text goes in as it is."""
    name = os.fsdecode(b"\xff, \n")
    (directory.path / name).touch()
    assert name in packed(directory)


def test_link_that_stays_inside_is_kept(directory: Directory) -> None:
    """A relative link is the same there."""
    (directory.path / "file").touch()
    (directory.path / "link").symlink_to("file")
    link = packed(directory)["link"]
    assert (link.issym(), link.linkname) == (True, "file")


def test_absolute_link_that_stays_inside_is_made_relative(directory: Directory) -> None:
    """The directory has another name there."""
    (directory.path / "file").touch()
    (directory.path / "sub").mkdir()
    (directory.path / "sub" / "link").symlink_to(directory.path / "file")
    link = packed(directory)["sub/link"]
    assert (link.issym(), link.linkname) == (True, "../file")


@pytest.mark.parametrize("chain", [False, True])
def test_link_to_outside_stays_a_link(directory: Directory, *, chain: bool) -> None:
    """What a link leads to outside does not go along: a job may have left it there."""
    (directory.path.parent / "secrets").mkdir()
    (directory.path.parent / "secrets" / "id").write_text("secret")
    for number in range(1, 5):
        (directory.path / f"x{number}").symlink_to(".")
    leads = "x1/x2/x3/x4/../secrets/id" if chain else "../secrets/id"
    (directory.path / "link").symlink_to(leads)
    assert (packed(directory)["link"].issym(), packed(directory)["link"].linkname) == (True, leads)
    assert directory.outside == {"link": str(directory.path.parent / "secrets" / "id")}


def test_link_to_a_file_outside_is_that_file(directory: Directory) -> None:
    """What a link leads to goes along, if that is asked for."""
    (directory.path.parent / "far").write_text("from afar")
    (directory.path / "link").symlink_to("../far")
    link = packed(directory, follow_links=True)["link"]
    assert (link.isreg(), link.size) == (True, 9)


def test_link_to_a_directory_outside_is_that_directory(directory: Directory) -> None:
    """All of a directory that a link leads to goes along, if that is asked for."""
    (directory.path.parent / "far" / "deep").mkdir(parents=True)
    (directory.path.parent / "far" / "deep" / "file").touch()
    (directory.path / "link").symlink_to("../far")
    assert set(packed(directory, follow_links=True)) == {"link", "link/deep", "link/deep/file"}


def test_directory_that_becomes_a_link_is_not_followed(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that takes a directory's place while it is packed leads nowhere, and is reported."""
    (directory.path.parent / "secrets").mkdir()
    (directory.path.parent / "secrets" / "id").write_text("secret")
    (directory.path / "sub").mkdir()
    entries = Tree.entries

    def swapped(tree: Tree, name: str = "") -> list[tuple[str, os.stat_result]]:
        found = entries(tree, name)
        if (directory.path / "sub").is_dir():
            (directory.path / "sub").rmdir()
            (directory.path / "sub").symlink_to("../secrets")
        return found

    monkeypatch.setattr(Tree, "entries", swapped)
    assert list(packed(directory)) == ["sub"]
    assert directory.skipped == ["sub: it was removed or replaced"]


@pytest.mark.parametrize("how", ["removed", "link"])
def test_directory_that_has_gone_is_told(directory: Directory, how: str) -> None:
    """A directory that has gone, or has become a link, is reported."""
    directory.path.rmdir()
    if how == "link":
        directory.path.symlink_to("/etc")
    with pytest.raises(NotFound, match="no longer exists"):
        packed(directory)
    with pytest.raises(NotFound, match="no longer exists"):
        unpack(directory, member("out"))


def test_link_to_nothing_is_kept(directory: Directory) -> None:
    """A link that leads nowhere is the same there."""
    (directory.path / "link").symlink_to("/no/such/file")
    assert packed(directory)["link"].linkname == "/no/such/file"


def test_link_to_what_is_above_ends(directory: Directory) -> None:
    """A link that leads to a directory that holds it is not followed for ever."""
    (directory.path / "up").symlink_to("..")
    assert set(packed(directory, follow_links=True)) == {"up"}


def test_what_leads_back_is_told(directory: Directory) -> None:
    """A link that was not followed is reported."""
    (directory.path / "up").symlink_to("..")
    packed(directory, follow_links=True)
    assert directory.skipped == [f"up/here: leads back to {directory.path}"]


def test_fifo_is_skipped(directory: Directory) -> None:
    """What is neither a file nor a directory stays here, and is reported."""
    os.mkfifo(directory.path / "fifo")
    assert (packed(directory), directory.skipped) == (
        {},
        ["fifo: neither a file nor a directory"],
    )


def test_state_of_a_personal_pool_is_skipped(directory: Directory) -> None:
    """A personal pool's key and queue are nothing for another pool."""
    (directory.path / "condor_state").mkdir()
    for name in (".starting", ".sessions", "key"):
        (directory.path / "condor_state" / name).touch()
    assert (packed(directory), directory.skipped) == (
        {},
        ["condor_state: a personal pool's state"],
    )


@pytest.mark.parametrize("kind", ["STATE", "CACHE"])
@pytest.mark.parametrize("leads_out", [False, True])
def test_what_we_keep_is_skipped(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, kind: str, *, leads_out: bool
) -> None:
    """A home directory that is submitted does not bring other pools' tokens, nor a runtime."""
    home = directory.path.parent / "home" if leads_out else directory.path
    (home / "kept" / "condor-mini" / "engine").mkdir(parents=True)
    (home / "kept" / "condor-mini" / "engine" / "token").touch()
    if leads_out:
        (directory.path / "kept").symlink_to(home / "kept")
    monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / "kept"))
    assert list(packed(directory, follow_links=leads_out)) == ["kept"]
    assert directory.skipped == ["kept/condor-mini: condor-mini's own files"]


def test_too_many_files(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """More files than the limit are refused; the limit and the directory are named."""
    monkeypatch.setattr(packing, "MOST_FILES", 3)
    for number in range(4):
        (directory.path / str(number)).touch()
    with pytest.raises(UsageError, match=f"{directory.path} holds more than 3 files"):
        packed(directory)


def test_too_much(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the limit is refused; what is large is named."""
    monkeypatch.setattr(packing, "MOST_BYTES", 2 * 1024**2)
    (directory.path / "large").write_bytes(b"x" * 3 * 1024**2)
    with pytest.raises(UsageError, match=r"holds more than 2 MiB: large has 3 MiB in 1 files"):
        packed(directory)


@pytest.fixture
def closed(directory: Directory, tmp_path: Path) -> Iterator[Directory]:
    """A directory with things that we may not read; we are not root, who may."""
    for name in ("a", "b"):
        (directory.path / name).touch(0o000)
    (directory.path / "closed").mkdir(0o000)
    if os.getuid() != 0:
        yield directory
        return
    for path in takewhile(Path(gettempdir()).__ne__, (tmp_path, *tmp_path.parents)):
        path.chmod(path.stat().st_mode | 0o755)
    os.seteuid(NOBODY)
    yield directory
    os.seteuid(0)


def test_unreadable_are_named(closed: Directory) -> None:
    """All that cannot be read is named."""
    with pytest.raises(UsageError, match="you may not read a, b, closed"):
        packed(closed)


# -- the way back ---------------------------------------------------------------------------------


def test_new_file_comes_back(directory: Directory) -> None:
    """A file that is new is written, with its mode."""
    unpack(directory, member("out", b"it", mode=0o755))
    out = directory.path / "out"
    assert (out.read_bytes(), out.stat().st_mode & 0o700) == (b"it", 0o700)


def test_what_was_written_is_told(directory: Directory) -> None:
    """New directories are reported as files are."""
    written = unpack(directory, member("a/b/out"))
    assert written == [directory.path / name for name in ("a", "a/b", "a/b/out")]


def test_same_file_is_not_touched(directory: Directory) -> None:
    """A file with the same content is left as it is, and not reported."""
    (directory.path / "out").write_bytes(b"same")
    before = (directory.path / "out").stat()
    written = unpack(directory, member("out", b"same"))
    assert (written, (directory.path / "out").stat()) == ([], before)


def test_changed_file_keeps_its_mode_here(directory: Directory) -> None:
    """A file that has changed has the mode that it had here."""
    (directory.path / "out").write_bytes(b"old")
    (directory.path / "out").chmod(0o600)
    unpack(directory, member("out", b"new", mode=0o644))
    out = directory.path / "out"
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"new", 0o600)


def test_new_empty_directory_comes_back(directory: Directory) -> None:
    """A directory that is new is made, though nothing is in it."""
    unpack(directory, member("empty", type=tarfile.DIRTYPE, mode=0o755))
    assert (directory.path / "empty").is_dir()


def test_old_directory_is_not_made_again(directory: Directory) -> None:
    """A directory that was removed here meanwhile stays removed."""
    unpack(directory, member("old", type=tarfile.DIRTYPE, mode=0o755), since=LONG_AGO + 1)
    assert not (directory.path / "old").exists()


@pytest.mark.parametrize("name", ["../out", "sub/../../out"])
def test_nothing_is_written_outside(directory: Directory, name: str) -> None:
    """A path that leads outside is refused."""
    with pytest.raises(CondorMiniError, match="is outside"):
        unpack(directory, member(name))
    assert not (directory.path.parent / "out").exists()


@pytest.mark.parametrize("name", ["far/out", "link"])
def test_links_outside_are_not_followed(directory: Directory, name: str) -> None:
    """What would go through a link to outside is refused."""
    far = directory.path.parent / "far"
    far.mkdir()
    (directory.path / "far").symlink_to(far)
    (directory.path / "link").symlink_to(far / "file")
    with pytest.raises(CondorMiniError, match="nothing is written through a link"):
        unpack(directory, member(name, b"it"))
    assert list(far.iterdir()) == []


def test_links_inside_are_not_followed(directory: Directory) -> None:
    """A write through a link inside is refused too, and reported: a job may have left the link.

    The link stays one, and what it leads to stays as it is.
    """
    (directory.path / "file").touch()
    (directory.path / "link").symlink_to("file")
    with pytest.raises(CondorMiniError, match="link is a symbolic link to file, and nothing"):
        unpack(directory, member("link", b"it"))
    assert ((directory.path / "link").is_symlink(), (directory.path / "file").read_bytes()) == (
        True,
        b"",
    )


def test_what_a_link_leads_to_comes_back(directory: Directory) -> None:
    """What jobs write through a link there is written in its own place here."""
    (directory.path / "file").touch()
    (directory.path / "link").symlink_to("file")
    unpack(directory, member("link", type=tarfile.SYMTYPE, linkname="file"), member("file", b"it"))
    assert (directory.path / "link").read_bytes() == b"it"


def test_links_that_come_back_lead_no_later_archive_outside(directory: Directory) -> None:
    """A chain of links that a job leaves, and what goes through it, end at the directory."""
    chain = [member(f"x{n}", type=tarfile.SYMTYPE, linkname=".") for n in range(1, 5)]
    leads = member("l", type=tarfile.SYMTYPE, linkname="x1/x2/x3/x4/../secrets")
    (directory.path.parent / "secrets").mkdir()
    with pytest.raises(CondorMiniError, match=r"l: a symbolic link to x1/x2/x3/x4/\.\./secrets"):
        unpack(directory, *chain, leads)
    with pytest.raises(CondorMiniError):
        unpack(directory, member("l/id", b"it"), member("x1/../secrets/id", b"it"))
    assert list((directory.path.parent / "secrets").iterdir()) == []


def test_new_link_comes_back(directory: Directory) -> None:
    """A link that stays inside is made."""
    unpack(directory, member("link", type=tarfile.SYMTYPE, linkname="out"))
    assert (directory.path / "link").readlink() == Path("out")


def test_link_that_is_there_is_fine(directory: Directory) -> None:
    """A link that went in and comes back is no change."""
    (directory.path / "link").symlink_to("/no/such/file")
    assert unpack(directory, member("link", type=tarfile.SYMTYPE, linkname="/no/such/file")) == []


@pytest.mark.parametrize("leads", ["/etc/passwd", "../x", "a/../../x", "a/../x"])
def test_new_link_to_outside_is_refused(directory: Directory, leads: str) -> None:
    """A job cannot make a link that leads outside."""
    with pytest.raises(CondorMiniError, match="a symbolic link to"):
        unpack(directory, member("link", type=tarfile.SYMTYPE, linkname=leads))
    assert not (directory.path / "link").is_symlink()


def test_device_is_refused(directory: Directory) -> None:
    """A job cannot make a device."""
    with pytest.raises(CondorMiniError, match="neither a file nor a directory"):
        unpack(directory, member("device", type=tarfile.CHRTYPE))


def test_directory_in_the_way_is_told(directory: Directory) -> None:
    """A file does not replace a directory."""
    (directory.path / "out").mkdir()
    with pytest.raises(CondorMiniError, match="out: a directory is in its place"):
        unpack(directory, member("out", b"it"))


def test_what_can_be_written_is(directory: Directory) -> None:
    """One that is refused does not keep the others from coming back."""
    with pytest.raises(CondorMiniError):
        unpack(directory, member("../bad"), member("good", b"it"))
    assert (directory.path / "good").read_bytes() == b"it"


def test_failure_leaves_what_was_there(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves the old file, and nothing else."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (directory.path / "out").write_bytes(b"old")
    monkeypatch.setattr("condor_mini.base.tree.shutil.copyfileobj", full)
    with pytest.raises(CondorMiniError, match="out: No space left on device"):
        unpack(directory, member("out", b"new"))
    assert [path.read_bytes() for path in directory.path.iterdir()] == [b"old"]
