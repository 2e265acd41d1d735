"""What is believed of an archive that comes from the other side."""

from __future__ import annotations

import io
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.archives import Unpacked, entries, opened, pack, stays_inside, unpack
from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.tree import Tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory, beside which is another."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def member(
    name: str, kind: bytes = tarfile.REGTYPE, to: str = "", **facts: object
) -> tarfile.TarInfo:
    """Something in an archive, below ``top``."""
    made = tarfile.TarInfo(f"top/{name}")
    made.type, made.linkname, made.mode = kind, to, 0o644
    for fact, value in facts.items():
        setattr(made, fact, value)
    return made


def archive(*members: tarfile.TarInfo) -> io.BytesIO:
    """An archive of these; each file has its own name for content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for each in members:
            content = each.name.encode() if each.isreg() else b""
            each.size = len(content)
            tar.addfile(each, io.BytesIO(content))
    packed.seek(0)
    return packed


def unpacked(here: Path, *members: tarfile.TarInfo, to: str = "") -> Unpacked:
    """Unpack an archive of these."""
    with opened(archive(*members)) as tar, Tree.open(here) as tree:
        return unpack(tar, "top", tree, to)


@pytest.mark.parametrize(
    ("name", "to", "stays"),
    [
        ("l", "x", True),
        ("l", ".", True),
        ("l", "a/b//./c", True),
        ("a/b/l", "../../x", True),
        ("a/b/l", "../..", True),
        ("a/b/l", "../../../x", False),
        ("a/l", "../../x", False),
        ("l", "..", False),
        ("l", "./..", False),
        ("l", "/x", False),
        ("l", "", False),
        ("a/b/l", "x/../y", False),
        ("a/b/l", "../x/..", False),
        ("", "x", False),
    ],
)
def test_which_links_are_made(name: str, to: str, *, stays: bool) -> None:
    """A link goes up no further than it is deep, and then only down."""
    assert stays_inside(name, to) is stays


def test_chain_of_links_is_not_led_outside(here: Path) -> None:
    """Of links that each lead nowhere none makes another one lead out."""
    chain = [member(f"x{n}", tarfile.SYMTYPE, ".") for n in range(1, 5)]
    leads = member("leads", tarfile.SYMTYPE, "x1/x2/x3/x4/../outside")
    done = unpacked(here, *chain, leads)
    assert done.refused == ["leads: a symbolic link to x1/x2/x3/x4/../outside, which leads outside"]
    assert not (here / "leads").is_symlink()


def test_link_that_came_before_is_not_written_through(here: Path) -> None:
    """What a first copy has brought, a second one does not use."""
    (here / "sub").symlink_to("../outside")
    done = unpacked(here, member("sub/file"), member("other"))
    assert done.written == ["other"]
    why = f"{here}/sub is a symbolic link to ../outside, and nothing is written through a link"
    assert done.refused == [f"sub/file: {why}"]
    assert list((here.parent / "outside").iterdir()) == []


def test_file_does_not_take_the_place_of_a_link(here: Path) -> None:
    """A link of the caller's stays what it is, and so does what it leads to."""
    (here / "target").write_text("old")
    (here / "link").symlink_to("target")
    unpacked(here, member("link"))
    assert ((here / "link").is_symlink(), (here / "target").read_text()) == (True, "old")


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes_are_refused(here: Path, kind: bytes) -> None:
    """Nothing but files, directories and links is made."""
    done = unpacked(here, member("odd", kind))
    assert done.refused == ["odd: neither a file nor a directory"]


def test_rights_are_not_taken(here: Path) -> None:
    """No set-user-ID bit comes, and the owner can read and write."""
    unpacked(here, member("run", mode=0o6111), member("sub", tarfile.DIRTYPE, mode=0o1000))
    modes = [(here / name).stat().st_mode & 0o7777 for name in ("run", "sub")]
    assert modes == [0o711, 0o700]


def test_hard_link_is_a_file(here: Path) -> None:
    """A hard link has the content of what it is a link to, and is a file of its own."""
    unpacked(here, member("one"), member("two", tarfile.LNKTYPE, "top/one"))
    assert (here / "two").read_text() == "top/one"
    assert (here / "two").stat().st_nlink == 1


@pytest.mark.parametrize("to", ["top/absent", "../outside/file", "/etc/passwd", "top/link", "one"])
def test_hard_link_to_what_is_not_in_the_archive(here: Path, to: str) -> None:
    """A hard link brings nothing that is on this machine."""
    (here / "absent").write_text("the caller's")
    done = unpacked(
        here, member("link", tarfile.SYMTYPE, "absent"), member("hard", tarfile.LNKTYPE, to)
    )
    assert (len(done.refused), (here / "hard").exists()) == (1, False)


def test_file_that_is_used_as_a_directory(here: Path) -> None:
    """A name is a file or a directory, whichever came first."""
    done = unpacked(here, member("a"), member("a/b"), member("a", tarfile.DIRTYPE))
    assert (done.written, len(done.refused)) == (["a"], 2)


def test_last_of_two_is_kept(here: Path) -> None:
    """Of two files of one name the last one counts, as with tar(1)."""
    first, second = member("a"), member("./a")
    unpacked(here, first, second)
    assert (here / "a").read_text() == "top/./a"


def test_tree_that_is_too_deep_is_refused(here: Path) -> None:
    """A path longer than the system allows is reported, and does not hold up the rest."""
    deep = "/".join("d" * 5000)
    done = unpacked(here, member(deep), member("a"), member("n" * 300), member("b"))
    reasons = [line.rpartition(": ")[2] for line in done.refused]
    assert (reasons, done.written) == (["File name too long"] * 2, ["a", "b"])


def test_names_do_not_reach_the_terminal(here: Path) -> None:
    """A name with control characters is shown quoted."""
    done = unpacked(here, member("\x1b[2J", tarfile.FIFOTYPE))
    assert done.refused == ["'\\x1b[2J': neither a file nor a directory"]


def test_copy_has_its_own_name(here: Path) -> None:
    """What is called ``top`` there gets the name that it is to have here, and links stay in it."""
    done = unpacked(
        here,
        member("", tarfile.DIRTYPE),
        member("sub/file"),
        member("up", tarfile.SYMTYPE, "../outside"),
        to="new",
    )
    assert (here / "new" / "sub" / "file").is_file()
    assert done.refused == ["up: a symbolic link to ../outside, which leads outside"]


def test_times_are_kept(here: Path) -> None:
    """Files and new directories were changed when they were changed there."""
    unpacked(here, member("sub", tarfile.DIRTYPE, mtime=10**9), member("sub/file", mtime=2 * 10**9))
    times = [int((here / name).stat().st_mtime) for name in ("sub", "sub/file")]
    assert times == [10**9, 2 * 10**9]


def test_damaged_archive_is_told(here: Path) -> None:
    """An archive that ends in the middle of a file is reported as damaged."""
    damaged = io.BytesIO(archive(member("a"), member("b")).getvalue()[:1540])
    with (
        pytest.raises(CondorMiniError, match="is damaged"),
        opened(damaged) as tar,
        Tree.open(here) as tree,
    ):
        unpack(tar, "top", tree)


def test_no_archive_is_told() -> None:
    """A file that is no archive is reported as damaged."""
    with pytest.raises(CondorMiniError, match="is damaged"), opened(io.BytesIO(b"x" * 2000)):
        pass


# -- writing --------------------------------------------------------------------------------------


def packed(here: Path) -> dict[str, tarfile.TarInfo]:
    """What goes into an archive of the directory."""
    buffer = io.BytesIO()
    with Tree.open(here) as tree, tarfile.open(fileobj=buffer, mode="w") as tar:
        pack(tar, entries(tree, "", "top"), uid=5, gid=6)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        return {found.name: found for found in tar}


def test_links_are_packed_as_links(here: Path) -> None:
    """What a link leads to does not go along."""
    (here / "link").symlink_to("../outside")
    link = packed(here)["top/link"]
    assert (link.issym(), link.linkname) == (True, "../outside")


def test_owner_is_the_one_that_is_said(here: Path) -> None:
    """All of it belongs to whom it is to belong."""
    (here / "sub").mkdir()
    assert {(found.uid, found.gid) for found in packed(here).values()} == {(5, 6)}


def test_file_that_becomes_a_link_is_not_read(here: Path) -> None:
    """A link that has come since the names were read is an error, and not followed."""
    (here / "file").write_text("own")
    with Tree.open(here) as tree, tarfile.open(fileobj=io.BytesIO(), mode="w") as tar:
        found = list(entries(tree, "", "top"))
        (here / "file").unlink()
        (here / "file").symlink_to("/etc/passwd")
        with pytest.raises(UsageError, match="is a symbolic link to /etc/passwd"):
            pack(tar, found, uid=0, gid=0)


def test_file_that_has_gone_is_left_out(here: Path) -> None:
    """A file that was removed since the names were read does not keep the others."""
    (here / "a").touch()
    (here / "b").touch()
    buffer = io.BytesIO()
    with Tree.open(here) as tree, tarfile.open(fileobj=buffer, mode="w") as tar:
        found = list(entries(tree, "", "top"))
        (here / "a").unlink()
        pack(tar, found, uid=0, gid=0)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as tar:
        assert tar.getnames() == ["top", "top/b"]


def test_pipe_is_told(here: Path) -> None:
    """What is neither a file nor a directory nor a link stays here, and is reported."""
    os.mkfifo(here / "pipe")
    with Tree.open(here) as tree, tarfile.open(fileobj=io.BytesIO(), mode="w") as tar:
        assert pack(tar, entries(tree, "", "top"), uid=0, gid=0) == ["top/pipe"]
