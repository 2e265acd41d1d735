"""The nodes of one pool. Each access asks the engine."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from condor_mini.base.errors import HostNotReached, NotFound, PoolNotReady
from condor_mini.base.layout import USER
from condor_mini.engine import QUICK_TIMEOUT_S
from condor_mini.engine.several import SeveralHosts, lenient, unreached
from condor_mini.nodes.holdings import Holdings, absent, ask_at_once, pool_names
from condor_mini.nodes.node import Node, Role, pool_nodes
from condor_mini.nodes.pool_hosts import with_recorded_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from condor_mini.engine import CommandResult, Engine

T = TypeVar("T")


class PoolNodes:
    """The nodes of the pool ``name``. What the engine holds is the only record of them."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._first_engine = engine
        self.name = name

    def _on_all_hosts(self) -> Engine:
        return with_recorded_hosts(self._first_engine, self.name)

    engine = cached_property(_on_all_hosts)
    """The engine that the pool is on, together with those of other hosts that it is on."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def ask_engine(self, question: Callable[[Engine], T]) -> T:
        """Return the answer of the engine that the pool is on, together with those of other hosts.

        Most pools are on one host, so it is asked while it looks for a record of others.
        """
        if "engine" not in vars(self):
            answers: list[T] = []
            ask_at_once(lambda: self.engine, lambda: answers.append(question(self._first_engine)))
            if self.engine is self._first_engine:
                return answers[0]
        return question(self.engine)

    @property
    def nodes(self) -> list[Node]:
        """All nodes in their present state: central manager, access points, execution points."""
        return self.ask_engine(lambda engine: pool_nodes(engine, self.name))

    @property
    def reached_nodes(self) -> list[Node]:
        """The nodes on hosts that are reached. One can be used though another's host is away."""
        return self.ask_engine(lambda engine: pool_nodes(lenient(engine), self.name))

    def node(self, name: str | None = None, *, role: Role = Role.ACCESS_POINT) -> Node:
        """Return the node of that name, or the first node of a role.

        Args:
            name: Name of the node, with or without the pool's name (``execute-2``). None for the
                first node of the role.
            role: Role of the node, if no name is given.

        Raises:
            NotFound: There is no such node or pool; says which there are.
            HostNotReached: It is not on the hosts that are reached.
            PoolNotReady: Only the pool's state is left.
        """
        nodes = self.reached_nodes or self.existing_nodes()
        wanted = {name, f"{self.name}-{name}"}
        for node in nodes:
            if node.name in wanted if name else node.role.acts_as(role):
                return node
        what = f"node {name}" if name else role.words
        names = ", ".join(node.name for node in nodes)
        for away in unreached(lenient(self.engine)).values():
            raise HostNotReached(
                f"{what} is not among the nodes that are reached ({names}), and {away.message}",
                hint=away.hint,
            )
        raise NotFound(f"the pool {self.name} has no {what}; its nodes: {names}")

    def exec(
        self,
        argv: Sequence[str],
        *,
        node: str | None = None,
        user: str = USER,
        workdir: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
        timeout_s: float = QUICK_TIMEOUT_S,
    ) -> CommandResult:
        """Run a command on a node, by default the first access point; see ``Node.exec``."""
        return self.node(node).exec(
            argv,
            user=user,
            workdir=workdir,
            environment=environment,
            stdin=stdin,
            timeout_s=timeout_s,
        )

    def chosen_nodes(self, node: str | None) -> list[Node]:
        """Return the node of that name alone, or all nodes for None; raises as ``node`` does."""
        return self.existing_nodes() if node is None else [self.node(node)]

    def existing_nodes(self) -> list[Node]:
        """Return all nodes, at least one.

        Raises:
            NotFound: There is no such pool; says which pools there are.
            PoolNotReady: Only the pool's state or network is left.
        """
        nodes = self.nodes
        held = Holdings(self.engine, self.name)
        if not nodes and not held.volumes and held.networks:
            raise PoolNotReady(
                f"the creation of the pool {self.name} was cut off; it has no nodes yet",
                hint=f"Finish it: condor-mini start -n {self.name}. "
                f"Delete it: condor-mini delete -n {self.name}",
            )
        if not nodes and held.volumes:
            raise PoolNotReady(
                f"all containers of the pool {self.name} were removed; its state is kept",
                hint=f"Create them again: condor-mini start -n {self.name}",
            )
        if not nodes:
            others = ", ".join(name for name in pool_names(self.engine) if name != self.name)
            raise absent(self.engine, self.name, others=others)
        return nodes

    def can_be_recreated(self) -> bool:
        """Return whether the pool has volumes or a network, from which ``start`` creates nodes."""
        held = Holdings(self.engine, self.name)
        return bool(held.volumes or held.networks)

    def personal_node(self) -> Node | None:
        """Return the only node of a personal pool; None if this pool is not personal."""
        if isinstance(self.engine, SeveralHosts):
            return None
        return next((node for node in self.nodes if node.is_personal), None)


class NodesNow(PoolNodes):
    """The nodes of a pool as they were at one moment. The engine is asked once for all of them."""

    def __init__(self, pool: PoolNodes, nodes: Sequence[Node] | None = None) -> None:
        """Store the nodes, if they are known; else ask for them."""
        self._nodes = pool.nodes if nodes is None else nodes  # first: it asks for the engine too
        super().__init__(pool.engine, pool.name)
        self.engine = pool.engine

    @property
    def nodes(self) -> list[Node]:
        """All nodes in the state that they were in."""
        return list(self._nodes)

    @property
    def reached_nodes(self) -> list[Node]:
        """Those of them on hosts that were reached."""
        return self.nodes
