"""JupyterLab of ``condor-mini run --jupyter`` in a browser: a cell submits a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from running_notebook import RunningNotebook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
PAGE_TIMEOUT_MS = 60_000
CELL = """import htcondor2
schedd = htcondor2.Schedd()
job = htcondor2.Submit({"executable": "/bin/true", "log": "browser.log"})
print("cluster", schedd.submit(job).cluster(), "by", htcondor2.param["UID_DOMAIN"])"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNotebook]:
    """JupyterLab in a pool of the embedded engine."""
    running = RunningNotebook("embedded", tmp_path_factory.mktemp("lab"))
    yield running
    if running.process.poll() is None:
        running.end()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that knows no link."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PAGE_TIMEOUT_MS)
    yield page
    context.close()


def test_cell_submits_a_job(lab: RunningNotebook, page: Page) -> None:
    """The link opens the lab with the examples, and a cell of a new notebook submits a job."""
    page.goto(lab.link)
    expect(page.get_by_role("listitem", name="Name: examples")).to_be_visible(
        timeout=PAGE_TIMEOUT_MS
    )
    assert lab.token not in page.url
    page.locator(".jp-LauncherCard[data-category='Notebook']").first.click()
    # Without a kernel JupyterLab takes a cell that is run for done, and no output ever comes.
    expect(page.get_by_role("button", name="| Idle")).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    cell = page.locator(".jp-Notebook .cm-content").first
    cell.fill(CELL)
    cell.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text(
        "cluster 1 by condor-mini.internal", timeout=PAGE_TIMEOUT_MS
    )
    expect(page.get_by_text("official Jupyter news")).to_have_count(0)
    assert (lab.folder / "condor_state/notebooks/browser.log").exists()


@pytest.mark.parametrize("token", ["", "?token=" + "x" * 43])
def test_wrong_token(lab: RunningNotebook, page: Page, token: str) -> None:
    """Without the token there is a page that asks for it, and nothing else."""
    page.goto(f"http://127.0.0.1:{lab.port}/lab{token}")
    expect(page.get_by_text("Token authentication is enabled")).to_be_visible()
    assert page.locator("#main").count() == 0
