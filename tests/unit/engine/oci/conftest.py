"""Commands on PATH that are scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    PutBinary = Callable[[str, str], None]


@pytest.fixture
def put_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PutBinary:
    """Puts a command that is a shell's script on a PATH of nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("CONDOR_MINI_ENGINE", "CONTAINER_HOST", "DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)

    def put(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put
