"""Logs are followed once, while somebody reads them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from condor_mini.dashboard.log_feed import LogFeed

if TYPE_CHECKING:
    from fake_pool import FakePool

DEADLINE_S = 10.0


def readers() -> list[threading.Thread]:
    """Return the threads that follow."""
    return [thread for thread in threading.enumerate() if thread.name == "logs"]


def test_lines_come_in_order_and_as_they_are_written(written: FakePool) -> None:
    """What was written comes first, then each new line; nothing twice."""

    async def scene() -> tuple[list[str], list[str]]:
        feed = LogFeed(lambda: written)
        with feed.reading():
            first = await feed.after(0, timeout_s=DEADLINE_S)
            while len(first) < 4:
                first += await feed.after(first[-1]["number"], timeout_s=DEADLINE_S)
            written.engine.write_log("ci-submit-1", "schedd: 11/21/26 06:50:07 More\n")
            then = await feed.after(first[-1]["number"], timeout_s=DEADLINE_S)
        return [line["text"] for line in first], [line["text"] for line in then]

    first, then = asyncio.run(scene())
    assert (first[0], len(first)) == ("has a token", 4)
    assert then == ["11/21/26 06:50:07 More"]


def test_nobody_reads_nobody_follows(written: FakePool) -> None:
    """Two pages share a thread, and it ends when the last page is closed."""
    before = readers()

    async def scene() -> list[threading.Thread]:
        feed = LogFeed(lambda: written)
        with feed.reading():
            with feed.reading():
                await feed.after(0, timeout_s=DEADLINE_S)
            return [thread for thread in readers() if thread not in before]

    (thread,) = asyncio.run(scene())
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_end_waits_for_the_reader(written: FakePool) -> None:
    """When the dashboard ends, the engine's client that reads the logs has ended too."""
    before = readers()

    async def scene() -> list[threading.Thread]:
        feed = LogFeed(lambda: written)
        with feed.reading():
            await feed.after(0, timeout_s=DEADLINE_S)
            ours = [thread for thread in readers() if thread not in before]
            await asyncio.to_thread(feed.close)
        return [thread for thread in ours if thread.is_alive()]

    assert asyncio.run(scene()) == []
