"""ClassAds from what HTCondor's tools print."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, PoolNotReady, UsageError
from condor_mini.engine import FakeOutcome
from condor_mini.reports.classads import ads, job_ads, parse_ads, slot_ads

if TYPE_CHECKING:
    from condor_mini.engine import FakeEngine
    from condor_mini.pool import Pool

PRINTED = r"""[
{
  "Cpus": 2, "Load": 1.0, "Name": "slot1@a", "Start": true, "None": null,
  "Rank": "\/Expr(Foo * 2)\/",
  "List": [ 1, "x", null, "\/Expr(error)\/", { "a": [ "\/Expr(b)\/" ] } ],
  "Like": "/Expr(1)/", "Quoted": "q\\\"/Expr(1)/"
}
]
"""
VALUES = {
    "Cpus": 2,
    "Load": 1.0,
    "Name": "slot1@a",
    "Start": True,
    "None": None,
    "Rank": "Foo * 2",
    "List": [1, "x", None, "error", {"a": ["b"]}],
    "Like": "/Expr(1)/",
    "Quoted": 'q\\"/Expr(1)/',
}


@pytest.fixture
def no_bindings(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTCondor's bindings are not installed."""
    monkeypatch.setitem(sys.modules, "classad2", None)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.usefixtures("no_bindings")
def test_values_are_parsed(name: str) -> None:
    """Without the bindings a value is Python's own; an expression is its text."""
    (ad,) = parse_ads(PRINTED)
    assert (ad[name], type(ad[name])) == (VALUES[name], type(VALUES[name]))


@pytest.mark.parametrize("text", ["", "\n", "[\n]\n"])
def test_nothing_is_no_ads(text: str) -> None:
    """A tool that finds nothing prints nothing, or an empty list."""
    assert parse_ads(text) == []


def test_bindings_get_values_and_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bindings, ads and expressions are theirs; a string that looks like one is none."""
    bindings = SimpleNamespace(
        ClassAd=lambda values: ("ad", values), ExprTree=lambda text: ("expression", text)
    )
    monkeypatch.setitem(sys.modules, "classad2", bindings)
    (ad,) = parse_ads(PRINTED)
    values = dict(ad[1])  # type: ignore[index, call-overload]
    assert (values["Rank"], values["Like"], values["List"][3:]) == (
        ("expression", "Foo * 2"),
        "/Expr(1)/",
        [("expression", "error"), ("ad", {"a": [("expression", "b")]})],
    )


@pytest.mark.usefixtures("no_bindings")
def test_slots_are_asked_of_the_central_manager(pool: Pool, fake: FakeEngine) -> None:
    """condor_status runs there, with what was asked for as its arguments."""
    fake.on_exec(["condor_status"], lambda _: FakeOutcome(stdout=PRINTED))
    slot_ads(pool, 'Name == "a b"', ["Name", "Cpus"])
    (call,) = [call for call in fake.calls if call.method == "exec"]
    argv = ("condor_status", "-json", "-constraint", 'Name == "a b"', "-attributes", "Name,Cpus")
    assert (call.target, call.argv) == (pool.nodes[0].info.id, argv)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("machine", "-startd"),
        ("schedd", "-schedd"),
        ("collector", "-collector"),
        ("negotiator", "-negotiator"),
        ("master", "-master"),
        ("submitter", "-submitters"),
    ],
)
def test_kinds(pool: Pool, fake: FakeEngine, kind: str, option: str) -> None:
    """Each kind of ad has its option."""
    fake.on_exec(["condor_status", option], lambda _: FakeOutcome(stdout=PRINTED))
    assert len(ads(pool, kind)) == 1  # type: ignore[arg-type]


def test_unknown_kind(pool: Pool) -> None:
    """An unknown kind is refused with the known ones."""
    with pytest.raises(UsageError, match="no kind of ad 'slots'; there are: machine, schedd"):
        ads(pool, "slots")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("history", "argv"),
    [(False, ["condor_q", "-allusers", "-json"]), (True, ["condor_history", "-json"])],
)
def test_jobs(pool: Pool, fake: FakeEngine, argv: list[str], *, history: bool) -> None:
    """Jobs of all users, in the queue or after it."""
    fake.on_exec(argv, lambda _: FakeOutcome(stdout=PRINTED))
    assert len(job_ads(pool, history=history)) == 1


def test_no_access_point_runs(pool: Pool, fake: FakeEngine) -> None:
    """A queue whose access point does not run is an error."""
    fake.end("ci-submit-1", exit_code=0)
    with pytest.raises(PoolNotReady, match="ci-submit-1 has ended"):
        job_ads(pool)


@pytest.mark.parametrize("projection", [[], ["a b"], ["a,b"], [""]])
def test_projection_has_names(pool: Pool, projection: list[str]) -> None:
    """Anything but an attribute's name is refused."""
    with pytest.raises(UsageError):
        slot_ads(pool, projection=projection)


@pytest.mark.parametrize("words", ["Error: invalid constraint", "-- Parse error in constraint x"])
def test_bad_constraint_is_told(pool: Pool, fake: FakeEngine, words: str) -> None:
    """A constraint that is no expression is refused in the tool's words."""
    fake.on_exec(["condor_status"], lambda _: FakeOutcome(returncode=1, stderr=words))
    with pytest.raises(UsageError, match=words):
        slot_ads(pool, "1 +")


def test_constraint_that_only_the_schedd_refuses(pool: Pool, fake: FakeEngine) -> None:
    """condor_q does not say why it failed; condor_history does."""
    failed = FakeOutcome(returncode=1, stderr="-- Failed to fetch ads from: <1.2.3.4>")
    words = "Error: could not parse constraint 1 +"
    fake.on_exec(["condor_q"], lambda _: failed)
    fake.on_exec(["condor_history"], lambda _: FakeOutcome(returncode=1, stderr=words))
    with pytest.raises(UsageError, match=r"'1 \+' is not a ClassAd expression"):
        job_ads(pool, "1 +")


@pytest.mark.parametrize("constraint", [None, "true"])
def test_no_answer_is_told(pool: Pool, fake: FakeEngine, constraint: str | None) -> None:
    """A collector that does not answer is no bad constraint."""
    words = "Error: communication error\nError: Couldn't contact the condor_collector on x"
    fake.on_exec(["condor_status"], lambda _: FakeOutcome(returncode=1, stderr=words))
    fake.on_exec(["condor_history"], lambda _: FakeOutcome())
    with pytest.raises(PoolNotReady, match="Couldn't contact the condor_collector"):
        slot_ads(pool, constraint)


def test_other_failures_are_told(pool: Pool, fake: FakeEngine) -> None:
    """Other complaints of a tool are shown as they are."""
    fake.on_exec(["condor_status"], lambda _: FakeOutcome(returncode=1, stderr="odd"))
    with pytest.raises(CommandFailed, match="odd"):
        slot_ads(pool)
