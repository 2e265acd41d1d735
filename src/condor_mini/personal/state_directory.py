"""The state directory of a personal pool: logs, queue, history, key and tokens, kept by the caller.

Three files in it are locked: one while a pool is being started on the directory, one that all
sessions in the pool share, and one while JupyterLab runs in the pool. The locks are the kernel's,
so a crash leaves none behind.

The directory may come from another user, and a pool's jobs can write to it. So a symbolic link in
the place of a file that condor-mini or HTCondor's daemons write is an error.
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

from condor_mini.base.errors import AlreadyInUse, StateError
from condor_mini.base.locks import Lock
from condor_mini.base.tree import LinkFound, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 120.0
"""How long to wait for another process that starts a pool on the same directory, in seconds."""

NEEDED_BYTES = 4 * 1024 * 1024
"""The space that a pool needs in its first minute. With less, it would fail after its start."""


LOCKS = STARTING, SESSIONS = ".starting", ".sessions"
NOTEBOOK = ".notebook"

EXECUTE = "execute"
WRITTEN = ("log", "spool", EXECUTE, "passwords.d", "tokens.d")
"""The directories that HTCondor's daemons write to; they also write files beside these.

images/condor-base/libexec/start/prepare-directories looks for links in the same places.
"""
_SANDBOX = re.compile(r"cluster\d+\.proc\d+\..*")
"""The names of directories in the spool that hold a job's own files."""


class StateDirectory:
    """A directory that exists, is writable, and has room."""

    def __init__(self, path: Path, *, shown: Path | None = None) -> None:
        """Create the directory if it does not exist.

        Args:
            path: Path of the directory. Links in it are followed.
            shown: Directory that jobs can write to. No link below it is followed.

        Raises:
            StateError: The path is not a directory, cannot be written to, or its disk is full. Or
                the path has a link that a job may have made.
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
        """After an exception, remove the directory if it was created for nothing."""
        if value is not None:
            self._discard()

    def _discard(self) -> None:
        """Remove the directory if this object created it and it holds nothing but our locks."""
        ours = {*LOCKS, NOTEBOOK}
        with suppress(OSError):
            if self._was_absent and {entry.name for entry in self.path.iterdir()} <= ours:
                for lock in ours:
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
        """Raise ``StateError`` if there is a link where condor-mini or HTCondor's daemons write.

        Links among the files of jobs, in their sandboxes and in the spool, are allowed.

        Raises:
            StateError: There is a link, or a directory cannot be read.
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
        """Hold the lock of the directory while a pool is searched for or started on it.

        Raises:
            PoolNotReady: Another process has held the lock for ``START_TIMEOUT_S``.
            StateError: The lock file cannot be created, or is a link.
        """
        with self._lock_file(STARTING) as lock:
            lock.acquire_within(START_TIMEOUT_S, reason="another process is starting a pool")
            yield

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session in the pool, which ends with the context.

        Raises:
            StateError: The lock file cannot be created, or is a link.
        """
        with self._lock_file(SESSIONS) as lock:
            lock.acquire(shared=True)
            yield Session(lock)

    @contextmanager
    def notebook(self) -> Iterator[None]:
        """Hold the lock of the pool's JupyterLab, for as long as the context lasts.

        Raises:
            AlreadyInUse: Another process holds it.
            StateError: The lock file cannot be created, or is a link.
        """
        with self._lock_file(NOTEBOOK) as lock:
            if not lock.try_acquire():
                raise AlreadyInUse(
                    f"JupyterLab runs already in the pool on {self.path}",
                    hint="Its link is at the terminal that started it. Or use another state "
                    "directory: --state DIR",
                )
            yield

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
    """A session in a pool: it holds a shared lock."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def is_last(self) -> bool:
        """Return whether there is no other session in the pool.

        If there is none, no other session can begin before this one ends.
        """
        return self._lock.try_acquire()


def _check_links(tree: Tree) -> None:
    """Raise ``LinkFound`` if there is a link outside the directories of jobs."""
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
        f"{link.strerror}. Links in a state directory are refused, because HTCondor would write to "
        "their targets",
        hint="Remove the link, or name another directory: --state DIR",
    )
