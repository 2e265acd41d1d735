"""The contract once more, by an ordinary user, whose Podman is another one than root's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from podman_for_tests import OrdinaryUser

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 280.0


@pytest.mark.engines("podman-rootless")
def test_contract_holds_for_an_ordinary_user(engine_name: str, ordinary_user: OrdinaryUser) -> None:
    """All tests of this folder pass without root."""
    del engine_name
    argv = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(ROOT)),
        *("--config-file", str(ROOT / "pyproject.toml"), "--engines", "podman", "-q"),
        *("--deselect", "tests/engine/test_podman_rootless.py", str(ROOT / "tests/engine")),
    ]
    done = ordinary_user.run(argv, timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout
