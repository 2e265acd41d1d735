"""A real browser (Debian's Chromium), and the pages that it opens."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = "chromium"
STEP_TIMEOUT_MS = 15_000
"""How long a page may take to do or to show something, on a machine that does other work too."""
expect.set_options(timeout=STEP_TIMEOUT_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window. Root cannot use its sandbox."""
    program = shutil.which(CHROMIUM)
    assert program, "apt-get install chromium"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@contextmanager
def pages_of(browser: Browser) -> Iterator[Callable[..., Page]]:
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


def serious_problems(page: Page) -> list[str]:
    """Return what axe finds on a page that is serious or critical, with the first places."""
    return [
        f"{each['id']} {[part['html'][:120] for part in each['nodes'][:3]]}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in ("serious", "critical")
    ]
