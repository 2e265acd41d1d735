"""Where the runtimes are: a directory for each, below the user's cache directory.

A runtime's directory appears by one rename, with everything in it. Its manifest tells each file's
size and each link's target, so that one that lost something later is noticed.
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

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.locks import Lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from condor_mini.base.progress import Progress

WAIT_S = 900.0
"""For another process that makes a runtime."""
OTHER_CACHE = "Name another cache directory: XDG_CACHE_HOME=DIR"

_NAME = re.compile(r"(?P<series>[0-9]+)-(?P<architecture>[a-z0-9]+)-(?P<digest>[0-9a-f]{12})")
_SCRATCH, _LOCK, _MANIFEST = ".making-", ".lock", "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """An unpacked HTCondor."""

    series: str
    architecture: str
    digest: str
    """The first 12 characters; what the runtime was made from."""
    path: Path
    version: str | None
    """HTCondor's, as Debian's package has it; None where the manifest is damaged."""
    size_bytes: int | None
    problem: str | None
    """What is damaged in it; None for one that is complete."""
    packages: tuple[str, ...] = ()
    """``name version`` of each."""

    @property
    def root(self) -> Path:
        """The tree itself."""
        return self.path / "root"

    def to_json(self) -> dict[str, str | int | None]:
        """For programs: docs/reference/json.md."""
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
    """All runtimes of this user."""

    def __init__(self, directory: Path | None = None) -> None:
        """Nothing is made yet.

        Args:
            directory: Where; the user's cache directory by default.
        """
        if directory is None:
            from platformdirs import user_cache_path

            directory = user_cache_path("condor-mini", appauthor=False) / "runtime"
        self.directory = directory.absolute()

    def path(self, series: str, architecture: str, digest: str) -> Path:
        """Where a runtime is, or would be."""
        return self.directory / f"{series}-{architecture}-{digest[:12]}"

    def get(self, path: Path) -> Runtime | None:
        """The runtime there, complete or damaged; None where there is none."""
        name = _NAME.fullmatch(path.name)
        if not name or not path.is_dir():
            return None
        said, problem = _check(path)
        sizes = [what for what in said.get("files", {}).values() if isinstance(what, int)]
        return Runtime(
            series=name["series"],
            architecture=name["architecture"],
            digest=name["digest"],
            path=path,
            version=said.get("version"),
            size_bytes=sum(sizes) if said else None,
            problem=problem,
            packages=tuple(said.get("packages", ())),
        )

    def all(self) -> list[Runtime]:
        """All runtimes, by name."""
        try:
            paths = sorted(self.directory.iterdir())
        except OSError:
            return []
        return [runtime for path in paths if (runtime := self.get(path)) is not None]

    def remove(self, series: str | None, progress: Progress) -> list[Path]:
        """Remove the runtimes of a series, or all of them, and what was left half made.

        Raises:
            RuntimeFailed: The directory cannot be written.
        """
        if not self.directory.is_dir():
            return []
        with self.alone(progress):
            doomed = [r.path for r in self.all() if series in (None, r.series)]
            for path in doomed:
                self.discard(path)
        if series is None:
            for file in self.directory.glob("lock-*.json"):
                file.unlink(missing_ok=True)
        return doomed

    def discard(self, path: Path) -> None:
        """Remove a runtime: out of sight first, so that no half of it is ever seen."""
        aside = self.directory / f"{_SCRATCH}{uuid.uuid4().hex}"
        path.replace(aside)
        shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def alone(self, progress: Progress) -> Iterator[None]:
        """While nobody else makes or removes a runtime; what they left half made is removed.

        Raises:
            RuntimeFailed: The directory cannot be written, or its disk is full.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = Lock.open(self.directory / _LOCK)
        except OSError as error:
            raise self.unusable(error) from error
        with lock:
            if not lock.try_acquire():
                with progress.step("Waiting for another process that makes the runtime"):
                    lock.acquire_within(WAIT_S, reason="another process makes a runtime")
            for left in self.directory.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left, ignore_errors=True)
            yield

    @contextmanager
    def making(self, path: Path) -> Iterator[Path]:
        """A directory that becomes ``path`` when the context ends well, and is removed if not."""
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
        """The error for a disk that is full, or a directory that is not ours."""
        return RuntimeFailed(
            f"cannot write to the cache directory {self.directory}: {error.strerror or error}",
            hint=OTHER_CACHE,
        )


def write_manifest(path: Path, said: dict[str, Any]) -> None:
    """Describe what is in a runtime's directory, for ``Store.get``."""
    root = path / "root"
    inside: dict[str, int | str] = {}
    for place in sorted(root.rglob("*")):
        name = place.relative_to(root).as_posix()
        if place.is_symlink():
            inside[name] = str(place.readlink())
        elif place.is_file():
            inside[name] = place.stat().st_size
    (path / _MANIFEST).write_text(json.dumps({**said, "files": inside}), "utf-8")


def damage(path: Path) -> str | None:
    """The first thing in a directory that is not as its manifest says; None for none."""
    return _check(path)[1]


def _check(path: Path) -> tuple[dict[str, Any], str | None]:
    """The manifest, and the first thing that is not as it says."""
    try:
        said: dict[str, Any] = json.loads((path / _MANIFEST).read_bytes())
        inside: dict[str, int | str] = said["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}, "its manifest is missing or damaged"
    root = f"{path}/root/"
    for name, what in inside.items():
        try:
            if isinstance(what, str):
                sound = os.readlink(root + name) == what  # noqa: PTH115 (a Path costs more)
            else:
                there = os.lstat(root + name)
                sound = stat.S_ISREG(there.st_mode) and there.st_size == what
        except OSError:
            return said, f"/{name} is missing"
        if not sound:
            return said, f"/{name} is not as it was made"
    return said, None
