"""The state directory of a personal pool: logs, queue, history, key and tokens, kept by the caller.

Two locks stand in it, both the kernel's, so that none is left behind by a crash: one while a pool
is being started on it, and one that each session in the pool shares.

The directory may come from somebody else, and a pool's jobs can write in it. So a symbolic link in
the place of what we or HTCondor's daemons write there is an error.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import StateError
from condor_mini.base.locks import Lock
from condor_mini.base.tree import LinkFound, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 120.0
"""How long to wait for another process that is starting a pool on the same directory."""

NEEDED_BYTES = 4 * 1024 * 1024
"""What a pool writes in its first minute: with less free space it would only fail later."""


LOCKS = STARTING, SESSIONS = ".starting", ".sessions"

EXECUTE = "execute"
WRITTEN = ("log", "spool", EXECUTE, "passwords.d", "tokens.d")
"""The directories that HTCondor's daemons write in; they also write files beside these.
images/condor-base/libexec/start/prepare-directories looks for links in the same places."""
_SANDBOX = re.compile(r"cluster\d+\.proc\d+\..*")
"""How directories in the spool are called whose files are a job's own."""


class StateDirectory:
    """A directory that is there, is ours to write, and has room."""

    def __init__(self, path: Path, *, shown: Path | None = None) -> None:
        """Make the directory if it is absent.

        Args:
            path: Where; links on the way are followed.
            shown: A directory that jobs see, and write in: beneath it no link is followed.

        Raises:
            StateError: It is no directory, cannot be written, or its disk is full; or a link that
                a job may have made leads to it.
        """
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() follows links)
        self._was_absent = not self.path.exists()
        try:
            self._make(shown)
            self.path = self.path.resolve()
            self._check_room()
        except LinkFound as link:
            raise _linked(link) from link
        except OSError as error:
            if self.path.exists() and not self.path.is_dir():
                raise StateError(
                    f"the state directory {self.path} is not a directory",
                    hint="Name one: --state DIR",
                ) from None
            self._discard()
            raise self._unwritable(error) from error

    def _make(self, shown: Path | None) -> None:
        for place in reversed(self.path.parents):
            if shown is not None and os.path.realpath(place) == os.path.realpath(shown):
                with Tree.open(place) as tree:
                    tree.make(str(self.path.relative_to(place)))
                return
        self.path.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        """Leave no directory behind that was made for nothing."""
        if value is not None:
            self._discard()

    def _discard(self) -> None:
        """Remove the directory if it was made just now and holds nothing but our locks."""
        with suppress(OSError):
            if self._was_absent and {entry.name for entry in self.path.iterdir()} <= set(LOCKS):
                for lock in LOCKS:
                    (self.path / lock).unlink(missing_ok=True)
                self.path.rmdir()

    def _unwritable(self, error: OSError) -> StateError:
        return StateError(
            f"cannot write to the state directory {self.path}: {error.strerror}",
            hint="Name another: --state DIR",
        )

    def _check_room(self) -> None:
        probe = f".probe-{secrets.token_hex(6)}"
        with Tree.open_exactly(self.path) as tree:
            os.close(tree.descriptor(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            tree.remove(probe)
        free = os.statvfs(self.path)
        if free.f_bavail * free.f_frsize < NEEDED_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def check_links(self) -> None:
        """Look for links in the places that are written.

        The files of jobs, in their sandboxes and in the spool, are the jobs' own.

        Raises:
            StateError: There is one, or something cannot be read.
        """
        try:
            with Tree.open_exactly(self.path) as tree:
                _check_links(tree)
        except LinkFound as link:
            raise _linked(link) from link
        except OSError as error:
            raise StateError(
                f"the state directory {self.path} cannot be read: {error.strerror}",
                hint="Name another: --state DIR",
            ) from error

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Alone with the directory, while a pool is looked for or started on it."""
        with self._lock_file(STARTING) as lock:
            lock.acquire_within(START_TIMEOUT_S, reason="another process starts a pool")
            yield

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One of those who are in the pool right now."""
        with self._lock_file(SESSIONS) as lock:
            lock.acquire(shared=True)
            yield Session(lock)

    @contextmanager
    def _lock_file(self, name: str) -> Iterator[Lock]:
        try:
            with Tree.open_exactly(self.path) as tree:
                lock = Lock(tree.descriptor(name, os.O_RDWR | os.O_CREAT))
        except LinkFound as link:
            raise _linked(link) from link
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            yield lock


class Session:
    """A stay in a pool."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def is_last(self) -> bool:
        """Whether nobody else is in the pool; nobody can then come in until this session ends."""
        return self._lock.try_acquire()


def _check_links(tree: Tree) -> None:
    """Raise ``LinkFound`` for a link where no job has a place for its files."""
    ahead = [name for name, _ in tree.entries()]
    while ahead:
        name = ahead.pop()
        status = tree.status(name)
        if status is None:
            continue
        if stat.S_ISLNK(status.st_mode):
            raise LinkFound(tree.path / name, tree.link_text(name))
        folder, _, last = name.rpartition("/")
        is_written = name.partition("/")[0] in WRITTEN and folder != EXECUTE
        if stat.S_ISDIR(status.st_mode) and is_written and not _SANDBOX.fullmatch(last):
            ahead += [f"{name}/{inner}" for inner, _ in tree.entries(name)]


def _linked(link: LinkFound) -> StateError:
    return StateError(
        f"{link.strerror}, and a state directory is used without links: HTCondor would write where "
        "it leads",
        hint="Remove the link, or name another directory: --state DIR",
    )
