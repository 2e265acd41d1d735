"""What stopping and starting a pool says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import pool_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
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
