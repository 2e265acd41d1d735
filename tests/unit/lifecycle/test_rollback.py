"""Whatever fails while a pool is created, and whenever a signal comes: nothing is left."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from condor_mini.base import parallel, signals
from condor_mini.base.errors import CommandFailed, CondorMiniError, EngineNotFound, PoolNotReady
from condor_mini.cli import Terminated
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle import creation, ready, removal, rollback, startup
from pool_ci import FAILURES, WHOLE, count_calls, create, held

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from pool_engine import PoolEngine

SIGNALS = {"ctrl-c": (signal.SIGINT, KeyboardInterrupt), "term": (signal.SIGTERM, Terminated)}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failure_of_any_call_leaves_nothing(
    new_pools: Callable[[], PoolEngine], failure: str, *, after: bool
) -> None:
    """Whichever call of the engine fails, and however, all that was made is gone."""
    total = count_calls(create, new_pools())
    failed = 0
    for number in range(1, total + 1):
        engine = new_pools()
        engine.fail_at(number, FAILURES[failure](), after=after)
        try:
            create(engine)
        except CondorMiniError:
            failed += 1
            assert held(engine) == [], f"call {number}: {engine.calls[number - 1]}"
        else:
            # What was not answered is asked again, as is a start that was refused.
            assert held(engine) == WHOLE, f"call {number}: {engine.calls[number - 1]}"
    assert failed > total // 2


def test_failure_names_a_directory_with_the_logs(new_pools: Callable[[], PoolEngine]) -> None:
    """Whichever call fails once there are nodes, the error names a directory, which is there."""
    total = count_calls(create, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.fail_at(number, FAILURES["failed"]())
        said = ""
        try:
            create(engine)
        except CondorMiniError as error:
            said = str(error)
        if said and engine.has_held_nodes:
            found = re.search(r"All logs: (\S+)\. ", said)
            assert found, f"call {number}: {said}"
            assert list(Path(found[1]).glob("ci-*/container.log"))


def test_keep_keeps(new_pools: Callable[[], PoolEngine]) -> None:
    """With ``keep`` what was made stays, and the error says how to look at it."""
    engine = new_pools()
    engine.probe = lambda _: FakeOutcome(returncode=1, stdout="nobody wants it")
    with pytest.raises(PoolNotReady, match=r"is kept; look at it: condor-mini status -n ci"):
        create(engine, keep=True, timeout_s=0)
    assert held(engine) == WHOLE


def test_engine_that_is_gone_for_good_is_told(new_pools: Callable[[], PoolEngine]) -> None:
    """Where nothing can be removed any more, the error says what to do when the engine is back."""
    engine = new_pools()
    engine.fail_at(15, FAILURES["gone"](), for_good=True)
    with pytest.raises(
        EngineNotFound,
        match=r"nobody answers\nThe logs could not be saved \(nobody .*Not all could be",
    ):
        create(engine)
    engine.fail_at(0, FAILURES["gone"]())
    assert removal.remove(engine, "ci")
    assert held(engine) == []


# -- signals --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize("name", SIGNALS)
def test_signal_at_any_call_leaves_nothing(new_pools: Callable[[], PoolEngine], name: str) -> None:
    """A signal that comes during any call of the engine ends the creation and leaves nothing."""
    number_of, kind = SIGNALS[name]
    total = count_calls(create, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.signal_at(number, number_of)
        with pytest.raises(kind):
            create(engine)
        assert held(engine) == [], f"call {number}: {engine.calls[number - 1]}"


@pytest.mark.usefixtures("ending")
def test_two_signals_at_once_leave_nothing(
    new_pools: Callable[[], PoolEngine],
) -> None:
    """SIGTERM right after Ctrl-C, as a launcher passes it on, changes nothing."""
    total = count_calls(create, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.signal_at(number, signal.SIGINT, signal.SIGTERM)
        with pytest.raises((KeyboardInterrupt, Terminated)):
            create(engine)
        assert held(engine) == [], f"call {number}: {engine.calls[number - 1]}"


@pytest.mark.parametrize("failing", [0, 9, 18, 22], ids=lambda number: f"call-{number}-fails")
def test_interrupt_between_any_two_lines_leaves_nothing(
    new_pools: Callable[[], PoolEngine], failing: int
) -> None:
    """Ctrl-C before any line that makes a pool leaves nothing, also after a failure."""
    number, interrupted = 0, True
    while interrupted:
        number += 1
        engine = new_pools()
        engine.fail_at(failing, FAILURES["failed"]())
        with Interrupting(number) as tracer, suppress(KeyboardInterrupt, CommandFailed):
            create(engine)
        interrupted = tracer.raised
        if interrupted:
            assert held(engine) == [], tracer.where
    assert number > 60


class Interrupting:
    """Raises ``KeyboardInterrupt`` before the n-th line of our modules that admits signals."""

    FILES = frozenset(
        cast("str", module.__file__)
        for module in (creation, parallel, signals, startup, rollback, ready)
    )

    def __init__(self, number: int) -> None:
        self.left = number
        self.raised = False
        self.where = ""

    def __enter__(self) -> Interrupting:
        self.before = sys.gettrace()
        sys.settrace(cast("Any", self.trace))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        """Counts the lines; the interpreter calls it."""
        if frame.f_code.co_filename not in self.FILES or self.raised:
            return None
        if event == "line" and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            self.left -= 1
            if self.left == 0:
                self.raised = True
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self.trace


def test_our_process_is_left_with_the_signals_it_had(pools: PoolEngine) -> None:
    """After a failure no signal is held back."""
    pools.fail_next("create", FAILURES["failed"]())
    with pytest.raises(CommandFailed):
        create(pools)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}
