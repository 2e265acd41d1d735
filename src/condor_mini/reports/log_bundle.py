"""A log bundle: a directory with everything that a bug report needs, without secrets.

The collection is best effort: what cannot be collected is reported in ``errors.txt``. It ends at a
deadline, so that it does not make the failure worse that it is to explain.
"""

from __future__ import annotations

import io
import json
import platform
import posixpath
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from condor_mini._version import __version__
from condor_mini.base import archives
from condor_mini.base.errors import CondorMiniError, StateError, UsageError
from condor_mini.base.layout import LOG, REQUEST_SCRIPTS
from condor_mini.base.redaction import is_secret_file, redact, redact_bytes
from condor_mini.base.signals import start_thread
from condor_mini.base.times import rfc3339
from condor_mini.base.tree import Tree, named
from condor_mini.nodes.holdings import spec_form
from condor_mini.nodes.node import Role
from condor_mini.reports.logs import SHOW_TIMEOUT_S, show_all
from condor_mini.reports.status import Verdict, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.reports.status import PoolStatus

    Found = Iterable[tuple[str, bytes | str]]
    """Files of the bundle: the path in the directory, and the content."""

TIMEOUT_S = 60.0
"""Deadline in seconds if a person asks for the bundle."""
WORKERS = 8
LARGEST_FILE = 64 * 2**20
"""Only so many bytes from the end of a larger file are kept. HTCondor limits a log to 10 MiB."""
LOG_DIRECTORY = LOG
"""Log directory of a node that does not run: the one in the images."""
SUMMARY = "summary.txt"
ERRORS = "errors.txt"
ENGINE = "engine.json"
STATUS = "status.json"
SPEC = "spec.json"

_EVERY_NODE = {
    "ps.txt": (f"{REQUEST_SCRIPTS}/list-processes",),
    "config.txt": ("condor_config_val", "-summary"),
}
_OWN_IMAGE = {**_EVERY_NODE, "ps.txt": (f"{REQUEST_SCRIPTS}/processes",)}
_BY_ROLE: dict[Role, dict[str, tuple[str, ...]]] = {
    Role.CENTRAL_MANAGER: {
        "version.txt": ("condor_version",),
        "condor_status.txt": ("condor_status", "-any", "-long"),
    },
    Role.ACCESS_POINT: {
        "condor_q.txt": ("condor_q", "-long", "-allusers"),
        "condor_history.txt": ("condor_history", "-limit", "200", "-long"),
    },
    Role.EXECUTION_POINT: {},
}
_BY_ROLE[Role.PERSONAL_POOL] = {
    file: argv for commands in _BY_ROLE.values() for file, argv in commands.items()
}


def export(
    engine: Engine, nodes: Sequence[Node], directory: Path, *, timeout_s: float = TIMEOUT_S
) -> list[str]:
    """Write a log bundle of these nodes, and return one line for each thing that is missing.

    Args:
        engine: Engine that the nodes are on.
        nodes: Nodes of one pool; may be empty.
        directory: Directory to write to. It is created if absent, readable only by its owner.
        timeout_s: Give up after so many seconds.

    Raises:
        UsageError: The directory has files that would be overwritten.
        StateError: The directory cannot be created or used.
    """
    tree = _prepare(directory, nodes)
    collection = _Collection(tree=tree, deadline=time.monotonic() + timeout_s)
    pool = nodes[0].pool if nodes else None
    # The most informative comes first: the time may not be enough for everything.
    for node in nodes:
        collection.add(f"{node.name}/container.log", _container_log(engine, node, collection))
        collection.add(f"{node.name}/inspect.json", _inspected(node))
    if pool:
        collection.add(STATUS, _status(pool, nodes, collection))
    for node in nodes:
        collection.add(f"{node.name}/log", _log_directory(engine, node, collection))
    collection.add(ENGINE, _engine(engine))
    for node in nodes:
        if node.role is Role.CENTRAL_MANAGER:
            collection.add(SPEC, _spec(node))
        everywhere = _OWN_IMAGE if node.has_own_image else _EVERY_NODE
        for file, argv in {**_BY_ROLE[node.role], **everywhere}.items():
            if node.is_running:
                collection.add(f"{node.name}/{file}", _command(node, file, argv, collection))
    collection.run()
    collection.finish(nodes)
    return collection.errors


def _prepare(directory: Path, nodes: Sequence[Node]) -> Tree:
    """Create the directory if it is absent, and open it."""
    names = [SUMMARY, ERRORS, ENGINE, STATUS, SPEC, *(node.name for node in nodes)]
    try:
        parent, base_name = named(directory, make=True)
        with parent:
            parent.make(base_name, 0o700)
            tree = parent.tree(base_name)
        existing = [name for name in names if tree.status(name) is not None]
    except OSError as error:
        raise StateError(
            f"the directory {directory} cannot be used: {error.strerror}",
            hint="Name another directory: condor-mini export logs DIR",
        ) from None
    if existing:
        tree.close()
        raise UsageError(
            f"the directory {directory} already has {', '.join(existing)}; nothing is overwritten",
            hint="Name a new or empty directory: condor-mini export logs DIR",
        )
    return tree


@dataclass(kw_only=True)
class _Collection:
    """The collection of a bundle: what is still to be fetched, what failed, where files go."""

    tree: Tree
    """The bundle's directory."""
    deadline: float
    """Time of ``time.monotonic`` at which the collection ends."""
    errors: list[str] = field(default_factory=list)
    status: PoolStatus | None = None
    health: dict[str, str] = field(default_factory=dict)
    """What each node lacks according to its own health check, by node name."""
    _pending: deque[tuple[str, Callable[[], Found]]] = field(default_factory=deque)
    _under_way: set[str] = field(default_factory=set)
    _closed: threading.Event = field(default_factory=threading.Event)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, but at least 0.1, so that a late call times out itself."""
        return max(0.1, self.deadline - time.monotonic())

    def add(self, what: str, fetch: Callable[[], Found]) -> None:
        """Add something to fetch; ``what`` names it in ``errors.txt``."""
        self._pending.append((what, fetch))

    def run(self) -> None:
        """Fetch everything that was added, until the deadline."""
        # Not an executor: Python waits for the threads of an executor at exit, and a thread may
        # hang in a call to an engine.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)]
        for thread in threads:
            start_thread(thread)
        for thread in threads:
            thread.join(max(0.0, self.deadline - time.monotonic()))
        self._closed.set()
        late = [*sorted(self._under_way), *(what for what, _ in self._pending)]
        self.errors += [f"{what}: not collected before the deadline" for what in late]

    def _work(self) -> None:
        while not self._closed.is_set():
            try:
                what, fetch = self._pending.popleft()
            except IndexError:
                return
            self._under_way.add(what)
            try:
                for name, content in fetch():
                    self.write(name, content)
            except Exception as error:  # noqa: BLE001 (no failure may end the other fetches)
                self.errors.append(f"{what}: {error}")
            finally:
                self._under_way.discard(what)

    def write(self, name: str, content: bytes | str) -> None:
        """Write one file with its secrets redacted, unless the collection has ended."""
        redacted = redact_bytes(content) if isinstance(content, bytes) else _encoded(content)
        with self._writing:
            if not self._closed.is_set():
                self._write(name, redacted)

    def _write(self, name: str, content: bytes) -> None:
        self.tree.make(posixpath.dirname(name), 0o700)
        self.tree.write(name, io.BytesIO(content), 0o644)

    def finish(self, nodes: Sequence[Node]) -> None:
        """Write the summary, and the errors if there are any."""
        with self._writing, self.tree:
            self._write(SUMMARY, _encoded(_summary(nodes, self.status, self.health)))
            if self.errors:
                self._write(ERRORS, _encoded("\n".join(self.errors) + "\n"))


def _encoded(text: str) -> bytes:
    return redact(text).encode("utf-8", errors="replace")


def _container_log(engine: Engine, node: Node, collection: _Collection) -> Callable[[], Found]:
    def fetch() -> Found:
        show_all(node, timeout_s=min(SHOW_TIMEOUT_S, collection.left_s))
        yield f"{node.name}/container.log", engine.logs(node.info.id, timestamps=True)

    return fetch


def _inspected(node: Node) -> Callable[[], Found]:
    def fetch() -> Found:
        facts = json.dumps(asdict(node.info), indent=2, default=_as_json)
        yield f"{node.name}/inspect.json", f"{facts}\n"

    return fetch


def _log_directory(engine: Engine, node: Node, collection: _Collection) -> Callable[[], Found]:
    """Return what fetches the files of HTCondor's log directory, also if the node does not run.

    Files that hold secrets are left out.
    """

    def fetch() -> Found:
        path = LOG_DIRECTORY
        if node.is_running:
            with suppress(CondorMiniError):
                result = node.exec(["condor_config_val", "LOG"], timeout_s=collection.left_s)
                path = result.stdout.strip() or path
        with tempfile.TemporaryFile() as archive:
            engine.copy_out_archive(node.info.id, path, archive)
            archive.seek(0)
            with archives.opened(archive) as tar:
                for member in tar:
                    name = _below(member.name)
                    data = tar.extractfile(member) if member.isreg() else None
                    if data is None or name is None or is_secret_file(name):
                        continue
                    data.seek(max(0, member.size - LARGEST_FILE))
                    yield f"{node.name}/log/{name}", data.read()

    return fetch


def _below(name: str) -> str | None:
    """Return a file's path below the archived directory, or None if it leads out of it."""
    _, *parts = PurePosixPath(name).parts
    return "/".join(parts) if parts and ".." not in parts else None


def _command(
    node: Node, file: str, argv: tuple[str, ...], collection: _Collection
) -> Callable[[], Found]:
    """Return what fetches the output of a command on a node. Root runs it, and sees all jobs."""

    def fetch() -> Found:
        result = node.exec(argv, user="root", timeout_s=collection.left_s)
        if result.returncode != 0:
            reason = result.stderr.strip() or result.stdout.strip()
            collection.errors.append(
                f"{node.name}/{file}: {' '.join(argv)} ended with {result.returncode}: {reason}"
            )
        if result.stdout:
            yield f"{node.name}/{file}", result.stdout

    return fetch


def _status(pool: str, nodes: Sequence[Node], collection: _Collection) -> Callable[[], Found]:
    """Return what fetches the pool's status.

    If the pool is not usable, the health of the running nodes is fetched too.
    """

    def fetch() -> Found:
        status = collection.status = status_of(pool, nodes)
        yield STATUS, json.dumps(status.to_json(), indent=2) + "\n"
        if status.verdict is Verdict.USABLE:
            return
        for node in nodes:
            if node.is_running:
                collection.add(f"the health of {node.name}", _health(node, collection))

    return fetch


def _health(node: Node, collection: _Collection) -> Callable[[], Found]:
    def fetch() -> Found:
        if lacks := node.health():
            collection.health[node.name] = lacks
        return ()

    return fetch


def _engine(engine: Engine) -> Callable[[], Found]:
    def fetch() -> Found:
        facts = {
            "condor_mini": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "engine": asdict(engine.info()),
        }
        yield ENGINE, json.dumps(facts, indent=2) + "\n"

    return fetch


def _spec(manager: Node) -> Callable[[], Found]:
    def fetch() -> Found:
        yield SPEC, json.dumps(spec_form(manager.info.labels, manager.pool), indent=2) + "\n"

    return fetch


def _summary(nodes: Sequence[Node], status: PoolStatus | None, health: dict[str, str]) -> str:
    lines = [f"condor-mini {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}"]
    if not nodes:
        lines.append("There are no nodes.")
    elif status is None:
        lines.append(f"The status of the pool {nodes[0].pool} is not known.")
    else:
        lines += [f"The pool {status.name} is {status.verdict}.", *status.reasons]
    lines += ["", "Nodes:"] if nodes else []
    for node in nodes:
        code = "" if node.info.exit_code is None else f" with {node.info.exit_code}"
        lines.append(f"  {node.name}: {node.role.words}, {node.info.state}{code}")
    if health:
        lines += ["", "What the nodes lack, according to their own health checks:"]
        lines += [f"  {name}: {lacks}" for name, lacks in sorted(health.items())]
    return "\n".join(lines) + "\n"


def _as_json(value: object) -> str:
    return rfc3339(value) if isinstance(value, datetime) else str(value)
