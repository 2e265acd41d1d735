"""The record of the hosts that a pool is on: labels of its network on the first host.

The network outlives all containers. So a command in a new shell finds all engines of a pool.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL
from condor_mini.engines import EMBEDDED, with_hosts
from condor_mini.nodes.node import pool_labels

if TYPE_CHECKING:
    from condor_mini.engine import Engine, NetworkInfo
    from condor_mini.spec import PoolSpec

HOSTS = f"{LABEL}.hosts"
"""Label with the other hosts of the pool, separated by spaces."""
_MARK = {f"{LABEL}.several-hosts": "true"}
"""Label by which an engine finds the networks of such pools; they have both labels."""


def hosts_labels(spec: PoolSpec) -> dict[str, str]:
    """Return the labels of the network of a pool that say which hosts it is on."""
    return {**_MARK, HOSTS: " ".join(spec.hosts)} if spec.hosts else {}


def with_recorded_hosts(engine: Engine, pool: str) -> Engine:
    """Return an engine together with those of the other hosts that a pool is on, if it is on any.

    Args:
        engine: Engine of the pool's first host.
        pool: Name of the pool.
    """
    for network in engine.networks({**pool_labels(pool), **_MARK}):
        from condor_mini.spec import HOST_PATTERN

        recorded = network.labels.get(HOSTS, "").split()
        return with_hosts(engine, [host for host in recorded if re.fullmatch(HOST_PATTERN, host)])
    return engine


def is_record(network: NetworkInfo) -> bool:
    """Return whether a network is the record of a pool's hosts."""
    return HOSTS in network.labels


def delete_there(host: str, pool: str) -> str:
    """Return the command that deletes what a host has of a pool, without the other hosts."""
    if host == EMBEDDED:
        return f"condor-mini delete -n {pool} --engine {EMBEDDED}"
    variable = "DOCKER_HOST" if "://" in host else "DOCKER_CONTEXT"
    return f"{variable}={host} condor-mini delete -n {pool}"
