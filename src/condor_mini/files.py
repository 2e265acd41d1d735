"""Files between this machine and a node: what ``docker cp`` does, with owners that make sense."""

from __future__ import annotations

import posixpath
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.errors import CondorMiniError, NotFound, ReadOnlyError, UsageError
from condor_mini.nodes import HOME

if TYPE_CHECKING:
    from condor_mini.nodes import Node


def copy_in(node: Node, source: Path, target: str) -> None:
    """Copy a file or a directory into a node that runs.

    What is new belongs to whom the directory belongs that it is put into.

    Args:
        node: Where to.
        source: A file or a directory of this machine.
        target: A directory in the node that is there, or the name that the copy gets; what does
            not begin with a slash is in the home of ``jovyan``.

    Raises:
        NotFound: There is no such source, or no such directory in the node.
        ReadOnlyError: The node cannot be written there.
        PoolNotReady: The node does not run.
    """
    if not source.exists():
        raise NotFound(f"{source} is not there")
    path = _absolute(target)
    if _stat(node, path, "%F") == "directory":
        path = posixpath.join(path, source.resolve().name)
    elif target.endswith("/"):
        raise NotFound(f"{node.name} has no directory {target}")
    parent = posixpath.dirname(path)
    owner = _stat(node, parent, "%u %g")
    if owner is None:
        raise NotFound(
            f"{node.name} has no directory {parent}",
            hint=f"Make it: condor-mini exec -n {node.pool} --node {node.name} -- "
            f"mkdir -p {parent}",
        )
    uid, gid = map(int, owner.split())

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid, member.gid, member.uname, member.gname = uid, gid, "", ""
        return member

    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(source.resolve(), arcname=posixpath.basename(path), filter=owned)
        archive.seek(0)
        try:
            node.engine.copy_in(node.info.id, archive, at=parent)
        except ReadOnlyError:
            raise ReadOnlyError(
                f"{node.name} is read-only at {parent}",
                hint=f"Copy it to {HOME}, /tmp or a volume. For a node of the pool that can be "
                "written everywhere: `read_only: false` in the pool file, for its group.",
            ) from None


def copy_out(node: Node, source: str, target: Path) -> None:
    """Copy a file or a directory out of a node, running or not; it belongs to the caller.

    Args:
        node: Where from.
        source: A file or a directory in the node; what does not begin with a slash is in the home
            of ``jovyan``.
        target: A directory that is there, or the name that the copy gets.

    Raises:
        NotFound: The node has no such file, or there is no such directory here.
        UsageError: A directory is there where a file is to be, or the reverse.
    """
    path = _absolute(source)
    if not target.parent.is_dir():
        raise NotFound(f"there is no directory {target.parent}")
    with tempfile.TemporaryFile() as archive:
        try:
            node.engine.copy_out_archive(node.info.id, path, archive)
        except NotFound:
            raise NotFound(f"{node.name} has no {path}") from None
        archive.seek(0)
        # Beside the target, so that moving it there copies nothing.
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".condor-mini-") as scratch,
            tarfile.open(fileobj=archive) as tar,
        ):
            try:
                tar.extractall(scratch, filter="data")
            except tarfile.FilterError as error:
                raise CondorMiniError(f"{node.name}:{path} is not copied: {error}") from error
            (copied,) = Path(scratch).iterdir()
            final = target / copied.name if target.is_dir() else target
            _move(copied, final)


def _move(copied: Path, final: Path) -> None:
    if copied.is_dir() and not copied.is_symlink():
        if final.exists() and not final.is_dir():
            raise UsageError(f"{final} is a file, and a directory is to be copied there")
        shutil.copytree(copied, final, dirs_exist_ok=True, symlinks=True)
    elif final.is_dir():
        raise UsageError(f"{final} is a directory, and a file is to be copied there")
    else:
        copied.replace(final)


def _absolute(path: str) -> str:
    return posixpath.normpath(posixpath.join(HOME, path or "."))


def _stat(node: Node, path: str, layout: str) -> str | None:
    """What stat(1) says of a path in the node, None for one that is absent."""
    result = node.exec(["stat", "--dereference", "--format", layout, "--", path], user="root")
    return result.stdout.strip() if result.returncode == 0 else None
