"""PoolSpec: what the user asks for, validated, with every default filled in.

A spec comes from a pool file (``pool_file.py``), from options, or from the label that a pool stores
it in. Its docstrings are the descriptions in the JSON schema.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from condor_mini.base.errors import UsageError
from condor_mini.base.series import catalogue
from condor_mini.spec.base import Part, Reading, shown
from condor_mini.spec.mounts import Port
from condor_mini.spec.nodes import (
    MOST_NODES,
    AccessPoints,
    CentralManager,
    ExecutionPoints,
    Group,
    Node,
    Shared,
)
from condor_mini.spec.types import (
    Configuration,
    Environment,
    Labels,
    PoolName,
    SeriesNumber,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from condor_mini.spec.base import Location


def _version(value: object) -> object:
    if type(value) is not int:  # true and 1.0 are 1 to Python
        raise ValueError(f"must be 1, not {shown(value)}")
    return value


class PoolSpec(Part):
    """A pool of HTCondor in containers."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = 1
    """The version of this format."""
    name: PoolName = "mini"
    """The pool's name, which its nodes' names begin with."""
    htcondor: SeriesNumber = Field(default_factory=lambda: catalogue().get(None).number)
    """The series of HTCondor."""
    config: Configuration = ""
    """HTCondor configuration of every node, as it would stand in a file."""
    environment: Environment = Field(default_factory=dict)
    """Variables of every node's container. What looks like a number or a boolean and is not meant
    as such must be in quotes."""
    labels: Labels = Field(default_factory=dict)
    """Labels of all that the engine holds for the pool."""
    read: Literal["anyone", "members"] = "members"
    """Who may read ads, queues and configuration: members, the nodes and users that have a token or
    an account; or anyone who reaches a node's port."""
    probe_job: bool = True
    """Whether a job must have run before the pool is called usable."""
    shared: Shared | None = None
    """One directory that all nodes see."""
    central_manager: CentralManager = CentralManager()
    """The node that the others report to."""
    access_points: Annotated[tuple[AccessPoints, ...], Field(strict=False)] = (AccessPoints(),)
    """Groups of access points. Left out: one access point."""
    execution_points: Annotated[tuple[ExecutionPoints, ...], Field(strict=False)] = (
        ExecutionPoints(),
    )
    """Groups of execution points. Left out: one execution point."""

    @property
    def access_point_count(self) -> int:
        """Access points in all groups."""
        return sum(group.count for group in self.access_points)

    @property
    def execution_point_count(self) -> int:
        """Execution points in all groups."""
        return sum(group.count for group in self.execution_points)

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
        """The default pool, but for what the options say; raises ``UsageError``."""
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
    ) -> PoolSpec:
        """This spec, but for what the options say; None leaves a value as it is.

        Args:
            name: Of the pool.
            execution_points: How many.
            access_points: How many.
            series: Of HTCondor.
            execute_image: That the execution points are containers of.
            host_files: ``ro`` or ``rw``: they have the host's files in place of an image's, and the
                caller's home.

        Raises:
            UsageError: A value is wrong, or there are several groups that a number could be of.
        """
        form = self.model_dump(by_alias=True)
        form |= {} if name is None else {"name": name}
        form |= {} if series is None else {"htcondor": series}
        for groups, key, value in (
            ("access_points", "count", access_points),
            ("execution_points", "count", execution_points),
            ("execution_points", "image", "host-files" if host_files else execute_image),
            ("execution_points", "volumes", self._with_home(host_files)),
        ):
            if value is not None:
                form[groups] = _with(form[groups], groups, key, value)
        try:
            return type(self).model_validate(form)
        except ValidationError as error:
            from condor_mini.spec.problems import spec_problems

            problems = spec_problems(type(self), error)
            lines = (f"{_words(problem.location[0])}: {problem.message}" for problem in problems)
            raise UsageError("\n".join(lines)) from None

    def _with_home(self, host_files: str | None) -> list[object] | None:
        if host_files is None:
            return None
        home = str(Path.home().resolve())
        mount = {"source": home, "target": home, "read_only": host_files == "ro"}
        return [*self.execution_points[0].volumes, mount]

    def to_json(self) -> str:
        """The stored form: JSON with every default filled in, and absolute paths of the host."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str) -> PoolSpec:
        """A spec that was stored by this or an older condor-mini.

        It is not checked against the present: the host's paths, the known series.
        """
        return cls.model_validate_json(text, context=Reading(stored=True))

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Between nodes: names, numbers, ports, mounts."""
        yield from _between_groups("access_points", self.access_points)
        yield from _between_groups("execution_points", self.execution_points)
        if self.execution_point_count == 0:
            yield ("execution_points",), "a pool without execution points runs no job"
        if self.access_point_count == 0 and self.probe_job:
            yield (
                ("access_points",),
                "without an access point no probe job can be submitted: add probe_job: false",
            )
        yield from self._clashing_ports()
        for location, node in self._nodes():
            for index, volume in enumerate(node.volumes):
                if self.shared is not None and volume.target == self.shared.path:
                    message = f"the shared directory is mounted at {volume.target} already"
                    yield (*location, "volumes", index), message

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
                    yield here, f"port {port.host_port} of the host is taken already"
                taken[port.host_port].append(port)


def _between_groups(key: str, groups: tuple[Group, ...]) -> Iterator[tuple[Location, str]]:
    total = sum(group.count for group in groups)
    if total > MOST_NODES:
        yield (key,), f"there are {total} in all, and at most {MOST_NODES} can be"
    if len(groups) < 2:
        return
    seen = Counter[str]()
    for index, group in enumerate(groups):
        if "name" not in group.model_fields_set:
            yield (key, index, "name"), "the key name is missing: several groups need names"
        elif seen[group.name]:
            yield (key, index, "name"), f"another group is named {group.name} already"
        seen[group.name] += 1


def _with(
    groups: tuple[Mapping[str, object], ...], name: str, key: str, value: object
) -> tuple[Mapping[str, object], ...]:
    if len(groups) != 1:
        what = {"count": "number"}.get(key, key)
        raise UsageError(
            f"{_words(name)}: the pool file has {len(groups)} groups of them, and {value} could be "
            f"the {what} of any",
            hint=f"Say their {what}s in the pool file.",
        )
    return ({**groups[0], key: value},)


def _words(key: object) -> str:
    return str(key).replace("_", " ")
