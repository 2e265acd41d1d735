"""What is kept on disk: containers, images, networks and volumes, a directory for each.

A directory appears by one rename, complete, and disappears by one: no process ever sees half of it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from condor_mini.base.errors import AlreadyInUse, CommandFailed, NotFound, StateError
from condor_mini.base.locks import Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

RECORD = "record.json"
PRIVATE = 0o700
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*")
_NEW, _REMOVED = ".making-", ".gone-"

Facts = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """A container, image, network or volume: its directory, and the facts of its creation."""

    path: Path
    facts: Facts

    @property
    def id(self) -> str:
        """Return the id, which is never given again."""
        return str(self.facts["id"])

    @property
    def name(self) -> str:
        """Return the name, which no other one has at the same time."""
        return unquote(self.path.name)

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels that it was created with."""
        labels: Mapping[str, str] = self.facts["labels"]
        return labels


class Store:
    """All records of one kind."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory = directory
        self.kind = kind

    def add(
        self, name: str, facts: Facts, fill: Callable[[Path, str], object] = lambda *_: None
    ) -> Record:
        """Create one; ``fill`` writes what belongs into its directory.

        Raises:
            AlreadyInUse: There is one of that name.
            StateError: The directory cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise CommandFailed((self.kind, name), 1, f"{name!r} is no name of a {self.kind}")
        self.sweep()
        facts["id"] = uuid.uuid4().hex
        scratch = self.directory / f"{_NEW}{facts['id']}"
        place = self.path(name)
        if place.exists():
            raise AlreadyInUse(f"There is a {self.kind} {name}.")
        try:
            self.make_private()
            with _new_folder(scratch):
                fill(scratch, facts["id"])
                (scratch / RECORD).write_text(json.dumps(facts), "utf-8")
                scratch.rename(place)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY) and place.exists():
                raise AlreadyInUse(f"There is a {self.kind} {name}.") from None
            raise StateError(f"cannot write to {self.directory}: {error.strerror}") from error
        finally:
            self.discard(scratch)
        return Record(place, facts)

    def sweep(self) -> None:
        """Remove what processes that have ended left half made or half removed."""
        with suppress(OSError):
            for place in self.directory.iterdir():
                if place.name.startswith((_NEW, _REMOVED)):
                    with suppress(OSError), locked_folder(place, wait=False):
                        # A new name, which nobody can create again during the removal.
                        self.discard(place.rename(self._aside()))

    def exists(self, identity: str) -> bool:
        """Return whether one with that id exists, or is being created now."""
        making = self.directory / f"{_NEW}{identity}"
        try:
            with locked_folder(making, wait=False):
                pass
        except BlockingIOError:
            return True
        except OSError:
            pass  # complete by now, if it exists at all
        return any(record.id == identity for record in self.all())

    def discard(self, directory: Path) -> None:
        """Remove a directory that is hidden already."""
        import shutil

        shutil.rmtree(directory, ignore_errors=True)

    def make_private(self) -> None:
        """Create the directory if it is absent, and close it to other users.

        A process that can write to a container's /tmp from outside can pass for a user inside:
        HTCondor authenticates by a directory that its client creates there (method FS).
        """
        self.directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        self.directory.chmod(PRIVATE)

    def path(self, name: str) -> Path:
        """Return the directory of the one with that name, which may be absent."""
        return self.directory / quote(name, safe="")

    def all(self, labels: Mapping[str, str] | None = None) -> list[Record]:
        """Return those that bear every one of these labels, sorted by name."""
        try:
            places = sorted(self.directory.iterdir())
        except OSError:
            return []
        found = [record for place in places if (record := _read(place)) is not None]
        wanted = (labels or {}).items()
        return [record for record in found if wanted <= record.labels.items()]

    def find(self, name: str) -> Record | None:
        """Return the one with that name or id, or None."""
        if _NAME.fullmatch(name) and (record := _read(self.path(name))) is not None:
            return record
        return next((record for record in self.all() if record.id == name), None)

    def get(self, name: str) -> Record:
        """Return the one with that name or id; raises ``NotFound``."""
        if (record := self.find(name)) is None:
            raise NotFound(f"There is no {self.kind} {name}.")
        return record

    def remove(self, record: Record) -> None:
        """Hide one, and then remove it."""
        aside = self._aside()
        with suppress(FileNotFoundError):
            record.path.rename(aside)
        self.discard(aside)

    def _aside(self) -> Path:
        return self.directory / f"{_REMOVED}{uuid.uuid4().hex}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of them all; raises ``StateError`` if the directory cannot be written."""
        try:
            self.make_private()
            lock = Lock.open(self.directory / ".lock")
        except OSError as error:
            raise StateError(f"cannot write to {self.directory}: {error.strerror}") from error
        with lock:
            lock.acquire()
            yield


@contextmanager
def locked_folder(directory: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a directory's lock.

    Args:
        directory: The directory to lock.
        wait: Whether to wait for a process that holds it.

    Raises:
        BlockingIOError: Another process holds it, and there is no wait.
        FileNotFoundError: It is absent, or has been removed while we waited.
    """
    with _lock(directory, wait=wait):
        yield


def _lock(directory: Path, *, wait: bool) -> Lock:
    lock = Lock.open_directory(directory)
    try:
        _acquire(lock, directory, wait=wait)
    except BaseException:
        lock.close()
        raise
    return lock


def _acquire(lock: Lock, directory: Path, *, wait: bool) -> None:
    if wait:
        lock.acquire()
    elif not lock.try_acquire():
        raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(directory))
    # The last holder may have removed it, and another one may have that name by now.
    if not os.path.samestat(os.fstat(lock.descriptor), directory.stat()):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))


@contextmanager
def _new_folder(directory: Path) -> Iterator[None]:
    """Make a new directory, and hold its lock."""
    lock = _try_new_folder(directory)
    while lock is None:
        lock = _try_new_folder(directory)
    with lock:
        yield


def _try_new_folder(directory: Path) -> Lock | None:
    """Return its lock; None where another process swept it away before it was locked."""
    directory.mkdir(parents=True)
    try:
        return _lock(directory, wait=True)
    except FileNotFoundError:
        return None


def rewrite(path: Path, text: str) -> None:
    """Replace a file as a whole."""
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    scratch.write_text(text, "utf-8")
    scratch.replace(path)


def _read(place: Path) -> Record | None:
    if place.name.startswith("."):
        return None
    try:
        return Record(place, json.loads((place / RECORD).read_bytes()))
    except (OSError, ValueError):
        return None  # it was removed just now
