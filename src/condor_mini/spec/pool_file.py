"""Reading a pool file: from YAML to a ``PoolSpec``, or to all problems of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import PoolFileError
from condor_mini.spec import PoolSpec
from condor_mini.spec.document import Document, Source, whole

if TYPE_CHECKING:
    import os
    from pathlib import Path

MOST_STORED_BYTES = 100_000
"""Size limit of a stored spec.

The spec is stored in a label, which is an argument of a command line. Linux limits an argument to
128 KiB.
"""
POOL_FILE = Document(words="pool file", model=PoolSpec, error=PoolFileError, example="name: mini")


def read_pool_file(file: str | os.PathLike[str]) -> PoolSpec:
    """Return the spec in a pool file, or in stdin for ``-``.

    Relative paths of the host are relative to the file, or to the current directory for stdin.

    Raises:
        PoolFileError: The file cannot be read or has mistakes; lists all of them.
        NotFound: There is no such file.
    """
    return _load(POOL_FILE.read(file))


def load_pool_file(text: str, *, source: str, base: Path) -> PoolSpec:
    """Return the spec in the text of a pool file.

    Args:
        text: Text of the pool file, YAML.
        source: Name of the pool file in messages.
        base: Absolute path of the directory that relative paths of the host are relative to.

    Raises:
        PoolFileError: The text has mistakes; lists all of them, with line and column.
    """
    return _load(Source(text=text, name=source, base=base))


def _load(source: Source) -> PoolSpec:
    spec = POOL_FILE.load(source)
    if (size := len(spec.to_json().encode())) > MOST_STORED_BYTES:
        message = (
            f"is too large: its stored form has {size} bytes, and the limit is {MOST_STORED_BYTES}"
        )
        raise PoolFileError(source.name, [whole(message)])
    return spec
