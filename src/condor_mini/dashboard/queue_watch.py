"""Notices a change of a queue at once, in a pool that is calm and therefore seldom looked at."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.parallel import each
from condor_mini.base.signals import start_thread
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.nodes.node import Node

WATCH_S = 15
"""How long a program in the access point waits, in seconds. It ends no later than that by itself,
also if the dashboard has ended."""
PATIENCE_S = 10.0
"""How long the engine may take in addition, in seconds."""
SCRIPT = """
queue=$(condor_config_val JOB_QUEUE_LOG)
[ -r "$queue" ] || exit 0
timeout "$1" tail -q -n 0 -F -- "$queue" 2>/dev/null | head -c 1 | wc -c
"""
"""Prints 1 as soon as the schedd has written to its queue's log, and 0 if it has not.

The schedd writes there whenever the queue changes (manual, JOB_QUEUE_LOG): a job is submitted,
starts, ends, or is held. tail(1) is woken by the kernel, so that waiting costs nothing, and ends
when its reader has ended.
"""


class QueueWatch:
    """Watches the queues of a pool's access points, for ``WATCH_S`` at a time, eight at a time."""

    def __init__(self, nodes: Callable[[], Sequence[Node]]) -> None:
        """Store how to find the nodes; raises ``CondorMiniError`` if they cannot be found."""
        self._nodes = nodes
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, changed: Callable[[], object]) -> None:
        """Watch for a while, or for longer if that is going on already; returns at once.

        Args:
            changed: Called, from another thread, when a queue has changed.
        """
        self._asked.set()
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(
            target=self._work, args=(changed,), daemon=True, name="queues"
        )
        start_thread(self._thread)

    def _work(self, changed: Callable[[], object]) -> None:
        def wait(node: Node) -> None:
            with suppress(CondorMiniError):
                argv = ["sh", "-c", SCRIPT, "sh", str(WATCH_S)]
                said = node.exec(argv, user="root", timeout_s=WATCH_S + PATIENCE_S)
                if said.stdout.strip() == "1":
                    changed()

        # The page says what is wrong: the looks at the pool fail too.
        with suppress(CondorMiniError):
            while self._asked.is_set():
                self._asked.clear()
                each(wait, [node for node in self._nodes() if _has_queue(node)])


def _has_queue(node: Node) -> bool:
    return node.is_running and node.role.acts_as(Role.ACCESS_POINT)
