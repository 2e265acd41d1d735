"""Save the state of a pool as a snapshot."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini._version import __version__
from condor_mini.base.errors import AlreadyInUse, PoolNotReady, StateError, UsageError
from condor_mini.base.tree import replacing
from condor_mini.base.words import counted
from condor_mini.engine.several import engine_at, host_of
from condor_mini.jobs.job_ads import AT_WORK, STATES
from condor_mini.lifecycle import recreate, stop_and_start
from condor_mini.lifecycle.ready import Deadline, await_health
from condor_mini.nodes.node import Role
from condor_mini.nodes.record import stored_spec
from condor_mini.nodes.state import STATE
from condor_mini.snapshots.owners import Accounts, name_by_place
from condor_mini.snapshots.snapshot import (
    MANIFEST,
    SUFFIX,
    Manifest,
    SavedNode,
    Snapshot,
    directory,
    path_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from os import PathLike
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.base.progress import Progress
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes

PARTS = ("spool", "home", "key")
"""Which of a node's volumes are saved. Tokens are new with each start, and logs are exported."""
KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
"""What is saved: files, directories and links. Sockets and pipes are made anew."""
OF_KEYS: Mapping[str, Collection[str]] = {
    # What the spool says of tokens: the scripts of `request/`.
    "spool": ("issued-tokens", "revoked-tokens", "join-tokens"),
    # The token of a node's users, and those that they have put there.
    "home": (".condor/tokens.d",),
    "key": (),
}
"""What goes with the keys: tokens that they sign, and what is known of these."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
FAST = 1
"""The level of compression. Higher ones take several times as long, for a tenth of the size."""


def save(
    pool: PoolNodes,
    snapshot: str | PathLike[str],
    progress: Progress,
    *,
    keys: bool,
    force: bool,
    timeout_s: float,
    before_stop: Callable[[], object],
) -> Snapshot:
    """Save the state of a pool; see ``Pool.save_snapshot``.

    ``before_stop`` is called when nothing stands in the way, before the nodes are stopped.
    """
    path = path_of(snapshot)
    if path.parent == directory():
        directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not path.name.endswith(SUFFIX):
        raise UsageError(f"{path}: the name of a snapshot's file ends in {SUFFIX}")
    if path.exists() and not force:
        raise AlreadyInUse(f"there is a snapshot {snapshot}", hint="Replace it with --force.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: {path.parent} is no directory to write to")
    nodes = pool.existing_nodes()
    keepers = _keepers(pool, nodes)
    manifest = Manifest(
        condor_mini=__version__,
        made=datetime.now(UTC).replace(microsecond=0),
        pool=pool.name,
        series=keepers[0].series,
        engine=pool.engine.name,
        keys=keys,
        spec=stored_spec(pool.name, nodes).model_dump(mode="json", by_alias=True),
        nodes={_short(node): _saved(node) for node in keepers},
    )
    running = [node for node in nodes if node.is_running]
    what = f"the state of {counted(len(keepers), 'node')}"
    # The file is in its place before the nodes are started, which may fail.
    with (
        _stopped(pool, running, before_stop, progress, timeout_s),
        progress.step(f"Saving {what}", done=f"Saved {what}") as detail,
        _written(path) as file,
        tarfile.open(fileobj=file, mode="w:gz", compresslevel=FAST) as tar,
    ):
        _add(tar, MANIFEST, manifest.model_dump_json(indent=2).encode())
        for node in keepers:
            detail(node.name)
            _save_node(tar, node, keys=keys)
    return Snapshot.open(path)


def _keepers(pool: PoolNodes, nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that keep state: central manager and access points."""
    if nodes[0].is_personal:
        raise UsageError(
            f"{pool.name} is a personal pool, with its state in a directory",
            hint=f"End the pool, and copy {nodes[0].state_directory}",
        )
    if nodes[0].joined_to:
        raise UsageError(
            f"the nodes of {pool.name} have joined the pool at {nodes[0].joined_to}",
            hint="Save that pool's state on its own host.",
        )
    keepers = [node for node in nodes if node.role is not Role.EXECUTION_POINT]
    lost = recreate.lost_nodes(pool.engine, pool.name)
    if absent := [node.name for node in lost if node.role is not Role.EXECUTION_POINT]:
        raise PoolNotReady(
            f"the containers of {', '.join(absent)} were removed",
            hint=f"Create them again: condor-mini start -n {pool.name}",
        )
    return keepers


def _short(node: Node) -> str:
    return node.name.removeprefix(f"{node.pool}-")


def _saved(node: Node) -> SavedNode:
    saved = SavedNode(role=node.role, group=node.group, number=node.number)
    if node.role is not Role.ACCESS_POINT or not node.is_running:
        return saved
    argv = ["condor_q", "-allusers", "-af", "ClusterId", "ProcId", "JobStatus"]
    result = node.exec(argv, user="root")
    if result.returncode != 0:
        raise PoolNotReady(
            f"the schedd of {node.name} does not answer: {result.stderr.strip()}",
            hint=f"See why: condor-mini doctor -n {node.pool}. Or stop the pool, and save then: "
            f"condor-mini stop -n {node.pool}",
        )
    rows = [line.split() for line in result.stdout.splitlines()]
    saved.jobs = {}
    for cluster, proc, status in rows:
        state = STATES.get(int(status), status)
        saved.jobs[state] = saved.jobs.get(state, 0) + 1
        if int(status) in AT_WORK:
            saved.running.append(f"{cluster}.{proc}")
    return saved


@contextmanager
def _stopped(
    pool: PoolNodes,
    running: Sequence[Node],
    before_stop: Callable[[], object],
    progress: Progress,
    timeout_s: float,
) -> Iterator[None]:
    """Stop nodes, and start them again afterwards.

    What they have on disk is whole then. No job runs in the queue: a schedd that begins with one
    that does looks for it where it ran, until its lease is over (``mark_idle``, qmgmt.cpp).
    """
    if not running:
        yield
        return
    before_stop()
    try:
        stop_and_start.stop(pool.engine, running, progress)
        yield
    finally:
        what = counted(len(running), "node")
        with progress.step(f"Starting {what}", done=f"Started {what}"):
            deadline = Deadline(timeout_s)
            stop_and_start.start_containers(pool.engine, pool.name, running, deadline)
            started = {node.name for node in running}
            await_health([node for node in pool.nodes if node.name in started], deadline)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """Yield a file, readable by the caller alone, that takes the path's place if all goes well."""
    try:
        with replacing(path) as new, os.fdopen(os.open(new, _NEW, 0o600), "wb") as file:
            yield file
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror or error}") from None


def _save_node(tar: tarfile.TarFile, node: Node, *, keys: bool) -> None:
    engine, container = node.engine, node.info.id
    several = engine_at(engine, host_of(container)).info().many_users and not node.has_one_user
    accounts = Accounts.of(engine, container)
    for part, place in STATE[node.role].items():
        if part not in PARTS or (part == "key" and not keys):
            continue
        left_out = () if keys else OF_KEYS[part]
        with tempfile.TemporaryFile() as archive:
            engine.copy_out_archive(container, place, archive)
            archive.seek(0)
            with tarfile.open(fileobj=archive, mode="r:") as found:
                for member in found:
                    path = _below(member.name)
                    if member.type not in KINDS or is_below(path, left_out):
                        continue
                    content = found.extractfile(member) if member.isreg() else None
                    if several:
                        accounts.name(member)
                    else:
                        name_by_place(member, part, path)
                    member.name = f"{_short(node)}/{part}/{path}".rstrip("/")
                    if member.islnk():
                        member.linkname = f"{_short(node)}/{part}/{_below(member.linkname)}"
                    member.pax_headers = {}
                    tar.addfile(member, content)


def is_below(path: str, places: Collection[str]) -> bool:
    """Return whether a path is one of these, or lies in one of them."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _below(name: str) -> str:
    """Return a path in an archive of a directory without that directory's own name."""
    return name.removeprefix("/").rstrip("/").partition("/")[2]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))
