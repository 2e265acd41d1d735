"""The logs that are saved when a command fails, before what it made is removed."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.nodes.node import pool_nodes
from condor_mini.reports.log_bundle import export

if TYPE_CHECKING:
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node

FAILURE_TIMEOUT_S = 10.0
"""Deadline in seconds if the bundle is collected because of a failure."""


def save_for(error: BaseException, engine: Engine, pool: str) -> None:
    """Save the pool's logs, and add a note to the error that names their directory."""
    directory = failure_directory(pool)
    try:
        export_logs(engine, pool_nodes(engine, pool), directory)
    except CondorMiniError as failure:
        error.add_note(f"The logs of the pool {pool} could not be saved: {failure}")
    else:
        error.add_note(f"The logs of the pool {pool}: {directory}")


def failure_directory(pool: str) -> Path:
    """Return a new path for the bundle of a failure, below the user's log directory.

    The path itself does not exist yet; its parent is created. Without a writable log directory, it
    is below the directory for temporary files.
    """
    from platformdirs import user_log_path

    parent = user_log_path("condor-mini", appauthor=False)
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(parent, os.W_OK | os.X_OK)
    except OSError:
        usable = False
    if not usable:  # there is no home directory, or it is full or read-only
        parent = Path(tempfile.gettempdir())
    now = datetime.now().astimezone()
    return parent / f"{pool}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def export_logs(
    engine: Engine, nodes: list[Node], directory: Path, *, timeout_s: float = FAILURE_TIMEOUT_S
) -> None:
    """Collect what there is of these nodes, complete or not, and raise no error.

    Args:
        engine: Engine that the nodes are on.
        nodes: Nodes of one pool; may be empty.
        directory: Directory to write to. It is created, readable only by its owner.
        timeout_s: Give up after so many seconds.
    """
    with suppress(Exception):
        export(engine, nodes, directory, timeout_s=timeout_s)
