"""A runtime for another path: what is changed in it, and how it is kept."""

from __future__ import annotations

import errno
import os
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.progress import Progress
from condor_mini.runtime import Runtime, Store, relocate
from condor_mini.runtime.relocate import Elf, elf, relocated, relocated_script, with_modules_beside
from condor_mini.runtime.store import write_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "/usr/local/lib/elsewhere"
OURS = {"sh", "bash", "mkdir", "sed", "cat", "env"}


def program(*segments: tuple[int, bytes]) -> bytes:
    """An ELF file of these segments: their types, and what is in them."""
    at = 64 + 56 * len(segments)
    head = b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 64) + bytes(14)
    head += struct.pack("<HH", 56, len(segments)) + bytes(6)
    table = body = b""
    for kind, data in segments:
        table += struct.pack("<II6Q", kind, 0, at + len(body), 0, 0, len(data), 0, 0)
        body += data
    return head + table + body


NEEDS = struct.pack("<qQqQ", 1, 7, 0, 0)
NEEDS_NOTHING = struct.pack("<qQqQ", 14, 7, 0, 0)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (
            program((3, b"/lib/ld.so\0"), (2, NEEDS)),
            Elf(has_interpreter=True, needs_libraries=True),
        ),
        (program((2, NEEDS)), Elf(has_interpreter=False, needs_libraries=True)),
        (program((2, NEEDS_NOTHING)), Elf(has_interpreter=False, needs_libraries=False)),
        (program((1, b"")), Elf(has_interpreter=False, needs_libraries=False)),
        (b"#!/bin/sh\n", None),
        (b"", None),
        (b"\x7fELF\x01\x01" + bytes(80), None),
        (program((3, b"x"), (2, NEEDS))[:100], None),
    ],
    ids=["program", "library", "needs-nothing", "static", "script", "empty", "32-bit", "cut-off"],
)
def test_elf(data: bytes, found: Elf | None) -> None:
    """What a file asks of the loader is read from its own tables."""
    assert elf(data) == found


def test_elf_of_this_python() -> None:
    """A real program is one that names its loader."""
    found = elf(Path(sys.executable).resolve().read_bytes())
    assert found is not None
    assert found.has_interpreter


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("#!/bin/sh", f"#!{PREFIX}/usr/bin/sh"),
        ("#! /usr/bin/env bash", f"#! {PREFIX}/usr/bin/env bash"),
        ("#!/usr/bin/perl -w", None),
        ("x=`/usr/bin/sed s/a/b/`", f"x=`{PREFIX}/usr/bin/sed s/a/b/`"),
        ("if [ -x /bin/sed ]; then", f"if [ -x {PREFIX}/usr/bin/sed ]; then"),
        ('"$root/bin/sh"', None),
        ("${root}/bin/sh", None),
        ("/opt/bin/sh", None),
        ("/usr/local/bin/sh", None),
        ("/bin/shutdown", None),
        ("/sbin/mkdir -p", f"{PREFIX}/usr/bin/mkdir -p"),
    ],
)
def test_script(line: str, changed: str | None) -> None:
    """A program is the runtime's where it has one of that name, at a path of the system's."""
    said = relocated_script(line.encode(), OURS.__contains__, PREFIX)
    assert said.decode() == (changed or line)


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """What patchelf is asked, in its place."""
    asked: list[tuple[list[str], list[str]]] = []

    def note(_: Runtime, options: Sequence[str], files: Sequence[Path]) -> None:
        asked.append((list(options), [path.name for path in files]))
        for path in files:
            path.write_bytes(path.read_bytes() + b"patched")

    monkeypatch.setattr(relocate, "_patch", note)
    return asked


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    """A tiny runtime."""
    store = Store(tmp_path)
    path = store.path("25", "amd64", "0" * 12)
    root = path / "root"
    for folder in ("usr/bin", "usr/lib/x86_64-linux-gnu", "usr/lib64", "etc"):
        (root / folder).mkdir(parents=True)
    both = program((3, b"/lib64/ld.so\0"), (2, NEEDS))
    for name, data in {
        "usr/bin/dash": both,
        "usr/bin/script": b"#!/bin/dash\n",
        "usr/lib/x86_64-linux-gnu/libx.so": program((2, NEEDS)),
        "usr/lib/x86_64-linux-gnu/libc.so.6": both,
        "usr/lib64/ld-linux-x86-64.so.2": program((2, NEEDS_NOTHING)),
        "etc/text": b"/bin/dash\n",
    }.items():
        (root / name).write_bytes(data)
        (root / name).chmod(0o555 if "bin" in name else 0o444)
    (root / "bin").symlink_to("usr/bin")
    write_manifest(path, {"version": "25.1", "packages": []})
    found = store.get(path)
    assert found is not None
    return found


def test_relocated(runtime: Runtime, patched: list[tuple[list[str], list[str]]]) -> None:
    """Programs get loader and libraries, libraries libraries; libc and the loader stay."""
    root = relocated(runtime, PREFIX, Progress())
    options, libraries = patched[1]
    assert patched[0] == (
        ["--set-interpreter", f"{PREFIX}/usr/lib64/ld-linux-x86-64.so.2", *options],
        ["dash"],
    )
    assert options[-1] == f"{PREFIX}/usr/lib/x86_64-linux-gnu:{PREFIX}/usr/lib"
    assert libraries == ["libx.so"]
    assert (root / "usr/bin/script").read_text() == f"#!{PREFIX}/usr/bin/dash\n"
    assert (root / "bin").readlink() == Path("usr/bin")
    # What is the same is not there twice.
    assert (root / "etc/text").samefile(runtime.root / "etc/text")
    assert (root / "usr/bin/dash").stat().st_mode & 0o777 == 0o555
    assert (root / "usr/lib/x86_64-linux-gnu/libx.so").stat().st_mode & 0o777 == 0o444


def test_runtime_itself_is_not_changed(
    runtime: Runtime, patched: list[tuple[list[str], list[str]]]
) -> None:
    """The runtime that it is made of stays complete."""
    relocated(runtime, PREFIX, Progress())
    assert patched
    found = Store(runtime.path.parent).get(runtime.path)
    assert found is not None
    assert found.problem is None


def test_made_once(runtime: Runtime, patched: list[tuple[list[str], list[str]]]) -> None:
    """A second time it is found, not made."""
    assert relocated(runtime, PREFIX, Progress()) == relocated(runtime, PREFIX, Progress())
    assert len(patched) == 2


def test_damaged_one_is_made_anew(
    runtime: Runtime, patched: list[tuple[list[str], list[str]]]
) -> None:
    """One that has lost a file is made again, at the same place."""
    root = relocated(runtime, PREFIX, Progress())
    (root / "usr/bin/dash").unlink()
    assert relocated(runtime, PREFIX, Progress()) == root
    assert (root / "usr/bin/dash").exists()
    assert len(patched) == 4


def test_goes_with_its_runtime(
    runtime: Runtime, patched: list[tuple[list[str], list[str]]]
) -> None:
    """`runtime remove` removes both; a listing shows one."""
    relocated(runtime, PREFIX, Progress())
    assert patched
    store = Store(runtime.path.parent)
    assert [found.path for found in store.all()] == [runtime.path]
    store.remove("25", Progress())
    assert not runtime.path.exists()


def test_failure_leaves_nothing(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full is said, and no half of a tree is left."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(relocate, "_patch", full)
    with pytest.raises(RuntimeFailed, match="No space left"):
        relocated(runtime, PREFIX, Progress())
    assert sorted(path.name for path in runtime.path.iterdir()) == ["manifest.json", "root"]
    assert [path.name for path in runtime.path.parent.iterdir() if path.is_dir()] == [
        runtime.path.name
    ]


def test_patchelf_that_cannot_run(runtime: Runtime, tmp_path: Path) -> None:
    """On a machine that cannot run it, that is said."""
    tools = replace(runtime, path=tmp_path / "tools")
    (tools.root / "lib64").mkdir(parents=True)
    (tools.root / "lib64/ld-linux-x86-64.so.2").write_text("not for this machine")
    (tools.root / "lib64/ld-linux-x86-64.so.2").chmod(0o755)
    with pytest.raises(RuntimeFailed, match="cannot be relocated on this machine"):
        relocated(runtime, PREFIX, Progress(), tools=tools)


def test_providers_are_found_beside_the_library() -> None:
    """OpenSSL's library names their directory beside it, in as many bytes; other text stays."""
    path = b"/usr/lib/x86_64-linux-gnu/ossl-modules"
    library = b'MODULESDIR: "' + path + b'"\0' + path + b"\0rest"
    moved = with_modules_beside(library)
    assert moved.startswith(b'MODULESDIR: "' + path + b'"\0$ORIGIN/ossl-modules\0')
    assert (len(moved), moved.endswith(b"\0rest")) == (len(library), True)
