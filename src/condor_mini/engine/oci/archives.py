"""Parts of tar archives."""

from __future__ import annotations

import tarfile
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO


def is_empty(archive: bytes | BinaryIO) -> bool:
    """Return whether an archive has no members; False for a stream, which cannot be looked into."""
    if isinstance(archive, bytes):
        first = archive[: tarfile.BLOCKSIZE]
    elif archive.seekable():
        start = archive.tell()
        first = archive.read(tarfile.BLOCKSIZE)
        archive.seek(start)
    else:
        return False
    return first == tarfile.NUL * tarfile.BLOCKSIZE


def copy_under(archive: BinaryIO, folder: str, whole: BinaryIO) -> None:
    """Write an archive for a folder to ``whole``, as an archive for /.

    Args:
        archive: The archive for the folder, read from its current position.
        folder: The absolute path of the folder.
        whole: The file to write to; it is rewound.
    """
    with (
        tarfile.open(fileobj=archive, mode="r:") as part,
        tarfile.open(fileobj=whole, mode="w") as tar,
    ):
        for member in part:
            member.name = str(PurePosixPath(folder.strip("/"), member.name))
            if member.islnk():
                member.linkname = str(PurePosixPath(folder.strip("/"), member.linkname))
            tar.addfile(member, part.extractfile(member) if member.isreg() else None)
    whole.seek(0)


def copy_below(archive: BinaryIO, folder: str, part: BinaryIO) -> bool:
    """Write what an archive for / has for a folder to ``part``, as an archive for that folder.

    Args:
        archive: The archive for /, read from its current position.
        folder: The absolute path of the folder; the folder itself is ``.`` in the result.
        part: The file to write to; it is rewound.

    Returns:
        Whether there is anything.
    """
    below = PurePosixPath(folder.strip("/"))
    count = 0
    with (
        tarfile.open(fileobj=archive, mode="r:") as whole,
        tarfile.open(fileobj=part, mode="w") as tar,
    ):
        for member in whole:
            with suppress(ValueError):  # not below the folder
                member.name = str(PurePosixPath(member.name.strip("/")).relative_to(below))
                tar.addfile(member, whole.extractfile(member) if member.isreg() else None)
                count += 1
    part.seek(0)
    return count > 0
