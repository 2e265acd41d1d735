"""``condor-mini status`` and ``list``, of a real pool."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.pool.people import image as image_of

from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until
from condor_mini.reports.status import Verdict, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pool.pools.conftest import Cli

    from condor_mini.pool import Pool

SERIES = catalogue().get(None).number
WITHIN_S = 30.0
STATUS_S = 1.5
"""On a machine that does other work too; 0.3 s where it does none."""


def _status(cli: Cli) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(cli.succeeds("status", "-o", "json"))
    return answer


@pytest.mark.every_engine
def test_usable(cli: Cli, pool: Pool) -> None:
    """A pool that was created is usable, with all daemons and slots."""
    found = _status(cli)
    assert (found["verdict"], found["reasons"]) == ("usable", [])
    assert found["slots"]["configured"] == found["slots"]["expected"] == 2
    daemons = {(daemon["node"], daemon["type"]) for daemon in found["daemons"] if daemon["alive"]}
    assert daemons >= {
        (f"{pool.name}-master", "collector"),
        (f"{pool.name}-master", "negotiator"),
        (f"{pool.name}-submit-1", "schedd"),
        (f"{pool.name}-execute-1", "startd"),
        (f"{pool.name}-execute-2", "startd"),
    }


def test_version_is_the_images(cli: Cli) -> None:
    """What the daemons say they are is what is in the images."""
    assert all(
        version.startswith(f"{catalogue().get(None).number}.")
        for version in _status(cli)["versions"]
    )
    listed = json.loads(cli.succeeds("images", "list", "-o", "json"))
    (tested,) = {image["version"] for image in listed if image["reference"] == image_of("submit")}
    assert tested.startswith(_status(cli)["versions"][0])


@pytest.mark.every_engine
def test_jobs_are_counted(cli: Cli, pool: Pool) -> None:
    """A job on hold shows, and shows no more when it is removed."""
    submit = "executable=/bin/true\ntransfer_executable=false\nhold=true\nqueue 3\n"
    said = pool.exec(["condor_submit", "-terse", "-"], stdin=submit)
    assert said.returncode == 0, said.stderr
    cluster = said.stdout.partition(".")[0]

    def held(count: int) -> Callable[[], str | None]:
        def probe() -> str | None:
            (jobs,) = _status(cli)["jobs"]
            return None if jobs["held"] == count else f"{jobs['held']} are held"

        return probe

    wait_until(held(3), timeout_s=WITHIN_S)
    pool.exec(["condor_rm", cluster])
    wait_until(held(0), timeout_s=WITHIN_S)


@pytest.mark.every_engine
def test_text_is_for_people(cli: Cli, pool: Pool) -> None:
    """The verdict in the first line, each node in a line of its own."""
    shown = cli.succeeds("status").splitlines()
    assert shown[0].startswith(
        f"The pool {pool.name} is usable (HTCondor {catalogue().get(None).number}."
    )
    assert sum(line.startswith(f"{pool.name}-") for line in shown) >= 4


def test_stopped_collector_is_named(pool: Pool) -> None:
    """A collector that does not answer: the nodes are shown, and why no more is known."""
    manager = pool.nodes[0]
    manager.exec(["condor_off", "-daemon", "collector"], user="root")
    try:

        def silent() -> str | None:
            found = status(pool)
            return None if "collector" in " ".join(found.reasons) else str(found.reasons)

        wait_until(silent, timeout_s=WITHIN_S)
        assert len(status(pool).nodes) == 4
    finally:
        manager.exec(["condor_on", "-daemon", "collector"], user="root")

    def usable() -> str | None:
        found = status(pool)
        return None if found.verdict is Verdict.USABLE else str(found.reasons)

    wait_until(usable, timeout_s=WITHIN_S)


@pytest.mark.every_engine
@pytest.mark.alone
def test_fast(cli: Cli) -> None:
    """Status is there at once; the engine's part included."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        cli.succeeds("status")
        times.append(time.monotonic() - began)
    assert sorted(times)[2] < STATUS_S


@pytest.mark.every_engine
def test_listed(cli: Cli, pool: Pool) -> None:
    """The pool is in the list, with all its nodes running."""
    rows = json.loads(cli.succeeds("list", "-o", "json"))
    (ours,) = [row for row in rows if row["name"] == pool.name]
    assert (ours["state"], ours["nodes"]) == ("running", {"master": 1, "submit": 1, "execute": 2})
    assert pool.name in cli.succeeds("list", "-q").split()
