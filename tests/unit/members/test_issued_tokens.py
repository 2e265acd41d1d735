"""What a token says of itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from condor_mini.base.errors import CondorMiniError
from condor_mini.nodes.claims import authorizations_of, claims_of, time_of
from token_nodes import encoded


@pytest.mark.parametrize("holder", ["a", "ab", "abc", "abcd"])
def test_claims_are_read_without_padding(holder: str) -> None:
    """A token's payload is base64 without the equals signs at its end, whatever its length."""
    assert claims_of(encoded({"sub": holder})) == {"sub": holder}


@pytest.mark.parametrize(
    "text", ["", "nonsense", "a.b", "a.b.c", "a.bm9uc2Vuc2U.c", "a.WzFd.c", "a.b.c.d", "a b.c.d"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """Anything but three parts with a JSON object in the middle is an error."""
    with pytest.raises(CondorMiniError, match="the output of HTCondor is not a token"):
        claims_of(text)


def test_error_shows_no_secret() -> None:
    """What HTCondor has printed could be a token after all, so the message does not repeat it."""
    with pytest.raises(CondorMiniError) as refused:
        claims_of("eyJhbGciOi.secret")
    assert "secret" not in str(refused.value)


def test_time_of_a_claim_is_in_utc() -> None:
    """Claims name times in seconds since 1970."""
    assert time_of({"exp": 86400}, "exp") == datetime(1970, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "soon", 1e30, float("nan"), float("inf")])
def test_time_that_no_calendar_has_is_none(value: object) -> None:
    """A claim that names no time that Python can hold names none."""
    assert time_of({"exp": value}, "exp") is None


@pytest.mark.parametrize(
    ("claims", "limits"),
    [
        ({"scope": "condor:/READ condor:/WRITE"}, ("READ", "WRITE")),
        ({"scope": "compute.read"}, ("compute.read",)),
        ({"scope": ""}, ()),
        ({}, ()),
    ],
)
def test_limits_are_htcondors_words(claims: dict[str, object], limits: tuple[str, ...]) -> None:
    """A token without a scope is not limited."""
    assert authorizations_of(claims) == limits
