"""The lock: which packages a runtime is made of, each with its place on a mirror and its digest."""

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
    """A package of the lock."""

    name: str
    version: str
    path: str
    """Below a mirror's base: ``pool/main/c/condor/condor_25.14.1+dfsg-1_amd64.deb``."""
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Lock:
    """All packages of a runtime."""

    series: str
    architecture: str
    version: str
    """HTCondor's, as Debian's package has it."""
    date: str
    """Of the newest of the indexes that it was made from: ``20261030T080801Z``."""
    mirrors: tuple[str, ...]
    """Where the packages are, if the machine's own mirror has them not."""
    packages: tuple[Package, ...]

    @property
    def size_bytes(self) -> int:
        """What is to be downloaded."""
        return sum(package.size for package in self.packages)

    @property
    def digest(self) -> str:
        """Of the packages and the recipe: another digest is another runtime."""
        said = [recipe().digest, *(package.sha256 for package in self.packages)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def dump(self) -> str:
        """As JSON, a line for each package: for a repository."""
        head = {"format": FORMAT, "signed": True, **asdict(self)}
        packages = head.pop("packages")
        lines = ",\n".join(f"    {json.dumps(package)}" for package in packages)
        text = json.dumps(head, indent=2).removesuffix("\n}")
        return f'{text},\n  "packages": [\n{lines}\n  ]\n}}\n'


def machine_architecture() -> str:
    """Debian's name of this machine's architecture.

    Raises:
        UsageError: There is no runtime for it.
    """
    return known_architecture(ARCHITECTURES.get(platform.machine(), platform.machine()))


def known_architecture(name: str) -> str:
    """The name itself.

    Raises:
        UsageError: There is no runtime for it.
    """
    if name not in ARCHITECTURES.values():
        known = ", ".join(ARCHITECTURES.values())
        raise UsageError(
            f"there is no HTCondor runtime for the architecture {name!r}; there are: {known}",
            hint="With Docker: condor-mini run --engine docker",
        )
    return name


def file_name(series: Series, architecture: str) -> str:
    """What a lock's file is called."""
    return f"lock-{series.number}-{architecture}.json"


def load_lock(series: Series, architecture: str, own: Path) -> Lock:
    """The newest lock: the one that we ship, or one that the user has made since.

    Args:
        series: Which HTCondor.
        architecture: Debian's name.
        own: The directory of the user's own.

    Raises:
        UsageError: There is none for the architecture.
        RuntimeFailed: It is damaged.
    """
    name = file_name(series, known_architecture(architecture))
    places = (files("condor_mini.runtime").joinpath("locks", name), own / name)
    found = [
        parse_lock(place.read_text("utf-8"), str(place)) for place in places if place.is_file()
    ]
    if not found:
        raise UsageError(
            f"there is no list of packages of HTCondor {series.number} for {architecture}",
            hint=f"Make it: {refresh_command(series.number, architecture)}",
        )
    return max(found, key=lambda lock: lock.date)


def parse_lock(text: str, source: str) -> Lock:
    """Return the lock that this JSON describes.

    Raises:
        RuntimeFailed: It is damaged, or an older condor-mini has made it from indexes whose
            signatures nobody has checked.
    """
    try:
        said: dict[str, Any] = json.loads(text)
        signed = said.pop("signed") is True
        packages = tuple(Package(**package) for package in said.pop("packages"))
        sound = said.pop("format") == FORMAT and packages and all(map(_is_sound, packages))
        lock = Lock(**{**said, "mirrors": tuple(said["mirrors"])}, packages=packages)
    except (ValueError, TypeError, KeyError, AttributeError):
        sound = False
    if not sound:
        raise RuntimeFailed(
            f"{source} is damaged, or of another condor-mini", hint=f"Remove it: rm {source}"
        )
    if not signed:
        raise RuntimeFailed(
            f"{source} was made without a check of the signatures of Debian's indexes",
            hint=f"Make it again: {refresh_command(lock.series, lock.architecture)}",
        )
    return lock


def refresh_command(series: str, architecture: str) -> str:
    """The command that makes the lock anew."""
    return f"condor-mini runtime lock --htcondor {series} --arch {architecture}"


def _is_sound(package: Package) -> bool:
    return (
        re.fullmatch(r"[0-9a-f]{64}", package.sha256) is not None
        and re.fullmatch(r"pool/[A-Za-z0-9+.~:/_%-]+\.deb", package.path) is not None
        and ".." not in package.path
        and package.size > 0
    )
