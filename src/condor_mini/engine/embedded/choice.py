"""Which kind of sandbox works on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineNotFound
from condor_mini.engine.embedded.namespaces import NamespaceSandbox
from condor_mini.engine.embedded.proot import ProotSandbox
from condor_mini.engine.embedded.sandbox import Sandbox, can_change_users, has_subordinate_ids

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine.embedded.tools import Tools

VARIABLE = "CONDOR_MINI_SANDBOX"
SANDBOXES: tuple[type[Sandbox], ...] = (NamespaceSandbox, ProotSandbox)
"""The better one first."""


def best_sandbox(
    tools: Tools, directory: Path, wanted: str | None = None
) -> tuple[Sandbox, tuple[str, ...]]:
    """Return the best sandbox that works here, and why each better one does not.

    Args:
        tools: The runtime's programs.
        directory: The directory for the containers' files.
        wanted: The only kind to try; None for what ``CONDOR_MINI_SANDBOX`` says, else all.

    Raises:
        EngineNotFound: None works; says why of each.
    """
    wanted = wanted or os.environ.get(VARIABLE) or None
    problems: list[str] = []
    many = can_change_users()
    subordinate = not many and os.geteuid() != 0 and has_subordinate_ids(tools, directory)
    for kind in SANDBOXES:
        if wanted not in (None, kind.name):
            continue
        sandbox = kind(tools, many_users=(many or subordinate) and kind.has_users)
        problem = sandbox.problem()
        if problem is None:
            return sandbox, tuple(problems)
        problems.append(f"{kind.name}: {problem}")
    reasons = "\n".join(problems) or f"There is no sandbox {wanted!r}."
    raise EngineNotFound(
        f"No sandbox can be made on this machine.\n{reasons}",
        hint="Use a container engine: condor-mini doctor --install-engine",
    )
