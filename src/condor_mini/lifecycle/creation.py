"""Create a pool, and add nodes to one. If that fails, all that was created is removed."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from condor_mini.base.series import catalogue
from condor_mini.base.words import counted
from condor_mini.lifecycle import networks
from condor_mini.lifecycle.admission import admitted, check_names
from condor_mini.lifecycle.claim import Claim
from condor_mini.lifecycle.equipment import (
    fill_volumes,
    with_existing_images,
    with_images,
)
from condor_mini.lifecycle.ready import Deadline, await_exchange, wait_until_ready
from condor_mini.lifecycle.removal import forget_ads, remove
from condor_mini.lifecycle.rollback import make_or_roll_back
from condor_mini.lifecycle.startup import start_all
from condor_mini.lifecycle.volumes import MAKING_LABEL, labelled, made_together, with_volumes
from condor_mini.nodes import exposure
from condor_mini.nodes.node import SPEC, Node, pool_labels, pool_nodes
from condor_mini.nodes.pool_hosts import hosts_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.lifecycle.saved_state import SavedState
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0


def requested(spec: PoolSpec | PathLike[str] | None) -> PoolSpec:
    """Return the spec of the pool to create.

    Args:
        spec: A spec, the path of a pool file, or None for the defaults.

    Raises:
        PoolFileError: The pool file has mistakes; the error lists all of them.
    """
    from condor_mini.spec import PoolSpec

    if spec is None:
        return PoolSpec.from_options()
    if isinstance(spec, PoolSpec):
        return spec
    from condor_mini.spec.pool_file import read_pool_file

    return read_pool_file(spec)


def create(
    engine: Engine,
    spec: PoolSpec,
    progress: Progress,
    *,
    timeout_s: float,
    keep: bool = False,
    join_token: str | None = None,
    state: SavedState | None = None,
) -> None:
    """Create a pool and wait until it is usable.

    Args:
        engine: Engine to create the pool on.
        spec: What to create.
        progress: Receives the phases.
        timeout_s: Give up after so many seconds, counted from when the images exist.
        keep: Keep what was created if something fails.
        join_token: Token with which the nodes join the pool on another host that the spec names.
        state: What the nodes begin with.

    Raises:
        AlreadyInUse: A pool of that name exists, or something else has a name or a port that the
            pool needs.
        PoolNotReady: A daemon is missing at the deadline, or a node has ended. The message says
            which and why.
        EngineCapabilityError: The engine cannot do what the spec asks for.
        ImageBuildFailed: An image did not exist and could not be built.
    """
    spec, nodes = admitted(engine, spec)
    series = catalogue().get(spec.htcondor)
    nodes = with_images(engine, nodes, series, progress)
    deadline = Deadline(timeout_s)
    labels = {
        **spec.labels,
        **pool_labels(spec.name),
        MAKING_LABEL: uuid.uuid4().hex,
    }
    record = {SPEC: spec.to_json(), **hosts_labels(spec)}
    claim = Claim(engine=engine, pool=spec.name, labels={**labels, **record})

    def make() -> None:
        claim.take()
        networks.create_elsewhere(engine, spec.hosts, spec.name, labels)
        fill_volumes(engine, nodes, series, labels, progress)
        what = f"{counted(len(nodes), 'node')} of the pool {spec.name}"
        with progress.step(f"Starting {what}", done=f"Started {what}"):
            ready = with_volumes(engine, labelled(nodes, labels), labels)
            start_all(engine, ready, deadline, join_token=join_token, state=state)
        slots = {node.name: node.slots for node in nodes}
        wait_until_ready(
            engine, spec.name, slots, progress, deadline=deadline, probe=spec.probe_job
        )
        if spec.joins:
            await_exchange(pool_nodes(engine, spec.name), progress, deadline)
        elif spec.expose and not exposure.is_reflected(spec.expose):
            progress.note(
                f"This host does not reach itself at {spec.expose}, so nodes that accept no "
                "connections from other hosts will run no jobs: the router needs NAT loopback"
            )

    def undo() -> str:
        if not claim.taken:
            # The engine may have created the network although its client failed.
            for network in engine.networks({MAKING_LABEL: labels[MAKING_LABEL]}):
                engine.remove_network(network.id)
            return ""
        if keep:
            return f"What was created is kept; look at it: condor-mini status -n {spec.name}"
        if spec.joins:  # so that their ads do not stay at the other host's collector
            engine.stop(*(node.info.id for node in made()), timeout_s=STOP_TIMEOUT_S)
        remove(engine, spec.name)
        return f"All that was created of the pool {spec.name} was removed."

    def made() -> list[Node]:
        return pool_nodes(engine, spec.name) if claim.taken else []

    make_or_roll_back(make, undo, made, progress, pool=spec.name)


def add(
    engine: Engine,
    manager: Node,
    nodes: Sequence[PlannedNode],
    progress: Progress,
    *,
    slots: Mapping[str, int],
    timeout_s: float,
) -> None:
    """Add nodes to a running pool and wait for their slots. If that fails, remove them again.

    Args:
        engine: Engine that the pool is on.
        manager: The pool's central manager.
        nodes: The nodes to add.
        progress: Receives the phases.
        slots: Number of slot ads that each node of the pool has, by node name. The new nodes are
            included.
        timeout_s: Give up after so many seconds.

    Raises:
        PoolNotReady: A new slot is missing at the deadline, or a node has ended. The message says
            why.
    """
    check_names(engine, nodes)
    series = catalogue().get(manager.series)
    nodes = with_existing_images(engine, nodes, series, progress)
    deadline = Deadline(timeout_s)
    labels = {MAKING_LABEL: uuid.uuid4().hex}

    def make() -> None:
        of_pool = pool_labels(manager.pool)
        fill_volumes(engine, nodes, series, of_pool, progress)
        what = counted(len(nodes), "execution point")
        with progress.step(f"Adding {what}", done=f"Added {what}"):
            ready = with_volumes(engine, labelled(nodes, labels), {**of_pool, **labels})
            start_all(engine, ready, deadline, manager=manager.info.id)
        wait_until_ready(engine, manager.pool, slots, progress, deadline=deadline, probe=False)

    def made() -> list[Node]:
        return made_together(engine, manager.pool, labels)

    def undo() -> str:
        new = made()
        ids = [node.info.id for node in new]
        # A graceful stop reports the end to a job that is already matched to one of the nodes.
        engine.stop(*ids, timeout_s=STOP_TIMEOUT_S)
        engine.remove(*ids)
        engine.remove_volume(*(volume.name for volume in engine.volumes(labels)))
        forget_ads(manager, [node.name for node in new])
        return f"The new nodes were removed; the pool {manager.pool} is as it was."

    make_or_roll_back(make, undo, made, progress, pool=manager.pool)
