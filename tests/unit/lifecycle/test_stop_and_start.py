"""What stopping and starting a pool says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle import restart
from condor_mini.nodes.node import pool_nodes
from condor_mini.nodes.pool_nodes import PoolNodes
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

    Run = Callable[..., Result]


@pytest.fixture
def ran(condor_mini: Run) -> Run:
    """The command line, where a pool ``mini`` of three nodes runs."""
    condor_mini("create")
    return condor_mini


def test_stop_counts_what_it_has_stopped(ran: Run, pools: PoolEngine) -> None:
    """All nodes that ran are stopped, and counted."""
    assert "Stopped 3 nodes" in ran("stop").err
    assert not any(node.is_running for node in pool_nodes(pools, "mini"))


def test_one_node_is_one_node(ran: Run) -> None:
    """One node is counted in the singular, and a node that does not run is not counted."""
    ran("stop", "--node", "execute-1")
    assert "Stopped 2 nodes" in ran("stop").err
    assert "Started 1 node (" in ran("start", "--node", "master").err


def test_second_stop_has_nothing_to_stop(ran: Run) -> None:
    """A pool that is stopped is not stopped again; that is a success."""
    ran("stop")
    again = ran("stop")
    assert (again.status, again.err) == (0, "Nothing to stop: no node runs\n")


def test_start_of_what_runs_starts_nothing(ran: Run) -> None:
    """A start of a pool that runs only waits until it is ready."""
    again = ran("start")
    assert (again.status, "Started" in again.err) == (0, False)


def test_personal_pool_on_its_way_down(
    pools: PoolEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A personal pool that was told to end is started once it has ended."""
    pools.add_image("condor-mini:25")
    pools.create(personal_spec("mine", tmp_path))
    pools.start("mine")
    states: list[bool] = []

    def switch_on(_: FakeExec) -> FakeOutcome:
        pools.end("mine", exit_code=0)
        return FakeOutcome()

    def reopen(*_: object) -> None:
        states.append(pool_nodes(pools, "mine")[0].is_running)

    pools.on_exec([f"{REQUEST_SCRIPTS}/switch-on"], switch_on)
    monkeypatch.setattr(restart, "reopen", reopen)
    restart.start(PoolNodes(pools, "mine"), None, Progress(), timeout_s=1)
    assert states == [False]


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (("restart", "--node", "master"), {"mini-submit-1", "mini-execute-1"}),
        (("restart", "--node", "execute-1"), {"mini-submit-1"}),
        (("restart",), set()),
    ],
)
def test_nodes_that_ran_before_are_asked_for_ads_that_are_missing(
    ran: Run, pools: PoolEngine, command: tuple[str, ...], asked: set[str]
) -> None:
    """A collector that was started after them knows nothing of them."""
    names = ("mini-submit-1", "mini-execute-1", "gone")
    lines = [f"no Machine ads of {name} are at the collector\n" for name in names]
    answers = [FakeOutcome(returncode=1, stdout="".join(lines)), FakeOutcome()]
    pools.on_exec([f"{REQUEST_SCRIPTS}/await-ads"], lambda _: answers.pop(0))
    reconfigured: set[str] = set()

    def reconfigure(call: FakeExec) -> FakeOutcome:
        reconfigured.add(call.container)
        return FakeOutcome(returncode=1, stderr="nobody is there")

    pools.on_exec(["condor_reconfig"], reconfigure)
    assert ran(*command).status == 0
    assert (reconfigured, answers) == (asked, [])
