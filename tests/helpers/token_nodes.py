"""The nodes of a pool in memory, which keep records of tokens as their scripts do."""

from __future__ import annotations

import base64
import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

DOMAIN = "condor-mini.internal"
LIES_ON = {
    "ci-submit-1": ("a" * 32, "ci-submit-1@submit", "ADVERTISE_SCHEDD"),
    "ci-execute-1": ("b" * 32, "ci-execute-1@execute", "ADVERTISE_STARTD"),
}
"""The tokens that lie on nodes: id, holder and limit."""
ELSEWHERE = "c" * 32
"""The id of a token that nobody here knows."""


def encoded(claims: dict[str, Any]) -> str:
    """Return a token with these claims; its secret part is a word that tests look for."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOi.{payload}.SIGNATURE"


class TokenNodes:
    """What the scripts of the nodes do, without HTCondor."""

    def __init__(self, engine: PoolEngine) -> None:
        self.issued: dict[str, list[str]] = defaultdict(list)
        """Lines of each node's issued-tokens."""
        self.revoked: dict[str, list[str]] = defaultdict(list)
        self.given: list[tuple[str, ...]] = []
        """What create-token and revoke-token were given, in turn."""
        self.now = time.time()
        self._count = 0
        engine.on_exec([f"{REQUEST_SCRIPTS}/create-token"], self._create)
        engine.on_exec([f"{REQUEST_SCRIPTS}/list-tokens"], self.listed)
        engine.on_exec([f"{REQUEST_SCRIPTS}/revoke-token"], self._revoke)
        engine.on_exec(["condor_token_list"], self._installed)

    def _create(self, call: FakeExec) -> FakeOutcome:
        self.given.append((call.container, *call.argv[1:]))
        is_part = call.argv[1] == "--with"
        user, seconds, *limits = call.argv[3 if is_part else 1 :]
        self._count += 1
        claims: dict[str, Any] = {
            "jti": f"{self._count:08x}" + "0" * 24,
            "iss": f"ci.{DOMAIN}",
            "iat": int(self.now),
            "sub": user if "@" in user else f"{user}@{DOMAIN}",
            "scope": " ".join(f"condor:/{limit}" for limit in limits),
        }
        if seconds != "0":
            claims["exp"] = claims["iat"] + int(seconds)
        token = encoded(claims)
        if noted := call.environment.get("TOKEN_DESCRIPTION"):
            claims = {"description": json.loads(noted), **claims}
        known_by = call.argv[2] if is_part else claims["jti"]
        self.issued[call.container].append(f"issued {known_by} {json.dumps(claims)}")
        return FakeOutcome(stdout=f"{token}\n")

    def listed(self, call: FakeExec) -> FakeOutcome:
        """What list-tokens writes on a node."""
        lines = [*self.issued[call.container], *self.revoked[call.container]]
        return FakeOutcome(stdout="".join(f"{line}\n" for line in [f"domain {DOMAIN}", *lines]))

    def _revoke(self, call: FakeExec) -> FakeOutcome:
        self.given.append((call.container, *call.argv[1:]))
        _, claim, *values = call.argv
        self.revoked[call.container] += [f"revoked {claim} {value}" for value in values]
        return FakeOutcome()

    def _installed(self, call: FakeExec) -> FakeOutcome:
        if call.user != "root" or call.container not in LIES_ON:
            return FakeOutcome()
        id_, holder, limit = LIES_ON[call.container]
        claims = {"jti": id_, "sub": f"{holder}.{DOMAIN}", "scope": f"condor:/{limit}", "iat": 1}
        header = '{"alg":"HS256","kid":"POOL"}'
        file = "/etc/condor/tokens.d/node"
        return FakeOutcome(stdout=f"Header: {header} Payload: {json.dumps(claims)} File: {file}\n")
