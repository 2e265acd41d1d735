"""Recreate nodes on the volumes that keep their state: lost nodes, or all with a new HTCondor."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, NotFound, PoolNotReady, UsageError
from condor_mini.base.layout import SPOOL
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.base.words import counted
from condor_mini.engine import ContainerSpec, VolumeMount
from condor_mini.images import user_images
from condor_mini.lifecycle import networks, stop_and_start
from condor_mini.lifecycle.admission import check_names
from condor_mini.lifecycle.equipment import fill_volumes, with_images
from condor_mini.lifecycle.ready import Deadline
from condor_mini.lifecycle.rollback import make_or_roll_back
from condor_mini.lifecycle.startup import start_all
from condor_mini.lifecycle.unfinished import await_others, unfinished_nodes
from condor_mini.lifecycle.volumes import MAKING_LABEL, labelled, made_together, with_volumes
from condor_mini.nodes import plan
from condor_mini.nodes.fit import fitted
from condor_mini.nodes.holdings import Holdings, reader_name
from condor_mini.nodes.node import JOINED, SPEC, Node, Role, pool_labels, pool_nodes
from condor_mini.nodes.placement import changed_by_host
from condor_mini.nodes.record import read_spec, recorded_nodes, stored_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.engine import Engine
    from condor_mini.lifecycle.saved_state import SavedState
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec


def lost_nodes(engine: Engine, pool: str) -> list[PlannedNode]:
    """Return the nodes that have no container, or one that was never started.

    Containers may have been removed, or a process that created them was killed.
    """
    return unfinished_nodes(engine, pool, kept_spec(engine, pool))


def recreate_lost(
    engine: Engine,
    pool: str,
    progress: Progress,
    *,
    only: str | None,
    timeout_s: float,
    state: SavedState | None = None,
) -> None:
    """Create and start the nodes that have no container, or one that was never started.

    They keep their state and names. If another process is creating the pool, it is waited for.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        progress: Receives the phases.
        only: Name of the one node to recreate, with or without the pool's name. None for all.
        timeout_s: Give up after so many seconds, counted from when the images exist.
        state: What the nodes begin with. None for what their volumes have.

    Raises:
        PoolNotReady: A node has ended again, or ``only`` names a node whose central manager was
            removed too.
    """
    await_others(engine, pool, timeout_s=timeout_s)
    lost = lost_nodes(engine, pool)
    wanted = [
        node for node in lost if only in (None, node.name, node.name.removeprefix(f"{pool}-"))
    ]
    if not wanted:
        return
    if lost[0].role is Role.CENTRAL_MANAGER and wanted[0] is not lost[0]:
        raise PoolNotReady(
            f"{wanted[0].name} needs {lost[0].name}, and the container of {lost[0].name} "
            "was removed",
            hint=f"Recreate both: condor-mini start -n {pool}",
        )
    ready = _with_images(engine, wanted, progress)
    _recreate(engine, pool, ready, progress, Deadline(timeout_s), state)


def renew(engine: Engine, pool: str, series: str, progress: Progress, *, timeout_s: float) -> None:
    """Stop all nodes, recreate them with another HTCondor on the same volumes, and start them.

    Args:
        engine: Engine that the pool is on.
        pool: Name of the pool.
        series: Series of HTCondor. The pool's own series recreates the nodes from the images of
            that series as they are now.
        progress: Receives the phases.
        timeout_s: Give up after so many seconds, counted from when the nodes are stopped.

    Raises:
        UsageError: There is no such series, or it is older than the pool's.
        PoolNotReady: The volumes of a node no longer exist, or a node has ended.
    """
    catalogue().get(series)  # raises if there is no such series
    recorded = _recorded(engine, pool)
    nodes = pool_nodes(engine, pool)
    now = max((int(node.series) for node in nodes), default=int(series))
    if int(series) < now:
        raise UsageError(
            f"the pool {pool} has HTCondor {now}, and HTCondor {series} may misread its files",
            hint="A pool can be upgraded, never downgraded. "
            f"Create another pool: condor-mini create -n NAME --htcondor {series}",
        )
    if unrecorded := {node.name for node in nodes} - {node.name for node in recorded}:
        raise PoolNotReady(f"the volumes of {', '.join(sorted(unrecorded))} no longer exist")
    spec = kept_spec(engine, pool).with_overrides(series=series)
    new = [plan.planned_node(spec, node.role, node.group, node.number) for node in recorded]
    ready = _with_images(engine, new, progress)
    stop_and_start.stop(engine, nodes, progress)
    engine.remove(*(node.info.id for node in nodes))
    _recreate(engine, pool, ready, progress, Deadline(timeout_s))


def check_startable(engine: Engine, pool: str) -> None:
    """Raise the errors that ``start`` would raise first; call it before a pool is stopped.

    Raises:
        PoolNotReady: The pool has lost its central manager and its network.
        RecordError: The pool's labels do not hold the spec that it was created from.
        UsageError: The pool was created with a series of HTCondor that is not known.
    """
    catalogue().get(kept_spec(engine, pool).htcondor)


def kept_spec(engine: Engine, pool: str) -> PoolSpec:
    """Return the spec that the pool was created from, also if its central manager was removed.

    Raises:
        PoolNotReady: The network was removed too, and with it the last record of the spec.
        RecordError: The labels of the central manager, or else of the network, do not hold it.
    """
    nodes = pool_nodes(engine, pool)
    if nodes and nodes[0].role is Role.CENTRAL_MANAGER:
        return stored_spec(pool, nodes)
    for network in Holdings(engine, pool).networks:
        if SPEC in network.labels:
            spec = read_spec(network, pool)
            if spec.joins:
                return spec
            # The network has the series of the creation; the pool may have been upgraded since.
            if nodes:
                return spec.with_overrides(series=max((node.series for node in nodes), key=int))
            return spec.with_overrides(series=_series_of_spool(engine, spec))
    raise PoolNotReady(
        f"the pool {pool} has lost its central manager and its network",
        hint=f"Delete what is left of it: condor-mini delete -n {pool}",
    )


def _series_of_spool(engine: Engine, spec: PoolSpec) -> str:
    """Return the series that last wrote the central manager's spool.

    The central manager's entrypoint notes it there.
    """
    manager = plan.planned_node(spec, Role.CENTRAL_MANAGER, "", 0)
    spool = f"{manager.name}-spool"
    volumes = Holdings(engine, spec.name).volumes
    if spool not in {volume.name for volume in volumes}:
        if any(volume.node and volume.node.role is Role.ACCESS_POINT for volume in volumes):
            raise PoolNotReady(
                f"the pool {spec.name} has lost its central manager and that node's state",
                hint=f"Delete what is left of it: condor-mini delete -n {spec.name}",
            )
        return spec.htcondor  # there is no queue yet, or it was removed
    if not engine.image(manager.container.image):
        series = catalogue().get(spec.htcondor)
        user_images.ensure(engine, [str(manager.role)], series, Progress(), user=manager.user)
    # An engine reads a volume only through a container, which need not be started.
    reader = ContainerSpec(
        image=manager.container.image,
        name=reader_name(spec.name),
        labels=pool_labels(spec.name),
        mounts=(VolumeMount(volume=spool, target=SPOOL),),
    )
    with suppress(AlreadyInUse):  # a process that was killed has left it
        engine.create(reader)
    try:
        note = engine.copy_out(reader.name, plan.SERIES_NOTE)
        return note.decode("utf-8", "replace").strip() or spec.htcondor
    except NotFound:
        return spec.htcondor
    finally:
        engine.remove(reader.name)


def _recorded(engine: Engine, pool: str) -> list[PlannedNode]:
    recorded = [volume.node for volume in Holdings(engine, pool).volumes if volume.node]
    return recorded_nodes(kept_spec(engine, pool), recorded)


def _with_images(
    engine: Engine, nodes: Sequence[PlannedNode], progress: Progress
) -> list[PlannedNode]:
    """Return these nodes, adapted to the engine, once it has their images.

    Raises:
        AlreadyInUse: A container outside the pool has the name of a node.
    """
    check_names(engine, nodes)
    nodes = changed_by_host(engine, nodes, lambda there, some: fitted(some, there.info()))
    return with_images(engine, nodes, catalogue().get(nodes[0].series), progress)


def _recreate(
    engine: Engine,
    pool: str,
    nodes: Sequence[PlannedNode],
    progress: Progress,
    deadline: Deadline,
    state: SavedState | None = None,
) -> None:
    """Create and start these nodes. If that fails, remove their containers and keep their state."""
    series = catalogue().get(nodes[0].series)
    mark = {MAKING_LABEL: uuid.uuid4().hex}

    def make() -> None:
        what = counted(len(nodes), "node")
        with progress.step(f"Recreating {what}", done=f"Recreated {what}"):
            networks.create_missing(engine, nodes)
            fill_volumes(engine, nodes, series, pool_labels(pool), progress)
            marked = labelled(nodes, mark)
            ready = with_volumes(engine, marked, pool_labels(pool))
            manager, is_joined = None, bool(nodes[0].container.labels[JOINED])
            if nodes[0].role is not Role.CENTRAL_MANAGER and not is_joined:
                (first, *_) = pool_nodes(engine, pool)
                manager = first.info.id
                if not first.is_running:
                    engine.start(manager)
            # A joined node's own token is part of its state.
            token = "" if is_joined else None
            start_all(engine, ready, deadline, manager=manager, join_token=token, state=state)

    def made() -> list[Node]:
        return made_together(engine, pool, mark)

    def undo() -> str:
        engine.remove(*(node.info.id for node in made()))
        return f"The pool's state is kept. Try again: condor-mini start -n {pool}"

    make_or_roll_back(make, undo, made, progress, pool=pool)
