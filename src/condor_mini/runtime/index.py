"""Debian's indexes: a release's signed list of digests, and its packages."""

from __future__ import annotations

import hashlib
import lzma
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.runtime.fetch import Fetcher
    from condor_mini.runtime.signature import Verifier


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A package of an index."""

    name: str
    version: str
    path: str
    size: int
    sha256: str
    depends: str
    """Pre-Depends and Depends, as the index has them."""
    provides: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """A suite's packages."""

    suite: str
    date: datetime
    packages: Mapping[str, Entry]


def read_index(
    fetcher: Fetcher,
    verifier: Verifier,
    suite: str,
    architecture: str,
    *,
    accept_expired: bool = False,
    now: datetime | None = None,
) -> Index:
    """Return a suite's index of the component main, which Debian has signed.

    Args:
        fetcher: Gets the files from a mirror.
        verifier: Checks the signature.
        suite: ``trixie`` or ``unstable``.
        architecture: Debian's name.
        accept_expired: Whether to take an index that is past its ``Valid-Until``.
        now: The time that ``Valid-Until`` is compared with; None for the machine's.

    Raises:
        RuntimeFailed: The index cannot be had, is not what Debian has signed, is another suite's,
            or has expired.
    """
    folder = f"dists/{suite}"
    source = f"{folder}/InRelease"
    release = verifier.signed_text(fetcher.index(source), source)
    _check_suite(release, suite, source)
    if not accept_expired:
        _check_valid_until(release, source, now or datetime.now(UTC))
    path = f"main/binary-{architecture}/Packages.xz"
    line = re.search(rf"^ ([0-9a-f]{{64}}) +([0-9]+) {re.escape(path)}$", release, re.MULTILINE)
    date = _time(release, "Date")
    if not line or not date:
        raise RuntimeFailed(f"{source} of {fetcher.bases[0]} does not tell of {path}")
    packed = fetcher.index(f"{folder}/{path}")
    if hashlib.sha256(packed).hexdigest() != line[1]:
        raise RuntimeFailed(
            f"{folder}/{path} is not the one that {source} tells of",
            hint="The mirror is being updated, or lies: try again in some minutes",
        )
    try:
        text = lzma.decompress(packed).decode("utf-8")
        return Index(suite=suite, date=date, packages=parse_packages(text))
    except (lzma.LZMAError, ValueError) as error:
        raise RuntimeFailed(f"{folder}/{path} cannot be read: {error}") from error


def parse_packages(text: str) -> dict[str, Entry]:
    """The packages of an index, by name; the last version of each."""
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+):[ \t]*(.*)$", paragraph, re.MULTILINE))
        if "Package" in fields and "SHA256" in fields:
            needed = (fields.get("Pre-Depends"), fields.get("Depends"))
            found[fields["Package"]] = Entry(
                name=fields["Package"],
                version=fields["Version"],
                path=fields["Filename"],
                size=int(fields["Size"]),
                sha256=fields["SHA256"],
                depends=", ".join(filter(None, needed)),
                provides=fields.get("Provides", ""),
            )
    return found


def _check_suite(release: str, suite: str, source: str) -> None:
    """Refuse another suite's index, which Debian has signed too."""
    names = re.findall(r"^(?:Suite|Codename): (.+)$", release, re.MULTILINE)
    if suite not in names:
        raise RuntimeFailed(
            f"{source} is the index of {' or '.join(names) or 'no suite'}, and not of {suite}",
            hint="The mirror is not in order: name another one",
        )


def _check_valid_until(release: str, source: str, now: datetime) -> None:
    """Refuse an index that a mirror keeps from before: its packages have known faults."""
    until = _time(release, "Valid-Until")
    if until is not None and now > until:
        raise RuntimeFailed(
            f"{source} was valid until {until:%Y-%m-%d %H:%M} UTC, and it is "
            f"{now:%Y-%m-%d %H:%M} UTC now: the mirror is out of date, or hides newer versions",
            hint="Name another mirror. If you mean this one, as a snapshot of the archive: "
            "condor-mini runtime lock --accept-expired",
        )


def _time(release: str, field: str) -> datetime | None:
    """The point in time that a field of a release names; None for one that is not there."""
    found = re.search(rf"^{field}: (.+)$", release, re.MULTILINE)
    try:
        return parsedate_to_datetime(found[1]).astimezone(UTC) if found else None
    except ValueError as error:
        raise RuntimeFailed(f"the release's {field} cannot be read: {error}") from error
