"""A pool's nodes: what bears the pool's labels, and how a command is run there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from condor_mini.engine import QUICK_TIMEOUT_S, ContainerState
from condor_mini.errors import NotFound, PoolNotReady

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.engine import CommandResult, ContainerInfo, Engine

LABEL = "io.condor-mini"
"""What every label of ours begins with."""
SPEC = f"{LABEL}.spec"
"""What the pool was made from: on its central manager, and on its network, which outlives that."""
OWN_IMAGE = f"{LABEL}.own-image"
"""Of a node that is no image of ours: its reference. See ``own_image.py``."""
USER = "jovyan"
"""The ordinary user in the images, who submits."""
HOME = f"/home/{USER}"
ONE_USER = f"{LABEL}.one-user"
"""On nodes all of whose processes are one user's, ``jovyan``: there is no other."""
HEALTH = "/usr/local/libexec/condor-mini/health"
LIBEXEC = "/usr/local/libexec/condor-mini"
PREFIX = "/usr/local/lib/condor-mini"
"""Where HTCondor is seen. The files of images/own-image have this path too."""
LOG_TAIL_LINES = 15


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


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node, as the engine saw it when it was asked."""

    engine: Engine
    info: ContainerInfo

    @property
    def name(self) -> str:
        """Its name, which is its container's, its host name, and its ads' ``Machine``."""
        return self.info.name

    @property
    def role(self) -> Role:
        """What it does."""
        return Role(self.info.labels[f"{LABEL}.role"])

    @property
    def pool(self) -> str:
        """The name of its pool."""
        return self.info.labels[f"{LABEL}.pool"]

    @property
    def group(self) -> str:
        """The group of the pool file that it belongs to; empty for the central manager."""
        return self.info.labels.get(f"{LABEL}.group", "")

    @property
    def number(self) -> int:
        """Its number within its role: 3 of ``mini-execute-3``; 0 for the central manager."""
        return int(self.info.labels.get(f"{LABEL}.number", "0"))

    @property
    def series(self) -> str:
        """Its series of HTCondor: ``25``."""
        return self.info.labels[f"{LABEL}.series"]

    @property
    def has_own_image(self) -> bool:
        """Whether it is of an image of the user's own, with HTCondor beside it."""
        return OWN_IMAGE in self.info.labels

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
        return USER if ONE_USER in self.info.labels else wanted

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


def pool_nodes(engine: Engine, pool: str | None = None) -> list[Node]:
    """The nodes of one pool, or of all: by pool, then role, then number.

    Personal pools (``condor-mini run``) are not among them: they belong to their session.
    """
    labels = {f"{LABEL}.pool": pool} if pool else {f"{LABEL}.kind": "pool"}
    nodes = [
        Node(engine=engine, info=info)
        for info in engine.containers({f"{LABEL}.kind": "pool", **labels})
    ]
    return sorted(nodes, key=lambda node: (node.pool, ORDER.index(node.role), node.number))


def absent(engine: Engine, pool: str, *, others: str = "") -> NotFound:
    """The error that says that there is no such pool.

    Args:
        engine: Where.
        pool: Its name.
        others: The names of those that there are.
    """
    return NotFound(
        f"there is no pool {pool}" + (f"; there are: {others}" if others else ""),
        hint=f"Make it: condor-mini create -n {pool}. This is {engine.name}; a pool of another "
        "engine: --engine NAME",
    )


def _home(user: str) -> str:
    return "/root" if user in ("root", "0") else HOME
