"""What rests on Python's tarfile, on the newest Python that there is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import debian_packages
import link_attacks

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = 40


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="it comes from Debian's packages")
def test_nothing_outside_is_written_or_read(tmp_path: Path) -> None:
    """Whatever archives are copied to one place, nothing of outside is changed, or copied away."""
    python, environment = debian_packages.newest_python(tmp_path)
    version = link_attacks.by(python, environment, SEEDS)
    assert int(version.split(".")[1]) >= 14
