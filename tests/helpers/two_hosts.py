"""A pool in memory that is on the engines of two hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from condor_mini.base.errors import HostNotReached
from condor_mini.base.progress import Progress
from condor_mini.engine.several import several_hosts
from condor_mini.lifecycle import creation
from condor_mini.nodes import exposure
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from condor_mini.engine.several import SeveralHosts
    from pool_engine import PoolEngine

NODES = {"ci-master": "", "ci-submit-1": "", "ci-execute-1": "", "ci-execute-2": "node2"}


def spec_of(**facts: object) -> PoolSpec:
    """Return the spec of a pool with one execution point here and one on ``node2``."""
    plain = {
        "name": "ci",
        "expose": "127.0.0.1:9700",
        "execution_points": [{"name": "here"}, {"name": "there", "host": "node2"}],
        **facts,
    }
    return PoolSpec.model_validate(plain)


@dataclass(frozen=True, kw_only=True)
class TwoHosts:
    """The engines of two hosts."""

    here: PoolEngine
    there: PoolEngine

    @classmethod
    def made(cls, new_pools: Callable[[], PoolEngine], patch: pytest.MonkeyPatch) -> Self:
        """Two hosts, which reach each other; commands know the second as ``node2``."""
        patch.setattr(exposure, "is_reflected", lambda _: True)
        two = cls(here=new_pools(), there=new_pools())
        patch.setattr("condor_mini.engines._engine_of", {"node2": two.there}.__getitem__)
        return two

    @property
    def engine(self) -> SeveralHosts:
        """Both as one, as a new command sees them."""
        return several_hosts(self.here, {"node2": self.there})

    def create(self, **facts: object) -> None:
        """Create the pool ``ci``."""
        creation.create(self.engine, spec_of(**facts), Progress(), timeout_s=5)


def not_reached() -> HostNotReached:
    """The error of a host that is not reached."""
    return HostNotReached("the host node2 is not reached: connection refused")
