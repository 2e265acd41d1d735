"""What a pool's collector is asked, and what its answers mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed
from condor_mini.engine import FakeOutcome
from condor_mini.reports.collector import (
    Ad,
    address_of,
    ask,
    heard_at,
    owners_of,
    version_of,
)

if TYPE_CHECKING:
    from fake_pool import FakePool


def test_ads_are_those_of_the_collector(pool: FakePool) -> None:
    """All ads come back, and nothing is said to be wrong."""
    ads, problem = ask(pool.nodes)
    assert (ads, problem) == (pool.ads, "")


def test_question_ends_on_the_node_too(pool: FakePool) -> None:
    """The node itself ends condor_status after 5 s: the engine would leave it running."""
    ask(pool.nodes)
    argv = pool.engine.calls[-1].argv
    assert argv[:5] == ("timeout", "5", "condor_status", "-any", "-json")


def test_only_the_attributes_that_are_used_are_asked_for(pool: FakePool) -> None:
    """An ad has hundreds of attributes, and the answer a line for each."""
    ask(pool.nodes)
    argv = pool.engine.calls[-1].argv
    assert argv[-2:] == ("-attributes", ",".join(Ad.__annotations__))


@pytest.mark.parametrize("change", ["stopped", "removed"])
def test_no_central_manager_is_no_news(pool: FakePool, change: str) -> None:
    """A central manager that does not run has no ads, and the list of nodes says why."""
    if change == "stopped":
        pool.engine.end("ci-master", exit_code=0)
    else:
        pool.engine.remove("ci-master")
    assert ask(pool.nodes) == ([], "")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (FakeOutcome(returncode=124), "the collector on ci-master does not answer in 5 s"),
        (
            FakeOutcome(returncode=1, stderr="x\nrefused\n"),
            "the collector on ci-master does not answer: refused",
        ),
        (
            FakeOutcome(returncode=1, stdout="x\nodd\n"),
            "the collector on ci-master does not answer: odd",
        ),
        (FakeOutcome(returncode=1), "the collector on ci-master does not answer: (no output)"),
        (
            FakeOutcome(stdout="nonsense"),
            "the answer of the collector on ci-master is not JSON: nonsense",
        ),
    ],
    ids=["silent", "stderr", "stdout", "dumb", "confused"],
)
def test_answer_that_is_none_is_a_problem(
    pool: FakePool, answer: FakeOutcome, problem: str
) -> None:
    """A collector that gives no ads is named, with the last line of what it said."""
    pool.answer = answer
    assert ask(pool.nodes) == ([], problem)


def test_engine_that_fails_is_a_problem(pool: FakePool) -> None:
    """An engine that cannot run the command raises nothing here: the nodes are shown anyway."""
    pool.engine.fail_next("exec", CommandFailed(["docker", "exec"], 1, "no space"))
    ads, problem = ask(pool.nodes)
    assert (ads, "cannot be queried: docker exec" in problem) == ([], True)


def test_long_nonsense_is_cut(pool: FakePool) -> None:
    """Of an answer that is no JSON the first 200 characters are shown."""
    pool.answer = FakeOutcome(stdout="x" * 1000)
    _, problem = ask(pool.nodes)
    assert problem.count("x") == 200


# -- what an ad says ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ad", "owner"),
    [
        ({"CondorMiniNode": "ci-submit-1"}, "ci-submit-1"),
        ({"CondorMiniNode": "ci-submit-1", "Name": "queue@x.pool.test"}, "ci-submit-1"),
        ({"CondorMiniNode": "elsewhere"}, None),
        ({"Name": "ci-submit-1"}, None),
        ({}, None),
    ],
    ids=["name", "with other names of the user's", "unknown", "only with other names", "none"],
)
def test_owner_is_found_by_its_own_name(pool: FakePool, ad: Ad, owner: str | None) -> None:
    """An ad is of the node that it names as its own, whatever its names in HTCondor are."""
    ((_, node),) = owners_of(pool.nodes, [ad])
    assert (node.name if node else None) == owner


def test_owner_is_found_by_address(pool: FakePool) -> None:
    """An ad that names no node is of the node that has its address."""
    nodes = pool.nodes
    ad: Ad = {"MyAddress": f"<{nodes[1].address}:9618?alias=x>"}
    assert owners_of(nodes, [ad]) == [(ad, nodes[1])]


def test_node_of_another_host_may_have_the_same_address(pool: FakePool) -> None:
    """Docker gives the same addresses on every host."""
    ad: Ad = {
        "CondorMiniNode": "beta-execute-1",
        "CondorMiniHost": "beta",
        "MyAddress": f"<{pool.nodes[1].address}:9618>",
    }
    assert owners_of(pool.nodes, [ad]) == [(ad, None)]


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("<172.18.0.2:9618?addrs=172.18.0.2-9618&alias=x>", "172.18.0.2:9618"),
        ("<[fd00::2]:9618>", "fd00::2:9618"),
        ("nowhere", None),
        ("", None),
    ],
)
def test_address_is_without_htcondors_additions(said: str, address: str | None) -> None:
    """Of HTCondor's address the IP address and the port are kept."""
    assert address_of({"MyAddress": said}) == address


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("$CondorVersion: 25.14.1 2026-10-16 PackageID: 25.14.1+dfsg-1 $", "25.14.1"),
        ("25.14.1", None),
        ("", None),
    ],
)
def test_version_is_the_number_alone(said: str, version: str | None) -> None:
    """The version is the second word of HTCondor's own line."""
    assert version_of({"CondorVersion": said}) == version


def test_time_is_in_utc() -> None:
    """LastHeardFrom is in seconds since 1970, and becomes a time with a time zone."""
    assert heard_at({"LastHeardFrom": 86400}) == datetime(1970, 1, 2, tzinfo=UTC)


def test_time_that_is_missing_is_none() -> None:
    """An ad without LastHeardFrom was never heard of."""
    assert heard_at({}) is None
