"""The store of the runtimes: one directory for each, below the user's cache directory.

A runtime's directory appears by one rename, with all its contents. Its manifest has each file's
size and each link's target, so that later damage is detected.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from condor_mini.base.directories import user_cache
from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.locks import Lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from condor_mini.base.progress import Progress

WAIT_S = 900.0
"""Seconds to wait for another process that makes a runtime."""
OTHER_CACHE = "Name another cache directory: XDG_CACHE_HOME=DIR"

_NAME = re.compile(r"(?P<series>[0-9]+)-(?P<architecture>[a-z0-9]+)-(?P<digest>[0-9a-f]{12})")
_SCRATCH, _LOCK, _MANIFEST = ".making-", ".lock", "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """An unpacked HTCondor, complete or damaged."""

    series: str
    architecture: str
    digest: str
    """The first 12 characters of the digest of what the runtime was made from."""
    path: Path
    version: str | None
    """Version of HTCondor's Debian package; None if the manifest is damaged."""
    size_bytes: int | None
    """Size of all files; None if the manifest is damaged."""
    problem: str | None
    """What is damaged; None if the runtime is complete."""
    packages: tuple[str, ...] = ()
    """``NAME VERSION`` of each package."""

    @property
    def root(self) -> Path:
        """The root directory of the tree."""
        return self.path / "root"

    def to_json(self) -> dict[str, str | int | None]:
        """Return the object that docs/reference/json.md describes."""
        return {
            "series": self.series,
            "version": self.version,
            "architecture": self.architecture,
            "size_bytes": self.size_bytes,
            "state": "damaged" if self.problem else "complete",
            "problem": self.problem,
            "digest": self.digest,
            "root": str(self.root),
        }


class Store:
    """The runtimes of one user."""

    def __init__(self, directory: Path | None = None) -> None:
        """Create the object, but nothing on disk yet.

        Args:
            directory: Directory of the runtimes. None for the user's cache directory.
        """
        if directory is None:
            directory = user_cache() / "runtime"
        self.directory = directory.absolute()

    def path(self, series: str, architecture: str, digest: str) -> Path:
        """Return the path of a runtime, whether or not it exists."""
        return self.directory / f"{series}-{architecture}-{digest[:12]}"

    def get(self, path: Path) -> Runtime | None:
        """Return the runtime at a path, complete or damaged; None if there is none."""
        name = _NAME.fullmatch(path.name)
        if not name or not path.is_dir():
            return None
        manifest, problem = _check(path)
        sizes = [size for size in manifest.get("files", {}).values() if isinstance(size, int)]
        return Runtime(
            series=name["series"],
            architecture=name["architecture"],
            digest=name["digest"],
            path=path,
            version=manifest.get("version"),
            size_bytes=sum(sizes) if manifest else None,
            problem=problem,
            packages=tuple(manifest.get("packages", ())),
        )

    def all(self) -> list[Runtime]:
        """Return all runtimes, sorted by the names of their directories."""
        try:
            paths = sorted(self.directory.iterdir())
        except OSError:
            return []
        return [runtime for path in paths if (runtime := self.get(path)) is not None]

    def remove(self, series: str | None, progress: Progress) -> list[Path]:
        """Remove the runtimes of a series, or all, with partial ones, and return their paths.

        Args:
            series: Number of the series. None for all; the locks that the user made are removed
                then, too.
            progress: Receives the phases.

        Raises:
            RuntimeFailed: The directory cannot be written.
        """
        if not self.directory.is_dir():
            return []
        with self.alone(progress):
            paths = [r.path for r in self.all() if series in (None, r.series)]
            for path in paths:
                self.discard(path)
        if series is None:
            for file in self.directory.glob("lock-*.json"):
                file.unlink(missing_ok=True)
        return paths

    def discard(self, path: Path) -> None:
        """Remove a runtime. It is renamed first, so that no process ever sees a part of it."""
        aside = self.directory / f"{_SCRATCH}{uuid.uuid4().hex}"
        path.replace(aside)
        shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def alone(self, progress: Progress) -> Iterator[None]:
        """Hold the lock of the store, so that no other process makes or removes a runtime.

        Wait for another process that has the lock. Then remove partial runtimes that were left.

        Args:
            progress: Receives the phase of waiting.

        Raises:
            RuntimeFailed: The directory cannot be written, or its disk is full.
            PoolNotReady: Another process still has the lock after ``WAIT_S``.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = Lock.open(self.directory / _LOCK)
        except OSError as error:
            raise self.unusable(error) from error
        with lock:
            if not lock.try_acquire():
                with progress.step("Waiting for another process that is making the runtime"):
                    lock.acquire_within(WAIT_S, reason="another process is making a runtime")
            for left in self.directory.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left, ignore_errors=True)
            yield

    @contextmanager
    def making(self, path: Path) -> Iterator[Path]:
        """Yield a new directory, which is renamed to ``path`` at the end, or removed on errors.

        Raises:
            RuntimeFailed: The directory cannot be written, or its disk is full.
        """
        scratch = self.directory / f"{_SCRATCH}{uuid.uuid4().hex}"
        try:
            scratch.mkdir()
            scratch.chmod(0o755)
            yield scratch
            if path.exists():
                self.discard(path)
            scratch.replace(path)
        except OSError as error:
            raise self.unusable(error) from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def unusable(self, error: OSError) -> RuntimeFailed:
        """Return the error for a full disk, or for a directory that we may not write to."""
        return RuntimeFailed(
            f"cannot write to the cache directory {self.directory}: {error.strerror or error}",
            hint=OTHER_CACHE,
        )


def write_manifest(path: Path, description: dict[str, Any]) -> None:
    """Write the manifest of a runtime's directory, which ``Store.get`` reads.

    Args:
        path: Directory of the runtime, with the tree in ``root``.
        description: Entries for the manifest in addition to the list of files.
    """
    root = path / "root"
    inside: dict[str, int | str] = {}
    for place in sorted(root.rglob("*")):
        name = place.relative_to(root).as_posix()
        if place.is_symlink():
            inside[name] = str(place.readlink())
        elif place.is_file():
            inside[name] = place.stat().st_size
    (path / _MANIFEST).write_text(json.dumps({**description, "files": inside}), "utf-8")


def damage(path: Path) -> str | None:
    """Return the first difference between a directory and its manifest; None if there is none."""
    return _check(path)[1]


def _check(path: Path) -> tuple[dict[str, Any], str | None]:
    """Return the manifest, and the first difference between it and the directory."""
    try:
        manifest: dict[str, Any] = json.loads((path / _MANIFEST).read_bytes())
        inside: dict[str, int | str] = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}, "its manifest is missing or damaged"
    root = f"{path}/root/"
    for name, recorded in inside.items():
        try:
            if isinstance(recorded, str):
                sound = os.readlink(root + name) == recorded  # noqa: PTH115 (Path is slower)
            else:
                status = os.lstat(root + name)
                sound = stat.S_ISREG(status.st_mode) and status.st_size == recorded
        except OSError:
            return manifest, f"/{name} is missing"
        if not sound:
            return manifest, f"/{name} has changed"
    return manifest, None
