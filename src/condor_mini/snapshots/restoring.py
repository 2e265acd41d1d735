"""Begin a pool with the state of a snapshot, or replace a pool's state with it."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import tempfile
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from condor_mini.base.errors import NotFound, StateError, UsageError
from condor_mini.lifecycle import restart, stop_and_start
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.nodes.state import STATE
from condor_mini.snapshots.owners import Accounts
from condor_mini.snapshots.saving import KINDS, OF_KEYS, PARTS, is_below
from condor_mini.snapshots.snapshot import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import BinaryIO

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.nodes.pool_nodes import PoolNodes
    from condor_mini.snapshots.snapshot import Snapshot
    from condor_mini.spec import PoolSpec

MODES = 0o1777
"""The permissions that are restored: no file changes its user."""
REASON = "left out of the snapshot, in which it ran"


class Contents:
    """What a snapshot holds, read as a whole and checked: a ``lifecycle.SavedState``."""

    def __init__(
        self, snapshot: Snapshot, tar: tarfile.TarFile, pool: str, *, leave_out_running: bool
    ) -> None:
        self._snapshot = snapshot
        self._tar = tar
        self._reading = Lock()
        self._pool = pool
        self._leave_out = leave_out_running
        self.has_keys = snapshot.manifest.keys and pool == snapshot.pool
        """Whether the pool gets the keys, too: another pool would trust this one's tokens."""

    def parts(self, node: str) -> list[str]:
        """Return which parts of the state a node gets; its name is without the pool's."""
        saved = self._snapshot.manifest.nodes.get(node)
        if saved is None:
            return []
        own = [part for part in PARTS if part in STATE[saved.role]]
        return own if self.has_keys else [part for part in own if part != "key"]

    def fill(self, engine: Engine, container: str, node: PlannedNode) -> None:
        """See ``SavedState.fill``."""
        name = node.name.removeprefix(f"{node.pool}-")
        if not (parts := self.parts(name)):
            return
        accounts = Accounts.of(engine, container)
        for part in parts:
            left_out = () if self.has_keys else OF_KEYS[part]
            with tempfile.TemporaryFile() as archive:
                self._extract(f"{name}/{part}/", archive, accounts, left_out)
                archive.seek(0)
                engine.copy_in(container, archive, at=STATE[node.role][part])

    def settle(self, engine: Engine, containers: Mapping[str, str], deadline: Deadline) -> None:
        """See ``SavedState.settle``."""
        for node, container in containers.items():
            saved = self._snapshot.manifest.nodes.get(node.removeprefix(f"{self._pool}-"))
            if not self._leave_out or saved is None or not saved.running:
                continue
            argv = ["condor_rm", "-reason", REASON, *saved.running]

            def still_there(
                node: str = node, container: str = container, argv: list[str] = argv
            ) -> str | None:
                result = engine.exec(container, argv, user="root")
                said = (result.stdout + result.stderr).strip()
                return None if result.returncode == 0 else f"the schedd of {node}: {said}"

            deadline.wait(still_there)

    def _extract(
        self, prefix: str, archive: BinaryIO, accounts: Accounts, left_out: Collection[str]
    ) -> None:
        # Several nodes are filled at once, and the file has one position.
        with self._reading, tarfile.open(fileobj=archive, mode="w") as tar:
            for member in self._tar.getmembers():
                path = member.name.removeprefix(prefix)
                if path == member.name or is_below(path, left_out):
                    continue
                content = self._tar.extractfile(member) if member.isreg() else None
                copy = member.replace(name=path, mode=member.mode & MODES, deep=False)
                if member.islnk():
                    copy.linkname = member.linkname.removeprefix(prefix)
                accounts.number(copy)
                tar.addfile(copy, content)


@contextmanager
def contents(snapshot: Snapshot, pool: str, *, leave_out_running: bool) -> Iterator[Contents]:
    """Yield what a snapshot holds, read as a whole and checked.

    Args:
        snapshot: The snapshot.
        pool: Name of the pool that gets the state.
        leave_out_running: Whether the jobs that ran when it was made are removed.

    Raises:
        StateError: The file is damaged, or has something that is not of a pool's state.
    """
    with tempfile.TemporaryFile() as plain:
        try:
            with gzip.open(snapshot.path) as packed:
                shutil.copyfileobj(packed, plain, 1 << 20)
            plain.seek(0)
            with tarfile.open(fileobj=plain, mode="r:") as tar:
                for member in tar.getmembers():
                    _check(snapshot, member)
                yield Contents(snapshot, tar, pool, leave_out_running=leave_out_running)
        except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
            raise StateError(f"{snapshot.path} is damaged: {error}") from None


def _check(snapshot: Snapshot, member: tarfile.TarInfo) -> None:
    """Raise ``StateError`` unless a file belongs to the state of a node of the snapshot."""
    if member.name == MANIFEST:
        return
    for name in [member.name, *([member.linkname] if member.islnk() else [])]:
        node, part, *path = [*name.split("/"), ""]
        saved = snapshot.manifest.nodes.get(node)
        is_state = saved is not None and part in PARTS and part in STATE[saved.role]
        if not is_state or ".." in path or member.type not in KINDS:
            raise StateError(f"{snapshot.path} is damaged: {name} is not of a node's state")


@contextmanager
def state_for(
    spec: PoolSpec, snapshot: Snapshot | None, *, leave_out_running: bool
) -> Iterator[Contents | None]:
    """Yield what a pool of this spec begins with; None without a snapshot.

    Raises:
        UsageError: Its HTCondor is older, or it lacks a node whose state the snapshot has.
        StateError: See ``contents``.
    """
    if snapshot is None:
        yield None
        return
    nodes = [node.name.removeprefix(f"{spec.name}-") for node in planned_nodes(spec)]
    _check_fit(snapshot, spec.htcondor, nodes)
    with contents(snapshot, spec.name, leave_out_running=leave_out_running) as state:
        yield state


def _check_fit(snapshot: Snapshot, series: str, nodes: Collection[str]) -> None:
    if int(series) < int(snapshot.series):
        raise UsageError(
            f"the snapshot {snapshot.name} is of HTCondor {snapshot.series}, and HTCondor "
            f"{series} may misread its files"
        )
    if missing := [node for node in snapshot.manifest.nodes if node not in nodes]:
        raise UsageError(
            f"the snapshot {snapshot.name} has the state of {', '.join(missing)}, and the pool has "
            "no such node",
            hint="Have at least so many access points: --submit N",
        )


def restore(
    pool: PoolNodes,
    snapshot: Snapshot,
    progress: Progress,
    *,
    leave_out_running: bool,
    timeout_s: float,
    before_stop: Callable[[], object],
) -> None:
    """Replace the state of a pool; see ``Pool.restore_snapshot``, and ``save`` for the rest."""
    nodes = pool.existing_nodes()
    if nodes[0].is_personal or nodes[0].joined_to:
        raise UsageError(
            f"{pool.name} is no pool of several nodes here",
            hint="Create one: condor-mini create -n NAME --from SNAPSHOT",
        )
    keepers = [node for node in nodes if node.role is not Role.EXECUTION_POINT]
    if not keepers or keepers[0].role is not Role.CENTRAL_MANAGER:
        raise NotFound(f"the pool {pool.name} has no central manager")
    _check_fit(snapshot, nodes[0].series, [n.name.removeprefix(f"{pool.name}-") for n in keepers])
    with contents(snapshot, pool.name, leave_out_running=leave_out_running) as state:
        before_stop()
        stop_and_start.stop(pool.engine, nodes, progress)
        for node in keepers:
            if parts := state.parts(node.name.removeprefix(f"{pool.name}-")):
                pool.engine.remove(node.info.id)
                pool.engine.remove_volume(*(f"{node.name}-{part}" for part in parts))
        try:
            restart.start(pool, None, progress, timeout_s=timeout_s, state=state)
        except BaseException as error:
            error.add_note(
                "The state that the pool had is gone. Try again: condor-mini snapshot restore "
                f"{snapshot.name} -n {pool.name}"
            )
            raise
