"""The recipe of a runtime: the packages that it needs, and which of their files are kept."""

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

_LAYOUT = "2"
"""Version of a runtime's directory layout; change it to have all runtimes made again."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Debian's name of each supported architecture, by the kernel's name."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The contents of ``recipe.toml``."""

    htcondor: tuple[str, ...]
    """Packages from HTCondor's suite; all others are from the base release."""
    wanted: tuple[str, ...]
    drop: frozenset[str]
    paths: tuple[str, ...]
    directories: tuple[str, ...]
    links: Mapping[str, str]
    digest: str
    """Digest of the layout, ``recipe.toml`` and the skeleton."""

    def keeps(self, path: str) -> bool:
        """Return whether the runtime keeps a package's file at this path."""
        kept = True
        for pattern in self.paths:
            if fnmatchcase(path, pattern[1:]):
                kept = pattern[0] == "+"
        return kept


@cache
def recipe() -> Recipe:
    """Return the recipe that we ship."""
    folder = files("condor_mini.runtime")
    data = folder.joinpath("recipe.toml").read_bytes()
    form = tomllib.loads(data.decode())
    sha256 = hashlib.sha256(_LAYOUT.encode() + data)
    etc = folder.joinpath("skeleton", "etc")
    for file in sorted(etc.iterdir(), key=lambda file: file.name):
        sha256.update(file.name.encode() + b"\0" + file.read_bytes())
    return Recipe(
        htcondor=tuple(form["htcondor"]),
        wanted=tuple(form["wanted"]),
        drop=frozenset(form["drop"]),
        paths=tuple(form["paths"]),
        directories=tuple(form["directories"]),
        links=form["links"],
        digest=sha256.hexdigest(),
    )
