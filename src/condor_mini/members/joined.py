"""Nodes that have joined from another host, and need a token when the key is another one.

Their tokens are on their host, where the central manager's host cannot put others.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.node import Node

_log = logging.getLogger(__name__)


def joined_names(nodes: Sequence[Node]) -> list[str]:
    """Return the nodes that have joined and have ads at the collector, each as ``NODE@HOST``.

    Args:
        nodes: All nodes of the pool, the central manager first.
    """
    if not nodes[0].exposed_at:
        return []
    from condor_mini.reports.status import status_of  # slow, and few pools are exposed

    return [f"{one.name}@{one.host}" for one in status_of(nodes[0].pool, nodes).joined]


def warn_of(names: Sequence[str], pool: str) -> None:
    """Log which nodes have no valid token after the key was replaced, and what lets them in."""
    if names:
        _log.warning(
            "These nodes of other hosts have no valid token, and ask for one within two minutes: "
            "%s\nSee who asks: condor-mini status -n %s. Let them in: condor-mini approve -n %s "
            "REQUEST...",
            ", ".join(name.replace("@", " on ") for name in names),
            pool,
            pool,
        )
