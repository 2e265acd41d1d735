"""``PoolSpec``: what the user asks for, validated, with every default filled in.

A spec is read from a pool file (``pool_file.py``), from options, or from the label in which a pool
stores it. The docstrings of its fields are the descriptions in the JSON schema.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema

from condor_mini.base.errors import UsageError
from condor_mini.base.layout import USER_IDS
from condor_mini.base.series import catalogue
from condor_mini.spec.base import Part, Reading, shown
from condor_mini.spec.hosts import Exposed, Joined
from condor_mini.spec.mounts import MOST_PORT, Port, SamePath
from condor_mini.spec.nodes import (
    MOST_NODES,
    AccessPoints,
    CentralManager,
    ExecutionPoints,
    Group,
    Node,
    Shared,
)
from condor_mini.spec.placement import misplaced
from condor_mini.spec.types import (
    Configuration,
    Environment,
    Labels,
    PoolName,
    SeriesNumber,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from condor_mini.spec.base import Location


Spec = TypeVar("Spec", bound="PoolSpec")

LEAST_REACHABLE, MOST_REACHABLE = 1024, MOST_PORT - MOST_NODES
JSON_PORTS = WithJsonSchema(
    {
        "anyOf": [
            {"type": "boolean"},
            {"type": "integer", "minimum": LEAST_REACHABLE, "maximum": MOST_REACHABLE},
        ]
    }
)


def _version(value: object) -> object:
    if type(value) is not int:  # true and 1.0 are equal to 1 in Python
        raise ValueError(f"must be 1, not {shown(value)}")
    return value


def _reachable(value: object) -> object:
    is_port = type(value) is int and LEAST_REACHABLE <= value <= MOST_REACHABLE
    if not isinstance(value, bool) and not is_port:
        ports = f"a port from {LEAST_REACHABLE} to {MOST_REACHABLE}"
        raise ValueError(f"must be true, false or {ports}, not {shown(value)}")
    return value


class PoolSpec(Part):
    """An HTCondor pool in containers."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = 1
    """The version of the pool file's format."""
    name: PoolName = "mini"
    """The pool's name. The names of its nodes begin with it."""
    htcondor: SeriesNumber = Field(default_factory=lambda: catalogue().get(None).number)
    """The series of HTCondor."""
    config: Configuration = ""
    """HTCondor configuration of every node, written as in a configuration file."""
    environment: Environment = Field(default_factory=dict)
    """Environment variables of every node's container. Text that looks like a number or a boolean
    must be in quotes."""
    labels: Labels = Field(default_factory=dict)
    """Labels of all containers, volumes and networks of the pool."""
    read: Literal["anyone", "members"] = "members"
    """Who may read ads, queues and configuration: members (nodes and users with a token or an
    account), or anyone who reaches a node's port."""
    profile: Literal["dev", "production"] = "dev"
    """How the pool is paced: dev reacts at once, production waits as HTCondor's defaults do."""
    reachable: Annotated[bool | int, BeforeValidator(_reachable), JSON_PORTS] | None = None
    """Whether programs on the host reach the pool at ports of 127.0.0.1, which engines need whose
    nodes have no address of their own there. True chooses free ports; a number is the first of
    them: one for the central manager and one for each access point. Default: where the engine is
    Docker Desktop or rootless."""
    expose: Exposed = None
    """HOST or HOST:PORT, where other hosts reach the pool, to add nodes with `condor-mini join`.
    Only this port has to be open. Default: no other host reaches the pool; the default of PORT is
    9618."""
    user: User | None = None
    """UID, or UID:GID, of jovyan on all nodes, whom users' jobs run as. Default: the numbers of who
    creates the pool, where containers see the host's files with their owners; else 1000:1000."""
    probe_job: bool = True
    """Whether the pool is ready only after a probe job has run."""
    shared: Shared | None = None
    """A directory that all nodes share."""
    mounts: Annotated[tuple[SamePath, ...], Field(strict=False)] = ()
    """Directories of the host, relative to the pool file, that all nodes mount at the same path.
    Jobs that are submitted there from the host find their files."""
    central_manager: CentralManager = CentralManager()
    """The central manager, which all other nodes report to."""
    access_points: Annotated[tuple[AccessPoints, ...], Field(strict=False)] = (AccessPoints(),)
    """Groups of access points. Default: one access point."""
    execution_points: Annotated[tuple[ExecutionPoints, ...], Field(strict=False)] = (
        ExecutionPoints(),
    )
    """Groups of execution points. Default: one execution point."""

    @property
    def joins(self) -> Joined | None:
        """The pool on another host that these nodes join; None for a pool of its own."""
        return None

    @property
    def trust_domain(self) -> str:
        """The issuer of the pool's tokens: HTCondor's ``TRUST_DOMAIN``."""
        return f"{self.name}.$(UID_DOMAIN)"

    @property
    def shared_paths(self) -> tuple[str, ...]:
        """The paths of the directories that all nodes share."""
        return (*([self.shared.path] if self.shared else []), *self.mounts)

    @property
    def user_ids(self) -> tuple[int, int]:
        """UID and GID of ``jovyan`` on the pool's nodes."""
        uid, _, gid = (self.user or "").partition(":")
        return (int(uid), int(gid or uid)) if uid else USER_IDS

    @property
    def hosts(self) -> tuple[str, ...]:
        """The other hosts that nodes are on, each once."""
        groups = (*self.access_points, *self.execution_points)
        return tuple(dict.fromkeys(group.host for group in groups if group.host))

    @property
    def access_point_count(self) -> int:
        """The number of access points in all groups."""
        return sum(group.count for group in self.access_points)

    @property
    def execution_point_count(self) -> int:
        """The number of execution points in all groups."""
        return sum(group.count for group in self.execution_points)

    @property
    def static_slot_count(self) -> int:
        """The number of static slots on all execution points."""
        return sum(group.count * (group.slots or 0) for group in self.execution_points)

    @classmethod
    def from_options(
        cls,
        *,
        name: str | None = None,
        execution_points: int | None = None,
        access_points: int | None = None,
        series: str | None = None,
        execute_image: str | None = None,
    ) -> PoolSpec:
        """Return the spec of the default pool with these options; see ``with_overrides``."""
        return cls().with_overrides(
            name=name,
            execution_points=execution_points,
            access_points=access_points,
            series=series,
            execute_image=execute_image,
        )

    def with_overrides(
        self,
        *,
        name: str | None = None,
        execution_points: int | None = None,
        access_points: int | None = None,
        series: str | None = None,
        execute_image: str | None = None,
        host_files: str | None = None,
        reachable: bool | None = None,
        expose: str | None = None,
        mounts: Sequence[str] = (),
        profile: str | None = None,
        probe_job: bool | None = None,
    ) -> PoolSpec:
        """Return this spec with other values; None leaves a value as it is.

        Args:
            name: Name of the pool.
            execution_points: Number of execution points.
            access_points: Number of access points.
            series: Series of HTCondor.
            execute_image: Image of the execution points.
            host_files: ``ro`` or ``rw``: access points and execution points have the host's files
                in place of an image's, and mount the caller's home read-only or writable.
            reachable: Whether the pool publishes ports for clients on the host.
            expose: HOST or HOST:PORT, where other hosts reach the pool.
            mounts: Directories of the host that all nodes mount too, at the same path.
            profile: ``dev`` or ``production``.
            probe_job: Whether the pool is ready only after a probe job has run.

        Raises:
            UsageError: A value is not allowed, or the spec has several groups, so that it is
                unclear which one gets the value.
        """
        form = self.model_dump(by_alias=True)
        form |= {} if name is None else {"name": name}
        form |= {} if series is None else {"htcondor": series}
        form |= {} if reachable is None else {"reachable": reachable}
        form |= {} if expose is None else {"expose": expose}
        form |= {} if profile is None else {"profile": profile}
        form |= {} if probe_job is None else {"probe_job": probe_job}
        form["mounts"] = list(dict.fromkeys([*self.mounts, *mounts]))
        for groups, key, value in (
            ("access_points", "count", access_points),
            ("execution_points", "count", execution_points),
            ("execution_points", "image", execute_image),
        ):
            if value is not None:
                form[groups] = _with(form[groups], groups, key, value)
        if host_files is not None:
            for groups in ("access_points", "execution_points"):
                form[groups] = _with_host_files(form[groups], host_files)
        return _validated(type(self), form)

    def joining(
        self, joined: Joined, *, execution_points: int | None, access_points: int | None
    ) -> JoinedSpec:
        """Return the spec of nodes that join a pool on another host.

        Args:
            joined: The pool.
            execution_points: Number of execution points. None for this spec's.
            access_points: Number of access points. None for this spec's.

        Raises:
            UsageError: No node is to join, a number is not allowed, or there are several groups.
        """
        form = self.model_dump(by_alias=True)
        form |= {"joined": joined, "expose": None, "reachable": False, "probe_job": False}
        for groups, count in (
            ("access_points", access_points),
            ("execution_points", execution_points),
        ):
            if count is not None:
                form[groups] = _with(form[groups], groups, "count", count) if count else ()
        return _validated(JoinedSpec, form)

    def to_json(self) -> str:
        """Return the stored form: JSON with all defaults, and with absolute paths of the host."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str) -> PoolSpec:
        """Return a spec that this or an older condor-mini stored.

        Paths of the host need not exist any more, and the series need not be known.
        """
        is_joined = cls is PoolSpec and "joined" in json.loads(text)
        chosen = JoinedSpec if is_joined else cls
        return chosen.model_validate_json(text, context=Reading(stored=True))

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield contradictions between nodes: names, numbers, ports, mounts."""
        if self.expose and self.reachable:
            yield (
                ("expose",),
                "other hosts and this one reach the pool there: leave reachable out",
            )
        if not self.joins:
            yield from misplaced(
                self._nodes(), self.htcondor, self.expose, shared=self.shared, mounts=self.mounts
            )
        yield from _between_groups("access_points", self.access_points)
        yield from _between_groups("execution_points", self.execution_points)
        if self.execution_point_count == 0:
            yield ("execution_points",), "a pool without execution points runs no jobs"
        if self.access_point_count == 0 and self.probe_job:
            yield (
                ("access_points",),
                "without an access point no probe job can be submitted: add probe_job: false",
            )
        yield from self._clashing_ports()
        for location, node in self._nodes():
            for index, volume in enumerate(node.volumes):
                if volume.target in self.shared_paths:
                    message = f"the shared directory is already mounted at {volume.target}"
                    yield (*location, "volumes", index), message
        for index, path in enumerate(self.mounts):
            others = [*self.mounts[:index], *([self.shared.path] if self.shared else [])]
            if path in others:
                yield ("mounts", index), f"another directory is already mounted at {path}"

    def _nodes(self) -> Iterator[tuple[Location, Node]]:
        yield ("central_manager",), self.central_manager
        for key, groups in (
            ("access_points", self.access_points),
            ("execution_points", self.execution_points),
        ):
            for index, group in enumerate(groups):
                yield (key, index), group

    def _clashing_ports(self) -> Iterator[tuple[Location, str]]:
        taken = defaultdict[int | None, list[Port]](list)
        for place, node in self._nodes():
            for index, port in enumerate(node.ports):
                here = (*place, "ports", index)
                if any(port.clashes_with(other) for other in taken[port.host_port]):
                    yield here, f"host port {port.host_port} is published twice"
                taken[port.host_port].append(port)


class JoinedSpec(PoolSpec):
    """Nodes of this host that join a pool on another one, whose central manager they report to."""

    joined: Joined
    """The pool that the nodes join."""

    @property
    def joins(self) -> Joined:
        """The pool that the nodes join."""
        return self.joined

    @property
    def trust_domain(self) -> str:
        """The issuer of that pool's tokens."""
        return self.joined.trust_domain

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield contradictions between nodes; a pool needs no execution point on every host."""
        if not self.execution_point_count and not self.access_point_count:
            yield ("execution_points",), "no node is to join: choose --execute N or --submit N"
        if self.hosts:
            yield ("joined",), f"nodes join on this host, not on {self.hosts[0]}: leave host out"
        for location, message in super().contradictions():
            if location not in (("execution_points",), ("access_points",)):
                yield location, message


def _between_groups(key: str, groups: tuple[Group, ...]) -> Iterator[tuple[Location, str]]:
    total = sum(group.count for group in groups)
    if total > MOST_NODES:
        yield (key,), f"there are {total} in all, and the limit is {MOST_NODES}"
    if len(groups) < 2:
        return
    seen = Counter[str]()
    for index, group in enumerate(groups):
        if "name" not in group.model_fields_set:
            yield (key, index, "name"), "the key name is missing: several groups need names"
        elif seen[group.name]:
            yield (key, index, "name"), f"another group already has the name {group.name}"
        seen[group.name] += 1


def _with_host_files(
    groups: tuple[Mapping[str, Any], ...], mode: str
) -> tuple[Mapping[str, Any], ...]:
    home = str(Path.home().resolve())
    mount = {"source": home, "target": home, "read_only": mode == "ro"}
    return tuple(
        {**group, "image": "host-files", "volumes": [*group["volumes"], mount]} for group in groups
    )


def _with(
    groups: tuple[Mapping[str, object], ...], name: str, key: str, value: object
) -> tuple[Mapping[str, object], ...]:
    if len(groups) != 1:
        what = {"count": "number"}.get(key, key)
        raise UsageError(
            f"{_words(name)}: the pool file has {len(groups)} groups of them, so it is unclear "
            f"which one gets the {what} {value}",
            hint=f"Set the {what}s in the pool file.",
        )
    return ({**groups[0], key: value},)


def _validated(model: type[Spec], form: Mapping[str, object]) -> Spec:
    try:
        return model.model_validate(form)
    except ValidationError as error:
        from condor_mini.spec.problems import spec_problems

        problems = spec_problems(model, error)
        lines = (f"{_words(problem.location[0])}: {problem.message}" for problem in problems)
        raise UsageError("\n".join(lines)) from None


def _words(key: object) -> str:
    return str(key).replace("_", " ")
