"""The pool ``ci``, which the tests of a pool's life create, change and remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError, EngineNotFound, NotFound
from condor_mini.base.layout import LABEL
from condor_mini.base.progress import Progress
from condor_mini.lifecycle import creation
from condor_mini.lifecycle.scale import scale
from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from pool_engine import PoolEngine

FAILURES: dict[str, Callable[[], CondorMiniError]] = {
    "failed": lambda: CommandFailed(["docker", "it"], 1, "it broke"),
    "late": lambda: CommandFailed(["docker", "it"], None, ""),
    "absent": lambda: NotFound("it is absent"),
    "gone": lambda: EngineNotFound("nobody answers"),
}
"""Each way in which a call of the engine can fail."""
STATE = {
    "ci-master": ("spool", "key", "tokens", "log"),
    "ci-submit-1": ("spool", "home", "key", "tokens", "log"),
    "ci-execute-1": ("tokens", "log"),
    "ci-execute-2": ("tokens", "log"),
}
"""The volumes with each node's state."""
KEPT = [f"{node}-{volume}" for node, volumes in STATE.items() for volume in volumes]
WHOLE = sorted(["ci", "ci-data", *STATE, *KEPT])
"""All that the engine holds of the pool: its network, volumes and containers."""


def spec_of(**facts: object) -> PoolSpec:
    """Return the spec of ``ci``: two execution points, and a volume of the pool's own."""
    plain = {
        "name": "ci",
        "access_points": [{"volumes": ["data:/data"]}],
        "execution_points": [{"count": 2}],
        **facts,
    }
    return PoolSpec.model_validate(plain, context=Reading(base=Path("/")))


def create(engine: PoolEngine, *, keep: bool = False, timeout_s: float = 5) -> None:
    """Create the pool ``ci``."""
    creation.create(engine, spec_of(), Progress(), timeout_s=timeout_s, keep=keep)


def add_two(engine: PoolEngine) -> None:
    """Scale the pool ``ci`` from two execution points to four."""
    scale(engine, "ci", 4, Progress(), group=None, grace_s=0, timeout_s=5)


def held(engine: PoolEngine) -> list[str]:
    """Return what the engine holds with our label; from now on none of its calls fails."""
    engine.disarm()
    label = {f"{LABEL}.kind": "pool"}
    names = [info.name for info in engine.containers(label)]
    names += [network.name for network in engine.networks(label)]
    return sorted(names + [volume.name for volume in engine.volumes(label)])


def count_calls(make: Callable[[PoolEngine], None], engine: PoolEngine) -> int:
    """Return how many calls of the engine a success takes."""
    before = engine.number
    make(engine)
    return engine.number - before
