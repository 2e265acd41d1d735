"""Create all or nothing: after a failure, save the logs and remove what was created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, PoolNotReady
from condor_mini.base.signals import held_back
from condor_mini.reports.failure_logs import export_logs, failure_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.base.progress import Progress
    from condor_mini.nodes.node import Node


def make_or_roll_back(
    make: Callable[[], None],
    undo: Callable[[], str],
    made: Callable[[], list[Node]],
    progress: Progress,
    *,
    pool: str,
) -> None:
    """Call ``make``. If an exception or a signal ends it early, save the logs and call ``undo``.

    The error reports both: where the logs are, and what was removed. This is a function and not a
    context manager, because none of our code may run between the failure and the moment from which
    signals are held back.

    Args:
        make: Creates the nodes.
        undo: Removes what was created, and returns the sentence that reports it.
        made: Returns the nodes that exist so far; their logs are saved.
        progress: Receives the report if the failure is not one of our errors.
        pool: Name of the pool.
    """
    with held_back() as held:
        try:
            with held.let_through():
                make()
        except BaseException as failure:
            # A second signal that came at the same time may have let signals through again.
            with held_back():
                _report(failure, _save_logs(made, pool) + _undone(undo, pool), progress)
            raise


def _report(failure: BaseException, outcome: str, progress: Progress) -> None:
    """Add to the failure what happened to the nodes that were created."""
    if not outcome:
        return
    if isinstance(failure, PoolNotReady):
        failure.hint = outcome  # the hint that it has is about a pool that still exists
    elif isinstance(failure, CondorMiniError):
        failure.hint = " ".join(filter(None, [failure.hint, outcome]))
    else:
        failure.add_note(outcome)
        progress.note(outcome)


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
    # A second attempt: the engine may need a moment, or a terminal's Ctrl-C ended its client.
    try:
        return undo()
    except (CondorMiniError, OSError) as failure:
        return (
            f"Not all could be removed ({_message(failure)}). "
            f"Delete the rest: condor-mini delete -n {pool}"
        )


def _message(failure: Exception) -> str:
    return failure.message if isinstance(failure, CondorMiniError) else str(failure)
