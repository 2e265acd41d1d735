"""What ``Faults`` does to tokens and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.faults.lasting import LastingFaults

if TYPE_CHECKING:
    from condor_mini.faults.in_force import FaultInForce


class SecurityFaults(LastingFaults):
    """The faults of tokens and keys that ``Faults`` makes. Each of them lasts."""

    def revoke_token(self, node: str) -> FaultInForce:
        """Revoke the token of a node; raises what ``strike`` raises."""
        return self._lasting("revoke-token", node)

    def steal_token(self, node: str) -> FaultInForce:
        """Let somebody use a copy of a node's token; raises what ``strike`` raises."""
        return self._lasting("steal-token", node)

    def expire_token(self, node: str) -> FaultInForce:
        """Let a node have a token that has expired; raises what ``strike`` raises."""
        return self._lasting("expire-token", node)

    def lose_key(self) -> FaultInForce:
        """Replace the central manager's signing key; raises what ``strike`` raises."""
        return self._lasting("lose-key", "master")
