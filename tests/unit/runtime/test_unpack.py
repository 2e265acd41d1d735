"""No package leaves the tree."""

from __future__ import annotations

import importlib.util
import io
import tarfile
from pathlib import Path

import pytest

from condor_mini.base.errors import RuntimeFailed
from condor_mini.runtime.deb import contents
from condor_mini.runtime.unpack import Tree


def info(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    """A member of an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, to, 0o644
    return made


def unpack(root: Path, *members: tarfile.TarInfo) -> None:
    """Unpack an archive of these into a tree."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO())
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        Tree(root).unpack("evil", archive)


@pytest.mark.parametrize(
    "members",
    [
        [info("../out")],
        [info("a/../../out")],
        [info("a", tarfile.SYMTYPE, "../out")],
        [info("a/b", tarfile.SYMTYPE, "../../out")],
        [info("a", tarfile.SYMTYPE, "/../out")],
        [info("a", tarfile.LNKTYPE, "../out")],
        [info("a", tarfile.LNKTYPE, "absent")],
        [info("a", tarfile.SYMTYPE, "b"), info("a/out")],
        [info("a", tarfile.SYMTYPE, "."), info("a", tarfile.DIRTYPE)],
        [info("a", tarfile.SYMTYPE, "b"), info("c", tarfile.LNKTYPE, "a")],
        [info("a/b"), info("a")],
    ],
)
def test_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    """A path or a link that leads out, or through a link, ends it."""
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RuntimeFailed):
        unpack(tmp_path / "root", *members)
    assert (tmp_path / "out").read_text() == "mine"


def test_absolute_path_is_the_tree_s(tmp_path: Path) -> None:
    """/etc/x of a package is etc/x of the tree."""
    unpack(tmp_path / "root", info("/etc/x"))
    assert (tmp_path / "root/etc/x").is_file()


def test_absolute_link_becomes_relative(tmp_path: Path) -> None:
    """A link to /usr/bin/x leads to the tree's own, wherever the tree is."""
    unpack(tmp_path / "root", info("usr/bin/x"), info("etc/x", tarfile.SYMTYPE, "/bin/x"))
    assert (tmp_path / "root/etc/x").readlink() == Path("../usr/bin/x")


def test_hard_link(tmp_path: Path) -> None:
    """A hard link has its file's contents."""
    unpack(tmp_path / "root", info("a"), info("bin/b", tarfile.LNKTYPE, "./a"))
    assert (tmp_path / "root/usr/bin/b").samefile(tmp_path / "root/a")


def test_devices_are_skipped(tmp_path: Path) -> None:
    """Devices and pipes are not made."""
    unpack(tmp_path / "root", info("dev/null", tarfile.CHRTYPE), info("pipe", tarfile.FIFOTYPE))
    assert list((tmp_path / "root").rglob("*")) == []


@pytest.mark.parametrize(
    ("package", "words"),
    [
        (b"", "not a Debian package"),
        (b"!<arch>\n", "has no data.tar"),
        (b"!<arch>\n" + b"x" * 60, "no member begins at byte 8"),
        (b"!<arch>\n" + b"data.tar.xz".ljust(48) + b"999".ljust(12), "is truncated"),
        (b"!<arch>\n" + b"data.tar.zst".ljust(48) + b"0".ljust(12), "cannot read"),
        (b"!<arch>\n" + b"data.tar.xz".ljust(48) + b"4".ljust(12) + b"nope", "is damaged"),
    ],
)
def test_no_package(package: bytes, words: str) -> None:
    """What is no package is said to be none."""
    with pytest.raises(RuntimeFailed, match=words), contents("x", package):
        pass


def test_no_bundle_here() -> None:
    """These tests are about packages: the wheel of a runtime is not installed."""
    assert importlib.util.find_spec("condor_mini_runtime") is None


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("#!/bin/sh", True),
        ("#! /usr/bin/env sh", True),
        ("#! /usr/bin/perl -w", False),
        ("#!/usr/bin/env python3", False),
        ("a program", True),
    ],
)
def test_scripts_without_interpreter_are_removed(tmp_path: Path, line: str, *, stays: bool) -> None:
    """A script that cannot run is not there, nor is a link to it."""
    programs = tmp_path / "usr/bin"
    programs.mkdir(parents=True)
    for name in ("sh", "env"):
        (programs / name).write_bytes(b"\x7fELF")
    (programs / "script").write_text(f"{line}\n")
    (programs / "link").symlink_to("script")
    Tree(tmp_path).remove_scripts_without_interpreter()
    assert [(programs / name).exists() for name in ("script", "link", "sh")] == [stays, stays, True]
    assert (programs / "link").is_symlink() == stays
