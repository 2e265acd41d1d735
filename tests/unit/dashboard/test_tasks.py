"""What the user asks for on the page, side by side and one after the other."""

from __future__ import annotations

import asyncio
import threading

from condor_mini.base.errors import UsageError
from condor_mini.dashboard.tasks import MOST_TASKS, Tasks

DEADLINE_S = 10.0


def refused() -> str:
    """Fail as the command line would."""
    raise UsageError("no", hint="do that")


def test_what_came_of_it() -> None:
    """A task is done with a message, or failed with the error and its hint."""
    changes: list[None] = []

    async def scene() -> list[tuple[str, str]]:
        tasks = Tasks(lambda: changes.append(None))
        tasks.start("good", lambda: "well")
        tasks.start("bad", refused)
        await asyncio.wait_for(tasks.ended(), DEADLINE_S)
        return [(row["state"], row["message"]) for row in tasks.rows()]

    assert asyncio.run(scene()) == [("failed", "no\ndo that"), ("done", "well")]
    assert len(changes) == 6  # each has begun, runs, and has ended


def test_nodes_are_changed_one_after_the_other() -> None:
    """Two scalings do not meet; a hold waits for neither."""
    first = threading.Event()
    order: list[str] = []

    def scale(number: int) -> str:
        order.append(f"begin {number}")
        if number == 1:
            assert first.wait(DEADLINE_S)
        order.append(f"end {number}")
        return ""

    def hold() -> str:
        first.set()
        return ""

    async def scene() -> list[str]:
        tasks = Tasks(lambda: None)
        tasks.start("one", lambda: scale(1), alone=True)
        tasks.start("two", lambda: scale(2), alone=True)
        tasks.start("hold", hold)
        unended = tasks.unended
        await asyncio.wait_for(tasks.ended(), DEADLINE_S)
        return unended

    assert asyncio.run(scene()) == ["one", "two", "hold"]
    assert order == ["begin 1", "end 1", "begin 2", "end 2"]


def test_old_tasks_are_forgotten() -> None:
    """The page shows the last ones only."""

    async def scene() -> int:
        tasks = Tasks(lambda: None)
        for number in range(MOST_TASKS + 5):
            tasks.start(str(number), lambda: "")
        await asyncio.wait_for(tasks.ended(), DEADLINE_S)
        return len(tasks.rows())

    assert asyncio.run(scene()) == MOST_TASKS
