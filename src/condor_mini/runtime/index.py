"""Debian's package indexes: the signed digests of a release, and its list of packages."""

from __future__ import annotations

import hashlib
import lzma
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed
from condor_mini.runtime.fetch import MIRROR_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.runtime.fetch import Fetcher
    from condor_mini.runtime.signature import Verifier


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A package in an index."""

    name: str
    version: str
    path: str
    size: int
    sha256: str
    depends: str
    """Pre-Depends and Depends, joined by a comma, in the index's syntax."""
    provides: str


@dataclass(frozen=True, kw_only=True)
class Index:
    """The packages of a suite, and the date of its release."""

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
    """Return a suite's index of the component main, after checking Debian's signature.

    Args:
        fetcher: Gets the files from a mirror.
        verifier: Checks the signature.
        suite: ``trixie`` or ``unstable``.
        architecture: Debian's name of the architecture.
        accept_expired: Whether to accept an index that is past its ``Valid-Until``.
        now: Time to compare ``Valid-Until`` with. None for the present.

    Raises:
        RuntimeFailed: No mirror sends the index, or it is not the one that Debian signed, belongs
            to another suite, or has expired.
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
        raise RuntimeFailed(f"{source} of {fetcher.bases[0]} does not list {path}")
    packed = fetcher.index(f"{folder}/{path}")
    if hashlib.sha256(packed).hexdigest() != line[1]:
        raise RuntimeFailed(
            f"{folder}/{path} is not the one that {source} lists",
            hint="The mirror is being updated, or cannot be trusted. Try again in some minutes.",
        )
    try:
        text = lzma.decompress(packed).decode("utf-8")
        return Index(suite=suite, date=date, packages=parse_packages(text))
    except (lzma.LZMAError, ValueError) as error:
        raise RuntimeFailed(f"{folder}/{path} cannot be read: {error}") from error


def parse_packages(text: str) -> dict[str, Entry]:
    """Return the packages of an index by name, each in the last version that is listed."""
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
    """Refuse the index of another suite, which Debian has signed as well."""
    names = re.findall(r"^(?:Suite|Codename): (.+)$", release, re.MULTILINE)
    if suite not in names:
        raise RuntimeFailed(
            f"{source} is the index of {' or '.join(names) or 'no suite'}, not of {suite}",
            hint=f"The mirror is broken. Name another one: {MIRROR_VARIABLE}=<URL>",
        )


def _check_valid_until(release: str, source: str, now: datetime) -> None:
    """Refuse an old index that a mirror still serves: its packages have known vulnerabilities."""
    until = _time(release, "Valid-Until")
    if until is not None and now > until:
        raise RuntimeFailed(
            f"{source} was valid until {until:%Y-%m-%d %H:%M} UTC, and it is "
            f"{now:%Y-%m-%d %H:%M} UTC now: the mirror is out of date, or hides newer versions",
            hint=f"Name another mirror: {MIRROR_VARIABLE}=<URL>. If you want this one, for example "
            "a snapshot of the archive: condor-mini runtime lock --accept-expired",
        )


def _time(release: str, field: str) -> datetime | None:
    """Return the time in a field of a release; None if the field is absent."""
    found = re.search(rf"^{field}: (.+)$", release, re.MULTILINE)
    try:
        return parsedate_to_datetime(found[1]).astimezone(UTC) if found else None
    except ValueError as error:
        raise RuntimeFailed(f"the release's {field} cannot be read: {error}") from error
