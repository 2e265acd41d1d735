"""The contract once more, by an ordinary user, whose Podman is another one than root's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from podman_for_tests import OrdinaryUser

TIMEOUT_S = 400.0
FILES = (
    *("test_containers.py", "test_images.py", "test_inside.py", "test_networks.py"),
    *("test_oci.py", "test_ports.py", "test_volumes.py"),
)
"""Not attach and logs: there the user's Podman is the same program on the same kind of file."""
AT_LEAST = 150
"""How many tests they are: a run that chose none has not passed."""


@pytest.mark.engines("podman-rootless")
@pytest.mark.timeout(500)
def test_contract_holds_for_an_ordinary_user(engine_name: str, ordinary_user: OrdinaryUser) -> None:
    """All that root's privileges could help with works without them."""
    del engine_name
    files = [Path("tests/engine") / name for name in FILES]
    done = ordinary_user.run_tests(*files, timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= AT_LEAST, done.stdout
