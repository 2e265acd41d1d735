"""The pools of the examples with HTCondor's credential monitor."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.nodes.node import Role
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine import Engine

EXAMPLES = Path(__file__).parents[2] / "examples"
INSTALL_S = 120


def create(
    place: Path,
    file: str,
    requirements: str,
    *,
    series: str,
    engine: Engine,
    ports: Mapping[str, int],
) -> Pool:
    """Return the pool of an example, with the libraries that its page says to install.

    Args:
        place: An empty directory for a copy of the example.
        file: Name of the pool file.
        requirements: Name of the file that pip is given.
        series: Series of HTCondor.
        engine: The engine to create it on.
        ports: The ports of the file, and those to have in their place.
    """
    content = (EXAMPLES / "pools" / file).read_text()
    for port, other in ports.items():
        content = content.replace(port, str(other))
    spec = place / file
    spec.write_text(f'{content}htcondor: "{series}"\n')
    beside = EXAMPLES / "pools/credentials"
    shutil.copytree(
        beside, place / "credentials", ignore=shutil.ignore_patterns("modules", "__pycache__")
    )
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes"]
    subprocess.run(
        [
            *(*pip, "--target", str(place / "credentials/modules")),
            *("--requirement", str(beside / requirements)),
        ],
        check=True,
        timeout=INSTALL_S,
        capture_output=True,
    )
    return Pool.create(f"t{uuid.uuid4().hex[:8]}", spec=spec, engine=engine)


def on_access_point(pool: Pool, *argv: str, user: str = "root") -> str:
    """Return what a command says on the access point."""
    node = next(node for node in pool.nodes if node.role is Role.ACCESS_POINT)
    result = node.exec(argv, user=user)
    assert result.returncode == 0, result.stderr
    return result.stdout


def run(pool: Pool, job: Path, *, timeout_s: float) -> None:
    """Submit a job of the examples, and fetch what it has written."""
    submission = pool.submit(job, arguments=[f"storage={pool.name}-submit-1:8080"])
    submission.wait(timeout_s=timeout_s)
    submission.fetch()
