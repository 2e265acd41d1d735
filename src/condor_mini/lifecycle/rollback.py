"""What is made is there as a whole or not at all: whatever fails is undone, its logs saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, PoolNotReady
from condor_mini.base.signals import held_back
from condor_mini.reports.log_bundle import export_logs, failure_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.base.progress import Progress
    from condor_mini.nodes.node import Node


def make_or_undo(
    make: Callable[[], None],
    undo: Callable[[], str],
    made: Callable[[], list[Node]],
    progress: Progress,
    *,
    pool: str,
) -> None:
    """Make something; whatever ends that early, a signal too: save the logs, and undo it.

    A function and not a context manager: between the failure and the moment from which signals are
    held back there must be nothing of ours.
    """
    with held_back() as held:
        try:
            with held.let_through():
                make()
        except BaseException as failure:
            with held_back():  # again: of two signals at once, the second may have undone that
                _tell(failure, _save_logs(made, pool) + _undone(undo, pool), progress)
            raise


def _tell(failure: BaseException, told: str, progress: Progress) -> None:
    """Say what became of what was made."""
    if not told:
        return
    if isinstance(failure, PoolNotReady):
        failure.hint = told  # its own is about a pool that stays
    elif isinstance(failure, CondorMiniError):
        failure.hint = " ".join(filter(None, [failure.hint, told]))
    else:
        failure.add_note(told)
        progress.note(told)


def _save_logs(made: Callable[[], list[Node]], pool: str) -> str:
    try:
        nodes = made()
        if not nodes:
            return ""
        directory = failure_directory(pool)
        export_logs(nodes[0].engine, nodes, directory)
    except (CondorMiniError, OSError) as failure:
        return f"The logs could not be saved ({_message(failure)}). "
    return f"All logs: {directory}. " if directory.is_dir() else "The logs could not be saved. "


def _undone(undo: Callable[[], str], pool: str) -> str:
    try:
        return undo()
    except (CondorMiniError, OSError):
        pass
    try:  # again: an engine may need a moment, and a terminal's Ctrl-C may have ended its client
        return undo()
    except (CondorMiniError, OSError) as failure:
        return f"Not all could be removed ({_message(failure)}): condor-mini delete -n {pool}"


def _message(failure: Exception) -> str:
    return failure.message if isinstance(failure, CondorMiniError) else str(failure)
