"""A pool in memory that this machine reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.client import access
from condor_mini.engine import FakeOutcome
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine
    from token_nodes import TokenNodes


class Collector:
    """What the collector says of the access point's schedd."""

    def __init__(self, nodes: TokenNodes) -> None:
        self._nodes = nodes
        self.answers_without_ad = 0
        """So often it has no ad of the schedd yet."""
        self.trouble = ""
        """What condor_status says if it gets no answer."""
        self.asked_for: list[str] = []

    def answer(self, call: FakeExec) -> FakeOutcome:
        """Do what the script does on the central manager."""
        self.asked_for.append(call.argv[-1])
        if self.trouble:
            return FakeOutcome(returncode=1, stderr=self.trouble)
        name = "ci-submit-1.nodes.internal"
        names = "" if len(self.asked_for) <= self.answers_without_ad else f"{name} {name}"
        return FakeOutcome(stdout=f"schedd {names}\n{self._nodes.listed(call).stdout}")


@pytest.fixture
def collector(pools: PoolEngine, nodes: TokenNodes) -> Collector:
    """The collector of the pool ``ci``."""
    made = Collector(nodes)
    pools.on_exec(["sh", "-c", access.SCHEDD_AND_TOKENS], made.answer)
    return made


@pytest.fixture
def pool(pools: PoolEngine, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """The pool ``ci``, whose nodes accept connections."""
    del collector
    monkeypatch.setattr(access, "connect", lambda _: None)
    return Pool(pools, "ci")
