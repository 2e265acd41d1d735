"""Execution points on compute nodes of Slurm, for a pool that other hosts reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.nodes.pool_nodes import PoolNodes


def home_of(pool: PoolNodes) -> Path:
    """Return this user's directory for the Slurm jobs of a pool; it exists if there are any."""
    from platformdirs import user_state_path

    folder = user_state_path("condor-mini", appauthor=False) / "slurm"
    return folder / pool.engine.name / pool.name
