"""A program of the machine that does not end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A program that does not end by itself."""
    program = tmp_path / "mmdebstrap"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    return program
