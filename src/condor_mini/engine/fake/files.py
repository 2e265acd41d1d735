"""The files of a ``FakeEngine``'s containers and volumes."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound
from condor_mini.engine.values import BindMount, ScratchMount, VolumeMount

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import BinaryIO


@dataclass(frozen=True, kw_only=True)
class FakeFile:
    """A file or directory of a container or a volume."""

    content: bytes | None
    """None for a directory."""
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class FakeWorld:
    """What a command sees around it, and may change."""

    files: dict[str, FakeFile] = field(default_factory=dict)
    """The container's own, by absolute path."""
    mounts: tuple[BindMount | VolumeMount | ScratchMount, ...] = ()
    is_read_only: bool = False
    """Whether the container's own files are read-only."""
    volumes: Mapping[str, dict[str, FakeFile]] = field(default_factory=dict)
    """The files of each volume, by the path in it."""
    neighbours: Collection[str] = ()
    """The containers on the same network."""

    def mount_of(self, path: str) -> BindMount | VolumeMount | ScratchMount | None:
        """Return the mount that a path lies in, the innermost of several."""
        found = [each for each in self.mounts if PurePosixPath(path).is_relative_to(each.target)]
        return max(found, key=lambda mount: len(mount.target), default=None)

    def can_write(self, path: str) -> bool:
        """Return whether the container can write there."""
        match self.mount_of(path):
            case None:
                return not self.is_read_only
            case ScratchMount():
                return True
            case mount:
                return not mount.read_only

    def read(self, path: str) -> bytes | None:
        """Return a file's content; None if there is no such file."""
        mount = self.mount_of(path)
        if isinstance(mount, BindMount):
            source = mount.source / PurePosixPath(path).relative_to(mount.target)
            return source.read_bytes() if source.is_file() else None
        files, name = self._place(path)
        return files[name].content if name in files else None

    def put(self, path: str, file: FakeFile) -> None:
        """Write a file, into the container or into the volume that its path lies in."""
        files, name = self._place(path)
        files[name] = file

    def unpack(self, archive: BinaryIO, at: str = "/") -> None:
        """Write all that a tar holds into a directory; raises ``TarError`` if it is no tar."""
        with tarfile.open(fileobj=archive) as tar:
            for member in tar:
                content = tar.extractfile(member)
                file = FakeFile(
                    content=None if content is None else content.read(),
                    mode=member.mode,
                    uid=member.uid,
                    gid=member.gid,
                )
                self.put(str(PurePosixPath(at, member.name)), file)

    def pack(self, path: str, archive: BinaryIO) -> None:
        """Write a tar of a file or folder, without the host's mounts; raises ``NotFound``."""
        found = dict(self._below(path))
        if not found:
            raise NotFound(f"no such file: {path}")
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, file in found.items():
                member = tarfile.TarInfo(str(name.relative_to(PurePosixPath(path).parent)))
                member.type = tarfile.DIRTYPE if file.content is None else tarfile.REGTYPE
                member.size = len(file.content or b"")
                member.mode, member.uid, member.gid = file.mode, file.uid, file.gid
                tar.addfile(member, io.BytesIO(file.content or b""))

    def _below(self, path: str) -> Iterator[tuple[PurePosixPath, FakeFile]]:
        mounted = [mount for mount in self.mounts if isinstance(mount, VolumeMount)]
        roots = [("/", self.files), *((m.target, self.volumes[m.volume]) for m in mounted)]
        for root, files in roots:
            for name, file in files.items():
                if (whole := PurePosixPath(root, name)).is_relative_to(path):
                    yield whole, file

    def _place(self, path: str) -> tuple[dict[str, FakeFile], str]:
        """Return the files that a path belongs to, and its name there."""
        mount = self.mount_of(path)
        if isinstance(mount, VolumeMount):
            return self.volumes[mount.volume], str(PurePosixPath(path).relative_to(mount.target))
        return self.files, str(PurePosixPath("/", path))
