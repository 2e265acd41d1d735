"""The claims of a token: the part that is not secret (RFC 7519).

HTCondor's tokens have ``iss`` (the issuer), ``sub`` (the holder), ``jti`` (an id), ``iat`` and
``exp`` (times in seconds since 1970), and ``scope`` (the authorizations that it is limited to).
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError

if TYPE_CHECKING:
    from collections.abc import Mapping

Claims = dict[str, object]
_TOKEN = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]+", re.ASCII)


def claims_of(token: str) -> Claims:
    """Return the claims of a token.

    Raises:
        CondorMiniError: The text is not a token. The message does not show it.
    """
    try:
        found = _TOKEN.fullmatch(token)
        payload = found[1] if found else ""
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise CondorMiniError("the output of HTCondor is not a token")
    return claims


def time_of(claims: Mapping[str, object], claim: str) -> datetime | None:
    """Return the point in time that a claim holds, or None if it holds none."""
    seconds = claims.get(claim)
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
    except (OverflowError, ValueError, OSError):
        return None  # beyond the year 9999


def authorizations_of(claims: Mapping[str, object]) -> tuple[str, ...]:
    """Return the authorizations that a token is limited to; empty if it is not limited."""
    return tuple(word.removeprefix("condor:/") for word in str(claims.get("scope", "")).split())
