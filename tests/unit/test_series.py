"""The one file that says which HTCondor."""

from __future__ import annotations

import pytest

from condor_mini.errors import UsageError
from condor_mini.series import catalogue


def test_default_is_25() -> None:
    """Nothing said is HTCondor 25."""
    assert catalogue().get(None).number == "25"


@pytest.mark.parametrize("number", ["25", "23"])
def test_version_is_of_the_series(number: str) -> None:
    """A series' tested version is of that series."""
    assert catalogue().get(number).version.startswith(f"{number}.")


def test_unknown_series_names_those_there_are() -> None:
    """An unknown series is refused with the known ones."""
    with pytest.raises(UsageError, match="no HTCondor series '9' here; there are: 25, 23"):
        catalogue().get("9")
