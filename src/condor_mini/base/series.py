"""Which HTCondor: the series, their versions and pins, from the one file that states them.

That file is ``images/condor-base/series``; the build of the image reads it too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


VARIABLE = "CONDOR_MINI_HTCONDOR"
"""In the environment: the series wherever none is named, so that tests run with each unchanged."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """A line of HTCondor releases: 25, 23."""

    number: str
    version: str
    """The version of Debian's package that was tested: ``25.14.1+dfsg-1``."""
    suite: str
    """Where Debian has it: ``unstable``."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What the file says."""

    debian: str
    """The Debian release that the images stand on, by its code name."""
    base: str
    """The same as a registry's image."""
    default: str
    """The series that is shipped as the one to be used."""
    series: Mapping[str, Series]

    def get(self, number: str | None) -> Series:
        """Return the series with that number; raises ``UsageError``.

        For None that of ``CONDOR_MINI_HTCONDOR`` in the environment, else the default one.
        """
        named = None if number else os.environ.get(VARIABLE)
        wanted = number or named or self.default
        if wanted not in self.series:
            known = ", ".join(self.series)
            where = f"{VARIABLE}: " if named else ""
            raise UsageError(
                f"{where}there is no HTCondor series {wanted!r} here; there are: {known}"
            )
        return self.series[wanted]


@cache
def catalogue() -> Catalogue:
    """Return the series that can be built."""
    text = files("condor_mini").joinpath("images/condor-base/series").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    settings = {row[0]: row[1] for row in rows if row[0] != "series"}
    series = {
        row[1]: Series(number=row[1], version=row[2], suite=row[3])
        for row in rows
        if row[0] == "series"
    }
    return Catalogue(
        debian=settings["debian"],
        base=settings["base"],
        default=settings["default"],
        series=series,
    )
