"""Directories in which somebody else may write: nothing is reached through a symbolic link.

A job can leave a link wherever it can write, also in the place of a directory while we read it. So
a path is never handed to the kernel as a whole. Each directory on the way is opened relative to the
one above it, and a link is an error there (openat(2) with ``O_NOFOLLOW``).
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from itertools import takewhile
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import NotFound
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.signals import held_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO, BinaryIO

CHUNK_BYTES = 1024**2
PATH_MAX = 4096
"""Of limits.h: how long the system lets a path be."""
SCRATCH_PREFIX = ".condor-mini-"
"""What the names of files begin with that are still being written."""
# Of a directory on the way nobody needs to read the names; O_PATH is Linux's own.
_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
# Without O_NONBLOCK the opening of a named pipe waits for its other end.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY


class LinkFound(OSError):
    """A symbolic link is on the way, or in the place of a file or directory."""

    def __init__(self, path: Path, to: str) -> None:
        super().__init__(errno.ELOOP, f"{path} is a symbolic link to {to}")
        self.path = path
        self.to = to


class Tree:
    """A directory that is held open, and all beneath it.

    Names are relative to it, with slashes; the empty name is the directory itself. A name that
    would leave it (``/x``, ``a/../b``) raises ``ValueError``. All methods raise ``LinkFound`` where
    a symbolic link is on the way, and ``OSError`` as the system does. Not for several threads.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over an open directory; ``path`` is what it is called in errors."""
        self.path = path
        self._folders = [descriptor]
        self._names: list[str] = []
        self._above: str | None = None
        """What was asked for last, if the last of the open directories is that: most names follow
        others of the same directory."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a directory; links in ``path`` are followed, as it is the caller's own."""
        return cls(path, os.open(path, _FOLDER))

    @classmethod
    def open_exactly(cls, path: Path) -> Self:
        """Open a directory of which no part is a link: ``path`` is absolute, and was resolved."""
        with cls.open(Path("/")) as root:
            return root.tree(str(path).lstrip("/"))

    def tree(self, name: str) -> Self:
        """Open a directory beneath this one."""
        return type(self)(self.path / name, os.dup(self._folder(_parts(name))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the directory."""
        while self._folders:
            os.close(self._folders.pop())

    # -- reading ----------------------------------------------------------------------------------

    def status(self, name: str) -> os.stat_result | None:
        """Return what lstat(2) says of a name; None where there is nothing."""
        try:
            folder, last = self._place(name)
            return os.stat(last, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def has_directory(self, name: str) -> bool:
        """Return whether there is a directory of that name."""
        status = self.status(name)
        return status is not None and stat.S_ISDIR(status.st_mode)

    @property
    def own_status(self) -> os.stat_result:
        """Return what the system says of the directory itself."""
        return os.fstat(self._folders[0])

    def entries(self, name: str = "") -> list[tuple[str, os.stat_result]]:
        """Return the names in a directory, sorted, each with what lstat(2) says of it."""
        folder = self._folder(_parts(name))
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        found = []
        try:
            with os.scandir(listed) as inside:
                for entry in inside:
                    with suppress(FileNotFoundError):  # it has gone since its name was read
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        finally:
            os.close(listed)
        return sorted(found, key=itemgetter(0))

    def walk(self, name: str = "") -> Iterator[tuple[str, os.stat_result]]:
        """Yield all beneath a directory, a directory before what is in it; follows no link."""
        ahead = self._beneath(name)
        while ahead:
            inner, status = ahead.pop()
            yield inner, status
            if stat.S_ISDIR(status.st_mode):
                ahead += self._beneath(inner)

    def _beneath(self, name: str) -> list[tuple[str, os.stat_result]]:
        """Return what is in a directory, the last one first."""
        folder = f"{name}/" if name else ""
        return [(folder + last, status) for last, status in reversed(self.entries(name))]

    def read(self, name: str) -> BinaryIO:
        """Open a regular file for reading; anything else raises ``OSError``."""
        descriptor = self.descriptor(name, _READ)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, f"{self.path / name} is no regular file")
        return os.fdopen(descriptor, "rb")

    def is_readable(self, name: str) -> bool:
        """Return whether we may read a file; for a link, what it leads to."""
        folder, last = self._place(name)
        effective = os.access in os.supports_effective_ids
        return os.access(last, os.R_OK, dir_fd=folder, effective_ids=effective)

    def link_text(self, name: str) -> str:
        """Return what a symbolic link says."""
        folder, last = self._place(name)
        return os.readlink(last, dir_fd=folder)

    # -- writing ----------------------------------------------------------------------------------

    def descriptor(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a file, as open(2) does; the caller closes it."""
        folder, last = self._place(name)
        try:
            return os.open(last, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
        except OSError as error:
            raise self._explained(error, folder, name) from None

    def make(self, name: str, mode: int = 0o777) -> list[str]:
        """Create a directory and those above it, if absent; return the names of new ones."""
        made: list[str] = []
        parts = _parts(name)
        try:
            self._folder(parts)
        except FileNotFoundError:
            for depth in range(len(parts)):
                folder = self._folder(parts[:depth])
                try:
                    os.mkdir(parts[depth], mode, dir_fd=folder)
                except FileExistsError:
                    continue
                made.append("/".join(parts[: depth + 1]))
            self._folder(parts)
        return made

    def write(
        self, name: str, content: IO[bytes], mode: int, *, mtime_ns: int | None = None
    ) -> None:
        """Replace a file's content; if that fails, it keeps what it had.

        A link or a directory in its place is an error.

        Args:
            name: The file's; its directory is there.
            content: Is read from where it stands to its end.
            mode: Permissions of a new file, within the umask; one that is there keeps its own.
            mtime_ns: When it was changed, in nanoseconds since the epoch; now by default.
        """
        there = self.status(name)
        if there is not None:
            self._check_replaceable(name, there)
        folder, last = self._place(name)
        scratch = f"{SCRATCH_PREFIX}{os.urandom(6).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with held_back() as held:
            descriptor = os.open(scratch, flags, mode, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file, held.let_through():
                    shutil.copyfileobj(content, file, CHUNK_BYTES)
                    file.flush()
                    if there is not None:
                        os.fchmod(descriptor, there.st_mode & 0o777)
                    if mtime_ns is not None:
                        os.utime(descriptor, ns=(mtime_ns, mtime_ns))
                os.rename(scratch, last, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(scratch, dir_fd=folder)
                raise

    def link(self, name: str, to: str) -> None:
        """Make a symbolic link where nothing is."""
        folder, last = self._place(name)
        os.symlink(to, last, dir_fd=folder)

    def set_time(self, name: str, mtime_ns: int) -> None:
        """Set the modification time, in nanoseconds since the epoch."""
        folder, last = self._place(name)
        os.utime(last, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Remove a name that is no directory."""
        folder, last = self._place(name)
        os.unlink(last, dir_fd=folder)

    # -- the way ----------------------------------------------------------------------------------

    def _check_replaceable(self, name: str, there: os.stat_result) -> None:
        if stat.S_ISLNK(there.st_mode):
            raise LinkFound(self.path / name, self.link_text(name))
        if stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(errno.EISDIR, "a directory is in its place")

    def _place(self, name: str) -> tuple[int, str]:
        """Return the open directory that a name is in, until the next call, and its name there."""
        above, _, last = name.rpartition("/")
        if above != self._above or last in ("", ".", ".."):
            *parts, last = _parts(name) or ["."]
            self._folder(parts)
            self._above = above
        return self._folders[-1], last

    def _folder(self, parts: Sequence[str]) -> int:
        """Return a directory beneath this one, open until the next call."""
        self._above = None
        same = takewhile(lambda pair: pair[0] == pair[1], zip(self._names, parts, strict=False))
        kept = len(list(same))
        while len(self._names) > kept:
            self._names.pop()
            os.close(self._folders.pop())
        for part in parts[kept:]:
            above = self._folders[-1]
            try:
                folder = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
            except OSError as error:
                name = "/".join([*self._names, part])
                raise self._explained(error, above, name) from None
            self._folders.append(folder)
            self._names.append(part)
        return self._folders[-1]

    def _explained(self, error: OSError, folder: int, name: str) -> OSError:
        """Return the same error, or one that says which link is in the way."""
        try:
            to = os.readlink(PurePosixPath(name).name, dir_fd=folder)
        except OSError:
            return error
        return LinkFound(self.path / name, to)


def named(path: Path, *, make: bool = False) -> tuple[Tree, str]:
    """Open the tree of a path that the caller has typed; return it, and the name in the tree.

    Up to the current directory links are followed: they are the system's or the caller's own.
    Beneath it a job may have put them, and the last part is what is read or written. So there a
    link raises ``LinkFound`` when the name is used.

    Args:
        path: What was typed.
        make: Whether to make the directory to begin at if it is absent.

    Raises:
        NotFound: The current directory is gone.
        OSError: There is no directory to begin at.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise NotFound("the current directory has been removed", hint="cd to another") from None
    whole = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() follows links)
    anchor = here if whole.is_relative_to(here) else whole.parent
    if make:
        anchor.mkdir(parents=True, exist_ok=True)
    name = whole.relative_to(anchor).as_posix()
    return Tree.open(anchor), "" if name == "." else name


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write a file that takes the place of ``path`` when the context ends well.

    It is in a directory of its own, where nobody else can have put a link.
    """
    with ScratchDirectory(directory=path.parent, prefix=SCRATCH_PREFIX) as scratch:
        new = Path(scratch, path.name)
        yield new
        new.replace(path)


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise ValueError(f"{name} leads outside")
    if len(name) >= PATH_MAX:  # each directory on the way is open, and no other program gets there
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    return parts
