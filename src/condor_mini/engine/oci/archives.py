"""Parts of tar archives."""

from __future__ import annotations

import tarfile
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO


def is_empty(archive: bytes | BinaryIO) -> bool:
    """Whether an archive ends where it begins; False for a stream, which cannot be looked into."""
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
    """Write to ``whole`` an archive for a folder, as an archive for /.

    Args:
        archive: Is read from where it stands.
        folder: Its absolute path.
        whole: Is left at its beginning.
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
    """Write to ``part`` what an archive for / has for a folder, as an archive for that folder.

    Args:
        archive: Is read from where it stands.
        folder: Its absolute path; what the archive says of the folder itself is ``.``.
        part: Is left at its beginning.

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
            with suppress(ValueError):  # it is not below
                member.name = str(PurePosixPath(member.name.strip("/")).relative_to(below))
                tar.addfile(member, whole.extractfile(member) if member.isreg() else None)
                count += 1
    part.seek(0)
    return count > 0
