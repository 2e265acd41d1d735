"""Real HTCondor pools in containers."""

from importlib import import_module
from typing import TYPE_CHECKING

from condor_mini._version import __version__

if TYPE_CHECKING:
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.jobs.tracking import Submission
    from condor_mini.nodes.node import Node, Role
    from condor_mini.personal.caller import Caller
    from condor_mini.personal.pool import PersonalPool, PersonalSpec
    from condor_mini.pool import Pool
    from condor_mini.spec import PoolSpec

__all__ = [
    "Caller",
    "CondorMiniError",
    "Node",
    "PersonalPool",
    "PersonalSpec",
    "Pool",
    "PoolSpec",
    "Role",
    "Submission",
    "__version__",
]

# `condor-mini --help` needs none of them, and they are two thirds of its time.
_LOADED_WHEN_ASKED_FOR = {
    "Caller": "personal.caller",
    "CondorMiniError": "base.errors",
    "Node": "nodes.node",
    "PersonalPool": "personal.pool",
    "PersonalSpec": "personal.pool",
    "Pool": "pool",
    "PoolSpec": "spec",
    "Role": "nodes.node",
    "Submission": "jobs.tracking",
}

if not TYPE_CHECKING:  # a checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        if name not in _LOADED_WHEN_ASKED_FOR:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LOADED_WHEN_ASKED_FOR[name]}"), name)
