"""One look serves all, and nobody looks for nobody."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.dashboard.feed import PACES, SELDOM_S, WATCHED_S, Feed
from condor_mini.dashboard.tasks import OURS
from condor_mini.reports.status import Verdict
from looks import Looks, job, look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from condor_mini.dashboard.look import Look

DEADLINE_S = 10.0


class Time:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


async def body(feed: Feed, version: int | None = None) -> dict[str, Any]:
    """Return the next state."""
    text = await feed.next(version, timeout_s=DEADLINE_S)
    assert text is not None
    found: dict[str, Any] = json.loads(text)
    return found


def test_without_pages_nobody_looks() -> None:
    """The task waits for the first page; it looks when one comes."""
    source = Looks()

    async def scene() -> tuple[int, int]:
        feed = Feed(source)
        task = asyncio.create_task(feed.run())
        for _ in range(20):
            await asyncio.sleep(0)
        before = source.count
        with feed.watching():
            await body(feed)
        task.cancel()
        return before, source.count

    assert asyncio.run(scene()) == (0, 1)


def test_several_pages_share_a_look() -> None:
    """Ten pages cost what one costs."""
    source = Looks()

    async def scene() -> list[int]:
        feed = Feed(source)
        task = asyncio.create_task(feed.run())
        with feed.watching(), feed.watching(), feed.watching():
            found = await asyncio.gather(*(body(feed) for _ in range(10)))
        task.cancel()
        return [each["version"] for each in found]

    assert asyncio.run(scene()) == [1] * 10
    assert source.count == 1


def test_same_pool_is_published_once() -> None:
    """A look that finds nothing new sends nothing."""
    source = Looks()

    async def scene() -> tuple[int, str | None]:
        feed = Feed(source)
        await feed.look_once()
        await feed.look_once()
        return feed.version, await feed.next(1, timeout_s=0)

    assert asyncio.run(scene()) == (1, None)


def test_jobs_have_a_version_of_their_own() -> None:
    """Tables are fetched again only when jobs have changed."""
    source = Looks()

    async def scene() -> list[int]:
        feed = Feed(source)
        versions = []
        for jobs in ([], [job()], [job()], [job(state="held")]):
            source.now = look(jobs=jobs)
            await feed.look_once()
            versions.append(feed.jobs_version)
        return versions

    assert asyncio.run(scene()) == [1, 2, 2, 3]


def test_pool_that_ends_and_comes_back() -> None:
    """The state says that the pool is gone, and is whole again when it is back."""
    source = Looks()

    async def scene() -> list[dict[str, Any]]:
        feed = Feed(source)
        await feed.look_once()
        source.error = NotFound("there is no pool ci")
        await feed.look_once()
        gone = await body(feed, 1)
        source.error = None
        await feed.look_once()
        return [gone, await body(feed, 2)]

    gone, back = asyncio.run(scene())
    assert (gone["error"]["gone"], gone["error"]["message"]) == (True, "there is no pool ci")
    assert (back["error"], back["state"]["pool"]["name"]) == (None, "ci")
    assert [each["text"] for each in back["changes"]] == ["The pool is gone"]


def test_pool_that_does_not_answer_keeps_what_was_seen() -> None:
    """The last state stays, with the error beside it."""
    source = Looks()

    async def scene() -> dict[str, Any]:
        feed = Feed(source)
        await feed.look_once()
        source.error = PoolNotReady("no answer", hint="wait")
        await feed.look_once()
        return await body(feed, 1)

    found = asyncio.run(scene())
    assert found["error"] == {"message": "no answer", "hint": "wait", "gone": False}
    assert found["state"]["pool"]["verdict"] == "usable"


def test_fault_of_ours_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody expected does not let the page stand still and look alive."""

    class Broken(Looks):
        def look(self) -> Look:
            raise ZeroDivisionError

    async def scene() -> dict[str, Any]:
        feed = Feed(Broken())
        await feed.look_once()
        return await body(feed)

    assert asyncio.run(scene())["error"]["message"] == OURS
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("calm_s", "pause_s"), [(0, PACES[0][1]), (60, PACES[1][1]), (1000, SELDOM_S)]
)
def test_calm_pool_is_looked_at_seldom(calm_s: float, pause_s: float) -> None:
    """The longer nothing has changed, the longer is the pause."""
    time = Time()
    feed = Feed(Looks(), clock=time)
    time.now += calm_s
    assert feed.pause_s == pause_s


@asynccontextmanager
async def calm_feed(source: Looks, time: Time) -> AsyncIterator[tuple[Feed, Callable[[], object]]]:
    """A feed that has come to watch a calm pool, and what it wants to be called then."""
    feed = Feed(source, clock=time)
    task = asyncio.create_task(feed.run())
    with feed.watching():
        await body(feed)
        was_watched = source.changed is not None
        assert not was_watched
        time.now += PACES[-1][0] + 1
        await asyncio.wait_for(until(lambda: source.changed is not None), DEADLINE_S)
        assert source.changed is not None
        yield feed, source.changed
    task.cancel()


def test_queue_of_a_calm_pool_is_watched() -> None:
    """A change is looked at when it happens, not when the pause is over."""
    time, source = Time(), Looks()

    async def scene() -> int:
        async with calm_feed(source, time) as (feed, changed):
            known = feed.version  # the look may be over when `changed` has returned
            source.now = look(jobs=[job("8.0")])
            await asyncio.to_thread(changed)
            await body(feed, known)
        return source.count

    assert asyncio.run(scene()) == 3


@pytest.mark.parametrize(
    ("is_complete", "seen", "pause_s"),
    [
        (True, look(), WATCHED_S),
        (False, look(), SELDOM_S),
        (True, look(verdict=Verdict.BROKEN), SELDOM_S),
        (True, PoolNotReady("no answer"), SELDOM_S),
    ],
)
def test_watched_pool_is_looked_at_more_seldom(
    *, is_complete: bool, seen: Look | PoolNotReady, pause_s: float
) -> None:
    """Only if it is usable, and nothing will be missed: nothing tells how others recover."""
    time, source = Time(), Looks(is_complete=is_complete)
    if isinstance(seen, PoolNotReady):
        source.error = seen
    else:
        source.now = seen

    async def scene() -> float:
        async with calm_feed(source, time) as (feed, _):
            return feed.pause_s

    assert asyncio.run(scene()) == pause_s


def test_change_that_is_not_to_be_seen_leaves_the_pool_calm() -> None:
    """The ad of a job that runs changes too: that is one look, and not half a minute of looks."""
    time, source = Time(), Looks()

    async def scene() -> tuple[int, float]:
        async with calm_feed(source, time) as (feed, changed):
            before = source.count
            await asyncio.to_thread(changed)
            await asyncio.wait_for(until(lambda: source.count > before), DEADLINE_S)
            return source.count - before, feed.pause_s

    assert asyncio.run(scene()) == (1, SELDOM_S)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    while not is_so():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("took_s", "pause_s"), [(0.1, 0.65), (0.5, 0.5), (4.0, 12.0)])
def test_pause_grows_with_the_look(took_s: float, pause_s: float) -> None:
    """Looks take at most half of the time, and those at a large pool a quarter."""
    time = Time()

    class Slow(Looks):
        def look(self) -> Look:
            time.now += took_s
            return super().look()

    async def scene() -> float:
        feed = Feed(Slow(), clock=time)
        for _ in range(3):
            await feed.look_once()
            feed.wake()
        return feed.pause_s

    assert asyncio.run(scene()) == pytest.approx(pause_s)


def test_something_done_makes_it_look_often_again() -> None:
    """Who presses a button sees what comes of it within a second."""
    time = Time()
    feed = Feed(Looks(), clock=time)
    time.now += 1000
    feed.wake()
    assert feed.pause_s == PACES[0][1]


def test_page_that_comes_back_is_looked_for() -> None:
    """A page that was hidden, or is opened again, makes it look at once."""
    source = Looks()

    async def scene() -> int:
        feed = Feed(source)
        task = asyncio.create_task(feed.run())
        for number in range(2):
            source.now = look(completed=number)
            with feed.watching():
                await body(feed, number)
        task.cancel()
        return source.count

    assert asyncio.run(scene()) == 2


def test_another_start_has_other_ids() -> None:
    """A browser that reconnects to another start gets the state, whatever number it had."""

    async def scene() -> tuple[str, str]:
        first = Feed(Looks())
        second = Feed(Looks())
        second.started = first.started.replace(year=2027)
        return first.id, second.id

    first, second = asyncio.run(scene())
    assert first != second
