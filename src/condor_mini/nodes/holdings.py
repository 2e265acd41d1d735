"""What an engine holds of pools, and what only claims to belong to one.

Labels are the only record of a pool. A network or a volume has only the labels that its creator
gave it. A container also has those of its image, which anybody may have built, so a container is
judged by what no image can set: its name and its mounts. Anything whose labels are false or not
understood is reported and left alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import NotFound
from condor_mini.base.layout import LABEL, PREFIX, SPOOL
from condor_mini.base.parallel import each
from condor_mini.engine import ContainerInfo, ImageBuilder, NetworkInfo, VolumeInfo
from condor_mini.nodes.fault_records import FaultRecord, fault_record
from condor_mini.nodes.node import (
    SPEC,
    Identity,
    Malformed,
    Node,
    Role,
    believed,
    in_order,
    label_value,
    node_of,
    pool_labels,
    shown,
    unknown_series,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from condor_mini.engine import Engine

    Info = ContainerInfo | NetworkInfo | VolumeInfo

FORMAT = 1
"""Version of the pool file's format in which specs are stored."""
UNREADABLE = "`start`, `restart`, `scale` and `rotate-key` need it, and are refused"
_KINDS = {
    ContainerInfo: ("container", "rm --force"),
    NetworkInfo: ("network", "network rm"),
    VolumeInfo: ("volume", "volume rm"),
}
"""The word for each kind of object, and the engine's command that removes one."""


@dataclass(frozen=True, kw_only=True)
class PoolVolume:
    """A volume of a pool."""

    name: str
    pool: str
    node: Identity | None
    """The node whose state it keeps; None for a shared volume and for a node's scratch volume."""
    fault: FaultRecord | None = None
    """The fault in force that it records, if it does."""


@dataclass(frozen=True, kw_only=True)
class LabelProblem:
    """An object of the engine whose labels are false or not understood."""

    kind: str
    """``container``, ``network`` or ``volume``."""
    name: str
    pool: str
    """The pool that its labels name; empty if they name none."""
    evidence: str
    """What is wrong, and the consequence."""
    hint: str
    """The next command or step."""

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}: {self.evidence}. {self.hint}"


class Holdings:
    """What an engine holds of a pool, or of all pools.

    The engine is asked once for each kind of object, when that kind is first read. ``problems`` has
    the problems of the kinds that were read.
    """

    def __init__(self, engine: Engine, pool: str | None = None) -> None:
        """Store the arguments; the engine is asked later.

        Args:
            engine: Engine to ask.
            pool: Name of the pool. None for all pools.
        """
        self.engine = engine
        self._labels = pool_labels(pool)
        self._problems: list[LabelProblem] = []

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes, sorted by pool, then role, then number."""
        claiming = [info for info in self._labelled if not is_helper(info)]
        read = partial(node_of, self.engine)
        nodes = in_order(believed(read, claiming, self._left_alone))
        for node in nodes:
            if node.role is Role.CENTRAL_MANAGER:
                self._check_spec(node.info, node.pool)
            if why := unknown_series(node.series):
                self._note(node.info, f"{why}; it cannot be recreated", other_version(node.pool))
        return nodes

    @cached_property
    def containers(self) -> list[ContainerInfo]:
        """The nodes' containers, and the containers that only reach into a volume."""
        return [*filter(is_helper, self._labelled), *(node.info for node in self.nodes)]

    @cached_property
    def volumes(self) -> list[PoolVolume]:
        """The volumes."""
        return list(believed(volume_of, self.engine.volumes(self._labels), self._left_alone))

    @cached_property
    def networks(self) -> list[NetworkInfo]:
        """The networks: one per pool, or several while several processes claim its name."""
        labelled = self.engine.networks(self._labels)
        networks = list(believed(network_of, labelled, self._left_alone))
        for network in networks:
            if SPEC in network.labels:
                self._check_spec(network, network.name)
        return networks

    def lost_nodes(self) -> list[Identity]:
        """Return the nodes that have state in volumes, but no container."""
        present = {node.name for node in self.nodes}
        kept = {volume.node.name: volume.node for volume in self.volumes if volume.node}
        return [kept[name] for name in sorted(kept) if name not in present]

    @property
    def problems(self) -> list[LabelProblem]:
        """The problems found so far, sorted by kind and name."""
        return sorted(self._problems, key=lambda problem: (problem.kind, problem.name))

    @cached_property
    def _labelled(self) -> list[ContainerInfo]:
        return self.engine.containers(self._labels)

    def _check_spec(self, info: ContainerInfo | NetworkInfo, pool: str) -> None:
        try:
            spec_form(info.labels, pool)
        except Malformed as why:
            self._note(info, f"{why}; {UNREADABLE}", other_version(pool))

    def _left_alone(self, info: Info, why: Malformed) -> None:
        kind, remove = _KINDS[type(info)]
        engine = self.engine.info()
        if isinstance(self.engine, ImageBuilder):
            by_hand = f"{engine.name} {remove} {info.name}"
        else:  # embedded has no command line of its own
            by_hand = f"rm -r {engine.endpoint.partition('://')[2]}/{kind}s/{info.name}"
        self._note(info, f"{why}; it is left alone", f"To remove it: {by_hand}")

    def _note(self, info: Info, evidence: str, hint: str) -> None:
        self._problems.append(
            LabelProblem(
                kind=_KINDS[type(info)][0],
                name=info.name,
                pool=info.labels.get(f"{LABEL}.pool", ""),
                evidence=evidence,
                hint=hint,
            )
        )


def ask_at_once(*questions: Callable[[], object]) -> None:
    """Call these functions in parallel, each of which reads one kind of object."""
    each(lambda ask: ask(), questions)


def pool_names(engine: Engine) -> list[str]:
    """Return the names of all pools, sorted, also of pools of which only volumes are left."""
    held = Holdings(engine)
    ask_at_once(lambda: held.nodes, lambda: held.volumes, lambda: held.networks)
    names = {node.pool for node in held.nodes} | {volume.pool for volume in held.volumes}
    return sorted(names | {network.name for network in held.networks})


def absent(engine: Engine, pool: str, *, others: str = "") -> NotFound:
    """Return the error for a pool that does not exist, with what only claims to belong to it.

    Args:
        engine: Engine that was asked.
        pool: Name of the pool.
        others: Names of the pools that exist, separated by commas.
    """
    held = Holdings(engine, pool)
    ask_at_once(lambda: held.nodes, lambda: held.volumes, lambda: held.networks)
    return NotFound(
        "\n".join(
            [
                f"there is no pool {pool}" + (f"; there are: {others}" if others else ""),
                *(f"Warning: {problem}" for problem in held.problems),
            ]
        ),
        hint=f"Create it: condor-mini create -n {pool}. This is {engine.name}; for a pool of "
        "another engine, add --engine NAME",
    )


# -- one thing at a time --------------------------------------------------------------------------


def volume_of(info: VolumeInfo) -> PoolVolume:
    """Return a volume as a pool's; raises ``Malformed`` if it is no volume of a pool."""
    pool = label_value(info.labels, "pool")
    node = Identity.of(info.labels) if f"{LABEL}.role" in info.labels else None
    owner = node.name if node else pool
    if not info.name.startswith(f"{owner}-") and (node or not info.is_nameless):
        raise Malformed(f"its labels say that it belongs to {shown(owner)}, but its name does not")
    fault = None
    with suppress(Malformed):  # it is the pool's all the same
        fault = fault_record(info.name, info.labels)
    return PoolVolume(name=info.name, pool=pool, node=node, fault=fault)


def network_of(info: NetworkInfo) -> NetworkInfo:
    """Return a network if it is a pool's and has the pool's name; else raises ``Malformed``."""
    pool = label_value(info.labels, "pool")
    if info.name != pool:
        raise Malformed(f"its labels say that it belongs to {shown(pool)}, but its name does not")
    return info


def is_helper(info: ContainerInfo) -> bool:
    """Return whether a container is no node, and was only created to reach into a volume.

    It fills a volume with HTCondor (``custom_image.py``), or reads a central manager's spool
    (``recreate.py``). It is never started.
    """
    pool = info.labels.get(f"{LABEL}.pool", "")
    is_reader = info.name == reader_name(pool) and info.volumes.get(SPOOL) == f"{pool}-master-spool"
    return is_reader or info.volumes.get(PREFIX) == info.name


def reader_name(pool: str) -> str:
    """Return the name of the container through which a central manager's spool is read."""
    return f"{pool}-look"


def spec_form(labels: Mapping[str, str], pool: str) -> dict[str, Any]:
    """Return the spec that a pool was created from, as parsed JSON.

    Only its format and its name are checked here; ``record.read_spec`` checks all of it.

    Args:
        labels: Labels of the pool's central manager or of its network.
        pool: Name of the pool.

    Raises:
        Malformed: The label is absent, or it is not JSON, has another format, or describes another
            pool.
    """
    text = label_value(labels, "spec")
    try:
        form = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed(f"its label {SPEC} is not JSON") from None
    if not isinstance(form, dict):
        raise Malformed(f"its label {SPEC} describes no pool")
    if (version := form.get("version")) != FORMAT:
        raise Malformed(
            f"its label {SPEC} has the format {shown(str(version))}, and this condor-mini reads "
            f"{FORMAT}"
        )
    if (name := form.get("name")) != pool:
        raise Malformed(f"its label {SPEC} describes the pool {shown(str(name))}")
    return form


def slots_by_group(form: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of slots per node, by group of execution points, from a ``spec_form``."""
    groups = form.get("execution_points")
    slots = {}
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, dict):
            count = group.get("slots")
            slots[str(group.get("name", ""))] = count if isinstance(count, int) and count else 1
    return slots


def other_version(pool: str) -> str:
    """Return the hint for a pool whose spec cannot be read."""
    return (
        "Use the version of condor-mini that created the pool. Or delete the pool: "
        f"condor-mini delete -n {pool}"
    )
