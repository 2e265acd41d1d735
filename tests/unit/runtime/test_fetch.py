"""Mirrors that answer, and hold a download up."""

from __future__ import annotations

import hashlib
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.runtime.conftest import Slow

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.waiting import wait_until
from condor_mini.runtime import fetch
from condor_mini.runtime.fetch import Fetcher
from condor_mini.runtime.lock import Package

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.runtime.conftest import Mirror

    from condor_mini.runtime import Store

    Run = Callable[..., tuple[int, str, str]]

CONDOR = "pool/main/condor_1.deb"
SOON_S = 5.0
"""Much more than the time that these tests give a download, much less than a mirror's twenty."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A download is given up after a third of a second."""
    monkeypatch.setattr(fetch, "GRACE_S", 0.3)


def package(path: str, data: bytes) -> Package:
    """A package of a lock."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Package(name="p", version="1", path=path, size=len(data), sha256=sha256)


@pytest.mark.parametrize("how", list(Slow))
def test_a_slow_mirror_is_given_up(
    how: Slow, locked: dict[str, Any], mirror: Mirror, condor_mini: Run, store: Store
) -> None:
    """A build ends soon, says which file came too slowly, and leaves nothing."""
    mirror.slow[CONDOR] = how
    began = time.monotonic()
    status, out, err = condor_mini("build")
    assert time.monotonic() - began < SOON_S
    assert (status, out) == (1, "")
    size = locked["packages"][0]["size"]
    assert re.search(rf"{mirror.url}: too slow: \d+ of {size} bytes of condor_1.deb in \d+ s", err)
    assert "CONDOR_MINI_DEBIAN_MIRROR=<URL>" in err
    assert {entry.name for entry in store.directory.iterdir()} == {".lock", "lock-25-amd64.json"}


@pytest.mark.parametrize("how", list(Slow))
def test_a_slow_index_is_given_up(how: Slow, mirror: Mirror) -> None:
    """An index, whose size nobody knows yet, is given up as well."""
    mirror.slow["dists/x/InRelease"] = how
    began = time.monotonic()
    with pytest.raises(RuntimeFailed, match=r"too slow: \d+ bytes of InRelease in"):
        Fetcher([mirror.url]).index("dists/x/InRelease")
    assert time.monotonic() - began < SOON_S


def test_attempts_share_their_time(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that also cuts its connections gets no more time for that."""
    monkeypatch.setattr(fetch, "GRACE_S", 1.5)
    mirror.slow["x"] = Slow.NOTHING
    with pytest.raises(RuntimeFailed, match=r"too slow: 0 of 1 bytes of x in \d s"):
        Fetcher([mirror.url], timeout_s=0.9).package(package("x", b"x"), refresh="")
    assert [path for path, _ in mirror.asked] == ["x", "x"]


def test_the_next_mirror_is_asked(mirror: Mirror) -> None:
    """A mirror that is too slow does not keep the next one from being asked."""
    mirror.slow["slow/x"] = Slow.BODY
    data = mirror.files["x"] = b"here" * 1000
    fetcher = Fetcher([f"{mirror.url}/slow", mirror.url])
    assert fetcher.package(package("x", data), refresh="") == data


def test_what_comes_buys_time(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download may take longer than the grace as long as it is fast enough on average."""
    monkeypatch.setattr(fetch, "SLOWEST_BYTES_PER_S", 10)
    mirror.slow["x"] = Slow.BODY
    began = time.monotonic()
    with pytest.raises(RuntimeFailed, match="sent a wrong x"):
        Fetcher([mirror.url]).package(package("x", b"x" * 29), refresh="")
    assert time.monotonic() - began > fetch.GRACE_S


def test_an_interrupt_ends_a_build_that_waits(locked: dict[str, Any], mirror: Mirror) -> None:
    """Ctrl-C does not wait until a mirror that sends nothing is given up."""
    del locked
    mirror.slow[CONDOR] = Slow.NOTHING
    argv = [sys.executable, "-m", "condor_mini", "runtime", "build", "--arch", "amd64"]
    build = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    wait_until(
        lambda: None if any(path == CONDOR for path, _ in mirror.asked) else "not asked",
        timeout_s=30,
    )
    began = time.monotonic()
    build.send_signal(signal.SIGINT)
    assert "interrupted" in build.communicate(timeout=60)[1]
    assert time.monotonic() - began < SOON_S
