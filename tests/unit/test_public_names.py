"""The public names of the package."""

from __future__ import annotations

import pytest

import condor_mini


def test_public_names_are_sorted() -> None:
    """The public names are in order, and no more than these."""
    assert condor_mini.__all__ == sorted(condor_mini.__all__)


@pytest.mark.parametrize("name", condor_mini.__all__)
def test_public_name_is_there(name: str) -> None:
    """Each public name can be had."""
    assert getattr(condor_mini, name) is not None
