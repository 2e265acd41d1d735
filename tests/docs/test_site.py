"""The documentation site is built without a warning, is whole, and needs no other host."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.docs.pages import DOCS, ROOT

import condor_mini
from real_browser import chromium, pages_of, serious_problems
from website.recordings import scripts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

BUILD_TIMEOUT_S = 280
PLAYS_MS = 60_000
VISITED = (
    *("index.html", "tutorials/first-job.html", "how-to/watch-in-the-browser.html"),
    *("reference/options.html", "reference/pool-file.html", "reference/python-api/jobs.html"),
)
"""Pages of every kind."""
SOURCES = ("script", "img", "iframe", "source", "embed", "audio", "video")
"""What a browser loads by itself, as it does style sheets."""
RELATIONS = {"index", "search", "next", "prev", "canonical"}
"""Links in a page's head that it does not load."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with its recordings, built as by ``scripts/site``."""
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "website", "--into", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return folder / "html"


def test_every_page_is_there(site: Path) -> None:
    """Each page of docs is a page of the site."""
    pages = [page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")]
    assert [str(page) for page in pages if not (site / page).exists()] == []


def test_search(site: Path) -> None:
    """The search finds words of pages, commands, names of the API and keys of the pool file."""
    index = (site / "searchindex.js").read_text("utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"negoti", "snapshot", "kubernet", "minicondor"} <= set(found["terms"])
    assert {"condor-mini create", "every key", "coming from htcondor-docker-debian"} <= {
        title.lower() for title in found["alltitles"]
    }
    names = [entry[-1] for entry in found["objects"]["condor_mini"]]
    assert set(names) >= {"Pool", "PoolNotReady"}


def test_python_api(site: Path) -> None:
    """Each public name has an entry that can be linked to."""
    pages = "".join(path.read_text("utf-8") for path in (site / "reference/python-api").glob("*"))
    public = [name for name in condor_mini.__all__ if not name.startswith("_")]
    assert [name for name in public if f'id="condor_mini.{name}"' not in pages] == []
    assert 'id="condor_mini.Pool.create"' in pages


class _Loads(HTMLParser):
    """What a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in SOURCES:
            self.found += [values[name] for name in ("src", "srcset") if name in values]
        elif tag == "link" and values["rel"] not in RELATIONS:
            self.found.append(values["href"])


def loads(page: Path) -> list[str]:
    """Return the addresses that a page loads something from."""
    parser = _Loads()
    parser.feed(page.read_text("utf-8"))
    return parser.found


def test_no_other_host_is_asked(site: Path) -> None:
    """No page and no style sheet loads anything from another host."""
    pages = {page: loads(page) for page in site.rglob("*.html")}
    assert all(pages.values())
    foreign = {link for found in pages.values() for link in found if "//" in link}
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    foreign |= set(re.findall(r"url\(['\"]?(?:https?:)?//[^)]*\)|@import[^;]*//[^;]*", styles))
    assert foreign == set()


def test_what_is_loaded_is_there(site: Path) -> None:
    """Each file that a page loads is in the site."""
    missing = {
        f"{page.relative_to(site)}: {link}"
        for page in site.rglob("*.html")
        for link in loads(page)
        if not link.startswith("data:") and not (page.parent / re.sub("[?#].*", "", link)).exists()
    }
    assert missing == set()


# -- recordings -----------------------------------------------------------------------------------


def screen_of(site: Path, name: str) -> str:
    """Return all that a recording shows, without what moves the cursor or colours."""
    script = (site / f"_static/recordings/{name}.js").read_text("utf-8").strip()
    values = script.removeprefix("recordings.add(").removesuffix(");")
    _, _, cast = json.loads(f"[{values}]")
    shown = "".join(json.loads(line)[2] for line in cast.splitlines()[1:])
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown)


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("personal-pool", ("Hello from job 2 on mini-", "slot1@mini-", ":~/work$ exit")),
        ("pool-of-nodes", ("The pool mini is usable", "exit 0", "Deleted the pool mini")),
        ("fault", ("kill-node", "execute-1", "$ condor-mini heal")),
        ("idle-job", ("request_memory = 900 GB", "idle", "memory")),
    ],
)
def test_recording(site: Path, name: str, shows: tuple[str, ...]) -> None:
    """A recording shows what its commands really did."""
    screen = screen_of(site, name)
    assert [text for text in shows if text not in screen] == []
    assert screen.startswith("$ ")
    assert "Traceback" not in screen


def test_every_recording_is_tested() -> None:
    """No recording is without a test."""
    assert {script.name for script in scripts()} == {
        *("personal-pool", "pool-of-nodes", "fault", "idle-job")
    }


# -- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open links; errors on the page fail the test at its end."""
    with pages_of(browser) as make:
        yield make


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The site on a server: axe cannot read style sheets of pages that are files."""
    handler = partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a directory."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dark", "width"), [(False, 1280), (True, 1280), (False, 380)], ids=["light", "dark", "narrow"]
)
def test_pages_are_legible_and_accessible(
    served: str, open_page: Callable[..., Page], dark: bool, width: int
) -> None:
    """Axe finds nothing serious or critical, and no page is wider than the screen."""
    found = []
    for name in VISITED:
        page = open_page(f"{served}/{name}", dark=dark, width=width)
        found += [f"{name}: {problem}" for problem in serious_problems(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{name} is wider than {width}")
    assert found == []


@pytest.mark.slow
def test_a_recording_plays(site: Path, open_page: Callable[..., Page]) -> None:
    """A recording shows its end, and when it is started plays to it, without any server."""
    page = open_page((site / "how-to/troubleshoot.html").as_uri())
    screen = page.locator(".ap-term")
    expect(screen).to_contain_text("idle: none of 2 slots")
    page.locator(".ap-overlay-start").click()
    expect(screen).not_to_contain_text("idle: none of 2 slots")
    expect(screen).to_contain_text("$ tail")
    expect(screen).to_contain_text("idle: none of 2 slots", timeout=PLAYS_MS)
    expect(page.locator("figcaption")).to_have_text("Why is my job idle? The doctor says so")


@pytest.mark.slow
def test_search_in_a_browser(served: str, open_page: Callable[..., Page]) -> None:
    """The search finds a page and leads to it."""
    page = open_page(f"{served}/search.html?q=snapshot")
    page.locator("#search-results li a", has_text="Start from a snapshot").first.click()
    page.wait_for_url("**/how-to/start-from-a-snapshot.html*")


@pytest.mark.slow
def test_theme_button_changes_pictures(site: Path, open_page: Callable[..., Page]) -> None:
    """The button for the theme chooses between light and dark pictures, as the system does."""
    page = open_page((site / "how-to/watch-in-the-browser.html").as_uri())
    light, dark = page.locator("article img.only-light"), page.locator("article img.only-dark")
    assert (light.is_visible(), dark.is_visible()) == (True, False)
    choose_dark(page)
    assert (light.is_visible(), dark.is_visible()) == (False, True)


@pytest.mark.slow
def test_theme_button_changes_diagrams(site: Path, open_page: Callable[..., Page]) -> None:
    """A diagram that has its own colours for both themes follows the button too."""
    page = open_page((site / "explanation/what-runs-where.html").as_uri())
    diagram = page.locator("article img[src$='architecture.svg']")
    light = diagram.screenshot()
    choose_dark(page)
    assert diagram.screenshot() != light


def choose_dark(page: Page) -> None:
    """Press the button for the theme until it is dark: it begins with the system's."""
    button = page.locator(".theme-toggle:visible").first
    for _ in range(3):
        if page.evaluate("document.body.dataset.theme") == "dark":
            return
        button.click()
    pytest.fail("the button does not choose dark")
