"""What the user has asked for on the page: it takes a while, and the page says what came of it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.dashboard.view import Json

MOST_TASKS = 20
MOST_AT_ONCE = 4
OURS = "a fault of condor-mini itself: its terminal has more"
"""What came of a task that failed in a way that nobody expected."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something that was asked for on the page."""

    number: int
    what: str
    """``Hold 3.0``."""
    at: datetime
    state: str
    """``waiting``, ``running``, ``done`` or ``failed``."""
    message: str = ""
    """What came of it."""

    def to_json(self) -> Json:
        """Return it as the page shows it."""
        return {
            "number": self.number,
            "what": self.what,
            "at": rfc3339(self.at),
            "state": self.state,
            "message": self.message,
        }


class Tasks:
    """Runs tasks in threads. Those that change nodes run one after the other."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """Store the arguments.

        Args:
            on_change: Called when a task has begun or ended.
        """
        self._on_change = on_change
        self._tasks: deque[Task] = deque(maxlen=MOST_TASKS)
        self._number = 0
        self._at_work: set[asyncio.Task[None]] = set()
        self._few = asyncio.Semaphore(MOST_AT_ONCE)
        self._alone = asyncio.Lock()

    def rows(self) -> list[Json]:
        """Return the last tasks, the newest first."""
        return [task.to_json() for task in reversed(self._tasks)]

    @property
    def unended(self) -> list[str]:
        """What is still under way."""
        return [task.what for task in self._tasks if task.state in ("waiting", "running")]

    def start(self, what: str, function: Callable[[], str], *, alone: bool = False) -> int:
        """Run a function in a thread, and return the task's number.

        Args:
            what: What it does, as the page shows it.
            function: Does it, and returns what came of it. Raises ``CondorMiniError`` or
                ``OSError`` if it fails.
            alone: Whether it waits until the other tasks that are ``alone`` have ended.
        """
        self._number += 1
        task = Task(number=self._number, what=what, at=datetime.now(UTC), state="waiting")
        self._tasks.append(task)
        work = asyncio.create_task(self._work(task, function, alone=alone))
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)
        self._on_change()
        return task.number

    async def ended(self) -> None:
        """Wait until all tasks have ended."""
        while self._at_work:
            await asyncio.wait(self._at_work)

    async def _work(self, task: Task, function: Callable[[], str], *, alone: bool) -> None:
        async with self._alone if alone else self._few:
            self._put(replace(task, state="running"))
            ended = replace(task, state="failed", message=OURS)
            try:
                message = await asyncio.to_thread(function)
                ended = replace(task, state="done", message=message)
            except (CondorMiniError, OSError) as error:
                ended = replace(task, state="failed", message=str(error))
            finally:
                self._put(ended)

    def _put(self, task: Task) -> None:
        for place, known in enumerate(self._tasks):
            if known.number == task.number:
                self._tasks[place] = task
        self._on_change()
