"""From Debian's indexes to a lock."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.series import catalogue
from condor_mini.runtime.fetch import DEFAULT_MIRROR, Fetcher, _apt_mirrors, mirrors
from condor_mini.runtime.index import Entry, Index, parse_packages
from condor_mini.runtime.lock import load_lock, parse_lock
from condor_mini.runtime.recipe import ARCHITECTURES, recipe
from condor_mini.runtime.resolve import compare_versions, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.runtime.conftest import Mirror

    from condor_mini.runtime import Store

DATE = datetime(2026, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0-1"),
        ("2", "1:0"),
        ("1.0", "1.0a"),
        ("1.0a", "1.0+"),
        ("10.46-1~deb13u2", "10.47"),
        ("2.38", "2.41-12"),
        ("1.9", "1.10"),
        ("1.0~~", "1.0~"),
        ("1.0-1", "1.0-1+b1"),
    ],
)
def test_versions_are_in_debians_order(older: str, newer: str) -> None:
    """As dpkg --compare-versions has it."""
    assert (compare_versions(older, newer), compare_versions(newer, older)) == (-1, 1)
    assert compare_versions(newer, newer) == 0


def index(suite: str, **packages: str) -> Index:
    """An index: ``name="VERSION dependencies / provided"``."""
    entries = {}
    for name, said in packages.items():
        version, _, rest = said.partition(" ")
        depends, _, provides = rest.partition("/")
        entries[name] = Entry(
            name=name,
            version=version,
            path=f"pool/{name}_{version}.deb",
            size=1,
            sha256="0" * 64,
            depends=depends,
            provides=provides,
        )
    return Index(suite=suite, date=DATE, packages=entries)


def names(
    *indexes: Index, wanted: tuple[str, ...] = (), drop: frozenset[str] = frozenset()
) -> list[str]:
    """``NAME VERSION`` of each package that is needed."""
    ahead = ("condor",) if "condor" in indexes[-1].packages else ()
    found = resolve(indexes, indexes[-1].suite, wanted=wanted, ahead=ahead, drop=drop)
    return [f"{entry.name} {entry.version}" for entry in found]


def test_what_is_needed_comes_too() -> None:
    """Dependencies of dependencies are in, circles included; what nobody needs is not."""
    trixie = index("trixie", aa="1 bb, cc:any (>= 1)", bb="1 aa", cc="1", dd="1")
    assert names(trixie, wanted=("aa",)) == ["aa 1", "bb 1", "cc 1"]


def test_newer_suite_only_where_needed() -> None:
    """A package is the base release's, unless another one needs a newer one."""
    trixie = index("trixie", condor="23", libc="1", pcre="1 libc", bash="1 pcre, libc")
    unstable = index("unstable", condor="25 libc, pcre (>= 2)", libc="2", pcre="2 libc")
    assert names(trixie, unstable, wanted=("bash",)) == ["bash 1", "condor 25", "libc 1", "pcre 2"]


def test_dropped_dependency() -> None:
    """What the recipe drops is not followed, nor what only that needs."""
    trixie = index("trixie", aa="1 perl, bb", perl="5 libperl", libperl="5", bb="1")
    assert names(trixie, wanted=("aa",), drop=frozenset({"perl"})) == ["aa 1", "bb 1"]


def test_alternatives_and_stand_ins() -> None:
    """Of alternatives the one that is in; of a virtual package one that provides it."""
    trixie = index("trixie", aa="1 cc | bb, virtual (>= 1)", bb="1", cc="1", dd="1 / virtual (= 2)")
    assert names(trixie, wanted=("bb", "aa")) == ["aa 1", "bb 1", "dd 1"]


@pytest.mark.parametrize("depends", ["absent", "bb (>= 2)", "bb (>> 1)", "what is this?"])
def test_what_cannot_be_had_is_named(depends: str) -> None:
    """A dependency that no index fulfils is an error that names both."""
    with pytest.raises(RuntimeFailed, match="aa needs"):
        names(index("trixie", aa=f"1 {depends}", bb="1"), wanted=("aa",))


def test_paragraphs_with_long_fields() -> None:
    """Continued lines and unknown fields do no harm."""
    text = "Package: a\nVersion: 1\nDescription: x\n Depends: no\nFilename: pool/a\nSize: 3\n"
    (entry,) = parse_packages(f"{text}SHA256: {'0' * 64}\nPre-Depends: p\nDepends: d\n\n").values()
    assert (entry.size, entry.depends) == (3, "p, d")


@pytest.mark.parametrize("series", list(catalogue().series))
@pytest.mark.parametrize("architecture", list(ARCHITECTURES.values()))
def test_shipped_locks(series: str, architecture: str, tmp_path: Path) -> None:
    """Each lock that we ship is of the series' version, and has what the recipe wants."""
    lock = load_lock(catalogue().get(series), architecture, tmp_path)
    names = {package.name for package in lock.packages}
    assert (lock.series, lock.architecture) == (series, architecture)
    assert lock.version == catalogue().series[series].version
    assert names >= {*recipe().wanted, *recipe().htcondor, "libc6"}
    assert not names & recipe().drop
    assert parse_lock(lock.dump(), "its own text") == lock


@pytest.mark.parametrize("series", list(catalogue().series))
def test_lock_has_the_images_package(series: str, tmp_path: Path) -> None:
    """HTCondor's package in the lock is the one whose digest the file ``series`` has."""
    stated = files("condor_mini").joinpath("images/condor-base/series").read_text("utf-8")
    lock = load_lock(catalogue().get(series), "amd64", tmp_path)
    (condor,) = (package for package in lock.packages if package.name == "condor")
    assert condor.sha256 in stated


@pytest.mark.parametrize("date", ["20200101T000000Z", "29990101T000000Z"])
def test_newest_lock_counts(store: Store, date: str) -> None:
    """The user's own lock counts as long as it is the newer one."""
    shipped = load_lock(catalogue().get("25"), "amd64", store.directory)
    said = json.loads(shipped.dump())
    store.directory.mkdir(parents=True)
    (store.directory / "lock-25-amd64.json").write_text(json.dumps({**said, "date": date}))
    chosen = load_lock(catalogue().get("25"), "amd64", store.directory)
    assert chosen.date == max(date, shipped.date)


@pytest.mark.parametrize(
    "change",
    [{"path": "../../etc/passwd.deb"}, {"path": "pool/../../x.deb"}, {"sha256": "0"}, {"size": 0}],
)
def test_unsound_lock(change: dict[str, str | int], tmp_path: Path) -> None:
    """A lock with a path that leads elsewhere, or without a digest, is refused."""
    said = json.loads(load_lock(catalogue().get("25"), "amd64", tmp_path).dump())
    said["packages"][0].update(change)
    with pytest.raises(RuntimeFailed, match="is damaged"):
        parse_lock(json.dumps(said), "x")


@pytest.mark.parametrize("change", [{"signed": False}, {"signed": "yes"}])
def test_unsigned_lock(change: dict[str, object], tmp_path: Path) -> None:
    """A lock of indexes whose signatures nobody has checked is refused, and so in a build."""
    said = json.loads(load_lock(catalogue().get("25"), "amd64", tmp_path).dump())
    with pytest.raises(RuntimeFailed, match="without a check of the signatures") as refused:
        parse_lock(json.dumps({**said, **change}), "x")
    assert (
        refused.value.hint == "Make it again: condor-mini runtime lock --htcondor 25 --arch amd64"
    )


def test_mirrors_of_apt(tmp_path: Path) -> None:
    """Both forms of apt's sources are read; those of others and of security are not Debian's."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example/debian trixie main\n"
        "deb [signed-by=/x] http://one.example/debian/ trixie main\n"
        "deb http://security.example/debian-security trixie main\n"
    )
    (tmp_path / "sources.list.d/x.sources").write_text(
        "Types: deb\nURIs: https://two.example/debian\n"
    )
    assert _apt_mirrors(tmp_path) == ["http://one.example/debian", "https://two.example/debian"]


def test_users_mirror_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is asked when the user has named a mirror."""
    monkeypatch.setenv("CONDOR_MINI_DEBIAN_MIRROR", "http://mine.example/debian/")
    assert mirrors(["http://locked.example"]) == ("http://mine.example/debian",)
    monkeypatch.delenv("CONDOR_MINI_DEBIAN_MIRROR")
    assert mirrors(["http://locked.example"])[-2:] == (DEFAULT_MIRROR, "http://locked.example")


def test_next_mirror_is_asked(mirror: Mirror) -> None:
    """A mirror that is silent, or lacks a file, does not keep the next from being asked."""
    mirror.files["x"] = b"here"
    assert Fetcher(["http://127.0.0.1:9", f"{mirror.url}/absent", mirror.url]).index("x") == b"here"
