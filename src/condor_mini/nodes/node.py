"""A pool's nodes: which containers are nodes, and how to run commands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.base.layout import HEALTH, LABEL, TOKENS, USER
from condor_mini.base.series import catalogue
from condor_mini.engine import QUICK_TIMEOUT_S, ContainerState
from condor_mini.nodes.accounts import user_of
from condor_mini.nodes.login import at_login
from condor_mini.nodes.personal_labels import (
    COMMAND_PREFIX,
    STATE_DIRECTORY,
    owner_of,
    personal_fault,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from condor_mini.engine import CommandResult, ContainerInfo, Engine

T = TypeVar("T")
R = TypeVar("R")

SPEC = f"{LABEL}.spec"
"""Label with the spec that the pool was created from.

The central manager has it, and so does the network, which outlives the central manager.
"""
OWN_IMAGE = f"{LABEL}.own-image"
"""Label with the reference of the user's own image that a node runs; empty on other nodes.

See ``custom_image.py``.
"""
ONE_USER = f"{LABEL}.one-user"
"""Label that is ``true`` if all the node's processes belong to one user, ``jovyan``; else empty."""
ADDRESS = f"{LABEL}.address"
"""Label with the address of the host at which a node listens, if it has none of its own."""
EXPOSED = f"{LABEL}.exposed"
"""Label with the address at which other hosts reach the pool; empty if they do not."""
JOINED = f"{LABEL}.joined"
"""Label with the address of the central manager on another host that a node reports to."""
HOST = f"{LABEL}.host"
"""Label with the host of a node, as in the pool file; empty for the pool's own."""
LOG_TAIL_LINES = 15
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{3,4}", re.ASCII)
_STOPPED = " EXITING WITH STATUS 0"
"""The last line of a daemon of HTCondor that was told to end."""
_SERIES = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_MOST_SHOWN = 40
"""Characters of a label's value that a message repeats."""


class Role(StrEnum):
    """A node's role; the values are those in the names of nodes and images."""

    CENTRAL_MANAGER = "master"
    ACCESS_POINT = "submit"
    EXECUTION_POINT = "execute"
    PERSONAL_POOL = "mini"
    """All other roles in one node: the pool of ``condor-mini run``."""

    @property
    def words(self) -> str:
        """The role in words: ``access point``."""
        return self.name.lower().replace("_", " ")

    def acts_as(self, role: Role) -> bool:
        """Return whether a node of this role does what a node of the other role does."""
        return self in (role, Role.PERSONAL_POOL)


ORDER = tuple(Role)
CREATED_ROLES = (Role.CENTRAL_MANAGER, Role.ACCESS_POINT, Role.EXECUTION_POINT)
"""The roles of the nodes that ``create`` makes."""


class Malformed(ValueError):
    """Labels that are false or not understood; the message says how."""


def pool_labels(pool: str | None = None) -> dict[str, str]:
    """Return the labels that the engine's objects of a pool have; None for those of all pools."""
    return {f"{LABEL}.kind": "pool", **({f"{LABEL}.pool": pool} if pool else {})}


def node_name(pool: str, role: Role, number: int) -> str:
    """Return the name of a node, which is its container name and its host name.

    A personal pool's only node has the pool's name.
    """
    if role is Role.PERSONAL_POOL:
        return pool
    return f"{pool}-{role}" + (f"-{number}" if number else "")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The node that a container, or a volume with a node's state, belongs to."""

    pool: str
    role: Role
    number: int = 0
    """The number within its role: 3 for ``mini-execute-3``; 0 where a pool has only one."""
    group: str = ""
    """Name of its group in the pool file; empty for the central manager."""

    @property
    def name(self) -> str:
        """The node's name."""
        return node_name(self.pool, self.role, self.number)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Identity:
        """Return the node that these labels name; labels alone are no proof that it is this node.

        Raises:
            Malformed: A label is missing, or has a value that is not understood.
        """
        role = label_value(labels, "role")
        if role not in ORDER:
            raise Malformed(f"its label {LABEL}.role is {shown(role)}, which is no role")
        number = label_value(labels, "number")
        is_only_one = Role(role).acts_as(Role.CENTRAL_MANAGER)
        if not _NUMBER.fullmatch(number) or (number == "0") != is_only_one:
            what = f"the number of a node with the role {role}"
            raise Malformed(f"its label {LABEL}.number is {shown(number)}, which is not {what}")
        pool, group = label_value(labels, "pool"), labels.get(f"{LABEL}.group", "")
        return cls(pool=pool, role=Role(role), number=int(number), group=group)


def label_value(labels: Mapping[str, str], key: str) -> str:
    """Return the value of one of our labels; raises ``Malformed`` if it is absent or empty."""
    if not (value := labels.get(f"{LABEL}.{key}")):
        raise Malformed(f"it has no label {LABEL}.{key}")
    return value


def shown(value: str) -> str:
    """Return a label's value for a message: short, and without control characters."""
    return ascii(value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}...")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node in the state that the engine reported; ``pool_nodes`` returns those of a pool."""

    engine: Engine
    info: ContainerInfo
    identity: Identity

    @property
    def name(self) -> str:
        """The node's name: its container name, its host name, and ``CondorMiniNode`` in its ads."""
        return self.info.name

    @property
    def role(self) -> Role:
        """The node's role."""
        return self.identity.role

    @property
    def pool(self) -> str:
        """The name of the node's pool."""
        return self.identity.pool

    @property
    def group(self) -> str:
        """Name of the node's group in the pool file; empty for the central manager."""
        return self.identity.group

    @property
    def number(self) -> int:
        """The number within its role; see ``Identity``."""
        return self.identity.number

    @property
    def series(self) -> str:
        """The node's series of HTCondor: ``25``."""
        return self.info.labels[f"{LABEL}.series"]

    @property
    def has_own_image(self) -> bool:
        """Whether the node runs an image of the user's own, with HTCondor beside it."""
        return bool(self.info.labels.get(OWN_IMAGE))

    @property
    def has_one_user(self) -> bool:
        """Whether all processes of the node belong to one user, ``jovyan``."""
        return self.is_personal or self.info.labels.get(ONE_USER) == "true"

    @property
    def is_personal(self) -> bool:
        """Whether the node is a personal pool's."""
        return self.role is Role.PERSONAL_POOL

    @property
    def exposed_at(self) -> str:
        """Address at which other hosts reach the node's pool, ``HOST:PORT``; else empty."""
        return self.info.labels.get(EXPOSED, "")

    @property
    def joined_to(self) -> str:
        """Address of the central manager on another host that the node reports to; else empty."""
        return self.info.labels.get(JOINED, "")

    @property
    def host(self) -> str:
        """Host of the node, as in the pool file; empty for the pool's own."""
        return self.info.labels.get(HOST, "")

    @property
    def state_directory(self) -> str | None:
        """The directory on the host with a personal pool's state; None for other nodes."""
        return self.info.labels[STATE_DIRECTORY] if self.is_personal else None

    @property
    def owner(self) -> tuple[int, int]:
        """UID and GID of the ordinary user's files, as the engine counts them."""
        return owner_of(self.info) if self.is_personal else user_of(self.info.labels)

    @property
    def administrator(self) -> tuple[int, int]:
        """UID and GID of the files that only ``exec`` as root reads, as the engine counts them."""
        return self.owner if self.is_personal else (0, 0)

    @property
    def _prefix(self) -> tuple[str, ...]:
        """What begins each command: a user namespace in a personal pool of a rootless engine."""
        words = self.info.labels.get(COMMAND_PREFIX, "") if self.is_personal else ""
        return tuple(words.split())

    @property
    def address(self) -> str | None:
        """The node's IPv4 address, in the pool's network or its host's; None if it does not run."""
        if (of_host := self.info.labels.get(ADDRESS)) and self.is_running:
            return of_host
        return next(iter(self.info.addresses.values()), None)

    @property
    def published_port(self) -> int | None:
        """The port by which clients on the host reach the node; None if it publishes none."""
        label = self.info.labels.get(f"{LABEL}.port", "")
        return int(label) if _PORT.fullmatch(label) else None

    @property
    def is_running(self) -> bool:
        """Whether the node's container runs."""
        return self.info.state is ContainerState.RUNNING

    def _user(self, wanted: str) -> str | None:
        """Return the user that a command runs as; None for the container's own."""
        if self.is_personal:
            return None
        return USER if self.has_one_user else wanted

    def exec(
        self,
        argv: Sequence[str],
        *,
        user: str = USER,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """Run a command in the node and return its output and its status, whatever it is.

        Args:
            argv: The command and its arguments.
            user: Name of a user of the node, a UID, or ``UID:GID``. ``jovyan`` is the ordinary
                user, and ``root`` administers HTCondor.
            workdir: Working directory; a relative one is below the user's home. None for the home.
            environment: Environment variables to add to those of a login.
            stdin: Standard input of the command.
            timeout_s: Give up after so many seconds.

        Raises:
            PoolNotReady: The node does not run; says how it ended.
            CommandFailed: The command did not end within ``timeout_s``.
        """
        try:
            return self.engine.exec(
                self.info.id,
                [*self._prefix, *at_login(argv, workdir, environment)],
                user=self._user(user),
                workdir="/",
                environment=environment,
                stdin=stdin,
                timeout_s=timeout_s,
            )
        except NotFound:
            raise self.ended() from None

    def attach(
        self,
        argv: Sequence[str],
        *,
        user: str = USER,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Run a command in the node on our own stdio and terminal, and return its status.

        The arguments are those of ``exec``.

        Raises:
            PoolNotReady: The node does not run; says how it ended.
        """
        try:
            return self.engine.attach(
                self.info.id,
                [*self._prefix, *at_login(argv, workdir, environment)],
                user=self._user(user),
                workdir="/",
                environment=environment,
            )
        except NotFound:
            raise self.ended() from None

    def health(self) -> str:
        """Return what the node lacks to do its role's work, in one line; empty if nothing."""
        result = self.exec([HEALTH], user="root")
        return "" if result.returncode == 0 else (result.stdout + result.stderr).strip()

    def last_words(self) -> str:
        """Return the last lines of the node's output, at most ``LOG_TAIL_LINES``."""
        try:
            return self.engine.logs(self.info.id, tail=LOG_TAIL_LINES).strip()
        except NotFound:
            return ""

    def ended(self) -> PoolNotReady:
        """Return the error for a node that does not run.

        It has the last lines of the node's output, unless they only say that HTCondor was stopped.
        """
        info = self.engine.inspect(self.info.id)
        if info is None:
            return PoolNotReady(f"the node {self.name} does not exist any more")
        if info.state is ContainerState.CREATED:
            return PoolNotReady(
                f"the node {self.name} was never started",
                hint=f"Start the pool: condor-mini start -n {self.pool}",
            )
        said = self.last_words()
        was_stopped = info.exit_code == 0 and _STOPPED in said
        return PoolNotReady(
            f"the node {self.name} has ended with {info.exit_code}"
            + ("" if was_stopped else f"; its last words:\n{said}"),
            hint=f"Start it again: condor-mini start -n {self.pool}",
        )


def node_of(engine: Engine, info: ContainerInfo) -> Node:
    """Return the node that a container is.

    Labels alone prove nothing: a container has those of its image as well. A container is a node if
    it has the name that its labels say, and mounts the volume with that node's tokens at the
    directory for tokens; a personal pool mounts a directory of the host as its state. Whoever
    creates a container sets both, and no image can set them.

    Raises:
        Malformed: The container is no node; says why.
    """
    identity = Identity.of(info.labels)
    series = label_value(info.labels, "series")
    claim = f"its labels say that it is the node {shown(identity.name)}"
    faults = [unknown_series(series)] if unknown_series(series) else []
    if info.name != identity.name:
        faults.append(f"{claim}, but that is not its name")
    elif fault := _mount_fault(identity, info):
        faults.append(f"{claim}, but {fault}")
    elif _SERIES.fullmatch(series):
        faults = []  # a condor-mini that knows this series may have created it
    if faults:
        raise Malformed("; ".join(faults))
    return Node(engine=engine, info=info, identity=identity)


def _mount_fault(identity: Identity, info: ContainerInfo) -> str:
    if identity.role is Role.PERSONAL_POOL:
        return personal_fault(info)
    is_mounted = info.volumes.get(TOKENS) == (volume := f"{info.name}-tokens")
    return "" if is_mounted else f"it does not mount that node's volume {volume}"


def unknown_series(series: str) -> str:
    """Return what is wrong with a label's value for HTCondor's series; empty if nothing."""
    if series in catalogue().series:
        return ""
    known = ", ".join(catalogue().series)
    return f"its label {LABEL}.series is {shown(series)}, and this condor-mini knows {known}"


def is_node(engine: Engine, info: ContainerInfo) -> bool:
    """Return whether a container is a node of a pool."""
    return any(believed(partial(node_of, engine), [info]))


def pool_nodes(engine: Engine, pool: str | None = None) -> list[Node]:
    """Return the nodes of one pool, or of all, sorted by pool, then role, then number.

    Containers that only claim to be nodes are left out; ``holdings.py`` reports them.
    """
    labelled = engine.containers(pool_labels(pool))
    return in_order(believed(partial(node_of, engine), labelled))


def believed(
    read: Callable[[T], R],
    infos: Iterable[T],
    doubt: Callable[[T, Malformed], None] = lambda *_: None,
) -> Iterator[R]:
    """Yield the result of ``read`` for each info; call ``doubt`` for those that are malformed."""
    for info in infos:
        try:
            result = read(info)
        except Malformed as why:
            doubt(info, why)
        else:
            yield result


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes sorted by pool, then role, then number."""
    return sorted(nodes, key=lambda node: (node.pool, ORDER.index(node.role), node.number))
