"""Which condor-mini, Python, engine and HTCondor there are here."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from condor_mini._version import __version__
from condor_mini.base.errors import EngineError
from condor_mini.base.series import catalogue
from condor_mini.engines import find_engine
from condor_mini.images import builder

if TYPE_CHECKING:
    from condor_mini.engine import EngineInfo


@dataclass(frozen=True, kw_only=True)
class SeriesVersion:
    """A series of HTCondor."""

    series: str
    is_default: bool
    tested: str
    """The version of Debian's package that condor-mini was tested with."""
    images: dict[str, str | None]
    """The version in each image that is present, by its name."""


@dataclass(frozen=True, kw_only=True)
class Versions:
    """All of them."""

    condor_mini: str
    python: str
    platform: str
    engine: EngineInfo | None
    engine_error: str | None
    """Why there is no engine."""
    htcondor: tuple[SeriesVersion, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs: docs/reference/json.md."""
        return asdict(self)


def versions(engine: str | None = None) -> Versions:
    """What is here; without an engine, all but the engine's part.

    Args:
        engine: Its name, as for ``find_engine``.
    """
    info, error, present = None, None, []
    try:
        reached = find_engine(engine)
        info = reached.info()
        present = [image for image in builder.listing(reached) if image.size_bytes is not None]
    except EngineError as failure:
        error = failure.message
    return Versions(
        condor_mini=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        engine=info,
        engine_error=error,
        htcondor=tuple(
            SeriesVersion(
                series=number,
                is_default=number == catalogue().get(None).number,
                tested=series.version,
                images={
                    image.reference: image.version for image in present if image.series == number
                },
            )
            for number, series in catalogue().series.items()
        ),
    )
