"""A pool's name, and who has it."""

from __future__ import annotations

from dataclasses import dataclass
from random import uniform
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, TimedOut
from condor_mini.base.layout import LABEL
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.lifecycle.removal import remove
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import pool_nodes

if TYPE_CHECKING:
    from condor_mini.engine import Engine

CLAIM_TIMEOUT_S = 10.0
"""How long a network without nodes may belong to somebody who is about to make some."""


def check_absent(engine: Engine, pool: str) -> None:
    """Raise ``AlreadyInUse`` if the engine has nodes of a pool of that name."""
    if nodes := pool_nodes(engine, pool):
        state = "runs" if any(node.is_running for node in nodes) else "is stopped"
        raise AlreadyInUse(
            f"there is a pool {pool}; it has {len(nodes)} nodes and {state}",
            hint=f"Use it: condor-mini shell -n {pool}. Delete it: condor-mini delete -n {pool}. "
            "Make another: condor-mini create -n NAME",
        )


def check_forgotten(engine: Engine, pool: str, *, only_if_lost: bool = True) -> None:
    """Refuse the name of a pool whose containers somebody has removed, and whose state is kept.

    Args:
        engine: Where.
        pool: Its name, of which there are no containers.
        only_if_lost: Whether a network may mean that somebody is just about to make containers.
    """
    held = Holdings(engine, pool)
    if not held.volumes:
        return
    has_network = bool(held.networks)
    if has_network and only_if_lost:
        return
    start = f"Make it anew: condor-mini start -n {pool}. " if has_network else ""
    raise AlreadyInUse(
        f"all containers of the pool {pool} were removed, and its state is kept",
        hint=f"{start}Delete it for good: condor-mini delete -n {pool}. "
        "Make another: condor-mini create -n NAME",
    )


@dataclass(kw_only=True)
class Claim:
    """A pool's name, which is taken by making its network: of several who try, one succeeds."""

    engine: Engine
    pool: str
    labels: dict[str, str]
    taken: bool = False
    """Whether it is ours."""

    def take(self) -> None:
        """Take it; raises ``AlreadyInUse`` where somebody else has it."""
        pause_s = uniform(0.05, 0.3)  # noqa: S311 (so that those who met meet no more)
        try:
            wait_until(self._try, timeout_s=CLAIM_TIMEOUT_S, interval_s=pause_s)
        except TimedOut:
            # Nobody has made nodes in it for all that time: a kill has left it.
            check_forgotten(self.engine, self.pool, only_if_lost=False)
            remove(self.engine, self.pool)
            if (reason := self._try()) is not None:
                hint = f"Try again: condor-mini create -n {self.pool}"
                raise AlreadyInUse(reason, hint=hint) from None

    def _try(self) -> str | None:
        try:
            with held_back():  # an engine whose client is killed may make it a moment later
                self.engine.create_network(self.pool, labels=self.labels)
                self.taken = True
        except AlreadyInUse as error:
            check_absent(self.engine, self.pool)
            self._check_ours()
            # Somebody is about to make nodes, or several have met and given way to each other.
            return error.message
        return None

    def _check_ours(self) -> None:
        for network in self.engine.networks({}):
            if network.name == self.pool and network.labels.get(f"{LABEL}.pool") != self.pool:
                raise AlreadyInUse(
                    f"there is a network {self.pool}, and it is no pool's",
                    hint="Choose another name: condor-mini create -n NAME",
                )
