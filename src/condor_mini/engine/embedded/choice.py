"""Which of the ways to make a sandbox works on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineNotFound
from condor_mini.engine.embedded.namespaces import Namespaces
from condor_mini.engine.embedded.paths import Paths
from condor_mini.engine.embedded.way import Way, can_be_others, has_subordinate_ids

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine.embedded.tools import Tools

VARIABLE = "CONDOR_MINI_SANDBOX"
WAYS: tuple[type[Way], ...] = (Namespaces, Paths)
"""The better one first."""


def best_way(
    tools: Tools, directory: Path, wanted: str | None = None
) -> tuple[Way, tuple[str, ...]]:
    """The best way that works here, and why the better ones do not.

    Args:
        tools: Of the runtime.
        directory: Where the containers' files are to be.
        wanted: The only one to try; None for what ``CONDOR_MINI_SANDBOX`` says, else all.

    Raises:
        EngineNotFound: None does; says why of each.
    """
    wanted = wanted or os.environ.get(VARIABLE) or None
    problems: list[str] = []
    many = can_be_others()
    subordinate = not many and os.geteuid() != 0 and has_subordinate_ids(tools, directory)
    for kind in WAYS:
        if wanted not in (None, kind.name):
            continue
        # Where only paths are translated, all are us, whatever they seem to be.
        way = kind(tools, many_users=(many or subordinate) and kind is Namespaces)
        problem = way.problem()
        if problem is None:
            return way, tuple(problems)
        problems.append(f"{kind.name}: {problem}")
    said = "\n".join(problems) or f"There is no way {wanted!r}."
    raise EngineNotFound(
        f"No sandbox can be made on this machine.\n{said}",
        hint="Use a container engine: condor-mini doctor --install-engine",
    )
