"""The environment of a login, which every command on a node or in a personal pool gets.

A script in the node makes it, because only the node knows its accounts, those that were added by
hand included, and the PATH of its image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.layout import LOGIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VARIABLES = ("USER", "LOGNAME", "HOME", "SHELL", "PATH")
"""The variables that ``images/condor-base/libexec/login`` sets."""


def at_login(
    argv: Sequence[str], workdir: str | None, environment: Mapping[str, str] | None = None
) -> list[str]:
    """Return the command line that runs a command as after a login of its user.

    Args:
        argv: The command and its arguments.
        workdir: Working directory; a relative one is below the user's home. None for the home.
        environment: Variables that the caller sets. They override those of the login.
    """
    given = environment or {}
    kept = [f"{name}={given[name]}" for name in _VARIABLES if name in given]
    return [LOGIN, workdir or "", *(["env", *kept] if kept else []), *argv]
