"""The streams as a browser reads them, from a server that listens."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

from dashboard_browser import TOKEN
from looks import Looks, job, look
from served_dashboards import Served, served

if TYPE_CHECKING:
    from collections.abc import Iterator

DEADLINE_S = 10.0
Event = dict[str, str]


@pytest.fixture
def looks() -> Looks:
    """What there is to see; a test changes it."""
    return Looks()


@pytest.fixture
def dashboard(looks: Looks) -> Iterator[Served]:
    """A dashboard that listens."""
    with served(looks) as found:
        yield found


@contextmanager
def stream(dashboard: Served, path: str = "/events", last: str = "") -> Iterator[Iterator[Event]]:
    """Read a stream as a browser does that has seen the event ``last``."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    if last:
        headers["last-event-id"] = last
    url = f"http://127.0.0.1:{dashboard.link.port}{path}"
    with httpx2.stream("GET", url, headers=headers, timeout=DEADLINE_S) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def events(lines: Iterator[str]) -> Iterator[Event]:
    """Yield the events in the lines of a stream."""
    found: Event = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif found:
            yield found
            found = {}


def state(found: Iterator[Event]) -> Event:
    """Return the next state."""
    return next(each for each in found if each.get("event") == "state")


def test_first_state_and_changes(looks: Looks, dashboard: Served) -> None:
    """The state comes at once, and again when it has changed; the browser is told when to retry."""
    with stream(dashboard) as found:
        hello = next(found)
        first = state(found)
        looks.now = look(jobs=[job()])
        second = state(found)
    assert hello["retry"] == "1000"
    assert json.loads(first["data"])["state"]["jobs"]["total"] == 0
    assert json.loads(second["data"])["state"]["jobs"]["total"] == 1
    assert first["id"] != second["id"]


def test_browser_that_reconnects(looks: Looks, dashboard: Served) -> None:
    """What it has seen is not sent again; the next change is."""
    with stream(dashboard) as found:
        last = state(found)["id"]
    with stream(dashboard, last=last) as found:
        looks.now = look(jobs=[job()])
        assert json.loads(state(found)["data"])["state"]["jobs"]["total"] == 1


@pytest.mark.parametrize("last", ["0", "1.1", "99999999999999999999", "x", "-1"])
def test_browser_of_another_start(dashboard: Served, last: str) -> None:
    """It gets the state, whatever it has seen before."""
    with stream(dashboard, last=last) as found:
        assert json.loads(state(found)["data"])["version"] == 1


def test_beat(dashboard: Served) -> None:
    """The page is told when the last look was, and when the next one comes."""
    with stream(dashboard) as found:
        beat = json.loads(next(each for each in found if each.get("event") == "beat")["data"])
    assert set(beat) == {"at", "took_s", "every_s"}


def test_page_that_is_closed_is_forgotten(looks: Looks, dashboard: Served) -> None:
    """When the last page is closed, nobody looks any more."""
    with stream(dashboard) as found:
        state(found)
    feed = dashboard.app.state.dashboard.feed
    with stream(dashboard) as found:
        state(found)
        assert feed.watchers <= 2
    deadline = time.monotonic() + DEADLINE_S
    while feed.watchers:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert looks.count > 0
