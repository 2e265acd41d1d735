"""``condor-mini list`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine import ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.reports.conftest import FakePool, Result

    from condor_mini.engine import FakeEngine

LABEL = "io.condor-mini"


def personal(fake: FakeEngine) -> None:
    """A personal pool that was kept."""
    labels = {f"{LABEL}.pool": "mini-abc", f"{LABEL}.role": "mini", f"{LABEL}.series": "25"}
    labels[f"{LABEL}.state"] = "/home/ada/condor_state"
    fake.create(ContainerSpec(image="condor-mini:25", name="mini-abc", labels=labels))
    fake.start("mini-abc")


def test_pool_and_its_nodes(pool: FakePool, run: Callable[..., Result]) -> None:
    """A pool is a line with its series, state and nodes."""
    del pool
    header, line = run("list").out.splitlines()
    assert header.split() == ["NAME", "HTCONDOR", "STATE", "NODES", "STARTED"]
    assert line.split()[:4] == ["ci", "25", "running", "3/3"]
    assert "1 central manager, 1 access point, 1 execution point" in line


def test_personal_pool_is_listed(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """What `condor-mini run --keep` has left is ours, too."""
    personal(fake)
    assert "personal: /home/ada/condor_state" in run("list").out


def test_json(pool: FakePool, run: Callable[..., Result]) -> None:
    """The documented keys."""
    personal(pool.engine)
    first, second = run("list", "-o", "json").json
    assert first["nodes"] == {"master": 1, "submit": 1, "execute": 1}
    assert (first["kind"], first["state"], first["running"]) == ("pool", "running", 3)
    assert (second["kind"], second["directory"]) == ("personal", "/home/ada/condor_state")


def test_quiet_is_names(make_pool: Callable[..., FakePool], run: Callable[..., Result]) -> None:
    """-q prints the names and nothing else."""
    make_pool("b")
    make_pool("a")
    assert run("list", "-q").out == "a\nb\n"


def test_partly_stopped_and_incomplete(
    make_pool: Callable[..., FakePool], run: Callable[..., Result]
) -> None:
    """The state says how much there is."""
    pools = {name: make_pool(name) for name in ("a", "b", "c")}
    pools["a"].engine.end("a-execute-1", exit_code=1)
    pools["b"].engine.stop("b-master", "b-submit-1", "b-execute-1", timeout_s=1)
    pools["c"].engine.remove("c-master")
    states = {row["name"]: row["state"] for row in run("list", "-o", "json").json}
    assert states == {"a": "partly", "b": "stopped", "c": "incomplete"}


def test_no_pools(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """Nothing on stdout, a word on stderr, and success."""
    del fake
    shown = run("list")
    assert (shown.status, shown.out) == (0, "")
    assert "condor-mini create" in shown.err


def test_no_pools_in_json(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """For programs there is an empty list."""
    del fake
    assert run("list", "-o", "json").json == []
