"""One look at the pool serves all pages that are open; with none open, nobody looks."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import deque
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound
from condor_mini.base.times import rfc3339
from condor_mini.dashboard import view
from condor_mini.dashboard.history import History
from condor_mini.dashboard.tasks import OURS
from condor_mini.reports.status import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.dashboard.look import Look, Source

SHARE = 1
"""The pause is at least so many times as long as a look took."""
LONG_S, SHARE_OF_LONG = 1.0, 3
"""After a look that took so long, at a large queue, for example, the pause is longer still."""
PACES = ((30.0, 0.75), (300.0, 3.0))
"""Seconds since something changed, and seconds from one look to the next until then."""
SELDOM_S = 10.0
"""Seconds from one look to the next at a pool that has not changed for longer than that."""
WATCHED_S = 60.0
"""The same at a calm pool that is usable and watched: what changes causes a look."""
SHOWN_CHANGES = 12
_log = logging.getLogger(__name__)


class Feed:
    """Looks at a pool while somebody watches, and publishes what has changed.

    It belongs to one event loop: only ``run`` looks, in a thread.
    """

    def __init__(
        self,
        source: Source,
        *,
        tasks: Callable[[], list[view.Json]] = list,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Store the arguments.

        Args:
            source: Where looks come from.
            tasks: Returns what was done for the user, to be shown with the state.
            clock: Returns seconds from any fixed point.
        """
        self._source = source
        self._tasks = tasks
        self._clock = clock
        self.history = History()
        self.started = datetime.now(UTC)
        self.look: Look | None = None
        """The last look that succeeded."""
        self.version = 0
        """Number of the state that was published last."""
        self.jobs_version = 0
        """Number of the version since which the jobs are as they are."""
        self.looks = 0
        self.look_seconds = 0.0
        """How long all looks took together."""
        self.failures = 0
        self.text = ""
        """The last state, as JSON."""
        self._published = ""
        self._body: view.Json = {"state": None, "error": None}
        self._looked_at = -math.inf
        self._took = deque([0.0], maxlen=3)
        """Seconds that the last looks took; the shortest is the usual one of a busy machine."""
        self._changed_at = clock()
        self._is_watched = False
        self._watchers = 0
        self._awake = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def watchers(self) -> int:
        """Number of pages that are open and visible."""
        return self._watchers

    @property
    def has_failed(self) -> bool:
        """Whether the last look failed."""
        return self._body["error"] is not None

    @property
    def age_s(self) -> float:
        """How long ago the last look was."""
        return self._clock() - self._looked_at

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look while the context lasts."""
        self._watchers += 1
        self.wake()
        try:
            yield
        finally:
            self._watchers -= 1

    def wake(self) -> None:
        """Look now, and often for a while: something is about to change."""
        self._changed_at = self._clock()
        self._awake.set()

    def _has_changed(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the next look come as soon as it may; called from another thread.

        Whether the change is to be seen is for the look to say: the ads of running jobs change too.
        """

        def look_soon() -> None:
            left_s = min(self._took) + self._least_pause_s - self.age_s
            loop.call_later(max(0.0, left_s), self._awake.set)

        with suppress(RuntimeError):  # the loop is closed: the dashboard has ended
            loop.call_soon_threadsafe(look_soon)

    async def next(self, version: int | None, *, timeout_s: float) -> str | None:
        """Return the state as JSON as soon as it is another one than ``version``.

        Args:
            version: Number of the state that is known. None for none.
            timeout_s: Return None after so many seconds.
        """
        deadline = self._clock() + timeout_s
        while self.version == (version or 0):
            left_s = deadline - self._clock()
            if left_s <= 0:
                return None
            news = self._news
            try:
                await asyncio.wait_for(news.wait(), left_s)
            except TimeoutError:
                return None
        return self.text

    async def run(self) -> None:
        """Look again and again while somebody watches, until the task is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            while not self._watchers:
                self._awake.clear()
                await self._awake.wait()
            await self.look_once()
            self._awake.clear()
            if self._is_calm:
                is_complete = self._source.watch(lambda: self._has_changed(loop))
                self._is_watched = is_complete and self._is_usable
            try:
                await asyncio.wait_for(self._awake.wait(), self.pause_s)
            except TimeoutError:
                continue

    @property
    def _is_calm(self) -> bool:
        """Whether looks are so seldom that the next change would be seen late."""
        return self._clock() - self._changed_at >= PACES[0][0]

    @property
    def _is_usable(self) -> bool:
        """Whether the last look found a usable pool: nothing tells how the others recover."""
        look = self.look
        return (
            not self.has_failed
            and look is not None
            and look.overview.status.verdict is Verdict.USABLE
        )

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look."""
        every_s = WATCHED_S if self._is_calm and self._is_watched else self._pace_s
        return max(every_s - min(self._took), self._least_pause_s)

    @property
    def _pace_s(self) -> float:
        calm_s = self._clock() - self._changed_at
        return next((every for until, every in PACES if calm_s < until), SELDOM_S)

    @property
    def _least_pause_s(self) -> float:
        """How long to wait at least after a look, so that looks take a part of the time only."""
        usual_s = min(self._took)
        return usual_s * (SHARE if usual_s < LONG_S else SHARE_OF_LONG)

    async def look_once(self) -> None:
        """Look, and publish what is new."""
        began = self._clock()
        self._looked_at = began
        try:
            look = await asyncio.to_thread(self._source.look)
        except CondorMiniError as error:
            self._fail(error, took_s=self._clock() - began)
            return
        except Exception:  # noqa: BLE001 (else the page would stand still, and look alive)
            _log.warning("A look at the pool failed", exc_info=True)
            self._fail(CondorMiniError(OURS), took_s=self._clock() - began)
            return
        self._took.append(self._clock() - began)
        self.looks += 1
        self.look_seconds += self._took[-1]
        if self.look is None or self.look.jobs != look.jobs:
            self.jobs_version += 1
        self.history.add(look)
        self.look = look
        self._body = {"state": view.state(look), "error": None}
        self.publish()

    def _fail(self, error: CondorMiniError, *, took_s: float) -> None:
        self.failures += 1
        self._took.append(took_s)
        gone = isinstance(error, NotFound)
        self._body["error"] = {"message": error.message, "hint": error.hint, "gone": gone}
        if gone and self.look is not None:
            self.history.note("pool", "The pool is gone", datetime.now(UTC))
            self.look = None
        self.publish()

    def publish(self) -> None:
        """Give out the state if it is another one than before."""
        body = {
            **self._body,
            "jobs_version": self.jobs_version,
            "changes": view.change_rows(self.history.changes)[:SHOWN_CHANGES],
            "tasks": self._tasks(),
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        if text == self._published:
            return
        self._published = text
        self._changed_at = self._clock()
        self.version += 1
        self.text = f'{{"version":{self.version},{text[1:]}'
        self._news.set()
        self._news = asyncio.Event()

    @property
    def id(self) -> str:
        """The state that was published last, other than any of another start of the server."""
        return f"{self.started.timestamp():.0f}.{self.version}"

    def beat(self) -> view.Json:
        """Return when the last look was, how long it took, and when the next one is."""
        look = self.look
        return {
            "at": rfc3339(look.at) if look else None,
            "took_s": round(self._took[-1], 3),
            "every_s": round(min(self._took) + self.pause_s, 1),
        }
