"""The lock: the packages of a runtime, each with its path on a mirror and its digest."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import RuntimeFailed, UsageError
from condor_mini.runtime.recipe import ARCHITECTURES, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.base.series import Series

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package in the lock."""

    name: str
    version: str
    path: str
    """Path below a mirror's base: ``pool/main/c/condor/condor_25.14.1+dfsg-1_amd64.deb``."""
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The list of all packages of a runtime."""

    series: str
    architecture: str
    version: str
    """Version of HTCondor's Debian package."""
    date: str
    """Date of the newest index that the lock was made from: ``20261030T080801Z``."""
    mirrors: tuple[str, ...]
    """Base URLs to ask for packages that the machine's own mirrors do not have."""
    packages: tuple[Package, ...]

    @property
    def size_bytes(self) -> int:
        """The size of all packages, which is the size of the download."""
        return sum(package.size for package in self.packages)

    @property
    def digest(self) -> str:
        """The digest of the packages and the recipe; it identifies the runtime."""
        digests = [recipe().digest, *(package.sha256 for package in self.packages)]
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def dump(self) -> str:
        """Return the lock as JSON with one line per package, which suits a repository."""
        head = {"format": FORMAT, "signed": True, **asdict(self)}
        packages = head.pop("packages")
        lines = ",\n".join(f"    {json.dumps(package)}" for package in packages)
        text = json.dumps(head, indent=2).removesuffix("\n}")
        return f'{text},\n  "packages": [\n{lines}\n  ]\n}}\n'


def machine_architecture() -> str:
    """Return Debian's name of this machine's architecture.

    Raises:
        UsageError: There is no runtime for the architecture.
    """
    return known_architecture(ARCHITECTURES.get(platform.machine(), platform.machine()))


def known_architecture(name: str) -> str:
    """Return the name of an architecture if there is a runtime for it.

    Args:
        name: Debian's name of the architecture.

    Raises:
        UsageError: There is no runtime for the architecture.
    """
    if name not in ARCHITECTURES.values():
        known = ", ".join(ARCHITECTURES.values())
        raise UsageError(
            f"there is no HTCondor runtime for the architecture {name!r}; there are: {known}",
            hint="Use Docker: condor-mini run --engine docker",
        )
    return name


def file_name(series: Series, architecture: str) -> str:
    """Return the file name of a lock."""
    return f"lock-{series.number}-{architecture}.json"


def load_lock(series: Series, architecture: str, own: Path) -> Lock:
    """Return the newest lock: the one that we ship, or one that the user has made since.

    Args:
        series: Series of HTCondor.
        architecture: Debian's name of the architecture.
        own: Directory of the locks that the user has made.

    Raises:
        UsageError: There is no lock for the architecture.
        RuntimeFailed: A lock is damaged, or was made without a check of signatures.
    """
    name = file_name(series, known_architecture(architecture))
    places = (files("condor_mini.runtime").joinpath("locks", name), own / name)
    found = [
        parse_lock(place.read_text("utf-8"), str(place)) for place in places if place.is_file()
    ]
    if not found:
        raise UsageError(
            f"there is no list of packages for HTCondor {series.number} on {architecture}",
            hint=f"Create it: {refresh_command(series.number, architecture)}",
        )
    return max(found, key=lambda lock: lock.date)


def parse_lock(text: str, source: str) -> Lock:
    """Return the lock that this JSON describes.

    Args:
        text: Text of the lock, JSON.
        source: Path of the lock in messages.

    Raises:
        RuntimeFailed: The lock is damaged, or an older condor-mini has made it without a check of
            the indexes' signatures.
    """
    try:
        form: dict[str, Any] = json.loads(text)
        signed = form.pop("signed") is True
        packages = tuple(Package(**package) for package in form.pop("packages"))
        sound = form.pop("format") == FORMAT and packages and all(map(_is_sound, packages))
        lock = Lock(**{**form, "mirrors": tuple(form["mirrors"])}, packages=packages)
    except (ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise RuntimeFailed(
            f"{source} is damaged, or another version of condor-mini made it",
            hint=f"Remove it: rm {source}",
        )
    if not signed:
        raise RuntimeFailed(
            f"{source} was made without a check of the signatures of Debian's indexes",
            hint=f"Make it again: {refresh_command(lock.series, lock.architecture)}",
        )
    return lock


def refresh_command(series: str, architecture: str) -> str:
    """Return the command that makes the lock again with today's packages."""
    return f"condor-mini runtime lock --htcondor {series} --arch {architecture}"


def _is_sound(package: Package) -> bool:
    return (
        re.fullmatch(r"[0-9a-f]{64}", package.sha256) is not None
        and re.fullmatch(r"pool/[A-Za-z0-9+.~:/_%-]+\.deb", package.path) is not None
        and ".." not in package.path
        and package.size > 0
    )
