"""The command on a real pool of the embedded engine: what a user sees and does."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool
from running_dashboard import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow
NAME = f"dashboard-{os.getpid()}"
CALM_S = 120
"""Within this nothing has changed for half a minute."""
ENDS_S = 10
"""The programs wait six times as long."""
JOB_TIMEOUT_MS = 60_000
"""A job is matched, runs and ends; a node that was killed is noticed."""


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """A pool of two execution points."""
    with Pool.create(NAME, execution_points=2, engine="embedded") as made:
        yield made


@pytest.fixture
def running(pool: Pool, tmp_path: Path) -> Iterator[Running]:
    """The dashboard of the pool."""
    del pool
    made = Running(NAME, tmp_path)
    yield made
    if made.process.poll() is None:
        made.end()


def test_job_from_submit_to_done(
    running: Running, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    """A file is submitted by a button, its job is seen to run, and to be done."""
    (tmp_path / "job.sub").write_text(
        "executable = /bin/sleep\narguments = 8\nlog = job.log\nqueue\n", encoding="utf-8"
    )
    page = open_page(running.link)
    expect(page.locator("#verdict")).to_have_text("usable")
    done = page.locator('[data-tile="completed"] strong')
    expect(done).to_have_text("1")  # the probe job
    page.get_by_role("tab", name="Jobs").click()
    page.locator("#submit-file").fill("job.sub")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#tasks")).to_contain_text("Fetch the results: condor-mini wait -n")
    running_jobs = page.locator('[data-tile="running"] strong')
    expect(running_jobs).to_have_text("1", timeout=JOB_TIMEOUT_MS)
    page.get_by_role("tab", name="Nodes").click()
    expect(page.locator("#cards")).to_contain_text("of jovyan", timeout=JOB_TIMEOUT_MS)
    expect(done).to_have_text("2", timeout=JOB_TIMEOUT_MS)
    expect(page.locator("#last")).to_contain_text("has left the queue")
    page.get_by_role("tab", name="Timeline").click()
    expect(page.locator("#spans tbody")).to_contain_text(f"{NAME}-execute-")


def test_hold_release_remove_and_why(
    running: Running, pool: Pool, open_page: Callable[..., Page]
) -> None:
    """Jobs are held, released, explained and removed by the buttons."""
    submission = pool.submit({"executable": "/bin/true", "request_cpus": "1000"})
    page = open_page(running.link)
    page.get_by_role("tab", name="Jobs").click()
    job = f"{submission.clusters[0]}.0"
    rows = page.locator("#jobs tbody")
    expect(rows).to_contain_text(job)
    page.get_by_label(f"Choose job {job}").check()
    page.get_by_role("button", name="Why are these idle?").click()
    expect(page.locator("#findings")).to_contain_text("RequestCpus = 1000", timeout=JOB_TIMEOUT_MS)
    for button, state in (("Hold", "held"), ("Release", "idle")):
        page.get_by_label(f"Choose job {job}").check()
        page.get_by_role("button", name=button, exact=True).click()
        expect(rows.locator(".state")).to_have_text(state)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label(f"Choose job {job}").check()
    page.get_by_role("button", name="Remove").click()
    expect(rows).to_contain_text("No such jobs")


def test_killed_node(running: Running, pool: Pool, open_page: Callable[..., Page]) -> None:
    """A node that is killed is shown at once, in another colour and in words; healing starts it."""
    page = open_page(running.link)
    node = page.locator(f'[data-node="{NAME}-execute-2"]')
    expect(node).to_have_attribute("data-up", "true")
    page.get_by_role("tab", name="Faults").click()
    page.locator("#fault-name").select_option("kill-node")
    page.locator("#fault-node").select_option(f"{NAME}-execute-2")
    expect(page.locator("#fault-for")).to_have_value("")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("#faults")).to_contain_text("kill-node", timeout=JOB_TIMEOUT_MS)
    page.get_by_role("tab", name="Nodes").click()
    expect(node).to_have_attribute("data-up", "false")
    expect(node).to_contain_text("exited (137)")
    expect(page.locator("#verdict")).to_have_text("broken")
    page.get_by_role("tab", name="Faults").click()
    page.get_by_role("button", name="Heal all").click()
    expect(page.locator("#faults")).to_contain_text(
        "Nothing is broken on purpose", timeout=JOB_TIMEOUT_MS
    )
    expect(page.locator("#verdict")).to_have_text("usable", timeout=JOB_TIMEOUT_MS)
    assert pool.faults.in_force() == []


def test_logs_come_and_are_filtered(running: Running, open_page: Callable[..., Page]) -> None:
    """The daemons' lines are there, and a filter leaves those of one daemon."""
    page = open_page(running.link)
    page.get_by_role("tab", name="Logs").click()
    lines = page.locator("#logs div")
    expect(lines.filter(has_text="schedd").first).to_be_visible(timeout=JOB_TIMEOUT_MS)
    page.locator("#log-daemon").select_option("startd")
    expect(lines.filter(has_text="schedd")).to_have_count(0)
    expect(lines.first).to_contain_text("startd")


def test_token_is_told_once(running: Running, open_page: Callable[..., Page]) -> None:
    """The link is printed once, and the token is nowhere else; Ctrl-C ends it with 130."""
    page = open_page(running.link)
    expect(page.locator("#verdict")).to_have_text("usable")
    process = Path("/proc") / str(running.process.pid)
    told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert running.token.encode() not in told
    page.close()
    status, out, err = running.end()
    assert (status, running.token in out + err, "Traceback" in err) == (130, False, False)


def test_end_while_pages_are_open(running: Running, open_page: Callable[..., Page]) -> None:
    """Ctrl-C ends it within seconds, though pages are open and logs are read."""
    page = open_page(running.link)
    page.get_by_role("tab", name="Logs").click()
    expect(page.locator("#logs div").first).to_be_visible(timeout=JOB_TIMEOUT_MS)
    status, _, err = running.end()
    assert (status, "Traceback" in err, "ERROR" in err) == (130, False, False), err


def test_end_in_a_calm_pool(running: Running, pool: Pool, open_page: Callable[..., Page]) -> None:
    """Ctrl-C ends it within seconds, though programs wait in the nodes for a change."""
    open_page(running.link)
    (manager,) = (node for node in pool.nodes if node.role is Role.CENTRAL_MANAGER)

    def unwatched() -> str | None:
        names = manager.exec(["sh", "-c", "cat /proc/[0-9]*/comm"], user="root").stdout
        return None if "grep" in names.split() else "nobody waits in the central manager"

    wait_until(unwatched, timeout_s=CALM_S)
    began = time.monotonic()
    status, _, err = running.end()
    assert (status, time.monotonic() - began < ENDS_S) == (130, True), err


def test_pool_that_is_deleted_and_made_again(
    running: Running, pool: Pool, open_page: Callable[..., Page]
) -> None:
    """The page says that there is no pool, and shows the one that comes in its place."""
    page = open_page(running.link)
    expect(page.locator("#verdict")).to_have_text("usable")
    pool.delete()
    expect(page.locator("#verdict")).to_have_text("no pool", timeout=JOB_TIMEOUT_MS)
    expect(page.locator("#banner")).to_contain_text(NAME)
    Pool.create(NAME, execution_points=1, engine="embedded")
    expect(page.locator("#verdict")).to_have_text("usable", timeout=JOB_TIMEOUT_MS)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#cards article")).to_have_count(3)
