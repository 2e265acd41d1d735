"""Writing the entries of a tar archive."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TarWriter:
    """Writes a tar archive in memory, or onto one that is open. Equal entries give equal bytes.

    Paths have no leading slash. Owners are numbers; a group is its owner's unless it is given.
    """

    def __init__(self, tar: tarfile.TarFile | None = None) -> None:
        self._buffer = io.BytesIO()
        self._tar = tar or tarfile.open(fileobj=self._buffer, mode="w")  # noqa: SIM115 (`finish`)

    def directory(
        self, path: str, mode: int = 0o755, owner: int = 0, group: int | None = None
    ) -> None:
        """Add a directory."""
        self._add(path, tarfile.DIRTYPE, mode, owner, group)

    def link(self, path: str, to: str) -> None:
        """Add a symbolic link, which is root's."""
        self._add(path, tarfile.SYMTYPE, 0o777, 0, to=to)

    def file(self, path: str, content: bytes, mode: int = 0o644, owner: int = 0) -> None:
        """Add a file with its content."""
        self._add(path, tarfile.REGTYPE, mode, owner, content=content)

    def tree(self, source: Path, path: str) -> None:
        """Add a directory with everything in it, so that its owner can write to all of it."""
        if source.is_symlink():
            self.link(path, str(source.readlink()))
        elif source.is_dir():
            self.directory(path)
            for inner in sorted(source.iterdir()):
                self.tree(inner, f"{path}/{inner.name}")
        else:
            self.file(path, source.read_bytes(), (source.stat().st_mode & 0o777) | 0o200)

    def finish(self) -> bytes:
        """End the archive in memory, and return it."""
        self._tar.close()
        return self._buffer.getvalue()

    def _add(
        self,
        path: str,
        kind: bytes,
        mode: int,
        owner: int,
        group: int | None = None,
        *,
        content: bytes = b"",
        to: str = "",
    ) -> None:
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.linkname, entry.size = kind, mode, to, len(content)
        entry.uid, entry.gid = owner, owner if group is None else group
        self._tar.addfile(entry, io.BytesIO(content))


def mode_of(content: bytes) -> int:
    """Return the mode of a file of ours: scripts can be run."""
    return 0o755 if content.startswith(b"#!") else 0o644
