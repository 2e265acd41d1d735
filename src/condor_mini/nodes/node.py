"""A pool's nodes: which containers they are, and how a command is run there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from condor_mini.base.errors import NotFound, PoolNotReady
from condor_mini.base.layout import HEALTH, HOME, LABEL, LIBEXEC, TOKENS, USER
from condor_mini.base.series import catalogue
from condor_mini.engine import QUICK_TIMEOUT_S, ContainerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from condor_mini.engine import CommandResult, ContainerInfo, Engine

T = TypeVar("T")
R = TypeVar("R")

SPEC = f"{LABEL}.spec"
"""What the pool was made from: on its central manager, and on its network, which outlives that."""
OWN_IMAGE = f"{LABEL}.own-image"
"""Of a node that is no image of ours: its reference; else empty. See ``custom_image.py``."""
ONE_USER = f"{LABEL}.one-user"
"""``true`` on nodes all of whose processes are one user's, ``jovyan``; else empty."""
LOG_TAIL_LINES = 15
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_SERIES = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_MOST_SHOWN = 40
"""How much of a label's value a message repeats."""


class Role(StrEnum):
    """What a node does; the values are the names of the images."""

    CENTRAL_MANAGER = "master"
    ACCESS_POINT = "submit"
    EXECUTION_POINT = "execute"

    @property
    def words(self) -> str:
        """As a person calls it: ``access point``."""
        return self.name.lower().replace("_", " ")


ORDER = tuple(Role)


class Malformed(ValueError):
    """Labels that say nothing we understand, or something that is not so; the text says what."""


def pool_labels(pool: str | None = None) -> dict[str, str]:
    """Return the labels of all that the engine holds for a pool; None for those of every pool."""
    return {f"{LABEL}.kind": "pool", **({f"{LABEL}.pool": pool} if pool else {})}


def node_name(pool: str, role: Role, number: int) -> str:
    """Return the name of a node: of its container, of its host, and in its ads."""
    return f"{pool}-{role}" + (f"-{number}" if number else "")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which node of which pool a container, or a volume with a node's state, is of."""

    pool: str
    role: Role
    number: int = 0
    """Its number within its role: 3 of ``mini-execute-3``; 0 for the central manager."""
    group: str = ""
    """The group of the pool file that it belongs to; empty for the central manager."""

    @property
    def name(self) -> str:
        """The node's name."""
        return node_name(self.pool, self.role, self.number)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Identity:
        """Return what these labels say; raises ``Malformed``. Whether it is so they do not show."""
        role = label_value(labels, "role")
        if role not in ORDER:
            raise Malformed(f"its label {LABEL}.role is {shown(role)}, which is no role")
        number = label_value(labels, "number")
        is_manager = role == Role.CENTRAL_MANAGER
        if not _NUMBER.fullmatch(number) or (number == "0") != is_manager:
            what = f"the number of a node with the role {role}"
            raise Malformed(f"its label {LABEL}.number is {shown(number)}, which is not {what}")
        pool, group = label_value(labels, "pool"), labels.get(f"{LABEL}.group", "")
        return cls(pool=pool, role=Role(role), number=int(number), group=group)


def label_value(labels: Mapping[str, str], key: str) -> str:
    """Return the value of a label of ours; raises ``Malformed`` if it is absent or empty."""
    if not (value := labels.get(f"{LABEL}.{key}")):
        raise Malformed(f"it has no label {LABEL}.{key}")
    return value


def shown(value: str) -> str:
    """Return a label's value as a message may show it: short, and without control characters."""
    return ascii(value if len(value) <= _MOST_SHOWN else f"{value[:_MOST_SHOWN]}...")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node, as the engine saw it when it was asked; ``pool_nodes`` finds a pool's."""

    engine: Engine
    info: ContainerInfo
    identity: Identity

    @property
    def name(self) -> str:
        """Its name, which is its container's, its host name, and its ads' ``Machine``."""
        return self.info.name

    @property
    def role(self) -> Role:
        """What it does."""
        return self.identity.role

    @property
    def pool(self) -> str:
        """The name of its pool."""
        return self.identity.pool

    @property
    def group(self) -> str:
        """The group of the pool file that it belongs to; empty for the central manager."""
        return self.identity.group

    @property
    def number(self) -> int:
        """Its number within its role: 3 of ``mini-execute-3``; 0 for the central manager."""
        return self.identity.number

    @property
    def series(self) -> str:
        """Its series of HTCondor: ``25``."""
        return self.info.labels[f"{LABEL}.series"]

    @property
    def has_own_image(self) -> bool:
        """Whether it is of an image of the user's own, with HTCondor beside it."""
        return bool(self.info.labels.get(OWN_IMAGE))

    @property
    def has_one_user(self) -> bool:
        """Whether all its processes are one user's, ``jovyan``."""
        return self.info.labels.get(ONE_USER) == "true"

    def _beside(self, argv: Sequence[str]) -> Sequence[str]:
        """A command for a node whose PATH may lead to no HTCondor, bash or sh."""
        return [f"{LIBEXEC}/beside", *argv] if self.has_own_image else argv

    @property
    def address(self) -> str | None:
        """Its IPv4 address in the pool's network, while it runs."""
        return next(iter(self.info.addresses.values()), None)

    @property
    def is_running(self) -> bool:
        """Whether its container runs."""
        return self.info.state is ContainerState.RUNNING

    def _user(self, wanted: str) -> str:
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
        """Run a command in the node to its end, whatever its status; what it wrote.

        Args:
            argv: The command and its arguments.
            user: ``jovyan``, the ordinary user, or ``root``, who administers HTCondor.
            workdir: Where; None for the user's home.
            environment: Variables on top of the container's.
            stdin: What it reads.
            timeout_s: Deadline, in seconds.

        Raises:
            PoolNotReady: The node does not run; says how it ended.
            CommandFailed: The command did not end within ``timeout_s``.
        """
        user = self._user(user)
        try:
            return self.engine.exec(
                self.info.id,
                self._beside(argv),
                user=user,
                workdir=workdir or _home(user),
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
        """Run a command in the node on our own stdin, stdout, stderr and terminal; its status.

        Raises:
            PoolNotReady: The node does not run; says how it ended.
        """
        user = self._user(user)
        try:
            return self.engine.attach(
                self.info.id,
                self._beside(argv),
                user=user,
                workdir=workdir or _home(user),
                environment=environment,
            )
        except NotFound:
            raise self.ended() from None

    def health(self) -> str:
        """What the node lacks, in one line; empty when it does its role's work."""
        result = self.exec([HEALTH], user="root")
        return "" if result.returncode == 0 else (result.stdout + result.stderr).strip()

    def last_words(self) -> str:
        """The last lines that it wrote."""
        try:
            return self.engine.logs(self.info.id, tail=LOG_TAIL_LINES).strip()
        except NotFound:
            return ""

    def ended(self) -> PoolNotReady:
        """The error that says that this node does not run, and its last words."""
        info = self.engine.inspect(self.info.id)
        if info is None:
            return PoolNotReady(f"the node {self.name} is not there any more")
        if info.state is ContainerState.CREATED:
            return PoolNotReady(
                f"the node {self.name} was never started",
                hint=f"Start the pool: condor-mini start -n {self.pool}",
            )
        return PoolNotReady(
            f"the node {self.name} has ended with {info.exit_code}; its last words:\n"
            f"{self.last_words()}",
            hint=f"Start it again: condor-mini start -n {self.pool}",
        )


def node_of(engine: Engine, info: ContainerInfo) -> Node:
    """Return the node that a container is.

    Labels alone prove nothing: a container has those of its image as well. It is a node if it has
    the name that the labels say, and the volume with that node's tokens at its place. Both are
    given by whoever creates a container, and no image can bring them.

    Raises:
        Malformed: It is none; says why.
    """
    identity = Identity.of(info.labels)
    series = label_value(info.labels, "series")
    claim = f"its labels say that it is the node {shown(identity.name)}"
    faults = [unknown_series(series)] if unknown_series(series) else []
    if info.name != identity.name:
        faults.append(f"{claim}, but that is not its name")
    elif info.volumes.get(TOKENS) != f"{info.name}-tokens":
        faults.append(f"{claim}, but it does not mount that node's volume {info.name}-tokens")
    elif _SERIES.fullmatch(series):
        faults = []  # another condor-mini may have made it, which knows that series
    if faults:
        raise Malformed("; ".join(faults))
    return Node(engine=engine, info=info, identity=identity)


def unknown_series(series: str) -> str:
    """Return what is wrong with the value of a label that names HTCondor's series; or nothing."""
    if series in catalogue().series:
        return ""
    known = ", ".join(catalogue().series)
    return f"its label {LABEL}.series is {shown(series)}, and this condor-mini knows {known}"


def is_node(engine: Engine, info: ContainerInfo) -> bool:
    """Whether a container is a node of a pool."""
    return any(believed(partial(node_of, engine), [info]))


def pool_nodes(engine: Engine, pool: str | None = None) -> list[Node]:
    """Return the nodes of one pool, or of all: by pool, then role, then number.

    Personal pools (``condor-mini run``) are not among them: they belong to their session. What only
    claims to be a node is left out; ``holdings.py`` reports it.
    """
    labelled = engine.containers(pool_labels(pool))
    return in_order(believed(partial(node_of, engine), labelled))


def believed(
    read: Callable[[T], R],
    infos: Iterable[T],
    doubt: Callable[[T, Malformed], None] = lambda *_: None,
) -> Iterator[R]:
    """Yield what ``read`` makes of each; what is malformed is left out, and ``doubt`` is told."""
    for info in infos:
        try:
            result = read(info)
        except Malformed as why:
            doubt(info, why)
        else:
            yield result


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Return nodes by pool, then role, then number."""
    return sorted(nodes, key=lambda node: (node.pool, ORDER.index(node.role), node.number))


def _home(user: str) -> str:
    return "/root" if user in ("root", "0") else HOME
