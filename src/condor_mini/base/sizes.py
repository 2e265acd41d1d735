"""Sizes of memory and disk as people write them: ``2048``, ``512M``, ``1.5GB``, ``2 TiB``."""

from __future__ import annotations

import re

SIZE_PATTERN = r"^([0-9]{1,12}(\.[0-9]{1,6})?)\s*(([kKmMgGtT])([iI]?[bB])?)?$"
"""What ``mebibytes`` takes; also a pattern of JSON schemas."""
SIZE_EXAMPLES = "a size, as 2048 (MiB), 512MB, 1.5GB or 2TB"

_UNITS = {None: 1, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}


def mebibytes(size: str) -> int:
    """Return a size in MiB, rounded down. A number without a unit is MiB already.

    All units are powers of 1024, with and without an i, as HTCondor counts (manual,
    condor_submit, ``request_memory``).

    Raises:
        ValueError: It is no size, or less than 1 MiB.
    """
    found = re.fullmatch(SIZE_PATTERN, size.strip())
    if not found:
        raise ValueError(f"must be {SIZE_EXAMPLES}, not {size[:60]!r}")
    result = int(float(found[1]) * _UNITS[found[4] and found[4].lower()])
    if result < 1:
        raise ValueError(f"must be at least 1 MiB, not {size!r}")
    return result
