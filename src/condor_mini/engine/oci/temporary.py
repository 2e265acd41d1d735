"""A temporary directory for what an engine's client leaves behind."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.scratch import ScratchDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_RUNTIME = "XDG_RUNTIME_DIR"
_LARGE = "/var/tmp"  # noqa: S108
"""Where Podman puts large temporary files, if ``TMPDIR`` does not say another place."""


@contextmanager
def own_temporary_files() -> Iterator[Mapping[str, str]]:
    """Yield the environment in which a client's temporary files are removed with the context."""
    place = os.environ.get("TMPDIR", _LARGE)
    with ScratchDirectory(directory=place if os.access(place, os.W_OK) else None) as scratch:
        yield {**os.environ, **_runtime_directory(), "TMPDIR": scratch}


def _runtime_directory() -> dict[str, str]:
    """Return what tells Podman where it has the state of its containers.

    Without a login's directory it looks below ``TMPDIR`` (``GetRuntimeDir`` in its pkg/util).
    """
    uid = os.geteuid()
    places = Path(f"/run/user/{uid}"), Path(tempfile.gettempdir(), f"podman-run-{uid}")
    if uid == 0 or os.environ.get(_RUNTIME):
        return {}
    return next(({_RUNTIME: str(place)} for place in places if os.access(place, os.W_OK)), {})
