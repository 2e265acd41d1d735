"""Who runs HTCondor's tools for us: an access point, or a personal pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import PoolNotReady
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Node
from condor_mini.personal.pool import PersonalPool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.jobs.job_ads import Runner

ANSWER_TIMEOUT_S = 60.0
"""How long to query a schedd that does not answer, in seconds. Its master may be restarting it."""


def answer(runner: Runner, argv: Sequence[str]) -> str:
    """Run a tool that queries the schedd until it succeeds, and return its output.

    Raises:
        PoolNotReady: It has failed for ``ANSWER_TIMEOUT_S``. The message has its stderr.
    """
    output = ""

    def unanswered() -> str | None:
        nonlocal output
        result = runner.exec(argv)
        output = result.stdout
        return None if result.returncode == 0 else f"{argv[0]}: {result.stderr.strip()}"

    wait_until(unanswered, timeout_s=ANSWER_TIMEOUT_S, error=PoolNotReady)
    return output


def node_of(runner: Runner) -> Node | None:
    """Return the node that runs the commands; None if neither a node nor a personal pool does.

    Raises:
        PoolNotReady: The personal pool was removed.
    """
    if isinstance(runner, PersonalPool):
        return runner.node
    return runner if isinstance(runner, Node) else None
