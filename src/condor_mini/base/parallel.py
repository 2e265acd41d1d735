"""Makes several calls at a time: an engine's command line spends most of its time waiting."""

from __future__ import annotations

from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from condor_mini.base.signals import held_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 8
SIGNALS_EVERY_S = 0.1


def each(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    on_stop: Callable[[], object] = lambda: None,
) -> list[R]:
    """Call ``function`` on every item, ``WORKERS`` at a time; return results in the items' order.

    The first failure ends it, as does a signal: calls that have not started are dropped, the others
    are told by ``on_stop`` and waited for. Then the failure is raised.
    """
    # Signals are held back: in our threads for good, so that an engine's client that they start is
    # not interrupted half-way; and here, so that we never leave without having waited.
    with held_back() as held:
        executor = ThreadPoolExecutor(WORKERS)
        try:
            futures = [executor.submit(function, item) for item in items]
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, SIGNALS_EVERY_S, return_when=FIRST_EXCEPTION)
                _raise_first([future for future in futures if future in done])
                with held.let_through():
                    pass  # a pending signal raises here
            return [future.result() for future in futures]
        except BaseException:
            on_stop()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _raise_first(done: Iterable[Future[R]]) -> None:
    for future in done:
        if (error := future.exception()) is not None:
            raise error
