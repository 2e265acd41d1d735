"""Making and starting nodes, several at a time, each with its token in place."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, CommandFailed, NotFound
from condor_mini.base.parallel import each
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerState, ImageBuilder
from condor_mini.lifecycle import node_tokens
from condor_mini.nodes.archive import node_archive
from condor_mini.nodes.custom_image_files import contents
from condor_mini.nodes.node import Role, is_node
from condor_mini.nodes.state import user_volumes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.engine import Engine
    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.nodes.planned_node import PlannedNode

START_PATIENCE_S = 2.0
START_PAUSE_S = 0.2


def start_all(
    engine: Engine,
    nodes: Sequence[PlannedNode],
    deadline: Deadline,
    *,
    manager: str | None = None,
) -> None:
    """Make and start these nodes, several at a time, each with its token in place.

    The central manager issues the tokens: the one that runs, or else the first of the nodes.
    """
    promised: Future[dict[str, node_tokens.Issued]] = Future()

    def issue(by: str) -> None:
        with suppress(InvalidStateError):  # nobody waits for them any more
            issued = node_tokens.issue(
                engine,
                by,
                {node.name: node.role for node in nodes},
                deadline,
                user=nodes[0].container.user or "root",  # the manager's too
                stopped=promised.cancelled,
            )
            promised.set_result(issued)

    def start(node: PlannedNode) -> None:
        container = _create(engine, node)
        if node.role is Role.CENTRAL_MANAGER:
            engine.copy_in(container, node_archive(node), at=node.archive_at)
            _start(engine, container, stopped=promised.cancelled)
            issue(container)
        else:
            its = promised.result()[node.name]
            more = contents(engine, container) if node.has_own_image else None
            archive = node_archive(node, tokens=its, more=more)
            engine.copy_in(container, archive, at=node.archive_at)
            _start(engine, container, stopped=promised.cancelled)
        if node.container.read_only and (volumes := user_volumes(node)):
            _let_users_write(engine, container, volumes)

    if manager is not None:
        issue(manager)
    each(start, nodes, on_stop=promised.cancel)


def _create(engine: Engine, node: PlannedNode) -> str:
    try:
        return engine.create(node.container)
    except AlreadyInUse:
        there = engine.inspect(node.name)
        if there is None or is_node(engine, there):
            raise
        look = (
            f"{engine.name} ps --all" if isinstance(engine, ImageBuilder) else "condor-mini doctor"
        )
        raise AlreadyInUse(
            f"the name {node.name} is taken by a container that is none of the pool's",
            hint=f"Rename or remove that container. Look at it: {look}",
        ) from None


def _let_users_write(engine: Engine, container: str, places: Sequence[str]) -> None:
    """Let all users write to the volumes there, which an engine makes root's own.

    Before the start that is not to be had: the root of a volume is none of the files that Docker
    unpacks into a container whose own root is read-only.
    """
    argv = ["chmod", "1777", *places]
    with suppress(NotFound):  # it has ended already: whoever waits for it says so
        said = engine.exec(container, argv, user="root")
        info = engine.inspect(container) if said.returncode != 0 else None
        if info is not None and info.state is ContainerState.RUNNING:
            raise CommandFailed(said.argv, said.returncode, said.stderr)


def _start(engine: Engine, container: str, *, stopped: Callable[[], bool]) -> None:
    """Start it; where the engine refuses, try again for a moment.

    Docker does not know which network is meant while another process that wanted the pool's name,
    and came too late, has yet to remove its own of the same name.
    """
    refusals: list[CommandFailed] = []

    def refused() -> str | None:
        try:
            engine.start(container)
        except CommandFailed as refusal:
            if refusal.returncode is None or stopped():
                raise
            refusals.append(refusal)
            return refusal.message
        return None

    wait_until(
        refused,
        timeout_s=START_PATIENCE_S,
        interval_s=START_PAUSE_S,
        error=lambda _: refusals[-1],
    )
