"""A real browser (Debian's Chromium), and dashboards that it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from looks import Looks
from real_browser import chromium, pages_of
from served_dashboards import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from served_dashboards import Served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, for one module.

    While it is there, Playwright runs an event loop in this thread: no other test could run one.
    """
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open links; errors on the page, and what its policy refuses, fail the test at its end."""
    with pages_of(browser) as make:
        yield make


@pytest.fixture
def looks() -> Looks:
    """What there is to see; a test changes it."""
    return Looks()


@pytest.fixture
def dashboard(looks: Looks) -> Iterator[Served]:
    """A dashboard of what there is to see."""
    with served(looks) as found:
        yield found
