"""Resolving dependencies: from the wanted packages to all packages that they need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.series import catalogue
from condor_mini.runtime.index import read_index
from condor_mini.runtime.lock import Lock, Package
from condor_mini.runtime.recipe import recipe
from condor_mini.runtime.signature import Verifier

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from condor_mini.base.series import Series
    from condor_mini.runtime.fetch import Fetcher
    from condor_mini.runtime.index import Entry, Index

SNAPSHOT = "https://snapshot.debian.org/archive/debian"
"""An archive of all versions of all packages, by date."""

_ATOM = re.compile(
    r"^\s*(?P<name>[a-z0-9][a-z0-9+.-]+)(?::\w+)?"
    r"\s*(?:\((?P<how><<|<=|=|>=|>>)\s*(?P<version>[^)\s]+)\s*\))?\s*(?:\[[^]]*\])?\s*$"
)


@dataclass(frozen=True)
class _Atom:
    """One alternative of a dependency: ``libc6 (>= 2.38)``."""

    name: str
    how: str | None
    version: str | None

    def __str__(self) -> str:
        return self.name if self.how is None else f"{self.name} ({self.how} {self.version})"

    def fits(self, version: str) -> bool:
        if self.how is None or self.version is None:
            return True
        order = compare_versions(version, self.version)
        return {
            "<<": order < 0,
            "<=": order <= 0,
            "=": order == 0,
            ">=": order >= 0,
            ">>": order > 0,
        }[self.how]


def make_lock(
    fetcher: Fetcher,
    series: Series,
    architecture: str,
    *,
    verifier: Verifier | None = None,
    accept_expired: bool = False,
) -> Lock:
    """Return a lock of the packages that are on the mirror today.

    Args:
        fetcher: Gets the indexes from a mirror.
        series: Series of HTCondor.
        architecture: Debian's name of the architecture.
        verifier: Checks the indexes' signatures. None for the program that this machine has.
        accept_expired: Whether to accept indexes that are past their ``Valid-Until``.

    Raises:
        RuntimeFailed: The machine cannot check signatures, an index is not available or not
            trusted, or the indexes lack a package or the series.
    """
    checks = verifier or Verifier.of_machine()
    suites = list(dict.fromkeys([catalogue().debian, series.suite]))
    indexes = [
        read_index(fetcher, checks, suite, architecture, accept_expired=accept_expired)
        for suite in suites
    ]
    entries = resolve(
        indexes, series.suite, wanted=recipe().wanted, ahead=recipe().htcondor, drop=recipe().drop
    )
    condor = next(entry for entry in entries if entry.name == recipe().htcondor[0])
    if condor.version.partition(".")[0] != series.number:
        raise RuntimeFailed(
            f"{series.suite} has HTCondor {condor.version} today, which does not belong to the "
            f"series {series.number}"
        )
    date = max(index.date for index in indexes).strftime("%Y%m%dT%H%M%SZ")
    return Lock(
        series=series.number,
        architecture=architecture,
        version=condor.version,
        date=date,
        mirrors=(f"{SNAPSHOT}/{date}",),
        packages=tuple(map(locked, entries)),
    )


def locked(entry: Entry) -> Package:
    """Return a package of an index as a package of a lock."""
    return Package(
        name=entry.name,
        version=entry.version,
        path=entry.path,
        size=entry.size,
        sha256=entry.sha256,
    )


def resolve(
    indexes: Sequence[Index],
    ahead_suite: str,
    *,
    wanted: Iterable[str],
    ahead: Collection[str],
    drop: Collection[str],
) -> list[Entry]:
    """Return all packages that are needed, sorted by name.

    Each package is from the first index that has it, unless another package needs a newer version.

    Args:
        indexes: Indexes to search; that of the base release is the first.
        ahead_suite: Suite of the packages in ``ahead``.
        wanted: Names of the wanted packages, from any index.
        ahead: Names of the wanted packages from the suite ``ahead_suite``.
        drop: Names of dependencies that are not followed.

    Raises:
        RuntimeFailed: A package or a dependency is in none of the indexes.
    """
    chosen: dict[str, Entry] = {}
    needed: list[tuple[str, str]] = [("the recipe", name) for name in wanted]
    for index in indexes:
        for name in ahead if index.suite == ahead_suite else ():
            entry = index.packages.get(name)
            if entry is None:
                raise RuntimeFailed(f"{ahead_suite} has no package {name}")
            chosen[name] = entry
            needed += [(name, part) for part in entry.depends.split(",")]
    while needed:
        by, dependency = needed.pop(0)
        atoms = [atom for part in dependency.split("|") if (atom := _atom(by, part))]
        if not atoms or any(atom.name in drop for atom in atoms):
            continue
        if any(_has(chosen, atom) for atom in atoms):
            continue
        entry = next((found for atom in atoms if (found := _find(indexes, atom))), None)
        if entry is None:
            alternatives = " | ".join(map(str, atoms))
            raise RuntimeFailed(f"{by} needs {alternatives}, which no index has")
        if entry.name in drop:
            continue
        chosen[entry.name] = entry
        needed += [(entry.name, part) for part in entry.depends.split(",")]
    return [chosen[name] for name in sorted(chosen)]


def _atom(by: str, text: str) -> _Atom | None:
    if not text.strip():
        return None
    found = _ATOM.match(text)
    if not found:
        raise RuntimeFailed(f"{by} needs {text.strip()!r}, which is not a Debian dependency")
    return _Atom(found["name"], found["how"], found["version"])


def _has(chosen: dict[str, Entry], atom: _Atom) -> bool:
    if atom.name in chosen:
        return atom.fits(chosen[atom.name].version)
    return any(_provides(entry, atom) for entry in chosen.values())


def _find(indexes: Sequence[Index], atom: _Atom) -> Entry | None:
    """Return the package from the first index where it fits, else the first that provides it."""
    for index in indexes:
        entry = index.packages.get(atom.name)
        if entry and atom.fits(entry.version):
            return entry
    for index in indexes:
        for name in sorted(index.packages):
            if _provides(index.packages[name], atom):
                return index.packages[name]
    return None


def _provides(entry: Entry, atom: _Atom) -> bool:
    if atom.name not in entry.provides:
        return False
    offers = (_ATOM.match(part) for part in entry.provides.split(","))
    return any(
        offer["name"] == atom.name
        and (atom.how is None or (offer["version"] is not None and atom.fits(offer["version"])))
        for offer in offers
        if offer
    )


def compare_versions(left: str, right: str) -> int:
    """Return a negative number if ``left`` is older, 0 if equal, positive if newer.

    The order is that of deb-version(7).
    """
    for one, other in zip(_version_parts(left), _version_parts(right), strict=True):
        if one != other:
            return -1 if one < other else 1
    return 0


def _version_parts(version: str) -> tuple[list[tuple[tuple[int, ...], int]], ...]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, hyphen, revision = rest.rpartition("-")
    if not hyphen:
        upstream, revision = rest, ""
    return tuple(_runs(part) for part in (epoch, upstream, revision))


def _runs(text: str) -> list[tuple[tuple[int, ...], int]]:
    """Return the alternating runs of other characters and digits, in a form that sorts as Debian.

    A tilde sorts before the end, the end before letters, letters before all else.
    """
    runs = re.findall(r"([^0-9]*)([0-9]*)", text)
    return [(_order(other), int(digits or 0)) for other, digits in runs]


def _order(text: str) -> tuple[int, ...]:
    weights = (-1 if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in text)
    return (*weights, 0)
