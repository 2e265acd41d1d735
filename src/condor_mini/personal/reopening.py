"""A personal pool that was stopped, started again without a session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL
from condor_mini.base.series import catalogue
from condor_mini.nodes.personal_labels import NOTEBOOK, PUBLISHED, REACHABLE, STATE_DIRECTORY
from condor_mini.personal.checks import check_series
from condor_mini.personal.pool import PersonalPool
from condor_mini.personal.spec import PersonalSpec

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.nodes.node import Node


def reopen(node: Node, progress: Progress, *, series: str | None = None) -> None:
    """Start a personal pool on its state directory, as with ``condor-mini run --keep``.

    A pool that runs goes on. One that has ended gets a new container: the mounts of the old one may
    have ended with its session.

    Args:
        node: The pool's container, in whatever state.
        progress: Receives the phases.
        series: Series of HTCondor. None for the pool's.

    Raises:
        UsageError: There is no such series.
        CondorMiniError: What ``PersonalPool.open`` raises.
    """
    with PersonalPool.open(node.engine, options_of(node, series), progress, keep=True):
        pass


def check_reopenable(node: Node, series: str | None) -> None:
    """Raise the errors of ``reopen`` that can be known before the pool is stopped.

    Raises:
        UsageError: There is no such series.
        StateError: A newer HTCondor has written the pool's state.
    """
    options = options_of(node, series)
    check_series(options.state, catalogue().get(options.series))


def options_of(node: Node, series: str | None = None) -> PersonalSpec:
    """Return the options that a personal pool was started with, from its labels."""
    cpus, memory, host_files, workdir, profile = (
        node.info.labels.get(f"{LABEL}.{key}", "")
        for key in ("cpus", "memory", "host-files", "workdir", "profile")
    )
    notebook = node.info.labels.get(NOTEBOOK)
    return PersonalSpec(
        state=Path(node.info.labels[STATE_DIRECTORY]),
        workdir=Path(workdir),
        name=node.pool,
        series=catalogue().get(series or node.series).number,
        cpus=int(cpus) if cpus else None,
        memory_mb=int(memory) if memory else None,
        profile=profile or None,
        host_files=host_files or None,
        reachable=False if node.info.labels.get(REACHABLE) == "false" else node.published_port,
        notebook=bool(notebook),
        notebook_port=int(notebook) if notebook else None,
        publish=tuple(node.info.labels.get(PUBLISHED, "").split()),
    )
