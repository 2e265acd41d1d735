"""The requests for tokens that wait for approval at a central manager."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import PoolNotReady
from condor_mini.engine import QUICK_TIMEOUT_S

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """A node's or a person's request for a token that waits for approval."""

    id: str
    client: str
    """The name that the client gives itself: host name and PID."""
    address: str
    identity: str
    """The identity that the client asks for."""
    authorizations: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the request for programs: docs/reference/json.md."""
        return asdict(self)


def requests_at(manager: Node, *, timeout_s: float = QUICK_TIMEOUT_S) -> list[TokenRequest]:
    """Return the requests for tokens that wait for approval at a central manager.

    Args:
        manager: The central manager.
        timeout_s: How long its collector may take to answer, in seconds.

    Raises:
        PoolNotReady: Its collector says why it does not tell.
        NotFound: The central manager does not run.
        CommandFailed: There was no answer in time.
    """
    argv = ["condor_token_request_list", "-json"]
    result = manager.exec(argv, user="root", timeout_s=timeout_s)
    if result.returncode != 0:
        raise PoolNotReady(
            f"condor_token_request_list failed on {manager.name}: {result.stderr.strip()}"
        )
    ads = json.loads(result.stdout) if result.stdout.strip() else []
    return [
        TokenRequest(
            id=str(ad["RequestId"]),
            client=ad.get("ClientId", ""),
            address=ad.get("PeerLocation", ""),
            identity=ad.get("RequestedIdentity", ""),
            authorizations=_words(ad.get("LimitAuthorization", "")),
        )
        for ad in ads
    ]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
