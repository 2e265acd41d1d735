"""Pack a directory of this machine for the pool, and unpack results into it.

``base.archives`` has the rules for both ways. This module decides what is copied, and how much.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base import archives
from condor_mini.base.archives import Entry
from condor_mini.base.directories import user_cache, user_state
from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.layout import USER_ID
from condor_mini.base.tree import LinkFound, Tree
from condor_mini.personal.state_directory import LOCKS

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator, Sequence

    Identity = tuple[int, int]
    """A directory's device and inode."""

MOST_BYTES = 512 * 1024**2
MOST_FILES = 20_000
SHOWN_NAMES = 10
"""The largest number of names that a message lists."""


@dataclass(kw_only=True)
class Directory:
    """A directory that is copied into the pool as a whole, and that results come back to."""

    path: Path
    """The real path; no part of it is a symbolic link."""
    follow_links: bool = False
    """Whether to copy the targets of symbolic links that lead out of the directory.

    Nothing distinguishes a link of the caller's own from one that a job left in the directory."""
    skipped: list[str] = field(default_factory=list)
    """The names that are not copied, each with the reason."""
    outside: dict[str, str] = field(default_factory=dict)
    """The targets of links that lead outside and are copied as links only, by name."""
    _unreadable: list[str] = field(default_factory=list)

    def pack(
        self, tar: tarfile.TarFile, top: str, *, owner: tuple[int, int] = (USER_ID, USER_ID)
    ) -> None:
        """Add the whole directory to an archive, below ``top``.

        Symbolic links stay links. With ``follow_links``, links that lead outside are replaced by
        their targets.

        Args:
            tar: Archive to write to.
            top: First part of the names in the archive.
            owner: UID and GID of the ordinary user.

        Raises:
            UsageError: The directory is too large, or something in it cannot be read. The archive
                is unchanged.
            NotFound: The directory no longer exists.
        """
        # The entries are resolved paths. They are opened again from the root without following
        # links, because a link may have taken their place.
        with Tree.open(Path("/")) as root:
            found = self._entries_within_limits(root, top)
            archives.pack(tar, found, uid=owner[0], gid=owner[1])

    def _entries_within_limits(self, root: Tree, top: str) -> list[Entry]:
        entries, size = [], 0
        for entry in self._entries(root):
            entries.append(entry)
            if stat.S_ISREG(entry.status.st_mode):
                size += entry.status.st_size
            if size > MOST_BYTES:
                raise self._too_large(entries, f"{MOST_BYTES // 1024**2} MiB")
            if len(entries) > MOST_FILES:
                raise self._too_large(entries, f"{MOST_FILES} files")
        if self._unreadable:
            raise UsageError(
                "the whole directory of a submit file is copied into the pool, and in "
                f"{self.path} you may not read {listed(self._unreadable)}",
                hint="Make it readable (chmod u+rX), or move the job to a directory of its own.",
            )
        return [replace(entry, name=f"{top}/{entry.name}") for entry in entries]

    def _too_large(self, entries: list[Entry], limit: str) -> UsageError:
        counts: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for entry in entries:
            top = entry.name.split("/", 1)[0]
            counts[top] = counts.get(top, 0) + 1
            sizes[top] = sizes.get(top, 0) + entry.status.st_size
        amounts = sizes if limit.endswith("MiB") else counts
        most = max(amounts, key=lambda top: amounts[top])
        return UsageError(
            "the whole directory of a submit file is copied into the pool, and "
            f"{self.path} holds more than {limit}: {most} has {sizes[most] / 1024**2:.0f} MiB in "
            f"{counts[most]} files (the count stopped at the limit)",
            hint="Move the job to a directory of its own, or mount large data with `shared:` or "
            "`volumes:` in the pool file.",
        )

    def _entries(self, root: Tree) -> Iterator[Entry]:
        """Yield all entries, each directory before its content, with names relative to ``path``."""
        ours = _own_directories()
        with self._open() as tree:
            top = _identity(tree.own_status)
        folders: list[tuple[Path, str, tuple[Identity, ...]]] = [(self.path, "", (top,))]
        while folders:
            folder, name, above = folders.pop()
            for entry in self._inside(root, folder, name):
                if entry.link is not None or not stat.S_ISDIR(entry.status.st_mode):
                    yield entry
                elif (identity := _identity(entry.status)) in ours:
                    # These directories have keys and tokens of pools.
                    self.skipped.append(f"{entry.name}: condor-mini's own files")
                elif identity in above:
                    self.skipped.append(f"{entry.name}: leads back to /{entry.source}")
                elif self._is_state(root, entry):
                    self.skipped.append(f"{entry.name}: a personal pool's state")
                else:
                    yield entry
                    folders.append((Path("/", entry.source), entry.name, (*above, identity)))

    def _inside(self, root: Tree, folder: Path, name: str) -> Iterator[Entry]:
        try:
            inside = root.entries(_in(folder))
        except PermissionError:
            self._unreadable.append(name or ".")
            return
        except (FileNotFoundError, NotADirectoryError, LinkFound):
            self.skipped.append(f"{name}: it was removed or replaced")
            return
        except OSError as error:
            raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
        for last, status in inside:
            entry = self._entry(root, folder / last, f"{name}/{last}" if name else last, status)
            if entry is not None:
                yield entry

    def _is_state(self, root: Tree, entry: Entry) -> bool:
        try:
            return all(root.status(f"{entry.source}/{lock}") for lock in LOCKS)
        except OSError:
            return False  # the next read of the entry reports the error

    def _entry(self, root: Tree, path: Path, name: str, status: os.stat_result) -> Entry | None:
        try:
            if stat.S_ISLNK(status.st_mode):
                text = root.link_text(_in(path))
                real = Path(os.path.realpath(path))
                link = self._text_of_link(path, name, text, real)
                if link is not None:
                    return Entry(tree=root, source=_in(path), name=name, status=status, link=link)
                path, status = real, real.lstat()
            if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
                self.skipped.append(f"{name}: neither a file nor a directory")
                return None
            if stat.S_ISREG(status.st_mode) and not root.is_readable(_in(path)):
                self._unreadable.append(name)
                return None
        except (FileNotFoundError, NotADirectoryError, LinkFound):  # removed or replaced since
            return None
        except PermissionError:
            self._unreadable.append(name)
            return None
        return Entry(tree=root, source=_in(path), name=name, status=status)

    def _text_of_link(self, path: Path, name: str, text: str, real: Path) -> str | None:
        """Return the text that a link has in the pool, or None if the link is followed."""
        if real.is_relative_to(self.path):
            direct = Path(os.path.normpath(path.parent / text))
            if not os.path.isabs(text) and direct.is_relative_to(self.path):  # noqa: PTH117 (text)
                return text
            # A relative text, because the directory has another name in the pool.
            return os.path.relpath(real, path.parent)
        exists = os.path.lexists(real)
        if self.follow_links and exists:
            return None
        if exists:
            self.outside[name] = str(real)
        return text

    # -- the way back -----------------------------------------------------------------------------

    def unpack(self, tar: tarfile.TarFile, top: str, since: float) -> list[Path]:
        """Write the new and changed entries below ``top`` of an archive into the directory.

        Args:
            tar: Archive to read.
            top: First part of the names of the entries to write.
            since: Unix time. A directory that is older is created only for what is in it.

        Returns:
            The files and directories that were written.

        Raises:
            NotFound: The directory no longer exists.
            CondorMiniError: An entry cannot be written, or would be outside the directory, or a
                link is in its place. All other entries are written.
        """
        with self._open() as tree:
            done = archives.unpack(tar, top, tree, since=since)
        if done.refused:
            raise CondorMiniError(
                f"these files of the jobs cannot be written to {self.path}:\n"
                f"{archives.lines(done.refused)}"
            )
        return [self.path / name for name in done.written]

    def _open(self) -> Tree:
        try:
            return Tree.open_exactly(self.path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", error)
            raise NotFound(f"the directory {self.path} no longer exists: {reason}") from error


def _in(path: Path) -> str:
    """Return the name of a path in the tree of the root directory."""
    return str(path)[1:]


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _own_directories() -> set[Identity]:
    """Return the directories in which condor-mini keeps its state and its cache."""
    found = set()
    for place in (user_state(), user_cache()):
        with suppress(OSError):
            found.add(_identity(place.stat()))
    return found


def listed(names: Sequence[str]) -> str:
    """Return the first of these names, and how many more there are, as text."""
    more = len(names) - SHOWN_NAMES
    first = ", ".join(map(archives.shown, names[:SHOWN_NAMES]))
    return first + (f" and {more} more" if more > 0 else "")
