"""Indexes that Debian has signed, and ones that it has not; signed/make says how they were made."""

from __future__ import annotations

import lzma
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import RuntimeFailed
from condor_mini.runtime.fetch import Fetcher
from condor_mini.runtime.index import read_index
from condor_mini.runtime.signature import PROGRAMS, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.runtime.conftest import Mirror

    from condor_mini.runtime import Store
    from condor_mini.runtime.index import Index

    Run = Callable[..., tuple[int, str, str]]

SIGNED = Path(__file__).parent / "signed"
IN_TIME = datetime(2026, 11, 1, tzinfo=UTC)
TOO_LATE = datetime(2026, 11, 7, tzinfo=UTC)
"""A day after the ``Valid-Until`` of the indexes that have one."""
INRELEASE = "dists/trixie/InRelease"
PACKAGES = "dists/trixie/main/binary-amd64/Packages.xz"


@pytest.fixture
def verifier() -> Verifier:
    """This machine's program, and the keyring of these tests."""
    if not any(map(shutil.which, PROGRAMS)):
        pytest.skip("there is neither gpgv nor sqv here")
    return Verifier.of_machine(SIGNED)


@pytest.fixture
def publish(mirror: Mirror) -> Callable[[bytes], None]:
    """Puts an InRelease on the mirror, with the packages that the signed ones tell of."""

    def put(inrelease: bytes) -> None:
        mirror.files[INRELEASE] = inrelease
        mirror.files[PACKAGES] = (SIGNED / "Packages.xz").read_bytes()

    return put


@pytest.fixture
def read(mirror: Mirror, verifier: Verifier) -> Callable[..., Index]:
    """Reads the index of trixie, or of another suite, while it is valid, or later."""

    def index(
        suite: str = "trixie", *, now: datetime = IN_TIME, accept_expired: bool = False
    ) -> Index:
        return read_index(
            Fetcher([mirror.url]), verifier, suite, "amd64", now=now, accept_expired=accept_expired
        )

    return index


def signed(name: str) -> bytes:
    """One of the files that ``signed/make`` makes."""
    return (SIGNED / name).read_bytes()


@pytest.mark.parametrize("name", ["good", "two-keys", "without-end"])
def test_a_signed_index_is_read(
    name: str, publish: Callable[[bytes], None], read: Callable[..., Index]
) -> None:
    """One signature by a valid key of the keyring is enough, whoever else has signed too."""
    publish(signed(name))
    index = read()
    assert index.date == datetime(2026, 10, 30, 8, 8, 1, tzinfo=UTC)
    assert list(index.packages) == ["a"]


@pytest.mark.parametrize(
    "inrelease",
    [
        signed("unknown-key"),
        signed("expired-key"),
        signed("expired-signature"),
        signed("good").replace(b"Origin: Debian", b"Origin: nobody"),
        signed("good").partition(b"-----BEGIN PGP SIGNATURE")[0],
        signed("good").partition(b"\n\n")[2].partition(b"-----BEGIN PGP SIGNATURE")[0],
        b"",
    ],
    ids=["unknown key", "expired key", "expired", "tampered", "cut", "unsigned", "empty"],
)
def test_no_valid_signature(
    inrelease: bytes, publish: Callable[[bytes], None], read: Callable[..., Index]
) -> None:
    """An index without a signature by a valid key of the keyring is refused."""
    publish(inrelease)
    with pytest.raises(RuntimeFailed, match="has no valid signature by Debian"):
        read()


def test_only_what_is_signed_is_read(
    publish: Callable[[bytes], None], read: Callable[..., Index]
) -> None:
    """What stands around the signed text is not read."""
    publish(b"Date: Sat, 01 Jan 2000 00:00:00 UTC\n" + signed("good") + b"Codename: sid\n")
    assert read().date.year == 2026


def test_other_packages(
    publish: Callable[[bytes], None], read: Callable[..., Index], mirror: Mirror
) -> None:
    """Packages that are not the ones of the signed index are refused."""
    publish(signed("good"))
    mirror.files[PACKAGES] = lzma.compress(b"Package: b\n")
    with pytest.raises(RuntimeFailed, match="is not the one that dists/trixie/InRelease lists"):
        read()


def test_another_suite(
    mirror: Mirror, publish: Callable[[bytes], None], read: Callable[..., Index]
) -> None:
    """A signed index of another suite is refused."""
    publish(signed("good"))
    mirror.files["dists/unstable/InRelease"] = signed("good")
    with pytest.raises(RuntimeFailed, match="is the index of stable or trixie, not of unstable"):
        read("unstable")


def test_past_valid_until(publish: Callable[[bytes], None], read: Callable[..., Index]) -> None:
    """An index that is past its Valid-Until is refused, with the option that takes it."""
    publish(signed("good"))
    with pytest.raises(RuntimeFailed, match="was valid until 2026-11-06 08:08 UTC") as refused:
        read(now=TOO_LATE)
    assert "condor-mini runtime lock --accept-expired" in (refused.value.hint or "")


def test_past_valid_until_and_accepted(
    publish: Callable[[bytes], None], read: Callable[..., Index]
) -> None:
    """A user who accepts an expired index gets it."""
    publish(signed("good"))
    assert list(read(now=TOO_LATE, accept_expired=True).packages) == ["a"]


def test_without_valid_until(publish: Callable[[bytes], None], read: Callable[..., Index]) -> None:
    """An index without a Valid-Until, such as stable's, does not expire."""
    publish(signed("without-end"))
    assert list(read(now=TOO_LATE).packages) == ["a"]


def test_nothing_checks_signatures(
    mirror: Mirror,
    condor_mini: Run,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Without gpgv and sqv `runtime lock` ends with 1, and neither fetches nor writes anything."""
    monkeypatch.setenv("PATH", str(tmp_path))
    status, out, err = condor_mini("lock")
    assert (status, out, mirror.asked) == (1, "", [])
    assert not store.directory.exists()
    assert "neither gpgv nor sqv" in err
    assert "apt-get install gpgv debian-archive-keyring" in err


def test_no_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Debian's keyring nothing can be checked."""
    program = tmp_path / "gpgv"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeFailed, match="no keyring of Debian"):
        Verifier.of_machine(tmp_path / "keyrings")


def test_no_index(
    mirror: Mirror, verifier: Verifier, condor_mini: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror without indexes is named."""
    monkeypatch.setattr(Verifier, "of_machine", lambda: verifier)
    status, _, err = condor_mini("lock", "--series", "25")
    assert (status, f"{mirror.url}: has no dists/trixie/InRelease" in err) == (1, True)
