"""Sizes of memory, as people write them."""

from __future__ import annotations

import pytest

from condor_mini.base.sizes import mebibytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2048", 2048),
        ("1024K", 1),
        ("1500 kB", 1),
        ("512M", 512),
        ("512MB", 512),
        ("512 MiB", 512),
        ("1.5GB", 1536),
        ("2g", 2048),
        ("2TB", 2 * 1024 * 1024),
    ],
)
def test_size(text: str, size: int) -> None:
    """Sizes are MiB, and units are powers of 1024."""
    assert mebibytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "0GB", "512K", "-1", "1e3", "2 parsecs", "1.GB", "GB"])
def test_no_size(text: str) -> None:
    """What is no size, or less than a MiB, is refused."""
    with pytest.raises(ValueError, match="must be"):
        mebibytes(text)
