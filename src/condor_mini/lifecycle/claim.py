"""The claim to a pool's name, so that one of several processes creates the pool."""

from __future__ import annotations

from dataclasses import dataclass
from random import uniform
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, TimedOut
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.lifecycle.admission import check_absent, check_forgotten, check_network
from condor_mini.lifecycle.removal import remove

if TYPE_CHECKING:
    from condor_mini.engine import Engine

CLAIM_TIMEOUT_S = 10.0
"""How long a network without nodes counts as the claim of another process, in seconds.

That process may be about to create its nodes.
"""


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
            check_network(self.engine, self.pool)
            # Another process is about to create nodes, or several collided and all gave way.
            return error.message
        return None
