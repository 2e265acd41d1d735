"""The user's directories for our files, as platformdirs finds them.

On Linux this needs only Python's own library: the embedded engine's runtime is made before other
packages are there (``images/head_start.py``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

APPLICATION = "condor-mini"
_LINUX = sys.platform == "linux"


def user_cache() -> Path:
    """Return the directory for what can be made again."""
    if _LINUX:
        return _xdg("XDG_CACHE_HOME", ".cache")
    from platformdirs import user_cache_path

    return user_cache_path(APPLICATION, appauthor=False)


def user_state() -> Path:
    """Return the directory for what is kept between two calls."""
    if _LINUX:
        return _xdg("XDG_STATE_HOME", ".local/state")
    from platformdirs import user_state_path

    return user_state_path(APPLICATION, appauthor=False)


def _xdg(variable: str, default: str) -> Path:
    """Return the directory of https://specifications.freedesktop.org/basedir-spec."""
    given = Path(os.environ.get(variable, ""))
    return (given if given.is_absolute() else Path("~", default).expanduser()) / APPLICATION
