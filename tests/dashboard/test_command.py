"""The command on a real pool, without a browser."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import httpx2

from condor_mini.pool import Pool
from running_dashboard import Running

if TYPE_CHECKING:
    from pathlib import Path

NAME = f"dashboard-command-{os.getpid()}"
DEADLINE_S = 20.0


def test_link_leads_to_the_pool(tmp_path: Path) -> None:
    """The link shows the pool that runs, Prometheus gets its numbers, and Ctrl-C ends it."""
    with Pool.create(NAME, engine="embedded"):
        running = Running(NAME, tmp_path)
        try:
            with httpx2.Client(timeout=DEADLINE_S) as client:
                page = client.get(running.link)
                address = running.link.partition("?")[0]
                with client.stream("GET", f"{address}events") as events:
                    line = next(each for each in events.iter_lines() if each.startswith("data: {"))
                metrics = client.get(f"{address}metrics").text
        finally:
            status, _, err = running.end()
    state = json.loads(line.removeprefix("data: "))["state"]
    assert page.status_code == 200
    assert (state["pool"]["verdict"], state["nodes"]["running"]) == ("usable", 3)
    assert sum(state["slots"].values()) >= 1
    assert f'condor_mini_usable{{pool="{NAME}"}} 1\n' in metrics
    assert (status, "Traceback" in err) == (130, False)
