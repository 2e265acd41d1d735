"""The embedded engine in an ordinary container, where the kernel refuses it namespaces."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import BindMount, ContainerSpec
from sandbox_programs import sandbox_runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import Engine

pytestmark = pytest.mark.engines("docker")

CHILD = Path(__file__).parent / "embedded_child.py"
SYSTEM = ("/usr", "/lib", "/lib64", "/etc")
"""What a Python needs of the host: the container has next to nothing of its own."""


@pytest.fixture(scope="module")
def root() -> Path:
    """The runtime's tree."""
    return sandbox_runtime().root


@pytest.mark.parametrize("user", ["0", "7104:7104"])
def test_paths_are_translated_in_a_container(
    engine: Engine, run: Callable[[ContainerSpec], str], spec: ContainerSpec, root: Path, user: str
) -> None:
    """By itself it passes over namespaces, says why, and runs containers, as root and as others."""
    needed = {*SYSTEM, sys.prefix, sys.base_prefix, str(CHILD.parents[2]), str(root.parent)}
    mounts = tuple(
        BindMount(source=Path(path), target=path, read_only=True)
        for path in sorted(needed)
        if Path(path).exists()
    )
    run(replace(spec, mounts=mounts))
    engine.exec(spec.name, ["sh", "-c", "mkdir -m 1777 /state && chmod 1777 /tmp"])
    argv = [sys.executable, str(CHILD), "probe", str(root), "/state/engine", "auto"]
    said = engine.exec(spec.name, argv, user=user, environment={"HOME": "/state"})
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout)
    (reason,) = answer.pop("rejected")
    assert answer == {"sandbox": "paths", "many_users": False, "said": "0\n"}
    assert reason.startswith("namespaces: unshare: ")
