"""The user's directories."""

from __future__ import annotations

import platformdirs
import pytest

from condor_mini.base import directories


@pytest.mark.parametrize("value", [None, "", "/given", "relative"])
def test_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """Other files of ours are where platformdirs says."""
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    ours = (directories.user_cache(), directories.user_state())
    theirs = (platformdirs.user_cache_path, platformdirs.user_state_path)
    assert ours == tuple(find("condor-mini", appauthor=False) for find in theirs)
