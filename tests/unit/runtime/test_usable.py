"""Which runtimes serve where none needs to be made."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.series import catalogue
from condor_mini.runtime.build import place, usable
from condor_mini.runtime.store import Store, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Put = Callable[..., Path]

SERIES = catalogue().get("25")


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts a runtime of a series into the cache, so many seconds old; its digest is that number."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def put(age_s: int = 0, *, series: str = "25", path: Path | None = None) -> Path:
        architecture = place(SERIES).name.split("-")[1]
        path = path or Store().path(series, architecture, f"{age_s:012}")
        (path / "root/usr").mkdir(parents=True)
        (path / "root/usr/it").touch()
        write_manifest(path, {})
        changed = path.stat().st_mtime - age_s
        os.utime(path, (changed, changed))
        return path

    return put


def found() -> Path | None:
    """The path of the runtime that is found."""
    runtime = usable(SERIES)
    return runtime.path if runtime else None


def test_the_present_one_first(put: Put) -> None:
    """The runtime that `ensure` would return is taken, even if another is newer."""
    ours = put(1000, path=place(SERIES))
    put(10)
    assert found() == ours


def test_the_newest_of_the_others(put: Put) -> None:
    """A runtime of another recipe serves; of several the one that was made last."""
    put(1000)
    newest = put(10)
    assert found() == newest


def test_damaged_ones_do_not_count(put: Put) -> None:
    """A runtime that lost a file does not serve."""
    (put(10) / "root/usr/it").unlink()
    older = put(1000)
    assert found() == older


def test_another_series_does_not_count(put: Put) -> None:
    """The sandboxes are made by programs of the default series."""
    put(10, series="23")
    assert found() is None
