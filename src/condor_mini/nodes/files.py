"""Copies of files between this machine and a node, like ``docker cp`` but with useful owners."""

from __future__ import annotations

import posixpath
import stat
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base import archives
from condor_mini.base.errors import CondorMiniError, NotFound, ReadOnlyError, UsageError
from condor_mini.base.layout import HOME
from condor_mini.base.tree import LinkFound, Tree, named

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from condor_mini.nodes.node import Node

_LOOK = """
stat --format '%u %g %f' -- "$@"
echo
stat --dereference --format '%u %g %f' -- "$@"
"""
"""A script that prints owner, group and mode of each path, then of each path's link target."""


def copy_in(node: Node, source: Path, target: str) -> list[str]:
    """Copy a file or a directory into a running node.

    The copy belongs to the owner of the directory that it is put into, or to ``jovyan`` if
    everybody can write there. Symbolic links in a directory are copied as links.

    Args:
        node: Node to copy to.
        source: A file or a directory of this machine.
        target: An existing directory in the node, or the path of the copy. A relative path is
            relative to the home of ``jovyan``.

    Returns:
        The names of entries that were not copied, because they are neither files nor directories
        nor links.

    Raises:
        NotFound: There is no such source, or no such directory in the node.
        UsageError: The source is a symbolic link or cannot be read, or the path to the target
            contains a symbolic link that root does not own.
        ReadOnlyError: The node's file system is read-only there.
        PoolNotReady: The node does not run.
    """
    with _typed(source) as (tree, name, status), tempfile.TemporaryFile() as archive:
        if status is None:
            raise NotFound(f"{source} does not exist")
        if tree.path / name == Path("/"):
            raise UsageError("a machine is not copied as a whole: name a directory on it")
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{source} is neither a file nor a directory")
        place = _place_in(node, target, (tree.path / name).name)
        found = archives.entries(tree, name, posixpath.basename(place.path))
        with tarfile.open(fileobj=archive, mode="w") as tar:
            skipped = archives.pack(tar, found, uid=place.uid, gid=place.gid)
        archive.seek(0)
        parent = posixpath.dirname(place.path)
        try:
            node.engine.copy_in(node.info.id, archive, at=parent)
        except ReadOnlyError:
            raise ReadOnlyError(
                f"{node.name} is read-only at {parent}",
                hint=f"Copy it to {HOME}, /tmp or a volume. To make the nodes of a group writable "
                "everywhere, set `read_only: false` for the group in the pool file.",
            ) from None
    return skipped


def copy_out(node: Node, source: str, target: Path) -> None:
    """Copy a file or a directory out of a node, running or not. The copy belongs to the caller.

    Nothing is written through a symbolic link, and no link that leads out of the copy is created.

    Args:
        node: Node to copy from.
        source: A file or a directory in the node. A relative path is relative to the home of
            ``jovyan``.
        target: An existing directory of this machine, or the path of the copy.

    Raises:
        NotFound: The node has no such file, or there is no such directory here.
        UsageError: A directory would replace a file or a file a directory, or the source or the
            target is a symbolic link.
        CondorMiniError: Something could not be written, or was refused; all else was copied.
    """
    path = _absolute(source)
    top = posixpath.basename(path)
    if not top:
        raise UsageError("a node is not copied as a whole: name a directory in it")
    with _typed(target) as (tree, name, status), tempfile.TemporaryFile() as archive:
        if status is not None and stat.S_ISDIR(status.st_mode):
            name = posixpath.join(name, top)
        elif status is None and not tree.has_directory(posixpath.dirname(name)):
            raise NotFound(f"there is no directory {target.parent}")
        try:
            node.engine.copy_out_archive(node.info.id, path, archive)
        except NotFound:
            raise NotFound(f"{node.name} has no {path}") from None
        archive.seek(0)
        with archives.opened(archive) as tar:
            _check_fits(node, path, tar.next(), tree, name)
            done = archives.unpack(tar, top, tree, name)
    if done.refused:
        raise CondorMiniError(
            f"not everything of {node.name}:{path} was copied to {tree.path / name}; missing:\n"
            f"{archives.lines(done.refused)}"
        )


# -- this machine ---------------------------------------------------------------------------------


@contextmanager
def _typed(path: Path) -> Iterator[tuple[Tree, str, os.stat_result | None]]:
    """Open a path that the caller typed; yield its tree, its name there, and its status if any."""
    try:
        tree, name = named(path)
    except OSError:
        raise NotFound(f"there is no directory {path.parent}") from None
    with tree:
        try:
            status = tree.status(name)
        except LinkFound as link:
            raise _linked(link) from link
        except OSError:
            status = None
        _check_no_link(tree, name, status)
        yield tree, name, status


def _check_fits(
    node: Node, path: str, first: tarfile.TarInfo | None, tree: Tree, name: str
) -> None:
    """Raise ``UsageError`` if the copy cannot replace what exists at the target."""
    if first is not None and first.issym():
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), first.linkname))
        raise UsageError(
            f"{node.name}:{path} is a symbolic link",
            hint=f"Name its target: condor-mini cp -n {node.pool} {node.name}:{leads} …",
        )
    existing, final = tree.status(name), tree.path / name
    _check_no_link(tree, name, existing)
    if existing is None or first is None:
        return
    if first.isdir() and not stat.S_ISDIR(existing.st_mode):
        raise UsageError(f"{final} is a file, and a directory would replace it")
    if not first.isdir() and stat.S_ISDIR(existing.st_mode):
        raise UsageError(f"{final} is a directory, and a file would replace it")


def _check_no_link(tree: Tree, name: str, status: os.stat_result | None) -> None:
    if status is not None and stat.S_ISLNK(status.st_mode):
        raise _linked(LinkFound(tree.path / name, tree.link_text(name)))


def _linked(link: LinkFound) -> UsageError:
    return UsageError(
        f"{link.strerror}, and `cp` follows no links: a job may have created it",
        hint="Name the link's target, or remove the link.",
    )


# -- the node -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A path in a node, with its owner and mode."""

    path: str
    uid: int
    gid: int
    mode: int


def _place_in(node: Node, target: str, name: str) -> _Place:
    """Return the path of the copy in the node, and the owner that the copy gets."""
    path = _absolute(target)
    *above, _ = accumulate(path.split("/")[1:], posixpath.join, initial="/")
    found = _looked_up(node, [*above, path, posixpath.join(path, name)])
    if node.is_personal:  # the engine may count its user's number in another way
        uid, gid = node.owner
        found = {each: replace(place, uid=uid, gid=gid) for each, place in found.items()}
    else:
        found = {each: _of_everybody(place, node.owner) for each, place in found.items()}
    existing = found.get(path)
    if existing is not None and stat.S_ISDIR(existing.mode):
        return replace(existing, path=posixpath.join(path, name))
    if target.endswith("/"):
        raise NotFound(f"{node.name} has no directory {target}")
    parent = found.get(above[-1])
    if parent is None or not stat.S_ISDIR(parent.mode):
        raise NotFound(
            f"{node.name} has no directory {above[-1]}",
            hint=f"Create it: condor-mini exec -n {node.pool} --node {node.name} -- "
            f"mkdir -p {above[-1]}",
        )
    return replace(parent, path=path)


def _of_everybody(place: _Place, owner: tuple[int, int]) -> _Place:
    """Return the place with the ordinary user as its owner if everybody can write there."""
    if not place.mode & stat.S_IWOTH:
        return place
    uid, gid = owner
    return replace(place, uid=uid, gid=gid)


def _looked_up(node: Node, paths: Sequence[str]) -> dict[str, _Place]:
    """Return those of the paths that exist, with links resolved; each path is above the next.

    Raises ``UsageError`` for a symbolic link that root does not own.
    """
    output = node.exec(["sh", "-c", _LOOK, "sh", *paths], user="root").stdout
    themselves, _, targets = output.partition("\n\n")
    for place in _places(paths, themselves):
        if stat.S_ISLNK(place.mode) and place.uid != 0:
            real = node.exec(["readlink", "-f", "--", place.path], user="root").stdout.strip()
            raise UsageError(
                f"{node.name}:{place.path} is a symbolic link to {real or 'nothing'} that root "
                "does not own, and `cp` follows no such link: a job may have created it",
                hint="Name the link's target, or remove the link.",
            )
    return {place.path: place for place in _places(paths, targets)}


def _places(paths: Sequence[str], output: str) -> list[_Place]:
    lines = [line.split() for line in output.splitlines()]
    # If a path is missing, so are all after it.
    return [
        _Place(path=path, uid=int(uid), gid=int(gid), mode=int(mode, 16))
        for path, (uid, gid, mode) in zip(paths, lines, strict=False)
    ]


def _absolute(path: str) -> str:
    return posixpath.normpath(posixpath.join(HOME, path or "."))
