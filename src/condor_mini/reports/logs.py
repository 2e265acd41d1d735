"""The logs of all daemons of a pool: merge them in order of time, and follow them."""

from __future__ import annotations

import heapq
import queue
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.parallel import each
from condor_mini.base.signals import start_thread
from condor_mini.base.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

LOOK_INTERVAL_S = 1.0
"""While logs are followed, look so often for nodes that were started or added."""
SHOW_TIMEOUT_S = 5.0
"""Deadline in seconds for a node to show what its daemons have written."""
ENTRYPOINT = "condor-mini"
"""Name in place of a daemon's, for lines that a node writes outside of its daemons."""
DAEMONS = (
    *("collector", "negotiator", "schedd", "startd", "master", "shadow", "starter"),
    *("shared_port", "procd", ENTRYPOINT),
)
"""The daemons of the nodes. The configuration of a user may add others."""

_MOST_WAITING = 10_000
"""Number of lines to queue for a caller slower than the daemons. Then the engine has to wait."""
_STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\S+)(?: (.*))?", re.DOTALL)
_DATED = re.compile(r"([a-z][a-z0-9_.]*): (\d\d/\d\d/\d\d .*|)", re.DOTALL)
_NAMED = re.compile(r"([a-z][a-z0-9_.-]*): ?(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line that a daemon wrote."""

    time: datetime
    """When the engine received the line, in UTC."""
    node: str
    role: str
    daemon: str
    """Name of the daemon (``schedd``), or ``condor-mini`` for lines of the node itself."""
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that docs/reference/json.md describes."""
        return {
            "time": rfc3339(self.time),
            "node": self.node,
            "role": self.role,
            "daemon": self.daemon,
            "text": self.text,
        }


def lines(
    pool: PoolNodes,
    *,
    nodes: Collection[str] | None = None,
    daemons: Collection[str] | None = None,
    since: datetime | None = None,
    tail: int | None = None,
) -> Iterator[LogLine]:
    """Yield what the daemons have written until now, in order of time.

    Args:
        pool: Pool to read the logs of.
        nodes: Names of nodes, with or without the pool's name. None for all.
        daemons: Names of daemons (``schedd``). None for all.
        since: Only lines from then on.
        tail: Only so many of the last lines of each node.

    Raises:
        UsageError: There is no daemon of that name.
        NotFound: There is no node of that name.
    """
    wanted = _daemons(daemons)
    chosen = _nodes(pool, nodes)
    each(show_all, chosen)
    sources = [_Source(pool.engine, node, wanted) for node in chosen]
    each(lambda source: source.read(since, tail), sources)
    yield from heapq.merge(*(source.backlog for source in sources), key=lambda line: line.time)


def follow(
    pool: PoolNodes,
    *,
    nodes: Collection[str] | None = None,
    daemons: Collection[str] | None = None,
    since: datetime | None = None,
    tail: int | None = None,
    ended: Callable[[], bool] | None = None,
) -> Iterator[LogLine]:
    """Yield what the daemons have written, and then each new line until no node runs any more.

    A node that is started again, or added, is followed too. The arguments and the errors are those
    of ``lines``.

    Args:
        pool: See ``lines``, as for ``nodes``, ``daemons``, ``since`` and ``tail``.
        nodes: Names of nodes.
        daemons: Names of daemons.
        since: Only lines from then on.
        tail: Only so many of the last lines of each node.
        ended: Continue until this is true, even if no node runs; asked every ``LOOK_INTERVAL_S``.
    """
    wanted = _daemons(daemons)
    chosen = _nodes(pool, nodes)
    names = {node.name for node in chosen} if nodes else None
    follower = _Follower(pool, names, wanted, since, ended)
    for node in chosen:
        follower.sources[node.name] = _Source(pool.engine, node, wanted)
    sources = list(follower.sources.values())
    each(lambda source: source.read(since, tail), sources)
    yield from heapq.merge(*(source.backlog for source in sources), key=lambda line: line.time)
    yield from follower.new_lines()


def show_all(node: Node, *, timeout_s: float = SHOW_TIMEOUT_S) -> None:
    """Have a node show what its daemons have written, which it else does up to 0.5 s later.

    A node that cannot is left alone: it may not run, hang, or be of an older version.
    """
    if node.is_running:
        with suppress(CondorMiniError):
            node.exec([f"{REQUEST_SCRIPTS}/show-logs"], user="root", timeout_s=timeout_s)


def known_daemon(name: str) -> str:
    """Return the name of a daemon as it is in log lines: ``schedd``.

    Args:
        name: The name in any of HTCondor's spellings: ``SCHEDD``, ``condor_schedd``.

    Raises:
        UsageError: There is no daemon of that name.
    """
    known = name.lower().removeprefix("condor_")
    if known not in DAEMONS:
        raise UsageError(f"there is no daemon {name}; there are: {', '.join(DAEMONS)}")
    return known


def _daemons(names: Collection[str] | None) -> frozenset[str] | None:
    return frozenset(map(known_daemon, names)) if names else None


def _nodes(pool: PoolNodes, names: Collection[str] | None) -> list[Node]:
    existing = pool.nodes
    if not names:
        return existing
    wanted = {pool.node(name).name for name in names}
    return [node for node in existing if node.name in wanted]


class _Source:
    """The log of one node: the lines that were read, and the place to continue from."""

    def __init__(self, engine: Engine, node: Node, daemons: frozenset[str] | None) -> None:
        self.backlog: list[LogLine] = []
        self.container = node.info.id
        self.name = node.name
        self._engine = engine
        self._role = str(node.role)
        self._daemons = daemons
        self._seen_daemons: set[str] = set(DAEMONS)
        self._last_stamp = ""
        self._at_last_stamp = 0
        """Number of lines with the last time stamp. There may be several: clocks are coarse."""

    def read(self, since: datetime | None, tail: int | None) -> None:
        """Read the log into ``backlog``."""
        # The engine's own tail counts the lines of all daemons, so it is of no use for some of
        # them. At least the last line is read, so that `follow` continues after it.
        engines_tail = None if tail is None or self._daemons else max(tail, 1)
        with suppress(NotFound):
            text = self._engine.logs(
                self.container, tail=engines_tail, since=since, timestamps=True
            )
            found = list(self.parsed(text.splitlines()))
            self.backlog = found if tail is None else found[len(found) - min(tail, len(found)) :]

    def parsed(self, raw: Iterable[str]) -> Iterator[LogLine]:
        """Yield the lines of the wanted daemons."""
        for line in raw:
            found = _STAMPED.fullmatch(line)
            if found is None:
                continue
            self._count(found[1])
            try:
                when = datetime.fromisoformat(found[1]).astimezone(UTC)
            except ValueError:
                continue
            daemon, text = self._split(found[2] or "")
            if self._daemons is None or daemon in self._daemons:
                yield LogLine(time=when, node=self.name, role=self._role, daemon=daemon, text=text)

    def parsed_new(self, raw: Iterable[str]) -> Iterator[LogLine]:
        """Yield the lines of the wanted daemons that were not read before.

        The engine may repeat lines: its ``since`` is inclusive, and rounded to microseconds.
        """
        last, to_skip = self._last_stamp, self._at_last_stamp
        for line in raw:
            stamp = line.partition(" ")[0]
            if stamp < last:
                continue
            if stamp == last and to_skip > 0:
                to_skip -= 1
                continue
            yield from self.parsed([line])

    @property
    def since(self) -> datetime | None:
        """Time from which on there may be unread lines; None before the first line."""
        return datetime.fromisoformat(self._last_stamp) if self._last_stamp else None

    def _count(self, stamp: str) -> None:
        if stamp == self._last_stamp:
            self._at_last_stamp += 1
        elif stamp > self._last_stamp:
            self._last_stamp, self._at_last_stamp = stamp, 1

    def _split(self, text: str) -> tuple[str, str]:
        """Return the daemon and the text of ``startd: 11/21/26 06:50:04 Initial update``."""
        if dated := _DATED.fullmatch(text):
            self._seen_daemons.add(dated[1])
        named = _NAMED.fullmatch(text)
        if named and named[1] in self._seen_daemons:
            return named[1], named[2]
        return ENTRYPOINT, text


@dataclass
class _Follower:
    """Threads that read the logs of a pool's nodes, for as long as a node runs."""

    pool: PoolNodes
    names: Collection[str] | None
    """Names of the wanted nodes. None for all, also those that are added later."""
    daemons: frozenset[str] | None
    since: datetime | None
    ended: Callable[[], bool] | None
    sources: dict[str, _Source] = field(default_factory=dict)
    _lines: queue.Queue[LogLine | CondorMiniError] = field(
        default_factory=lambda: queue.Queue(_MOST_WAITING)
    )
    _readers: dict[str, _Reader] = field(default_factory=dict)

    def new_lines(self) -> Iterator[LogLine]:
        """Yield the lines that are written from now on."""
        try:
            while self._goes_on():
                yield from self._until_next_look()
            yield from self._rest()
        finally:
            for reader in self._readers.values():
                reader.end()

    def _goes_on(self) -> bool:
        is_read = self._look()
        return is_read if self.ended is None else not self.ended()

    def _look(self) -> bool:
        """Start a reader for each running node without one; return whether any reader runs."""
        for name in [name for name, reader in self._readers.items() if reader.has_ended]:
            del self._readers[name]
        for node in self.pool.nodes:
            if self.names is None or node.name in self.names:
                self._read(node)
        return bool(self._readers)

    def _read(self, node: Node) -> None:
        if not node.is_running or node.name in self._readers:
            return
        source = self.sources.get(node.name)
        if source is None or source.container != node.info.id:
            source = self.sources[node.name] = _Source(self.pool.engine, node, self.daemons)
        with suppress(NotFound):  # the node was removed in the meantime
            self._readers[node.name] = _Reader(
                self.pool.engine, source, source.since or self.since, self._lines
            )

    def _until_next_look(self) -> Iterator[LogLine]:
        deadline = time.monotonic() + LOOK_INTERVAL_S
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left_s)
            except queue.Empty:
                return
            if isinstance(line, CondorMiniError):
                raise line
            yield line

    def _rest(self) -> Iterator[LogLine]:
        with suppress(queue.Empty):
            while True:
                line = self._lines.get_nowait()
                if isinstance(line, LogLine):
                    yield line


class _Reader:
    """A thread that follows one node's log until the node or the reader is ended."""

    def __init__(
        self,
        engine: Engine,
        source: _Source,
        since: datetime | None,
        lines: queue.Queue[LogLine | CondorMiniError],
    ) -> None:
        self._lines = lines
        self._ending = threading.Event()
        self._source = source
        self._context = engine.follow(source.container, since=since, timestamps=True)
        self._raw = self._context.__enter__()
        self._thread = threading.Thread(target=self._work, daemon=True)
        start_thread(self._thread)

    @property
    def has_ended(self) -> bool:
        """Whether the thread has ended. If it has, the log is closed."""
        if self._thread.is_alive():
            return False
        self._leave()
        return True

    def end(self) -> None:
        """Stop reading."""
        self._ending.set()
        self._leave()

    def _leave(self) -> None:
        with suppress(CondorMiniError):
            self._context.__exit__(None, None, None)

    def _work(self) -> None:
        try:
            for line in self._source.parsed_new(self._raw):
                self._put(line)
        except NotFound:
            return  # the node was removed
        except CondorMiniError as error:
            self._put(error)

    def _put(self, item: LogLine | CondorMiniError) -> None:
        while not self._ending.is_set():
            with suppress(queue.Full):
                self._lines.put(item, timeout=LOOK_INTERVAL_S)
                return
