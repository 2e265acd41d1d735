"""The recipe: which packages are wanted, and what of them is kept."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAYOUT = "1"
"""Of a runtime's directory; another number makes all runtimes anew."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Debian's name of each machine."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What ``recipe.toml`` says."""

    htcondor: tuple[str, ...]
    """Packages of HTCondor's suite rather than of the base release."""
    wanted: tuple[str, ...]
    drop: frozenset[str]
    paths: tuple[str, ...]
    directories: tuple[str, ...]
    links: Mapping[str, str]
    digest: str
    """Of the file and of the skeleton."""

    def keeps(self, path: str) -> bool:
        """Whether a package's file is to be in the runtime."""
        kept = True
        for pattern in self.paths:
            if fnmatchcase(path, pattern[1:]):
                kept = pattern[0] == "+"
        return kept


@cache
def recipe() -> Recipe:
    """The recipe that we ship."""
    folder = files("condor_mini.runtime")
    data = folder.joinpath("recipe.toml").read_bytes()
    said = tomllib.loads(data.decode())
    sha256 = hashlib.sha256(_LAYOUT.encode() + data)
    etc = folder.joinpath("skeleton", "etc")
    for file in sorted(etc.iterdir(), key=lambda file: file.name):
        sha256.update(file.name.encode() + b"\0" + file.read_bytes())
    return Recipe(
        htcondor=tuple(said["htcondor"]),
        wanted=tuple(said["wanted"]),
        drop=frozenset(said["drop"]),
        paths=tuple(said["paths"]),
        directories=tuple(said["directories"]),
        links=said["links"],
        digest=sha256.hexdigest(),
    )
