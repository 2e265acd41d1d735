"""What a job waits for, for as long as a test wants: seconds would pass too soon on a busy machine.

It is a file in the user's home on each execution point.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.base.layout import USER
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from condor_mini.pool import Pool


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Closed until a test opens it."""

    pool: Pool
    file: str = field(default_factory=lambda: f"gate-{uuid.uuid4().hex[:8]}")

    @property
    def passage(self) -> str:
        """The shell command that ends when the gate is open."""
        # Jobs of HTCondor 23 have no HOME.
        return f"until [ -e /home/{USER}/{self.file} ]; do sleep 0.1; done"

    def open(self) -> None:
        """Let jobs pass, on every execution point that runs."""
        points = (node for node in self.pool.nodes if node.role is Role.EXECUTION_POINT)
        for node in points:
            if node.is_running:
                said = node.exec(["sh", "-c", f"touch ~/{self.file}"])
                assert said.returncode == 0, said.stderr
