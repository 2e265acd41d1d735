"""Unpacking into a tree that no path and no link leaves, without devices and set-user-ID bits."""

from __future__ import annotations

import lzma
import os
import posixpath
import shutil
import stat
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.archives import stays_inside
from condor_mini.base.errors import RuntimeFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_MERGED = ("bin", "lib", "lib64", "sbin")
"""Directories that are links into /usr on every Debian since 12."""


class Tree:
    """A root file system to which archives, directories and links are added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self._directories = {""}
        """Paths that are known to be real directories, not links."""

    def unpack(
        self, name: str, archive: tarfile.TarFile, keeps: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Add the files of an archive.

        Args:
            name: Name of the archive in messages.
            archive: The open archive.
            keeps: Function that returns whether to keep the file at a path (``/usr/bin/true``).

        Raises:
            RuntimeFailed: A path or a link leads out of the tree, or through a file.
        """
        for member in archive:
            path = _inside(name, member.name)
            if not path or not keeps(f"/{path}"):
                continue
            if member.isdir():
                self.directory(name, path)
            elif member.issym():
                self.link(name, path, member.linkname)
            elif member.islnk():
                self._hard_link(name, path, _inside(name, member.linkname))
            elif member.isreg():
                source = archive.extractfile(member)
                assert source is not None  # noqa: S101 (regular files have contents)
                target = self._place(name, path)
                with target.open("xb") as out:
                    shutil.copyfileobj(source, out, 1024 * 1024)
                # Nothing writes to a runtime, and set-user-ID bits are dropped.
                target.chmod(0o555 if member.mode & 0o111 else 0o444)

    def directory(self, name: str, path: str) -> None:
        """Create a directory and its parents; raises ``RuntimeFailed`` if one of them is a file."""
        done = ""
        for part in (f"usr/{path}" if path in _MERGED else _merged(path)).split("/"):
            done = posixpath.join(done, part)
            if done in self._directories:
                continue
            target = self.root / done
            with suppress(FileExistsError):
                target.mkdir()
                target.chmod(0o755)  # whatever the umask
            if not stat.S_ISDIR(target.lstat().st_mode):
                raise RuntimeFailed(
                    f"{name}: /{path} leads through /{done}, which is not a directory"
                )
            self._directories.add(done)

    def link(self, name: str, path: str, to: str) -> None:
        """Create a symbolic link. A link to an absolute path becomes relative.

        Raises:
            RuntimeFailed: The link leads out of the tree.
        """
        path = _merged(path)
        here = posixpath.dirname(path)
        if to.startswith("/"):
            absolute = _merged(_inside(name, to.lstrip("/")))
            to = posixpath.relpath(f"/{absolute}", f"/{here}")
        elif not stays_inside(path, to):
            raise RuntimeFailed(f"{name}: the link /{path} to {to} leads out of the runtime")
        self._place(name, path).symlink_to(to)

    def _hard_link(self, name: str, path: str, to: str) -> None:
        target = self._place(name, path)
        source = self.root / _merged(to)
        self._parents(name, _merged(to))
        if not source.exists() or not stat.S_ISREG(source.lstat().st_mode):
            raise RuntimeFailed(f"{name}: /{path} is a hard link to /{to}, which is not a file")
        os.link(source, target, follow_symlinks=False)

    def _place(self, name: str, path: str) -> Path:
        """Return the path for a new file; create its directory, and remove a file of that name."""
        path = _merged(path)
        self._parents(name, path)
        target = self.root / path
        try:
            target.unlink(missing_ok=True)
        except (IsADirectoryError, PermissionError):
            raise RuntimeFailed(f"{name}: /{path} is already a directory") from None
        return target

    def _parents(self, name: str, path: str) -> None:
        if parent := posixpath.dirname(path):
            self.directory(name, parent)

    def add(self, directories: Sequence[str], links: Mapping[str, str], skeleton: Path) -> None:
        """Add what the packages' maintainer scripts would create.

        Args:
            directories: Paths of directories.
            links: Targets of symbolic links, by path.
            skeleton: Directory with plain files to copy.
        """
        for path in directories:
            self.directory("recipe", path)
        for path, to in links.items():
            if path in _MERGED:
                self.directory("recipe", f"usr/{path}")
                (self.root / path).symlink_to(to)
            else:
                self.link("recipe", path, to)
        for source in sorted(skeleton.rglob("*")):
            if source.is_file():
                target = self._place("skeleton", source.relative_to(skeleton).as_posix())
                target.write_bytes(source.read_bytes())
                target.chmod(0o444)

    def remove_scripts_without_interpreter(self) -> None:
        """Remove each script below ``/usr`` whose interpreter is not in the tree, and links to it.

        A program that cannot run is not there, so a shell says "command not found".
        """
        usr = self.root / "usr"
        for path in usr.rglob("*"):
            if path.is_file() and not path.is_symlink() and not self._can_run(path):
                path.unlink()
        for path in usr.rglob("*"):
            if path.is_symlink() and not path.exists():
                path.unlink()

    def _can_run(self, path: Path) -> bool:
        with path.open("rb") as file:
            line = file.readline(256)
        words = os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []
        if words[:1] == ["/usr/bin/env"]:
            words = [f"/usr/bin/{word}" for word in words[1:]]
        return not words or (self.root / _merged(words[0].lstrip("/"))).exists()


def unpack_tar(name: str, file: Path, root: Path) -> None:
    """Unpack an archive that ``export`` wrote.

    Args:
        name: Name of the archive in messages.
        file: The archive.
        root: Directory to unpack to. It is created if it does not exist.

    Raises:
        RuntimeFailed: The archive is damaged, or a path or a link leads out of the tree.
    """
    tree = Tree(root)
    try:
        with tarfile.open(file) as archive:
            tree.unpack(name, archive)
    except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise RuntimeFailed(f"{name} is damaged: {error}") from error


def _inside(name: str, path: str) -> str:
    """Return a path without ``./`` and without slashes at its ends; empty for the root itself."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise RuntimeFailed(f"{name} is not unpacked: {path!r} leads out of the runtime")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _merged(path: str) -> str:
    first, _, rest = path.partition("/")
    return f"usr/{path}" if first in _MERGED and rest else path
