"""Files between this machine and a node: what ``docker cp`` does, with owners that make sense."""

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
"""A script that says of each path what it is, and then what it leads to: owner, group and mode."""


def copy_in(node: Node, source: Path, target: str) -> list[str]:
    """Copy a file or a directory into a node that runs.

    The copy belongs to the owner of the directory that it is put into. Symbolic links in a
    directory are copied as links.

    Args:
        node: Where to.
        source: A file or a directory of this machine.
        target: A directory in the node that is there, or the name that the copy gets; what does
            not begin with a slash is in the home of ``jovyan``.

    Returns:
        The names of what was not copied: it is neither a file nor a directory nor a link.

    Raises:
        NotFound: There is no such source, or no such directory in the node.
        UsageError: The source is a symbolic link or cannot be read; or the way to the target has a
            symbolic link that is not root's.
        ReadOnlyError: The node cannot be written there.
        PoolNotReady: The node does not run.
    """
    with _typed(source) as (tree, name, status), tempfile.TemporaryFile() as archive:
        if status is None:
            raise NotFound(f"{source} is not there")
        if tree.path / name == Path("/"):
            raise UsageError("a machine is not copied as a whole: name a directory of it")
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
                hint=f"Copy it to {HOME}, /tmp or a volume. For a node of the pool that can be "
                "written everywhere: `read_only: false` in the pool file, for its group.",
            ) from None
    return skipped


def copy_out(node: Node, source: str, target: Path) -> None:
    """Copy a file or a directory out of a node, running or not; it belongs to the caller.

    Nothing is written through a symbolic link, and none is made that leads out of the copy.

    Args:
        node: Where from.
        source: A file or a directory in the node; what does not begin with a slash is in the home
            of ``jovyan``.
        target: A directory that is there, or the name that the copy gets.

    Raises:
        NotFound: The node has no such file, or there is no such directory here.
        UsageError: A directory is there where a file is to be, or the reverse; or one of the two
            is a symbolic link.
        CondorMiniError: Something cannot be written, or must not; all else is.
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
            f"of {node.name}:{path} this is not copied to {tree.path / name}:\n"
            f"{archives.lines(done.refused)}"
        )


# -- this machine ---------------------------------------------------------------------------------


@contextmanager
def _typed(path: Path) -> Iterator[tuple[Tree, str, os.stat_result | None]]:
    """Open what the caller has typed: the tree, the name in it, and what is there, if anything."""
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
    """Raise ``UsageError`` for a copy that cannot take the place of what is there."""
    if first is not None and first.issym():
        leads = posixpath.normpath(posixpath.join(posixpath.dirname(path), first.linkname))
        raise UsageError(
            f"{node.name}:{path} is a symbolic link",
            hint=f"Name what it leads to: condor-mini cp -n {node.pool} {node.name}:{leads} …",
        )
    there, final = tree.status(name), tree.path / name
    _check_no_link(tree, name, there)
    if there is None or first is None:
        return
    if first.isdir() and not stat.S_ISDIR(there.st_mode):
        raise UsageError(f"{final} is a file, and a directory is to be copied there")
    if not first.isdir() and stat.S_ISDIR(there.st_mode):
        raise UsageError(f"{final} is a directory, and a file is to be copied there")


def _check_no_link(tree: Tree, name: str, status: os.stat_result | None) -> None:
    if status is not None and stat.S_ISLNK(status.st_mode):
        raise _linked(LinkFound(tree.path / name, tree.link_text(name)))


def _linked(link: LinkFound) -> UsageError:
    return UsageError(
        f"{link.strerror}, and `cp` follows no link: a job may have put it there",
        hint="Name what it leads to, or remove it.",
    )


# -- the node -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A path in a node."""

    path: str
    uid: int
    gid: int
    mode: int


def _place_in(node: Node, target: str, name: str) -> _Place:
    """Where a copy gets to, and the owner that it gets."""
    path = _absolute(target)
    *above, _ = accumulate(path.split("/")[1:], posixpath.join, initial="/")
    found = _looked_up(node, [*above, path, posixpath.join(path, name)])
    there = found.get(path)
    if there is not None and stat.S_ISDIR(there.mode):
        return replace(there, path=posixpath.join(path, name))
    if target.endswith("/"):
        raise NotFound(f"{node.name} has no directory {target}")
    parent = found.get(above[-1])
    if parent is None or not stat.S_ISDIR(parent.mode):
        raise NotFound(
            f"{node.name} has no directory {above[-1]}",
            hint=f"Make it: condor-mini exec -n {node.pool} --node {node.name} -- "
            f"mkdir -p {above[-1]}",
        )
    return replace(parent, path=path)


def _looked_up(node: Node, paths: Sequence[str]) -> dict[str, _Place]:
    """What these paths lead to, of which each is above the next one, as far as they are there."""
    said = node.exec(["sh", "-c", _LOOK, "sh", *paths], user="root").stdout
    there, _, leads_to = said.partition("\n\n")
    for place in _places(paths, there):
        if stat.S_ISLNK(place.mode) and place.uid != 0:
            real = node.exec(["readlink", "-f", "--", place.path], user="root").stdout.strip()
            raise UsageError(
                f"{node.name}:{place.path} is a symbolic link to {real or 'nothing'}, which root "
                "has not made, and `cp` follows none of these: a job may have put it there",
                hint="Name what it leads to, or remove it.",
            )
    return {place.path: place for place in _places(paths, leads_to)}


def _places(paths: Sequence[str], said: str) -> list[_Place]:
    lines = [line.split() for line in said.splitlines()]
    # Where one is missing, so are those after it.
    return [
        _Place(path=path, uid=int(uid), gid=int(gid), mode=int(mode, 16))
        for path, (uid, gid, mode) in zip(paths, lines, strict=False)
    ]


def _absolute(path: str) -> str:
    return posixpath.normpath(posixpath.join(HOME, path or "."))
