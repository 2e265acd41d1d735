"""A real browser (Debian's Chromium), and dashboards that it opens."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from looks import Looks
from served_dashboards import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from served_dashboards import Served

CHROMIUM = "chromium"
STEP_TIMEOUT_MS = 15_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window. Root cannot use its sandbox."""
    program = shutil.which(CHROMIUM)
    assert program, "apt-get install chromium"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open links; errors on the page, and what its policy refuses, fail the test at its end."""
    contexts = []
    problems: list[str] = []

    def make(link: str, *, dark: bool = False, width: int = 1280, height: int = 900) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(STEP_TIMEOUT_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: _note(problems, said.type, said.text))
        page.goto(link)
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []


def _note(problems: list[str], kind: str, text: str) -> None:
    # A server that ends, or refuses, is what some tests are about: the browser says so too.
    if kind == "error" and "Failed to load resource" not in text and "ERR_" not in text:
        problems.append(text)


@pytest.fixture
def looks() -> Looks:
    """What there is to see; a test changes it."""
    return Looks()


@pytest.fixture
def dashboard(looks: Looks) -> Iterator[Served]:
    """A dashboard of what there is to see."""
    with served(looks) as found:
        yield found
