"""The versions of condor-mini, Python, the engine and HTCondor on this machine."""

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
    """A series of HTCondor, and its images on this machine."""

    series: str
    is_default: bool
    tested: str
    """Version of Debian's package that condor-mini was tested with."""
    images: dict[str, str | None]
    """Version in each image that exists, by image name; None if it is unknown."""


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of condor-mini and of everything that it uses."""

    condor_mini: str
    python: str
    platform: str
    engine: EngineInfo | None
    engine_error: str | None
    """Why there is no engine; None if there is one."""
    htcondor: tuple[SeriesVersion, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that docs/reference/json.md describes."""
        return asdict(self)


def versions(engine: str | None = None) -> Versions:
    """Return the versions. Without an engine, the engine and the images are left out.

    Args:
        engine: Name of the engine, as for ``find_engine``.
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
