"""The one file that says which HTCondor."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.base.series import VARIABLE, catalogue
from condor_mini.spec import PoolSpec


def test_default_is_25() -> None:
    """The default is HTCondor 25."""
    assert catalogue().get(None).number == "25"


@pytest.mark.parametrize("number", ["25", "23"])
def test_version_is_of_the_series(number: str) -> None:
    """A series' tested version is of that series."""
    assert catalogue().get(number).version.startswith(f"{number}.")


def test_unknown_series_names_those_there_are() -> None:
    """An unknown series is refused with the known ones."""
    with pytest.raises(UsageError, match="no HTCondor series '9' here; there are: 25, 23"):
        catalogue().get("9")


def test_environment_names_the_series_where_nothing_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CONDOR_MINI_HTCONDOR holds for a pool of which no file and no option says the series."""
    monkeypatch.setenv(VARIABLE, "23")
    pools = [PoolSpec(), PoolSpec(htcondor="25")]
    assert [pool.htcondor for pool in pools] == ["23", "25"]
    assert [catalogue().get(number).number for number in (None, "25")] == ["23", "25"]


def test_unknown_series_of_the_environment_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable."""
    monkeypatch.setenv(VARIABLE, "9")
    with pytest.raises(UsageError, match="CONDOR_MINI_HTCONDOR: there is no HTCondor series '9'"):
        PoolSpec()
