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

WATCH_S = 300
"""How long a program in a node waits, and how long the watch goes on after it was asked for last,
in seconds. A program ends no later than that by itself, also if the dashboard has ended."""
SETTLED_S = 2.0
"""After so many seconds a program that was started waits, so that no change escapes it."""
MOST_PLACES = 8
"""Programs that wait at a time: the engine's clients need memory."""
PATIENCE_S = 10.0
"""How long the engine may take in addition, in seconds."""
_SCRIPT = """
log=$(condor_config_val {knob})
[ -r "$log" ] || exit 0
timeout "$1" tail -q -n 0 -F -- "$log" 2>/dev/null | {first}
"""
"""Prints 1 as soon as a line comes that counts, 0 if none comes, and nothing if there is no log.
tail(1) is woken by the kernel, so that waiting costs nothing, and ends when its reader has."""
CHANGED = "1"
QUEUE_SCRIPT = _SCRIPT.format(knob="JOB_QUEUE_LOG", first="head -c 1 | wc -c")
"""The schedd writes whenever the queue changes (manual, JOB_QUEUE_LOG): a job is submitted, starts,
ends, or is held."""
COLLECTOR_SCRIPT = _SCRIPT.format(
    knob="COLLECTOR_LOG", first="grep -m 1 -c -e ': Inserting ' -e 'Removing stale' -e Invalidated"
)
"""The collector writes at the level D_ALWAYS that it inserts an ad that it had not, and that it
removes or invalidates one: collector_engine.cpp, collector.cpp."""
Place = tuple[str, str]
"""A node's name, and the script that waits there."""
WATCHERS = {Role.ACCESS_POINT: QUEUE_SCRIPT, Role.CENTRAL_MANAGER: COLLECTOR_SCRIPT}


class PoolWatch:
    """Watches a pool while it is asked to."""

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
        self._asked_at = -math.inf
        self._closed = threading.Event()
        self._stream = ExitStack()
        self._thread: threading.Thread | None = None
        self._places: frozenset[Place] | None = None
        """All that is to be watched. None while the engine's changes are not followed."""
        self._waiting: dict[Place, float] = {}
        """Where a program waits, and since when."""

    def watch(self, changed: Callable[[], object]) -> bool:
        """Watch for ``WATCH_S``, or for longer if that is going on already; returns at once.

        Args:
            changed: Called, from another thread, when something has changed.

        Returns:
            Whether everything is watched by now, so that no change will be missed.
        """
        self._asked_at = time.monotonic()
        self._asked.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, args=(changed,), daemon=True)
            start_thread(self._thread)
            return False
        return self._is_complete

    def close(self) -> None:
        """Watch no more. What waits in the nodes ends by itself, the engine's client now."""
        self._closed.set()
        self._asked.set()
        self._stream.close()

    @property
    def _is_complete(self) -> bool:
        if self._places is None:
            return False
        latest = time.monotonic() - SETTLED_S
        return all(self._waiting.get(place, math.inf) <= latest for place in self._places)

    @property
    def _is_wanted(self) -> bool:
        return not self._closed.is_set() and time.monotonic() - self._asked_at < WATCH_S

    def _work(self, changed: Callable[[], object]) -> None:
        # The page says what is wrong: the looks at the pool fail too.
        with suppress(CondorMiniError), self._stream as stream:
            stream.callback(setattr, self, "_places", None)
            names = stream.enter_context(lenient(self._engine).changes())
            reader = threading.Thread(target=self._read, args=(names, changed), daemon=True)
            start_thread(reader)
            while self._asked.wait(WATCH_S) and self._is_wanted and reader.is_alive():
                self._asked.clear()
                self._watch_nodes(changed)

    def _read(self, names: Iterator[str], changed: Callable[[], object]) -> None:
        with suppress(CondorMiniError):
            for name in names:
                if name == self._name or name.startswith(f"{self._name}-"):
                    changed()

    def _watch_nodes(self, changed: Callable[[], object]) -> None:
        """Have a program wait wherever none does. Threads do: nobody waits for them at the end."""
        places = _places(self._nodes())
        for place, node in list(places.items())[:MOST_PLACES]:
            if place not in self._waiting:
                self._waiting[place] = math.inf
                wait = threading.Thread(target=self._wait, args=(place, node, changed), daemon=True)
                start_thread(wait)
        self._places = frozenset(places)

    def _wait(self, place: Place, node: Node, changed: Callable[[], object]) -> None:
        _, script = place
        argv = ["sh", "-c", script, "sh", str(WATCH_S)]
        try:
            while self._is_wanted:
                self._waiting[place] = began = time.monotonic()
                said = node.exec(argv, user="root", timeout_s=WATCH_S + PATIENCE_S).stdout.strip()
                if said == CHANGED:
                    changed()
                elif time.monotonic() - began < WATCH_S:  # it cannot wait here
                    return
        except CondorMiniError:  # the node has ended, which the engine tells too
            pass
        finally:
            del self._waiting[place]


def _places(nodes: Sequence[Node]) -> dict[Place, Node]:
    return {
        (node.name, script): node
        for node in nodes
        if node.is_running
        for role, script in WATCHERS.items()
        if node.role.acts_as(role)
    }
