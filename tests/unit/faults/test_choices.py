"""What is chosen of a fault by its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.faults.catalogue import FAULTS
from condor_mini.faults.choices import bytes_per_second, checked

if TYPE_CHECKING:
    from condor_mini.faults.choices import Choices


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("loss", {"percent": "12.5"}, {"percent": 12.5}),
        ("loss", {"percent": 1}, {"percent": 1.0}),
        ("bandwidth", {"rate": "500k"}, {"rate": "500k"}),
        ("partition", {"from": "master"}, {"from": ["master"]}),
        ("partition", {"from": ("a", "b")}, {"from": ("a", "b")}),
        ("partition", {}, {}),
    ],
)
def test_values_are_read(name: str, given: Choices, read: Choices) -> None:
    """Numbers may be text, and one of several names alone."""
    assert checked(FAULTS[name], given) == read


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("loss", {}, "loss needs --percent P"),
        ("loss", {"percent": "much"}, "that is no number"),
        ("loss", {"percent": 0}, "0.01 to 100"),
        ("loss", {"percent": "nan"}, "0.01 to 100"),
        ("loss", {"percent": 101}, "0.01 to 100"),
        ("delay", {"ms": -1}, "1 to 60000"),
        ("freeze", {"percent": 1}, "freeze has no option percent"),
        ("hold", {"code": "1.5"}, "hold --code 1.5: that is no whole number"),
        ("hold", {"subcode": -1}, "hold --subcode -1: it can be 0 or more"),
    ],
)
def test_false_values(name: str, given: Choices, words: str) -> None:
    """A value that is missing, strange or out of bounds is refused."""
    with pytest.raises(UsageError, match=words):
        checked(FAULTS[name], given)


@pytest.mark.parametrize(
    ("text", "rate"), [("1000", 1000), ("500k", 500_000), ("1.5M", 1_500_000), ("1GB/s", 10**9)]
)
def test_rates(text: str, rate: int) -> None:
    """A rate is bytes per second, with a unit of thousands."""
    assert bytes_per_second(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "999", "-5k", "1.k", "5 Mbit"])
def test_false_rates(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError, match="no rate"):
        bytes_per_second(text)
