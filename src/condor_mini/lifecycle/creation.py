"""Making a pool, adding nodes to one, and removing it. Whatever fails undoes all that was made."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace
from random import uniform
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    NotFound,
    PoolNotReady,
    TimedOut,
)
from condor_mini.base.layout import LABEL
from condor_mini.base.series import catalogue
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.engine import BindMount, ImageBuilder, ScratchMount, VolumeMount
from condor_mini.images import builder
from condor_mini.lifecycle.ready import Deadline, await_usable
from condor_mini.lifecycle.rollback import make_or_undo
from condor_mini.lifecycle.startup import start_all
from condor_mini.nodes import custom_image, plan
from condor_mini.nodes.holdings import Holdings, volume_of
from condor_mini.nodes.node import SPEC, Node, Role, believed, pool_labels, pool_nodes
from condor_mini.nodes.preflight import check_able, check_read_only
from condor_mini.nodes.record import stored_spec
from condor_mini.reports import collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine, NetworkInfo
    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

Labels = dict[str, str]
Mount = BindMount | VolumeMount | ScratchMount

READY_TIMEOUT_S = 120.0
CLAIM_TIMEOUT_S = 10.0
"""How long a network without nodes may belong to somebody who is about to make some."""
QUIET_S = 5.0
"""When nothing has changed for so long, nobody is at work there."""
STOP_TIMEOUT_S = 10.0
GONE_TIMEOUT_S = 30.0
MAKING_LABEL = f"{LABEL}.making"
"""On what was made together, and goes together if it fails."""


def create(
    engine: Engine, spec: PoolSpec, progress: Progress, *, timeout_s: float, keep: bool = False
) -> None:
    """Make a pool and wait until it is usable.

    Args:
        engine: Where.
        spec: What.
        progress: Told of the phases.
        timeout_s: How long it may take, in seconds, after the images are there.
        keep: Whether what was made stays when something fails.

    Raises:
        AlreadyInUse: There is a pool of that name, or something else has a name or port of it.
        PoolNotReady: A daemon is missing at the deadline, or a node has ended; says which and why.
        EngineCapabilityError: The engine cannot do what is asked for.
        ImageBuildFailed: An image was not there, and could not be built.
    """
    info = engine.info()
    nodes = plan.fitted(plan.planned_nodes(spec), info)
    check_able(info, nodes)
    check_read_only(info, spec)
    _check_absent(engine, spec.name)
    _check_forgotten(engine, spec.name)
    series = catalogue().get(spec.htcondor)
    nodes = custom_image.equipped(engine, nodes, series, progress)
    ours = {str(node.role) for node in nodes if not node.has_own_image}
    builder.build(engine, ours, series, progress)
    deadline = Deadline(timeout_s)
    labels = {
        **spec.labels,
        **pool_labels(spec.name),
        MAKING_LABEL: uuid.uuid4().hex,
    }
    claim = _Claim(engine=engine, pool=spec.name, labels={**labels, SPEC: spec.to_json()})

    def make() -> None:
        claim.take()
        custom_image.fill_volume(engine, nodes, series, labels, progress)
        what = f"{len(nodes)} nodes of the pool {spec.name}"
        with progress.step(f"Starting {what}", done=f"Started {what}"):
            ready = with_volumes(engine, labelled(nodes, labels), labels)
            start_all(engine, ready, deadline)
        slots = {node.name: node.slots for node in nodes}
        await_usable(engine, spec.name, slots, progress, deadline=deadline, probe=spec.probe_job)

    def undo() -> str:
        if not claim.taken:
            # Its client may have failed when the engine had made the network.
            for network in engine.networks({MAKING_LABEL: labels[MAKING_LABEL]}):
                engine.remove_network(network.id)
            return ""
        if keep:
            return f"What was made is kept; look at it: condor-mini status -n {spec.name}"
        remove(engine, spec.name)
        return f"What was made of the pool {spec.name} is removed."

    def made() -> list[Node]:
        return pool_nodes(engine, spec.name) if claim.taken else []

    make_or_undo(make, undo, made, progress, pool=spec.name)


def add(
    engine: Engine,
    manager: Node,
    nodes: Sequence[PlannedNode],
    progress: Progress,
    *,
    slots: Mapping[str, int],
    timeout_s: float,
) -> None:
    """Make more nodes of a pool that runs, and wait for their slots; if it fails, all go again.

    Args:
        engine: Where.
        manager: The pool's central manager.
        nodes: The new ones.
        progress: Told of the phases.
        slots: How many slot ads each node of the pool has, of the new ones too, by its name.
        timeout_s: How long it may take, in seconds.

    Raises:
        PoolNotReady: A new slot is missing at the deadline, or a node has ended; says why.
    """
    series = catalogue().get(manager.series)
    nodes = custom_image.equipped(engine, nodes, series, progress)
    deadline = Deadline(timeout_s)
    labels = {MAKING_LABEL: uuid.uuid4().hex}

    def make() -> None:
        of_pool = pool_labels(manager.pool)
        custom_image.fill_volume(engine, nodes, series, of_pool, progress)
        what = f"{len(nodes)} execution points"
        with progress.step(f"Adding {what}", done=f"Added {what}"):
            ready = with_volumes(engine, labelled(nodes, labels), {**of_pool, **labels})
            start_all(engine, ready, deadline, manager=manager.info.id)
        await_usable(engine, manager.pool, slots, progress, deadline=deadline, probe=False)

    def made() -> list[Node]:
        return made_together(engine, manager.pool, labels)

    def undo() -> str:
        new = made()
        ids = [node.info.id for node in new]
        # Gracefully: a job that has been matched to one already is told so.
        engine.stop(*ids, timeout_s=STOP_TIMEOUT_S)
        engine.remove(*ids)
        engine.remove_volume(*(volume.name for volume in engine.volumes(labels)))
        collector.forget(manager, [node.name for node in new])
        return f"The new nodes are removed; the pool {manager.pool} is as it was."

    make_or_undo(make, undo, made, progress, pool=manager.pool)


def await_made(engine: Engine, pool: str, *, timeout_s: float) -> None:
    """Wait until another process, if one is making this pool, has made and started all nodes.

    Raises:
        NotFound: That one has failed, and removed it.
        PoolNotReady: It has not finished in time.
    """
    seen: list[str] = []
    changed = time.monotonic()

    def unmade() -> str | None:
        nonlocal seen, changed
        nodes = pool_nodes(engine, pool)
        if not nodes:
            raise NotFound(
                f"the pool {pool} was removed while it was being made",
                hint=f"Try again: condor-mini create -n {pool}",
            )
        names = [node.name for node in nodes]
        if nodes[0].role is not Role.CENTRAL_MANAGER:
            return "there is no central manager"
        if names != seen:
            seen, changed = names, time.monotonic()
        planned = {node.name for node in plan.planned_nodes(stored_spec(pool, nodes))}
        absent = sorted(planned - set(names))
        # A pool that was scaled down lacks some for ever.
        if absent and time.monotonic() - changed < QUIET_S:
            return f"{', '.join(absent)} is not there"
        new = [node.name for node in nodes if node.info.started_at is None]
        return f"{', '.join(new)} was never started" if new else None

    wait_until(unmade, timeout_s=timeout_s, error=PoolNotReady)


def remove(engine: Engine, pool: str) -> bool:
    """Remove all of a pool; return whether there was anything. What only claims to be of it stays.

    The network goes last: as long as it is there, the pool's name is taken, and no new pool of
    that name can lose what it has made.
    """
    held = Holdings(engine, pool)
    containers, networks = held.containers, held.networks
    ids = {info.id for info in containers}
    engine.remove(*ids)

    def there() -> str | None:
        left = [info.name for info in engine.containers(pool_labels(pool)) if info.id in ids]
        return f"{', '.join(left)} is still being removed" if left else None

    if containers:  # somebody else may be at it: the engine then returns at once
        wait_until(there, timeout_s=GONE_TIMEOUT_S, error=PoolNotReady)
    # Only now: those of the containers' own have gone with them.
    volumes = held.volumes
    engine.remove_volume(*(volume.name for volume in volumes))
    for network in networks:
        _remove_network(engine, network)
    return bool(containers or networks or volumes)


def _remove_network(engine: Engine, network: NetworkInfo) -> None:
    try:
        engine.remove_network(network.id)
    except CommandFailed as failure:
        if failure.hint is None and isinstance(engine, ImageBuilder):
            failure.hint = (
                "A container that is none of the pool's may use it. See which: "
                f"{engine.name} network inspect {network.name}"
            )
        raise


def _check_absent(engine: Engine, pool: str) -> None:
    if nodes := pool_nodes(engine, pool):
        state = "runs" if any(node.is_running for node in nodes) else "is stopped"
        raise AlreadyInUse(
            f"there is a pool {pool}; it has {len(nodes)} nodes and {state}",
            hint=f"Use it: condor-mini shell -n {pool}. Delete it: condor-mini delete -n {pool}. "
            "Make another: condor-mini create -n NAME",
        )


def _check_forgotten(engine: Engine, pool: str, *, only_if_lost: bool = True) -> None:
    """Refuse the name of a pool whose containers somebody has removed, and whose state is kept.

    Args:
        engine: Where.
        pool: Its name, of which there are no containers.
        only_if_lost: Whether a network may mean that somebody is just about to make containers.
    """
    held = Holdings(engine, pool)
    if not held.volumes:
        return
    has_network = bool(held.networks)
    if has_network and only_if_lost:
        return
    start = f"Make it anew: condor-mini start -n {pool}. " if has_network else ""
    raise AlreadyInUse(
        f"all containers of the pool {pool} were removed, and its state is kept",
        hint=f"{start}Delete it for good: condor-mini delete -n {pool}. "
        "Make another: condor-mini create -n NAME",
    )


@dataclass(kw_only=True)
class _Claim:
    """A pool's name, which is taken by making its network: of several who try, one succeeds."""

    engine: Engine
    pool: str
    labels: Labels
    taken: bool = False
    """Whether it is ours."""

    def take(self) -> None:
        """Take it; raises ``AlreadyInUse`` where somebody else has it."""
        pause_s = uniform(0.05, 0.3)  # noqa: S311 (so that those who met meet no more)
        try:
            wait_until(self._try, timeout_s=CLAIM_TIMEOUT_S, interval_s=pause_s)
        except TimedOut:
            # Nobody has made nodes in it for all that time: a kill has left it.
            _check_forgotten(self.engine, self.pool, only_if_lost=False)
            remove(self.engine, self.pool)
            if (reason := self._try()) is not None:
                hint = f"Try again: condor-mini create -n {self.pool}"
                raise AlreadyInUse(reason, hint=hint) from None

    def _try(self) -> str | None:
        try:
            with held_back():  # an engine whose client is killed may make it a moment later
                self.engine.create_network(self.pool, labels=self.labels)
                self.taken = True
        except AlreadyInUse as error:
            _check_absent(self.engine, self.pool)
            self._check_ours()
            # Somebody is about to make nodes, or several have met and given way to each other.
            return error.message
        return None

    def _check_ours(self) -> None:
        for network in self.engine.networks({}):
            if network.name == self.pool and network.labels.get(f"{LABEL}.pool") != self.pool:
                raise AlreadyInUse(
                    f"there is a network {self.pool}, and it is no pool's",
                    hint="Choose another name: condor-mini create -n NAME",
                )


def with_volumes(engine: Engine, nodes: Sequence[PlannedNode], labels: Labels) -> list[PlannedNode]:
    """The same nodes, which bring those of their volumes with them that are not there, empty.

    Args:
        engine: Where.
        nodes: Of one pool.
        labels: Of all that the pool has.

    Raises:
        AlreadyInUse: One is there and not the pool's.
    """
    volumes = engine.volumes({})
    there = {volume.name for volume in volumes}
    pool = labels[f"{LABEL}.pool"]
    ours = {volume.name for volume in believed(volume_of, volumes) if volume.pool == pool}
    absent = {}
    for name, of_node in plan.volumes(nodes).items():
        if name not in there:
            absent[name] = {**labels, **of_node}
        elif name not in ours:
            raise AlreadyInUse(
                f"there is a volume {name}, and it is no pool's",
                hint="Choose another name: condor-mini create -n NAME. Or remove the volume.",
            )

    def bringing(mount: Mount) -> Mount:
        if isinstance(mount, VolumeMount) and mount.volume in absent:
            return replace(mount, labels=absent[mount.volume])
        return mount

    return [
        replace(
            node,
            container=replace(node.container, mounts=tuple(map(bringing, node.container.mounts))),
        )
        for node in nodes
    ]


def remove_state(engine: Engine, nodes: Iterable[Node]) -> None:
    """Remove the volumes that keep what these nodes, which are gone for good, have known."""
    gone = [node.identity for node in nodes]
    for pool in {identity.pool for identity in gone}:
        volumes = Holdings(engine, pool).volumes
        engine.remove_volume(*(volume.name for volume in volumes if volume.node in gone))


def labelled(nodes: Iterable[PlannedNode], labels: Labels) -> list[PlannedNode]:
    """The same nodes, with the mark of those that are made together."""
    mark = {MAKING_LABEL: labels[MAKING_LABEL]}
    return [
        replace(node, container=replace(node.container, labels={**node.container.labels, **mark}))
        for node in nodes
    ]


def made_together(engine: Engine, pool: str, labels: Mapping[str, str]) -> list[Node]:
    """Return the nodes of a pool that bear the same mark as ``labels``."""
    mark = labels[MAKING_LABEL]
    nodes = pool_nodes(engine, pool)
    return [node for node in nodes if node.info.labels.get(MAKING_LABEL) == mark]
