"""What the page gets to see."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from condor_mini.dashboard import view
from condor_mini.reports.overview import Submitter
from condor_mini.reports.status import Verdict
from looks import NOON, LargePool, job, look, node, slot


def test_small_pool_has_cards() -> None:
    """Each node is a card with its slots, and what runs there."""
    seen = look(slots=[slot(state="Claimed", activity="Busy", job="1.0", owner="jovyan")])
    state = view.state(seen)
    card = state["cards"][2]
    assert (card["name"], card["up"], card["slots"][0]["job"]) == ("ci-execute-1", True, "1.0")
    assert (state["map"], state["slots"]) == (None, {"b": 1})


def test_large_pool_is_a_map() -> None:
    """Ten thousand slots are a letter each, and twenty thousand jobs are counted."""
    state = view.state(LargePool().look())
    text = json.dumps(state)
    assert state["cards"] is None
    assert len(state["map"]) == 102
    assert sum(map(len, (codes for _, _, codes in state["map"]))) == 10_000
    assert state["jobs"]["total"] == 20_000
    assert len(text) < 20_000


def test_only_what_changes_is_in_a_state() -> None:
    """The same pool a moment later is the same state."""
    later = replace(look(), at=NOON + timedelta(seconds=3), took_s=9)
    assert view.state(look()) == view.state(later)


def test_slots_of_a_dead_node_are_lost() -> None:
    """The ads of a killed node stay for a quarter of an hour; its slots are shown as gone."""
    state = view.state(look(nodes=[node(state="exited")], slots=[slot()]))
    assert (state["slots"], state["cards"][0]["up"]) == ({"x": 1}, False)
    assert state["cards"][0]["state"] == "exited (137)"


@pytest.mark.parametrize(
    ("kind", "cpus", "state", "code"),
    [
        ("Partitionable", 2, "Unclaimed", "f"),
        ("Partitionable", 0, "Unclaimed", None),
        ("Partitionable", 0, "Drained", "d"),
        ("Dynamic", 1, "Claimed", "c"),
        ("Static", 1, "Matched", "?"),
    ],
)
def test_codes(kind: str, cpus: float, state: str, code: str | None) -> None:
    """A partitionable slot with nothing left is no slot that waits for a job."""
    assert view.code_of(slot(kind=kind, cpus=cpus, state=state)) == code


def test_advice_only_for_a_pool_that_is_not_usable() -> None:
    """What to type is said where `status` says it."""
    broken = look(verdict=Verdict.BROKEN, reasons=["no startd"])
    assert view.state(broken)["pool"]["advice"] == "See why: condor-mini doctor -n ci"
    assert view.state(look())["pool"]["advice"] == ""


JOBS = [
    job("1.0", "running", node="ci-execute-1"),
    job("1.1", "held", reason="No such FILE"),
    job("2.0", owner="ada", command="sort big"),
]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, ["2.0", "1.1", "1.0"]),
        ({"states": ["held", "running"]}, ["1.1", "1.0"]),
        ({"owner": "ada"}, ["2.0"]),
        ({"text": "1."}, ["1.1", "1.0"]),
        ({"text": "file"}, ["1.1"]),
        ({"text": "execute-1"}, ["1.0"]),
        ({"text": "SORT"}, ["2.0"]),
        ({"offset": 1, "limit": 1}, ["1.1"]),
        ({"offset": 7}, []),
    ],
)
def test_job_rows(wanted: dict[str, object], ids: list[str]) -> None:
    """Jobs are chosen by state, owner and text; the last submitted comes first."""
    found = view.job_rows(JOBS, **wanted)  # type: ignore[arg-type]
    assert [row["id"] for row in found["rows"]] == ids


def test_at_most_two_hundred_rows() -> None:
    """However many are asked for."""
    found = view.job_rows([job(f"1.{proc}") for proc in range(500)], limit=10_000)
    assert (found["total"], len(found["rows"])) == (500, 200)


def test_users() -> None:
    """Users and groups are shown with priorities and quotas."""
    ada = Submitter(
        name="ada@x",
        is_group=False,
        priority=500.123,
        factor=1000,
        in_use=2,
        used_hours=1,
        quota=None,
    )
    (row,) = view.state(look(submitters=[ada]))["users"]
    assert (row["name"], row["priority"], row["quota"]) == ("ada@x", 500.12, None)
