"""Nodes that have joined, and lose their tokens with the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.members.joined import joined_names, warn_of
from condor_mini.nodes.node import pool_labels
from fake_pool import FakePool

if TYPE_CHECKING:
    from condor_mini.engine import FakeEngine


@pytest.mark.parametrize(
    ("exposed", "names"), [("10.99.0.1:9618", ["beta-execute-1@beta"]), ("", [])]
)
def test_nodes_of_other_hosts_alone(fake: FakeEngine, exposed: str, names: list[str]) -> None:
    """They are known by their ads; a pool that no other host reaches has none."""
    fake.create_network("ci", labels=pool_labels("ci"))
    pool = FakePool(engine=fake, name="ci")
    fake.on_exec(["timeout", "5", "condor_status"], pool.ask)
    pool.add("master", exposed=exposed)
    pool.add("execute", 1, exposed=exposed)
    for ad in pool.ads:
        ad["CondorMiniHost"] = "alpha"
    pool.ads.append(pool.ad("beta-execute-1", "Machine", CondorMiniHost="beta"))
    assert joined_names(pool.nodes) == names


def test_warning_names_them(caplog: pytest.LogCaptureFixture) -> None:
    """With what to type; without such nodes nothing is said."""
    warn_of([], "ci")
    assert caplog.text == ""
    warn_of(["beta-execute-1@beta", "b-2@c"], "ci")
    assert "beta-execute-1 on beta, b-2 on c\n" in caplog.text
    assert "condor-mini approve -n ci REQUEST..." in caplog.text
