"""``Recording``: what happens in a pool while a context lasts, written to a directory."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from condor_mini._version import __version__
from condor_mini.base.errors import CondorMiniError, StateError
from condor_mini.base.parallel import each
from condor_mini.base.signals import held_back
from condor_mini.faults.notices import Listener
from condor_mini.nodes.node import Role
from condor_mini.records.entry import VERSION, EntryKind, TimelineEntry
from condor_mini.records.log_lines import LogFollower
from condor_mini.records.looker import Looker
from condor_mini.records.sources import AccessPointSource, FaultSource, NodeSource, SlotSource
from condor_mini.records.store import Store
from condor_mini.records.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

FINISH_TIMEOUT_S = 20.0
"""How long the last look at everything may take, in seconds."""
POLL_S = 0.2


class Recording:
    """What happens in a pool, from the beginning of a context to its end: ``pool.record``.

    At the end of the context, ``timeline`` has all of it, in order.
    """

    def __init__(self, pool: PoolNodes, directory: Path) -> None:
        self._pool = pool
        self.directory = directory
        """Where it is written to."""
        self._mark = secrets.token_hex(4)
        self._nodes: list[Node] = []
        self._counts: Counter[str] = Counter()
        self._gone = threading.Event()
        self._access_points: dict[str, tuple[AccessPointSource, Looker]] = {}
        self._others: list[Looker | LogFollower] = []
        self._changing = threading.Lock()
        self._is_ending = False

    @property
    def timeline(self) -> Timeline:
        """The timeline until now: complete at the end of the context.

        Raises:
            NotFound: The recording was not begun.
            StateError: It cannot be read.
        """
        return Timeline.open(self.directory)

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of entries of each kind until now."""
        return dict(self._counts)

    @property
    def pool_is_gone(self) -> bool:
        """Whether the pool was deleted meanwhile: nothing more comes."""
        return self._gone.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the time is over, and return whether the pool still exists.

        Args:
            seconds: How long. None for as long as the pool exists.

        Raises:
            StateError: The directory cannot be written any more.
        """
        deadline = float("inf") if seconds is None else time.monotonic() + seconds
        while not self._gone.is_set():
            if self._store.failed.is_set():
                raise StateError(f"{self.directory} cannot be written any more")
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                break
            self._gone.wait(min(POLL_S, left_s))
        return not self._gone.is_set()

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            NotFound: There is no such pool.
            PoolNotReady: No node of the pool runs.
            UsageError: The directory has files.
            StateError: The directory, or the user's state directory, cannot be written.
        """
        self._nodes = self._pool.existing_nodes()
        if not any(node.is_running for node in self._nodes):
            raise self._nodes[0].ended()
        self._store = Store(self.directory, self._counts)
        with ExitStack() as stack:
            stack.callback(self._store.discard)
            try:
                listener = stack.enter_context(Listener(self._pool))
            except OSError as error:
                raise StateError(f"the state directory cannot be written: {error}") from None
            stack.callback(self._switch_off)
            stack.callback(self._end)
            self._begin(listener)
            stack.pop_all()
        self._listener = listener
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """End; raises ``StateError`` if the timeline cannot be written."""
        del kind, traceback
        with held_back():
            try:
                self._end()
                self._switch_off()
                self._listener.close()
                self._add_end()
                self._store.finish()
            except CondorMiniError as failure:
                if error is None:
                    raise
                error.add_note(f"the recording in {self.directory} is not complete: {failure}")

    def _begin(self, listener: Listener) -> None:
        self._began = datetime.now(UTC)
        self._store.add(
            [self._entry(EntryKind.BEGIN, f"{self._pool.name} is recorded", self._facts())]
        )
        with self._changing:
            for node in self._nodes:
                self._add_access_point(node)
        self._others = [
            Looker(FaultSource(self._pool, listener, self._began), self._store.add),
            Looker(SlotSource(self._pool, self._seen_nodes), self._store.add),
            LogFollower(self._pool, self._began, self._store.add),
            Looker(NodeSource(self._pool, self._on_nodes), self._store.add),
        ]
        lookers = [looker for _, looker in self._access_points.values()]
        each(lambda one: one.start(), [*lookers, *self._others])

    def _end(self) -> None:
        """Look at everything once more, and wait for it."""
        with self._changing:
            self._is_ending = True
            everything = [*self._others, *(looker for _, looker in self._access_points.values())]
        for one in everything:
            one.end()
        deadline = time.monotonic() + FINISH_TIMEOUT_S
        for one in everything:
            one.join(max(0.0, deadline - time.monotonic()))

    def _switch_off(self) -> None:
        def off(source: AccessPointSource) -> None:
            try:
                source.switch_off()
            except CondorMiniError as error:
                text = f"the events of {source.node} are still logged there: {error.message}"
                data = {"phase": "begin", "what": source.what, "since": None}
                self._store.add([self._entry(EntryKind.MISSING, text, data)])

        each(off, [source for source, _ in self._access_points.values()])

    def _seen_nodes(self) -> list[Node]:
        return self._nodes

    def _on_nodes(self, nodes: list[Node]) -> None:
        """Take note of the nodes at a look: there may be new access points, or no pool any more."""
        self._nodes = nodes
        if not nodes:
            self._gone.set()
        with self._changing:
            if self._is_ending:
                return
            new = [looker for node in nodes if (looker := self._add_access_point(node))]
        for looker in new:
            looker.start()

    def _add_access_point(self, node: Node) -> Looker | None:
        if node.name in self._access_points or not node.role.acts_as(Role.ACCESS_POINT):
            return None
        source = AccessPointSource(node.name, self._mark, self._began, self._seen_nodes)
        looker = Looker(source, self._store.add)
        self._access_points[node.name] = (source, looker)
        return looker

    def _facts(self) -> dict[str, object]:
        return {
            "version": VERSION,
            "condor_mini": __version__,
            "pool": self._pool.name,
            "engine": self._pool.engine.name,
            "series": self._nodes[0].series,
            "nodes": [
                {"name": node.name, "role": str(node.role), "host": node.host or None}
                for node in self._nodes
            ],
        }

    def _add_end(self) -> None:
        counts = dict(sorted(self._counts.items()))
        text = f"{self._pool.name} is recorded no more"
        data = {"counts": counts, "pool_is_gone": self.pool_is_gone}
        self._store.add([self._entry(EntryKind.END, text, data)])

    def _entry(self, kind: EntryKind, text: str, data: Mapping[str, object]) -> TimelineEntry:
        now = self._began if kind is EntryKind.BEGIN else datetime.now(UTC)
        return TimelineEntry(time=now, kind=kind, text=text, data=data)
