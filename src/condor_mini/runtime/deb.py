"""Reading a Debian package, an ar archive with a tar archive, with the standard library alone."""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAGIC = b"!<arch>\n"
_HEADER = 60
_READERS = {"": "r:", ".gz": "r:gz", ".bz2": "r:bz2", ".xz": "r:xz"}


@contextmanager
def contents(name: str, package: bytes) -> Iterator[tarfile.TarFile]:
    """Open the files in a package as a tar archive.

    Args:
        name: Name of the package in messages.
        package: Contents of the package.

    Raises:
        RuntimeFailed: It is not a Debian package, or is damaged, or Python cannot decompress it.
    """
    for member, data in _members(name, package):
        if not member.startswith("data.tar"):
            continue
        suffix = member.removeprefix("data.tar")
        if suffix not in _READERS:
            raise RuntimeFailed(
                f"{name} contains {member}, which Python's standard library cannot read"
            )
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode=_READERS[suffix]) as archive:  # type: ignore[call-overload] # the modes of the table
                yield archive
        except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # an error of the disk, not of the package
            raise RuntimeFailed(f"{name} is damaged: {error}") from error
        return
    raise RuntimeFailed(f"{name} is not a Debian package: it has no data.tar")


def _members(name: str, package: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and contents of each member of an ar archive; see deb(5)."""
    if not package.startswith(_MAGIC):
        raise RuntimeFailed(f"{name} is not a Debian package")
    at = len(_MAGIC)
    while at + _HEADER <= len(package):
        header = package[at : at + _HEADER]
        try:
            size = int(header[48:58])
        except ValueError:
            raise RuntimeFailed(
                f"{name} is not a Debian package: no member begins at byte {at}"
            ) from None
        start = at + _HEADER
        if size < 0 or start + size > len(package):
            raise RuntimeFailed(f"{name} is truncated")
        yield (
            header[:16].decode("ascii", "replace").strip().rstrip("/"),
            package[start : start + size],
        )
        at = start + size + size % 2
