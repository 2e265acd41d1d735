"""The one way in which files cross between the caller and a node: tar archives of a ``Tree``.

What comes from the other side is a name, a kind, permissions and content, and none of it is
believed. Python's own extraction filters are not used: those before 3.11.13, 3.12.11 and 3.13.4
let links lead outside. The rules:

- Only regular files, directories and symbolic links are written. Hard links become files.
- A name that leaves the directory is refused, and nothing is written through or over a link.
- A symbolic link is made only if it says ``../`` as often as there are directories above it in
  what was copied, or less often, and then only plain names. Whatever other links of this kind
  stand on its way, such a link does not lead outside.
- Files have no set-user-ID bit, and their owner reads and writes them.
"""

from __future__ import annotations

import os
import stat
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.tree import CHUNK_BYTES, LinkFound, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

    Member = tarfile.TarInfo

SHOWN = 10
"""How many refusals a message has."""


# -- writing an archive ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that goes into an archive."""

    tree: Tree
    source: str
    """Its name in the tree."""
    name: str
    """Its name in the archive."""
    status: os.stat_result
    link: str | None = None
    """What a symbolic link is to say there; None for anything else."""


def entries(tree: Tree, source: str, name: str) -> Iterator[Entry]:
    """Yield a file or a directory of a tree, and all beneath it, links as they are.

    Args:
        tree: Directory that the archive is made of.
        source: Its name there.
        name: Its name in the archive.
    """
    status = tree.status(source)
    if status is None:
        return
    yield _entry(tree, source, name, status)
    if stat.S_ISDIR(status.st_mode):
        for inner, inner_status in tree.walk(source):
            below = inner.removeprefix(source).lstrip("/")
            yield _entry(tree, inner, f"{name}/{below}", inner_status)


def _entry(tree: Tree, source: str, name: str, status: os.stat_result) -> Entry:
    link = tree.link_text(source) if stat.S_ISLNK(status.st_mode) else None
    return Entry(tree=tree, source=source, name=name, status=status, link=link)


def pack(tar: tarfile.TarFile, packed: Iterable[Entry], *, uid: int, gid: int) -> list[str]:
    """Put files into an archive, as the property of that user and group.

    Returns:
        The names of what stays here, as it is neither a file nor a directory nor a link.

    Raises:
        UsageError: A file cannot be read, or there is something else in its place by now.
    """
    skipped = []
    for entry in packed:
        member = tarfile.TarInfo(entry.name)
        member.uid, member.gid, member.mtime = uid, gid, int(entry.status.st_mtime)
        member.mode = entry.status.st_mode & 0o777
        if entry.link is not None:
            member.type, member.linkname = tarfile.SYMTYPE, entry.link
            tar.addfile(member)
        elif stat.S_ISDIR(entry.status.st_mode):
            # We could read it, perhaps as one of its group: there its owner reads it.
            member.type, member.mode = tarfile.DIRTYPE, member.mode | 0o500
            tar.addfile(member)
        elif stat.S_ISREG(entry.status.st_mode):
            member.mode |= 0o400
            _add_file(tar, member, entry)
        else:
            skipped.append(entry.name)
    return skipped


def _add_file(tar: tarfile.TarFile, member: Member, entry: Entry) -> None:
    try:
        content = entry.tree.read(entry.source)
    except FileNotFoundError:  # it has gone since its name was read
        return
    except OSError as error:
        raise _unreadable(entry, error) from error
    with content:
        member.size = os.fstat(content.fileno()).st_size
        try:
            tar.addfile(member, content)
        except OSError as error:
            raise _unreadable(entry, error) from error


def _unreadable(entry: Entry, error: OSError) -> UsageError:
    return UsageError(f"{entry.tree.path / entry.source} cannot be read: {error.strerror or error}")


# -- reading an archive ---------------------------------------------------------------------------


@contextmanager
def opened(archive: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """Open an archive for reading.

    Raises:
        CondorMiniError: It is damaged, which may be found out only while it is read.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise CondorMiniError(f"the archive of what was copied is damaged: {error}") from error


class Refused(Exception):
    """What is not written; says why."""


@dataclass(kw_only=True)
class Unpacked:
    """What has become of an archive."""

    written: list[str] = field(default_factory=list)
    """The names in the tree of what is new or has changed."""
    refused: list[str] = field(default_factory=list)
    """What was not written, a line each: the name, and why."""


def unpack(
    tar: tarfile.TarFile, top: str, tree: Tree, to: str = "", *, since: float = float("-inf")
) -> Unpacked:
    """Write what an archive has below ``top`` into a tree, where it is new or different.

    Args:
        tar: The archive.
        top: The first part of the names that count.
        tree: Where to.
        to: The name there of what is called ``top`` in the archive; the tree itself by default.
        since: A directory that was changed before is made only for what is in it.
    """
    unpacking = _Unpacking(tar, top, tree, to)
    for member in tar:
        if member.size < 0:  # some Pythons would go on reading backwards
            raise tarfile.ReadError("a file of a negative size")
        if not (member.isdir() and member.mtime < since):
            unpacking.take(member)
    unpacking.finish()
    return unpacking.result


class _Unpacking:
    """One archive on its way into a tree."""

    def __init__(self, tar: tarfile.TarFile, top: str, tree: Tree, to: str) -> None:
        self._tar = tar
        self._top = top
        self._tree = tree
        self._to = to
        self._files: dict[str, Member] = {}
        """The regular files so far, by their names below ``top``."""
        self._folders: dict[str, int] = {}
        """When directories that were made here had been changed, in nanoseconds."""
        self.result = Unpacked()

    def take(self, member: Member) -> None:
        """Write one member, or note why not."""
        name = member.name
        try:
            below = self._below(name)
            if below is not None:
                name = below or name
                self._write(member, below)
        except Refused as refusal:
            self._refuse(name, str(refusal))
        except LinkFound as found:
            self._refuse(name, f"{found.strerror}, and nothing is written through a link")
        except (OSError, ValueError) as error:
            self._refuse(name, getattr(error, "strerror", None) or str(error))

    def _refuse(self, name: str, reason: str) -> None:
        self.result.refused.append(f"{shown(name)}: {shown(reason)}")

    def finish(self) -> None:
        """Set the modification times of new directories."""
        for name, mtime_ns in self._folders.items():
            self._tree.set_time(name, mtime_ns)

    def _below(self, name: str) -> str | None:
        """Return a member's name below ``top``; None if it is not below."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            raise Refused("it is outside")
        return "/".join(parts[1:]) if parts[:1] == [self._top] else None

    def _write(self, member: Member, below: str) -> None:
        target = "/".join(part for part in (self._to, below) if part)
        if member.issym():
            self._link(below, target, member.linkname)
        elif member.isdir():
            if not target:
                return
            made = self._tree.make(target, (member.mode & 0o777) | 0o700)
            self.result.written += made
            if target in made:
                self._folders[target] = _nanoseconds(member.mtime)
        elif member.isreg():
            self._files[below] = member
            self._file(member, member, target)
        elif member.islnk():
            source = self._files.get(self._below(member.linkname) or "")
            if source is None:
                raise Refused(f"a hard link to {member.linkname}, which is not in the archive")
            self._file(member, source, target)
        else:
            raise Refused("neither a file nor a directory")

    def _link(self, below: str, target: str, to: str) -> None:
        there = self._tree.status(target)
        if there is not None:
            if stat.S_ISLNK(there.st_mode) and self._tree.link_text(target) == to:
                return
            raise Refused(f"a symbolic link to {to}, and something else is in its place")
        if not stays_inside(below, to):
            raise Refused(f"a symbolic link to {to}, which leads outside")
        self._parents(target)
        self._tree.link(target, to)
        self.result.written.append(target)

    def _file(self, member: Member, source: Member, target: str) -> None:
        content = self._tar.extractfile(source)
        if content is None or not target:
            raise Refused("no file")
        if self._is_same(content, source.size, target):
            return
        self._parents(target)
        content.seek(0)
        mode = (member.mode & 0o777) | 0o600
        self._tree.write(target, content, mode, mtime_ns=_nanoseconds(source.mtime))
        self.result.written.append(target)

    def _parents(self, target: str) -> None:
        above, _, _ = target.rpartition("/")
        self.result.written += self._tree.make(above)

    def _is_same(self, content: IO[bytes], size: int, target: str) -> bool:
        """Return whether a file exists and has this content."""
        status = self._tree.status(target)
        if status is None or not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        with self._tree.read(target) as there:
            while chunk := content.read(CHUNK_BYTES):
                if chunk != there.read(CHUNK_BYTES):
                    return False
        return True


def stays_inside(name: str, to: str) -> bool:
    """Return whether a symbolic link may be made: it must not lead out of what was copied.

    Args:
        name: The link's own, below the top of what was copied.
        to: What it says.
    """
    parts = [part for part in to.split("/") if part not in ("", ".")]
    names = parts[:]
    while names[:1] == [".."]:
        del names[0]
    up = len(parts) - len(names)
    above = len([part for part in name.split("/") if part]) - 1
    return bool(to) and not to.startswith("/") and up <= above and ".." not in names


def _nanoseconds(mtime: float) -> int:
    """Return a time that the file system can keep, whatever the archive says."""
    return int(min(max(mtime, 0), 2**33) * 1e9)


def shown(text: str) -> str:
    """Return a name that somebody else may have chosen, safe to show on a terminal."""
    return text if text.isprintable() else repr(text)


def lines(refused: list[str]) -> str:
    """Return the first of what was refused, one a line, for a message."""
    shown = "\n".join(f"  {line}" for line in refused[:SHOWN])
    return shown + ("\n  …" if len(refused) > SHOWN else "")
