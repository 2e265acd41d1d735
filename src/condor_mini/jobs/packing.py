"""A directory of this machine as an archive for the pool, and what comes back into it.

``base.archives`` has the rules of both ways. Here stands what goes along, and how much.
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
"""How many names a message has."""


@dataclass(kw_only=True)
class Directory:
    """A directory that goes into the pool as a whole, and has room for what comes back."""

    path: Path
    """Where it really is: no symbolic link leads there."""
    follow_links: bool = False
    """Whether what a symbolic link leads to goes along if it is outside the directory.

    Nobody can tell a link of the caller's own from one that a job has left there."""
    skipped: list[str] = field(default_factory=list)
    """What of it stays here, and why."""
    outside: dict[str, str] = field(default_factory=dict)
    """Links that lead outside and go along as links only: their names, and where they lead."""
    _unreadable: list[str] = field(default_factory=list)

    def pack(self, tar: tarfile.TarFile, top: str) -> None:
        """Put all of it into an archive, below ``top``, as the ordinary user's.

        Symbolic links stay links. With ``follow_links`` those that lead outside become what they
        lead to.

        Raises:
            UsageError: It is too large, or something in it cannot be read; nothing was put in.
            NotFound: It has gone.
        """
        # Paths that were looked up are taken up again from the root, each part without a link.
        with Tree.open(Path("/")) as root:
            found = self._entries_within_limits(root, top)
            archives.pack(tar, found, uid=USER_ID, gid=USER_ID)

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
                f"the directory of a submit file goes into the pool as a whole, and of {self.path} "
                f"you may not read {listed(self._unreadable)}",
                hint="Permit it (chmod u+rX), or give the job a directory of its own.",
            )
        return [replace(entry, name=f"{top}/{entry.name}") for entry in entries]

    def _too_large(self, entries: list[Entry], limit: str) -> UsageError:
        counts: dict[str, int] = {}
        sizes: dict[str, int] = {}
        for entry in entries:
            top = entry.name.split("/", 1)[0]
            counts[top] = counts.get(top, 0) + 1
            sizes[top] = sizes.get(top, 0) + entry.status.st_size
        of = sizes if limit.endswith("MiB") else counts
        most = max(of, key=lambda top: of[top])
        return UsageError(
            "the directory of a submit file goes into the pool as a whole, and "
            f"{self.path} holds more than {limit}: {most} has {sizes[most] / 1024**2:.0f} MiB in "
            f"{counts[most]} files, up to where it was counted",
            hint="Give the job a directory of its own, or let the pool see large data where it is: "
            "`shared:` or `volumes:` in the pool file.",
        )

    def _entries(self, root: Tree) -> Iterator[Entry]:
        """Each thing, a directory before what is in it, with its name below this one."""
        ours = _our_own()
        with self._open() as tree:
            top = _identity(tree.own_status)
        folders: list[tuple[Path, str, tuple[Identity, ...]]] = [(self.path, "", (top,))]
        while folders:
            folder, name, above = folders.pop()
            for entry in self._inside(root, folder, name):
                if entry.link is not None or not stat.S_ISDIR(entry.status.st_mode):
                    yield entry
                elif (identity := _identity(entry.status)) in ours:
                    # Keys and tokens of pools are there.
                    self.skipped.append(f"{entry.name}: what condor-mini itself keeps")
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
            self.skipped.append(f"{name}: it has gone, or something else is in its place")
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
            return False  # who reads it next says why

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
        except (FileNotFoundError, NotADirectoryError, LinkFound):  # it has gone meanwhile
            return None
        except PermissionError:
            self._unreadable.append(name)
            return None
        return Entry(tree=root, source=_in(path), name=name, status=status)

    def _text_of_link(self, path: Path, name: str, text: str, real: Path) -> str | None:
        """What a link says in the pool; None for one that is followed."""
        if real.is_relative_to(self.path):
            direct = Path(os.path.normpath(path.parent / text))
            if not os.path.isabs(text) and direct.is_relative_to(self.path):  # noqa: PTH117 (text)
                return text
            # The directory has another name there.
            return os.path.relpath(real, path.parent)
        there = os.path.lexists(real)
        if self.follow_links and there:
            return None
        if there:
            self.outside[name] = str(real)
        return text

    # -- the way back -----------------------------------------------------------------------------

    def unpack(self, tar: tarfile.TarFile, top: str, since: float) -> list[Path]:
        """Write what an archive has below ``top`` into the directory, where it is new or different.

        Args:
            tar: The archive.
            top: The first part of the names that count.
            since: A directory that was changed before is made only for what is in it.

        Returns:
            What was written, files and directories.

        Raises:
            NotFound: The directory has gone.
            CondorMiniError: Something cannot be written, or would lie outside, or a link is in its
                place; all else is written.
        """
        with self._open() as tree:
            done = archives.unpack(tar, top, tree, since=since)
        if done.refused:
            raise CondorMiniError(
                f"of what the jobs wrote, this cannot be put into {self.path}:\n"
                f"{archives.lines(done.refused)}"
            )
        return [self.path / name for name in done.written]

    def _open(self) -> Tree:
        try:
            return Tree.open_exactly(self.path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", error)
            raise NotFound(f"the directory {self.path} is not there any more: {reason}") from error


def _in(path: Path) -> str:
    """A path's name in the tree of the root."""
    return str(path)[1:]


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def _our_own() -> set[Identity]:
    """Where condor-mini keeps what is nobody else's."""
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("condor-mini", appauthor=False)
    found = set()
    for place in (dirs.user_state_path, dirs.user_cache_path):
        with suppress(OSError):
            found.add(_identity(place.stat()))
    return found


def listed(names: Sequence[str]) -> str:
    """The first of these names, and how many more there are."""
    more = len(names) - SHOWN_NAMES
    first = ", ".join(map(archives.shown, names[:SHOWN_NAMES]))
    return first + (f" and {more} more" if more > 0 else "")
