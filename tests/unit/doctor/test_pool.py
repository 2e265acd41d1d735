"""What is found wrong with a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checkup_answers import found
from condor_mini.doctor.findings import Level

if TYPE_CHECKING:
    from fake_pool import FakePool


@pytest.mark.usefixtures("inside")
def test_ended_node(pool: FakePool) -> None:
    """A node that has ended is shown with its last words and how to start it."""
    pool.engine.end("ci-execute-1", exit_code=137, log="out of memory\n")
    finding = found("ci")["node ci-execute-1"]
    assert (finding.level, "out of memory" in finding.evidence) == (Level.FAIL, True)
    assert "condor-mini start -n ci" in (finding.hint or "")


@pytest.mark.usefixtures("inside")
def test_unhealthy_node(pool: FakePool) -> None:
    """An unhealthy node is shown with its own words."""
    pool.health["ci-submit-1"] = "SCHEDD is not running"
    assert found("ci")["node ci-submit-1"].evidence == "SCHEDD is not running"


@pytest.mark.usefixtures("inside")
def test_stopped_pool_is_a_warning(pool: FakePool) -> None:
    """A stopped pool is a warning, and its nodes are not checked."""
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    findings = found("ci")
    assert findings["pool ci"].level is Level.WARN
    assert "node ci-master" not in findings
