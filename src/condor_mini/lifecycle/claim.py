"""The claim to a pool's name, so that one of several processes creates the pool."""

from __future__ import annotations

from dataclasses import dataclass
from random import uniform
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, TimedOut
from condor_mini.base.layout import LABEL
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.base.words import counted
from condor_mini.lifecycle.removal import remove
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import pool_nodes

if TYPE_CHECKING:
    from condor_mini.engine import Engine

CLAIM_TIMEOUT_S = 10.0
"""How long a network without nodes counts as the claim of another process, in seconds.

That process may be about to create its nodes.
"""


def check_absent(engine: Engine, pool: str) -> None:
    """Raise ``AlreadyInUse`` if the engine has nodes of a pool of that name."""
    if nodes := pool_nodes(engine, pool):
        state = "runs" if any(node.is_running for node in nodes) else "is stopped"
        raise AlreadyInUse(
            f"there is a pool {pool}; it has {counted(len(nodes), 'node')} and {state}",
            hint=f"Use it: condor-mini shell -n {pool}. Delete it: condor-mini delete -n {pool}. "
            "Create another: condor-mini create -n NAME",
        )


def check_forgotten(engine: Engine, pool: str, *, only_if_lost: bool = True) -> None:
    """Raise ``AlreadyInUse`` if the pool's containers were removed but its state is kept.

    Args:
        engine: Engine to search.
        pool: Name of the pool; it has no containers.
        only_if_lost: Do not raise if the pool has a network, because another process may be about
            to create its containers.

    Raises:
        AlreadyInUse: The engine has volumes of that pool.
    """
    held = Holdings(engine, pool)
    if not held.volumes:
        return
    has_network = bool(held.networks)
    if has_network and only_if_lost:
        return
    start = f"Recreate it: condor-mini start -n {pool}. " if has_network else ""
    raise AlreadyInUse(
        f"all containers of the pool {pool} were removed; its state is kept",
        hint=f"{start}Delete it: condor-mini delete -n {pool}. "
        "Create another: condor-mini create -n NAME",
    )


@dataclass(kw_only=True)
class Claim:
    """The claim to a pool's name. The process that creates the pool's network has the name."""

    engine: Engine
    pool: str
    labels: dict[str, str]
    """Labels of the network."""
    taken: bool = False
    """Whether this process has the name."""

    def take(self) -> None:
        """Take the name. If several processes try at once, one of them succeeds.

        A network that has no nodes for ``CLAIM_TIMEOUT_S`` is removed and created again.

        Raises:
            AlreadyInUse: A pool, another process or a network outside all pools has the name.
        """
        # A random pause: two processes that collided once do not collide again.
        pause_s = uniform(0.05, 0.3)  # noqa: S311
        try:
            wait_until(self._try, timeout_s=CLAIM_TIMEOUT_S, interval_s=pause_s)
        except TimedOut:
            # The network had no nodes for the whole time: a process that was killed left it.
            check_forgotten(self.engine, self.pool, only_if_lost=False)
            remove(self.engine, self.pool)
            if (reason := self._try()) is not None:
                hint = f"Try again: condor-mini create -n {self.pool}"
                raise AlreadyInUse(reason, hint=hint) from None

    def _try(self) -> str | None:
        try:
            with held_back():  # an engine may still create the network after its client is killed
                self.engine.create_network(self.pool, labels=self.labels)
                self.taken = True
        except AlreadyInUse as error:
            check_absent(self.engine, self.pool)
            self._check_ours()
            # Another process is about to create nodes, or several collided and all gave way.
            return error.message
        return None

    def _check_ours(self) -> None:
        for network in self.engine.networks({}):
            if network.name == self.pool and network.labels.get(f"{LABEL}.pool") != self.pool:
                raise AlreadyInUse(
                    f"there is a network {self.pool}, and it is no pool's",
                    hint="Choose another name: condor-mini create -n NAME",
                )
