"""``Snapshot``: the state of a pool in one file, by its name or its path."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, ValidationError

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.base.times import rfc3339
from condor_mini.nodes.node import Role
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from os import PathLike

SUFFIX = ".tar.gz"
MANIFEST = "snapshot.json"
"""The first file in the archive, which says what is in it."""
LARGEST_MANIFEST = 50_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class SavedNode(BaseModel):
    """A node whose state is in a snapshot."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    group: str
    number: int
    jobs: dict[str, int] | None = None
    """Number of jobs by state. None for other nodes, and if the pool was stopped already."""
    running: list[str] = []
    """Ids of the jobs that ran when the pool was stopped for the snapshot."""


class Manifest(BaseModel):
    """What a snapshot says of itself."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    condor_mini: str
    made: AwareDatetime
    pool: str
    series: str
    engine: str
    keys: bool
    spec: dict[str, JsonValue]
    nodes: dict[str, SavedNode]
    """The nodes by their names without the pool's: ``submit-1``."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The state of a pool in one file: queues, history, accounting, keys and homes."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, snapshot: str | PathLike[str]) -> Self:
        """Return a snapshot by its name, or by its path if that has a ``/`` or ends in ``.tar.gz``.

        Raises:
            NotFound: There is no such snapshot.
            StateError: The file is no snapshot, or is of a later condor-mini.
        """
        path = path_of(snapshot)
        if not path.exists():
            known = ", ".join(each.name for each in cls.list()) or "none"
            raise NotFound(
                f"there is no snapshot {snapshot}; there are: {known}",
                hint="A file is named by a path with a /, such as ./queue.tar.gz",
            )
        return cls(path=path, manifest=_manifest(path))

    @classmethod
    def list(cls) -> list[Self]:
        """Return the snapshots that have names, sorted; files that are none are left out."""
        found = []
        for path in sorted(directory().glob(f"*{SUFFIX}")):
            try:
                found.append(cls(path=path, manifest=_manifest(path)))
            except StateError:
                continue
        return found

    def delete(self) -> None:
        """Remove the file; one that is absent is a success."""
        self.path.unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """Its name, or the path of a file elsewhere."""
        own = self.path.parent == directory()
        return self.path.name.removesuffix(SUFFIX) if own else str(self.path)

    @property
    def pool(self) -> str:
        """Name of the pool that it is of."""
        return self.manifest.pool

    @property
    def series(self) -> str:
        """The pool's series of HTCondor: ``25``."""
        return self.manifest.series

    @property
    def made(self) -> datetime:
        """When it was made, in UTC."""
        return self.manifest.made.astimezone(UTC)

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size

    @property
    def jobs(self) -> dict[str, int] | None:
        """Number of jobs by state (``idle``). None if the pool was stopped before."""
        counts = [node.jobs for node in self.manifest.nodes.values() if node.jobs is not None]
        states = {state for count in counts for state in count}
        return {s: sum(c.get(s, 0) for c in counts) for s in sorted(states)} if counts else None

    def spec(self) -> PoolSpec:
        """Return what the pool was created from, without its user's numbers and its labels.

        These are of who created it: a pool that begins with the snapshot has its own.

        Raises:
            StateError: This condor-mini does not understand it.
        """
        form = {key: value for key, value in self.manifest.spec.items() if key not in _OF_CREATOR}
        try:
            return PoolSpec.from_json(json.dumps(form))
        except ValidationError as error:
            raise _no_snapshot(self.path, f"its pool file is not understood: {error}") from None

    def to_json(self) -> dict[str, object]:
        """Return what is said of it in JSON."""
        return {
            "name": self.name,
            "path": str(self.path),
            "pool": self.pool,
            "series": self.series,
            "nodes": [*self.manifest.nodes],
            "jobs": self.jobs,
            "keys": self.manifest.keys,
            "made": rfc3339(self.made),
            "size_bytes": self.size_bytes,
        }


_OF_CREATOR = ("user", "labels")


def directory() -> Path:
    """Return the directory of the snapshots that have names."""
    from platformdirs import user_data_path

    return user_data_path("condor-mini", appauthor=False) / "snapshots"


def path_of(snapshot: str | PathLike[str]) -> Path:
    """Return the file of a snapshot, by its name or path.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(snapshot, str) or "/" in snapshot or snapshot.endswith(SUFFIX):
        return Path(snapshot)
    if not _NAME.fullmatch(snapshot):
        raise UsageError(
            f"{snapshot!r} is no name of a snapshot: use letters, digits, '.', '_' and '-'",
            hint="A file is named by a path with a /, such as ./queue.tar.gz",
        )
    return directory() / f"{snapshot}{SUFFIX}"


def _manifest(path: Path) -> Manifest:
    try:
        with tarfile.open(path, "r:gz") as tar:
            first = tar.next()
            content = tar.extractfile(first) if first and first.name == MANIFEST else None
            if content is None:
                raise _no_snapshot(path, f"its first file is not {MANIFEST}")
            form = json.loads(content.read(LARGEST_MANIFEST))
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise _no_snapshot(path, str(error)) from None
    if isinstance(form, dict) and form.get("format") != Manifest.model_fields["format"].default:
        raise StateError(
            f"{path} is a snapshot of a later condor-mini (format {form.get('format')})",
            hint="Use that version, or a later one.",
        )
    try:
        return Manifest.model_validate(form)
    except ValidationError as error:
        raise _no_snapshot(path, f"{MANIFEST} is not understood: {error}") from None


def _no_snapshot(path: Path, why: str) -> StateError:
    return StateError(f"{path} is no snapshot of a pool, or is damaged: {why}")
