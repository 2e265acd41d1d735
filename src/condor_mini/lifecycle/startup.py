"""Create and start nodes, several at a time, each with its tokens in place."""

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
    """Create and start these nodes, several at a time, each with its tokens in place.

    Args:
        engine: Engine that the pool is on.
        nodes: Nodes to create. Without ``manager``, the first is the central manager.
        deadline: Give up then if the central manager has made no key to sign tokens with.
        manager: Id of the container of a central manager that runs. None for the one in ``nodes``.

    Raises:
        AlreadyInUse: A container outside the pool has the name of a node.
        CommandFailed: The engine refused to start a node.
        PoolNotReady: No tokens could be issued; see ``node_tokens.issue``.
    """
    promised: Future[dict[str, node_tokens.Issued]] = Future()

    def issue(by: str) -> None:
        with suppress(InvalidStateError):  # another node failed, and no node waits for the tokens
            issued = node_tokens.issue(
                engine,
                by,
                {node.name: node.role for node in nodes},
                deadline,
                user=nodes[0].container.user or "root",  # the same for all nodes of a pool
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
            tokens = promised.result()[node.name]
            more = contents(engine, container) if node.has_own_image else None
            archive = node_archive(node, tokens=tokens, more=more)
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
        existing = engine.inspect(node.name)
        if existing is None or is_node(engine, existing):
            raise
        command = (
            f"{engine.name} ps --all" if isinstance(engine, ImageBuilder) else "condor-mini doctor"
        )
        raise AlreadyInUse(
            f"the name {node.name} is taken by a container outside the pool",
            hint=f"Rename or remove that container. Find it: {command}",
        ) from None


def _let_users_write(engine: Engine, container: str, places: Sequence[str]) -> None:
    """Let all users write to the volumes at these places.

    An engine creates a volume that only root can write to. The permissions cannot be set before
    the start: when Docker unpacks an archive into a container with a read-only root, the root
    directory of a volume is not among the files that it unpacks.
    """
    argv = ["chmod", "1777", *places]
    with suppress(NotFound):  # the container has ended; the wait for the node reports that
        result = engine.exec(container, argv, user="root")
        info = engine.inspect(container) if result.returncode != 0 else None
        if info is not None and info.state is ContainerState.RUNNING:
            raise CommandFailed(result.argv, result.returncode, result.stderr)


def _start(engine: Engine, container: str, *, stopped: Callable[[], bool]) -> None:
    """Start a container; if the engine refuses, try again for ``START_PATIENCE_S``.

    Another process that tried to claim the pool's name may have created a second network of that
    name. Until that process removes it, the name is ambiguous for Docker.
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
