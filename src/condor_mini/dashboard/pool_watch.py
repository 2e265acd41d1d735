"""Notices a change at once in a pool that is calm and therefore seldom looked at.

Three see it, and none costs anything while nothing changes: the engine tells of containers, and of
volumes, which are the records of faults; the collector writes into its log that a daemon is new or
gone, on whatever host; and the schedd writes each change of its queue into the queue's log.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.signals import start_thread
from condor_mini.engine.several import lenient
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node

WATCH_S = 60
"""How long a program in a node waits, in seconds. It ends no later than that by itself, also if the
dashboard has ended."""
MOST_PLACES = 8
"""Programs that wait at a time: the engine's clients need memory."""
PATIENCE_S = 10.0
"""How long the engine may take in addition, in seconds."""
_SCRIPT = """
log=$(condor_config_val {knob})
[ -r "$log" ] || exit 0
timeout "$1" tail -q -n 0 -F -- "$log" 2>/dev/null | {first}
"""
"""Prints 1 as soon as a line comes that counts, and 0 if none comes. tail(1) is woken by the
kernel, so that waiting costs nothing, and ends when its reader has ended."""
QUEUE_SCRIPT = _SCRIPT.format(knob="JOB_QUEUE_LOG", first="head -c 1 | wc -c")
"""The schedd writes whenever the queue changes (manual, JOB_QUEUE_LOG): a job is submitted, starts,
ends, or is held."""
COLLECTOR_SCRIPT = _SCRIPT.format(
    knob="COLLECTOR_LOG", first="grep -m 1 -c -e ': Inserting ' -e 'Removing stale' -e Invalidated"
)
"""The collector writes at the level D_ALWAYS that it inserts an ad that it had not, and that it
removes or invalidates one: collector_engine.cpp, collector.cpp."""
WATCHERS = {Role.ACCESS_POINT: QUEUE_SCRIPT, Role.CENTRAL_MANAGER: COLLECTOR_SCRIPT}


class PoolWatch:
    """Watches a pool, for ``WATCH_S`` at a time."""

    def __init__(self, engine: Engine, name: str, nodes: Callable[[], Sequence[Node]]) -> None:
        """Store the arguments.

        Args:
            engine: Engine that the pool is on.
            name: Name of the pool.
            nodes: Finds the nodes; raises ``CondorMiniError`` if they cannot be found.
        """
        self._engine = engine
        self._name = name
        self._nodes = nodes
        self._asked = threading.Event()
        self._closed = threading.Event()
        self._stream = ExitStack()
        self._thread: threading.Thread | None = None

    def watch(self, changed: Callable[[], object]) -> None:
        """Watch for a while, or for longer if that is going on already; returns at once.

        Args:
            changed: Called, from another thread, when something has changed.
        """
        self._asked.set()
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._work, args=(changed,), daemon=True)
        start_thread(self._thread)

    def close(self) -> None:
        """Watch no more. What waits in the nodes ends by itself, the engine's client now."""
        self._closed.set()
        self._stream.close()

    def _work(self, changed: Callable[[], object]) -> None:
        # The page says what is wrong: the looks at the pool fail too.
        with suppress(CondorMiniError), self._stream as stream:
            names = stream.enter_context(lenient(self._engine).changes())
            reader = threading.Thread(target=self._read, args=(names, changed), daemon=True)
            start_thread(reader)
            while self._asked.is_set() and not self._closed.is_set():
                self._asked.clear()
                self._wait(changed)

    def _read(self, names: Iterator[str], changed: Callable[[], object]) -> None:
        with suppress(CondorMiniError):
            for name in names:
                if name == self._name or name.startswith(f"{self._name}-"):
                    changed()

    def _wait(self, changed: Callable[[], object]) -> None:
        """Wait in the nodes for ``WATCH_S``. Threads do: nobody waits for them at the end."""
        ending = time.monotonic() + WATCH_S

        def wait(node: Node, script: str) -> None:
            while (left_s := math.ceil(ending - time.monotonic())) > 0:
                argv = ["sh", "-c", script, "sh", str(left_s)]
                try:
                    said = node.exec(argv, user="root", timeout_s=left_s + PATIENCE_S)
                except CondorMiniError:  # the node has ended, which the engine tells too
                    return
                if said.stdout.strip() != "1":
                    return
                changed()

        for place in _places(self._nodes())[:MOST_PLACES]:
            start_thread(threading.Thread(target=wait, args=place, daemon=True))
        self._closed.wait(WATCH_S)


def _places(nodes: Sequence[Node]) -> list[tuple[Node, str]]:
    return [
        (node, script)
        for node in nodes
        if node.is_running
        for role, script in WATCHERS.items()
        if node.role.acts_as(role)
    ]
