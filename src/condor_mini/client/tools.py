"""HTCondor's own programs on this machine: ``condor_submit``, ``condor_q`` and the others.

They come from the runtime of the embedded engine, in the pool's series, and need neither root nor
an installed HTCondor.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.series import catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.base.progress import Progress


def programs(series: str, progress: Progress) -> Path:
    """Return the directory with HTCondor's programs, for ``PATH``. It is made if it is absent.

    Args:
        series: Number of HTCondor's series: ``25``.
        progress: Receives the phases.

    Raises:
        EngineCapabilityError: This machine does not run Linux programs.
        RuntimeFailed: A mirror, a package or the disk failed.
    """
    if sys.platform != "linux":
        raise EngineCapabilityError(
            f"HTCondor's programs are Linux programs, and this is {sys.platform}",
            hint="Use the access point's: condor-mini exec -- condor_q. Or use Python: pip install "
            "htcondor",
        )
    from condor_mini import runtime
    from condor_mini.runtime import relocate

    made = runtime.ensure(catalogue().get(series), progress).runtime
    return relocate.on_host(made, progress) / relocate.PROGRAMS


def release(directory: Path) -> Path:
    """Return the value of ``RELEASE_DIR`` for the programs in this directory."""
    return directory.parent / "usr"
