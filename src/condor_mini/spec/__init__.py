"""The pool file and its model ``PoolSpec``: what a user asks for, validated, with all defaults."""

from condor_mini.spec.hosts import (
    EMBEDDED,
    HOST_PATTERN,
    SERIES_THAT_BROKERS_TWO,
    Endpoint,
    Joined,
    endpoint,
    short_name,
)
from condor_mini.spec.model import JoinedSpec, PoolSpec
from condor_mini.spec.nodes import (
    AccessPoints,
    CentralManager,
    ExecutionPoints,
    Gpus,
    Group,
    Limit,
    Node,
    Shared,
)

__all__ = [
    "EMBEDDED",
    "HOST_PATTERN",
    "SERIES_THAT_BROKERS_TWO",
    "AccessPoints",
    "CentralManager",
    "Endpoint",
    "ExecutionPoints",
    "Gpus",
    "Group",
    "Joined",
    "JoinedSpec",
    "Limit",
    "Node",
    "PoolSpec",
    "Shared",
    "endpoint",
    "short_name",
]
