"""Debian's indexes: a release's signed list of digests, and its packages."""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.errors import RuntimeFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.runtime.fetch import Fetcher

KEYRINGS = Path("/usr/share/keyrings")
GPGV_TIMEOUT_S = 60.0


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
    unsigned_because: str | None
    """Why the signature was not checked; None where it was."""


def read_index(
    fetcher: Fetcher, suite: str, architecture: str, *, keyrings: Path = KEYRINGS
) -> Index:
    """A suite's index of the component main.

    Raises:
        RuntimeFailed: It cannot be had, or is not what Debian has signed.
    """
    folder = f"dists/{suite}"
    inrelease = fetcher.index(f"{folder}/InRelease")
    release, unsigned_because = _verified(inrelease, suite, keyrings)
    path = f"main/binary-{architecture}/Packages.xz"
    line = re.search(rf"^ ([0-9a-f]{{64}}) +([0-9]+) {re.escape(path)}$", release, re.MULTILINE)
    date = re.search(r"^Date: (.+)$", release, re.MULTILINE)
    if not line or not date:
        raise RuntimeFailed(f"{folder}/InRelease of {fetcher.bases[0]} does not tell of {path}")
    packed = fetcher.index(f"{folder}/{path}")
    if hashlib.sha256(packed).hexdigest() != line[1]:
        raise RuntimeFailed(
            f"{folder}/{path} is not the one that {folder}/InRelease tells of",
            hint="The mirror is being updated, or lies: try again in some minutes",
        )
    try:
        text = lzma.decompress(packed).decode("utf-8")
        return Index(
            suite=suite,
            date=parsedate_to_datetime(date[1]).astimezone(UTC),
            packages=parse_packages(text),
            unsigned_because=unsigned_because,
        )
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


def _verified(inrelease: bytes, suite: str, keyrings: Path) -> tuple[str, str | None]:
    """The text that Debian has signed; and why that was not checked, where it could not be."""
    keyring = next(iter(sorted(keyrings.glob("debian-archive-keyring.*g*"))), None)
    gpgv = shutil.which("gpgv")
    if gpgv is None or keyring is None:
        missing = "the program gpgv" if gpgv is None else f"Debian's keyring in {keyrings}"
        text = inrelease.decode("utf-8", "replace")
        body = text.partition("\n\n")[2].partition("\n-----BEGIN PGP SIGNATURE")[0]
        return body, f"{missing} is not on this machine"
    with tempfile.TemporaryDirectory(prefix="condor-mini-") as scratch:
        signed = Path(scratch) / "InRelease"
        signed.write_bytes(inrelease)
        # What gpgv writes is what was signed, and nothing that stands before or after it.
        argv = [gpgv, "--keyring", str(keyring), "--output", "-", str(signed)]
        result = subprocess.run(argv, capture_output=True, timeout=GPGV_TIMEOUT_S, check=False)
    if result.returncode != 0:
        raise RuntimeFailed(
            f"dists/{suite}/InRelease bears no valid signature of Debian's:\n"
            + result.stderr.decode("utf-8", "replace").strip(),
            hint="Is the mirror Debian's own? Newer keys come with: "
            "sudo apt-get install debian-archive-keyring",
        )
    return result.stdout.decode("utf-8", "replace"), None
