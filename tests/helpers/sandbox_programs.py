"""The runtime whose programs make the embedded engine's sandboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini import runtime
from condor_mini.base.progress import progress_for_stderr
from condor_mini.base.series import catalogue

if TYPE_CHECKING:
    from condor_mini.runtime import Runtime


def sandbox_runtime() -> Runtime:
    """The default series', whichever the pools are of; made first if it is absent."""
    known = catalogue()
    return runtime.ensure(known.get(known.default), progress_for_stderr(quiet=True)).runtime
