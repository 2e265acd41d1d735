"""A directory of this machine as an archive for the pool, and what comes back into it."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.caller import IMAGE_UID
from condor_mini.errors import CondorMiniError, UsageError
from condor_mini.state import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

MOST_BYTES = 512 * 1024**2
MOST_FILES = 20_000
SHOWN_NAMES = 10
"""How many names a message has."""
CHUNK_BYTES = 1024**2


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that goes into the archive."""

    path: Path
    """Where it is read."""
    name: str
    """Its path below the directory."""
    status: os.stat_result
    link: str | None = None
    """What a symbolic link says."""


@dataclass(kw_only=True)
class Directory:
    """A directory that goes into the pool as a whole, and has room for what comes back."""

    path: Path
    """Where it really is: no symbolic link leads there."""
    skipped: list[str] = field(default_factory=list)
    """What of it stays here, and why."""
    _unreadable: list[str] = field(default_factory=list)

    def pack(self, tar: tarfile.TarFile, top: str) -> None:
        """Put all of it into an archive, below ``top``, as the ordinary user's.

        Symbolic links that stay inside are kept; of the others, what they lead to goes along.

        Raises:
            UsageError: It is too large, or something in it cannot be read; nothing was put in.
        """
        entries = self._entries_within_limits()
        for entry in entries:
            member = tarfile.TarInfo(f"{top}/{entry.name}")
            member.uid = member.gid = IMAGE_UID
            member.mtime = int(entry.status.st_mtime)
            member.mode = stat.S_IMODE(entry.status.st_mode) & 0o777
            if entry.link is not None:
                member.type, member.linkname = tarfile.SYMTYPE, entry.link
                tar.addfile(member)
            elif stat.S_ISDIR(entry.status.st_mode):
                # We could read it, perhaps as one of its group: there its owner reads it.
                member.type, member.mode = tarfile.DIRTYPE, member.mode | 0o500
                tar.addfile(member)
            else:
                member.mode |= 0o400
                with entry.path.open("rb") as content:
                    member.size = os.fstat(content.fileno()).st_size
                    try:
                        tar.addfile(member, content)
                    except OSError as error:
                        raise UsageError(f"{entry.path} cannot be read: {error}") from error

    def _entries_within_limits(self) -> list[Entry]:
        entries, size = [], 0
        for entry in self._entries():
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
                f"you may not read {_listed(self._unreadable)}",
                hint="Permit it (chmod u+rX), or give the job a directory of its own.",
            )
        return entries

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

    def _entries(self) -> Iterator[Entry]:
        """Each thing, a directory before what is in it."""
        from platformdirs import PlatformDirs

        dirs = PlatformDirs("condor-mini", appauthor=False)
        ours = [os.path.realpath(path) for path in (dirs.user_state_path, dirs.user_cache_path)]
        folders: list[tuple[Path, str, tuple[str, ...]]] = [(self.path, "", (str(self.path),))]
        while folders:
            folder, name, above = folders.pop()
            try:
                names = sorted(path.name for path in folder.iterdir())
            except PermissionError:
                self._unreadable.append(name or ".")
                continue
            if name and set(LOCKS) <= set(names):
                self.skipped.append(f"{name}: a personal pool's state")
                continue
            if name:
                yield Entry(path=folder, name=name, status=folder.stat())
            for last in names:
                entry = self._entry(folder / last, f"{name}/{last}" if name else last)
                if entry is None:
                    continue
                if entry.link is not None or not stat.S_ISDIR(entry.status.st_mode):
                    yield entry
                elif (real := os.path.realpath(entry.path)) in ours:
                    # Keys and tokens of pools are there.
                    self.skipped.append(f"{entry.name}: what condor-mini itself keeps")
                elif real in above:
                    self.skipped.append(f"{entry.name}: leads back to {real}")
                else:
                    folders.append((entry.path, entry.name, (*above, real)))

    def _entry(self, path: Path, name: str) -> Entry | None:
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                text = path.readlink()
                real = Path(os.path.realpath(path))
                if real.is_relative_to(self.path):
                    link = self._link(path, text, real)
                    return Entry(path=path, name=name, status=status, link=link)
                if not real.exists():
                    return Entry(path=path, name=name, status=status, link=str(text))
                path, status = real, real.stat()
        except FileNotFoundError:  # it has gone since its name was read
            return None
        except PermissionError:
            self._unreadable.append(name)
            return None
        if stat.S_ISDIR(status.st_mode):
            return Entry(path=path, name=name, status=status)
        if not stat.S_ISREG(status.st_mode):
            self.skipped.append(f"{name}: neither a file nor a directory")
            return None
        if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
            self._unreadable.append(name)
            return None
        return Entry(path=path, name=name, status=status)

    def _link(self, path: Path, text: Path, real: Path) -> str:
        """What a link that stays inside says there, where the directory has another name."""
        direct = Path(os.path.normpath(path.parent / text))
        if not text.is_absolute() and direct.is_relative_to(self.path):
            return str(text)
        return os.path.relpath(real, path.parent)

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
            CondorMiniError: Something cannot be written, or would lie outside; all else is written.
        """
        written: list[Path] = []
        failures: list[str] = []
        for member in tar:
            parts = PurePosixPath(member.name).parts
            if parts[:1] != (top,) or len(parts) == 1:
                continue
            if member.isdir() and member.mtime < since:
                continue
            name = str(PurePosixPath(*parts[1:]))
            try:
                written += self._take(tar, member, name)
            except _Refused as refusal:
                failures.append(f"{name}: {refusal}")
            except OSError as error:
                failures.append(f"{name}: {error.strerror or error}")
        if failures:
            raise CondorMiniError(
                f"of what the jobs wrote, this cannot be put into {self.path}:\n"
                + "\n".join(f"  {failure}" for failure in failures[:SHOWN_NAMES])
                + ("\n  …" if len(failures) > SHOWN_NAMES else "")
            )
        return written

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> Iterator[Path]:
        target = self._target(name)
        if member.issym():
            if target.is_symlink() and str(target.readlink()) == member.linkname:
                return
            leads = os.path.normpath(target.parent / member.linkname)
            if target.exists() or not Path(leads).is_relative_to(self.path):
                raise _Refused(f"a symbolic link to {member.linkname}")
            yield from self._parents(target)
            target.symlink_to(member.linkname)
            yield target
        elif member.isdir():
            if not target.is_dir():
                yield from self._parents(target)
                target.mkdir(member.mode & 0o777)
                yield target
        elif member.isreg():
            target = self._led_to(target)
            content = tar.extractfile(member)
            assert content is not None  # noqa: S101 (it is a regular file)
            if not _is_same(content, member.size, target):
                yield from self._parents(target)
                content.seek(0)
                _replace(target, content, member.mode & 0o777)
                yield target
        else:
            raise _Refused("neither a file nor a directory")

    def _target(self, name: str) -> Path:
        """Where it is to be: through the caller's own links, but never outside the directory."""
        target = self.path / name
        real = Path(os.path.realpath(target.parent)) / target.name
        if ".." in PurePosixPath(name).parts or not real.is_relative_to(self.path):
            raise _Refused(f"{real} is outside")
        return real

    def _led_to(self, target: Path) -> Path:
        real = Path(os.path.realpath(target))
        if not real.is_relative_to(self.path):
            raise _Refused(f"the link of that name leads outside, to {real}")
        return real

    def _parents(self, target: Path) -> Iterator[Path]:
        for parent in reversed(target.parents):
            if parent.is_relative_to(self.path) and not parent.is_dir():
                parent.mkdir()
                yield parent


class _Refused(Exception):
    """What may not be written."""


def _is_same(content: IO[bytes], size: int, path: Path) -> bool:
    """Whether a file is there and has this content."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    with path.open("rb") as there:
        while chunk := content.read(CHUNK_BYTES):
            if chunk != there.read(CHUNK_BYTES):
                return False
    return True


def _replace(path: Path, content: IO[bytes], mode: int) -> None:
    """Let a file have this content: all of it or, when that fails, what it had before."""
    new = path.parent / f".condor-mini-{secrets.token_hex(6)}"
    if path.is_dir():
        raise IsADirectoryError(None, "a directory is in its place")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            shutil.copyfileobj(content, file, CHUNK_BYTES)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _listed(names: list[str]) -> str:
    more = len(names) - SHOWN_NAMES
    return ", ".join(names[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
