"""The copy of a submit directory in an access point: how it gets there, how results come back.

A record beside the copy says which machine and directory it came from. Only root can write there: a
job can change everything that belongs to its user, and must not choose where on this machine its
files arrive. If root is that same user, the seal on the record shows that it is unchanged.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import secrets
import socket
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base import archives
from condor_mini.base.archives import shown
from condor_mini.base.errors import CommandFailed, CondorMiniError, NotFound, UsageError
from condor_mini.base.layout import HOME
from condor_mini.base.signals import held_back
from condor_mini.base.tar_writer import TarWriter
from condor_mini.base.tree import Tree
from condor_mini.jobs.packing import Directory
from condor_mini.jobs.seal import is_ours, seal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from condor_mini.engine import CommandResult
    from condor_mini.nodes.node import Node

HOMES = posixpath.dirname(HOME)
PLACE = f"{HOME}/submit"
"""The copies of submit directories, one for each submission."""
RECORDS = f"{HOMES}/.condor-mini/submit"
"""The records of the submissions. They belong to root.

``NAME.json`` says where the submission came from. ``NAME.since`` is as old as the last copy. The
records are beside the homes, so that one archive brings both to a node with a read-only root file
system.
"""
TAR_TIMEOUT_S = 600.0
CHANGED_MEANWHILE = 1
"""The status of GNU tar if a file grew while it was read, as a log does while jobs run."""


@dataclass(kw_only=True)
class Staging:
    """The copy of a submit directory in an access point."""

    node: Node
    name: str
    host: str
    """Name of the machine that the directory is on."""
    source: str | None
    """Path of the directory on that machine. None if there is none, so nothing is fetched."""
    is_sealed: bool = True
    """Whether ``host`` and ``source`` are as this user recorded them."""
    is_removed: bool = False

    @classmethod
    def of_directory(cls, node: Node, directory: Directory) -> Staging:
        """Copy a directory of this machine into an access point.

        Args:
            node: Access point to copy to.
            directory: Directory to copy.

        Raises:
            UsageError: The directory is too large, or something in it cannot be read.
        """
        staging = cls(
            node=node,
            name=_unique(directory.path.name),
            host=socket.gethostname(),
            source=str(directory.path),
        )
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
                staging._add_frame(TarWriter(tar))
                directory.pack(tar, _name_in_archive(staging.path), owner=node.owner)
            file.seek(0)
            try:
                node.engine.copy_in(node.info.id, file, at=HOMES)
                staging.mark()
            except BaseException:
                with held_back(), suppress(CondorMiniError):
                    staging.remove()
                raise
        return staging

    @classmethod
    def planned(cls, node: Node) -> Staging:
        """Return the name of a directory that is still to be created in an access point."""
        return cls(node=node, name=_unique("job"), host="", source=None)

    @classmethod
    def of_text(cls, node: Node, file: str, text: str) -> Staging:
        """Create a directory in an access point that holds one file with this text."""
        staging = cls(node=node, name=_unique("job"), host="", source=None)
        tar = TarWriter()
        staging._add_frame(tar)
        tar.file(_name_in_archive(f"{staging.path}/{file}"), text.encode(), owner=node.owner[0])
        node.engine.copy_in(node.info.id, tar.finish(), at=HOMES)
        return staging

    @classmethod
    def find(cls, node: Node, name: str) -> Staging | None:
        """Return the copy of that name, or None if it was fetched and removed.

        Args:
            node: Access point to search.
            name: Value of ``CondorMiniStaging`` in a job's ad.

        Raises:
            CondorMiniError: The record of the copy is damaged.
        """
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
            return None
        try:
            record = json.loads(node.engine.copy_out(node.info.id, f"{RECORDS}/{name}.json"))
            host, directory = str(record["host"]), str(record["directory"])
        except NotFound:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise CondorMiniError(
                f"the record of {name} in {node.name} is damaged: {error}"
            ) from None
        is_sealed = is_ours(record.get("seal"), node.pool, name, host, directory)
        return cls(node=node, name=name, host=host, source=directory, is_sealed=is_sealed)

    @classmethod
    def unfetched(cls, node: Node) -> list[str]:
        """Return the names of the copies at this access point that are still to be fetched."""
        argv = ["find", RECORDS, PLACE, "-mindepth", "1", "-maxdepth", "1"]
        paths = [PurePosixPath(line) for line in node.exec(argv, user="root").stdout.splitlines()]
        copies = {path.name for path in paths if str(path.parent) == PLACE}
        return sorted(path.stem for path in paths if path.suffix == ".json" and path.stem in copies)

    @property
    def path(self) -> str:
        """Path of the copy in the access point."""
        return f"{PLACE}/{self.name}"

    @property
    def is_of_this_machine(self) -> bool:
        """Whether results can be fetched to a directory of this machine."""
        is_here = self.source is not None and self.host == socket.gethostname()
        return is_here and self.is_sealed

    @property
    def why_not_fetched(self) -> str:
        """Why no results are fetched to this machine, and how to copy them by hand."""
        place = f"{self.node.name}:{self.path}"
        by_hand = f"Copy the results by hand: condor-mini cp -n {self.node.pool} {place} DIRECTORY"
        if self.host != socket.gethostname():
            return (
                f"Jobs that were submitted on {shown(self.host)} are fetched by `condor-mini wait` "
                f"on that machine. {by_hand}"
            )
        return (
            f"{self.name} was submitted by another user, or its record in the pool was changed, "
            f"so it is not fetched. {by_hand}"
        )

    def mark(self, name: str = "since") -> None:
        """Record the current time: only files that change later are fetched.

        Args:
            name: Suffix of the file whose time is set: ``since``, or ``next`` during a fetch.
        """
        self._run("touch", f"{RECORDS}/{self.name}.{name}")

    def fetch(self, *, last: bool) -> list[Path]:
        """Fetch the files that are new or have changed, and return them.

        Args:
            last: Remove the copy afterwards, because no job can change it any more.

        Raises:
            NotFound: The directory on this machine no longer exists.
            CondorMiniError: A file cannot be written to it. The copy is kept.
        """
        if self.is_removed or self.source is None or not self.is_of_this_machine:
            return []
        directory = Directory(path=Path(self.source))
        if not directory.path.is_dir():
            raise NotFound(
                f"the directory {self.source} no longer exists", hint=self._hint_by_hand()
            )
        if not last:
            self.mark("next")
        archive = f"{RECORDS}/{self.name}.tar"
        self._pack(archive)
        with tempfile.TemporaryFile() as file:
            self.node.engine.copy_out_archive(self.node.info.id, archive, file)
            file.seek(0)
            try:
                written = self._unpack(file, directory)
            except CondorMiniError as failure:
                failure.hint = self._hint_by_hand()
                raise
        if last:
            self.remove()
        else:
            self._run("mv", f"{RECORDS}/{self.name}.next", f"{RECORDS}/{self.name}.since")
        return written

    def remove(self) -> None:
        """Remove the copy and its record from the access point."""
        suffixes = ("json", "since", "next", "tar")
        self._run("rm", "-rf", self.path, *(f"{RECORDS}/{self.name}.{end}" for end in suffixes))
        self.is_removed = True

    def read_fetched(self, path: str, most_bytes: int | None = None) -> tuple[int, str]:
        """Return the size in bytes of a fetched file, and its text; (0, empty) if there is none.

        Args:
            path: Path that the file had in the access point.
            most_bytes: Return only so much of the end of the file. None for all of it.
        """
        inside = PurePosixPath(posixpath.normpath(path))
        if self.source is None or not inside.is_relative_to(self.path):
            return 0, ""
        try:
            with (
                Tree.open_exactly(Path(self.source)) as tree,
                tree.read(str(inside.relative_to(self.path))) as file,
            ):
                size = file.seek(0, os.SEEK_END)
                file.seek(0 if most_bytes is None else max(0, size - most_bytes))
                return size, file.read().decode(errors="replace")
        except OSError:
            return 0, ""

    def in_words_of_here(self, text: str) -> str:
        """Return the output of a tool in the access point with the paths of this machine."""
        return text if self.source is None else text.replace(self.path, self.source)

    def _add_frame(self, tar: TarWriter) -> None:
        """Add the directories of the access point, and the record, to an archive."""
        uid, administrator = self.node.owner[0], self.node.administrator[0]
        tar.directory(_name_in_archive(PLACE), 0o755, uid)
        tar.directory(_name_in_archive(self.path), 0o755, uid)
        if self.source is None:
            return
        tar.directory(_name_in_archive(posixpath.dirname(RECORDS)), 0o755, administrator)
        tar.directory(_name_in_archive(RECORDS), 0o700, administrator)
        facts = {"host": self.host, "directory": self.source}
        facts["seal"] = seal(self.node.pool, self.name, self.host, self.source)
        record = json.dumps(facts).encode()
        tar.file(_name_in_archive(f"{RECORDS}/{self.name}.json"), record, 0o600, administrator)

    def _pack(self, archive: str) -> None:
        # With --newer, tar packs what was changed since the file's time, and all directories.
        self._run(
            *("tar", "--create", "--file", archive, "--hard-dereference"),
            *("--newer", f"{RECORDS}/{self.name}.since"),
            *("--directory", RECORDS, f"{self.name}.since"),
            *("--directory", PLACE, self.name),
            fine=(0, CHANGED_MEANWHILE),
        )

    def _unpack(self, file: IO[bytes], directory: Directory) -> list[Path]:
        with archives.opened(file) as outer:
            member = outer.next()
            content = outer.extractfile(member) if member is not None else None
            assert content is not None  # noqa: S101 (the archive holds the file that tar made)
            with archives.opened(content) as tar:
                marker = tar.next()
                since = marker.mtime if marker is not None else 0
                return directory.unpack(tar, self.name, since)

    def _run(self, *argv: str, fine: Sequence[int] = (0,)) -> CommandResult:
        result = self.node.exec(argv, user="root", timeout_s=TAR_TIMEOUT_S)
        if result.returncode not in fine:
            raise CommandFailed(result.argv, result.returncode, result.stderr)
        return result

    def _hint_by_hand(self) -> str:
        pool, node = self.node.pool, self.node.name
        return (
            "The results are still in the pool. Copy them to another directory: "
            f"condor-mini cp -n {pool} {node}:{self.path} DIRECTORY. "
            f"Or discard them: condor-mini exec -n {pool} --node {node} -- rm -rf {self.path}"
        )


def source_directory(file: Path) -> Directory:
    """Return the directory of a submit file.

    Raises:
        NotFound: There is no such file.
        UsageError: The file's name is not UTF-8, so it cannot be passed to HTCondor.
    """
    if not file.is_file():
        what = "is not a file" if file.exists() else "does not exist"
        raise NotFound(f"the submit file {file} {what}")
    try:
        file.name.encode()
    except UnicodeEncodeError:
        shown = file.name.encode(errors="surrogateescape").decode(errors="replace")
        raise UsageError(f"the name of the submit file {shown} is not UTF-8") from None
    return Directory(path=file.parent.resolve())


def _name_in_archive(path: str) -> str:
    return posixpath.relpath(path, HOMES)


def _unique(name: str) -> str:
    """Return a unique name that a person recognizes.

    It has no commas and spaces, because these have a meaning in job attributes.
    """
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:40].strip("-")
    return f"{readable or 'job'}-{secrets.token_hex(4)}"
