"""The pictures of the documentation: a real pool under load."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from condor_mini.pool import Pool
from condor_mini.spec.pool_file import load_pool_file
from running_dashboard import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
IMAGES = Path(__file__).parents[2] / "docs/images"
NODES = 6
POOL = f"""
version: 1
name: lab
execution_points: [{{count: {NODES}, cpus: 4, memory: 8GB}}]
"""
SIMULATE = ("jovyan", "simulate", "sleep $((8 + $1 % 5 * 4))")
RENDER = ("submituser", "render", "sleep $((5 + $1 % 4 * 3))")
PICTURE_S = 140.0
"""How long the pool works until the picture is taken, so that the chart shows something."""
STEP_S = 15.0


def submit(pool: Pool, user: str, program: str, script: str, count: int) -> None:
    """Submit jobs of a program that a user has written."""
    jobs = f"executable = {program}\narguments = $(Process)\nlog = {program}.log\nqueue {count}\n"
    write = f"cd; printf '#!/bin/sh\n%s\n' \"$1\" >{program}; chmod +x {program}; condor_submit -"
    done = pool.exec(["sh", "-c", write, "sh", script], stdin=jobs, user=user)
    assert done.returncode == 0, done.stdout + done.stderr


def work(pool: Pool, page: Page) -> None:
    """Let the pool work for a while, as pools do: more and fewer jobs, and one that is held."""
    end, number = time.monotonic() + PICTURE_S, 0
    while time.monotonic() < end:
        submit(pool, *RENDER, 4 + 7 * (number % 3))
        submit(pool, *SIMULATE, 20 - 6 * (number % 2))
        if number == 4:
            pool.submit({"executable": "/bin/true", "hold": "true"})
        page.wait_for_timeout(STEP_S * 1000)
        number += 1


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """A pool of six execution points with four cores each."""
    with Pool.create(
        spec=load_pool_file(POOL, source="lab", base=Path("/")), engine="embedded"
    ) as made:
        yield made


def test_pool_under_load(pool: Pool, tmp_path: Path, open_page: Callable[..., Page]) -> None:
    """Jobs fill all slots, and the page shows them; UPDATE_GOLDEN=1 takes the pictures of it."""
    running = Running("lab", tmp_path)
    try:
        page = open_page(running.link, width=1180, height=1000)
        submit(pool, *SIMULATE, 40)
        expect(page.locator('[data-tile="running"] strong')).to_have_text("24", timeout=60_000)
        expect(page.locator("#cards article")).to_have_count(NODES + 2)
        expect(page.locator("#cards")).to_contain_text("of jovyan")
        if os.environ.get("UPDATE_GOLDEN"):
            work(pool, page)
            page.screenshot(path=IMAGES / "dashboard-light.png")
            page = open_page(running.link, width=1180, height=1000, dark=True)
            expect(page.locator("#chart canvas")).to_be_visible()
            page.screenshot(path=IMAGES / "dashboard-dark.png")
    finally:
        running.end()
