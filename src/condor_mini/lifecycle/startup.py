"""Create and start nodes, several at a time, each with its tokens in place."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, CommandFailed, NotFound
from condor_mini.base.parallel import each
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerState
from condor_mini.lifecycle import node_tokens
from condor_mini.lifecycle.admission import name_taken
from condor_mini.nodes.archive import node_archive
from condor_mini.nodes.custom_image_files import more_contents
from condor_mini.nodes.node import Role, is_node
from condor_mini.nodes.state import user_volumes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.engine import Engine
    from condor_mini.lifecycle.ready import Deadline
    from condor_mini.lifecycle.saved_state import SavedState
    from condor_mini.nodes.planned_node import PlannedNode

START_PATIENCE_S = 2.0
START_PAUSE_S = 0.2


def start_all(
    engine: Engine,
    nodes: Sequence[PlannedNode],
    deadline: Deadline,
    *,
    manager: str | None = None,
    join_token: str | None = None,
    state: SavedState | None = None,
) -> None:
    """Create and start these nodes, several at a time, each with its tokens in place.

    Args:
        engine: Engine that the pool is on.
        nodes: Nodes to create. The first is the central manager, unless there is a ``manager`` or
            a ``join_token``.
        deadline: Give up then if the central manager has made no key to sign tokens with.
        manager: Id of the container of a central manager that runs. None for the one in ``nodes``.
        join_token: For nodes that join a pool on another host: the token that they join with, or
            an empty string if they have joined. None for nodes whose central manager is here.
        state: What the nodes begin with. None for nothing, or for what their volumes have.

    Raises:
        AlreadyInUse: A container outside the pool has the name of a node.
        CommandFailed: The engine refused to start a node.
        PoolNotReady: No tokens could be issued; see ``node_tokens.issue``.
    """
    stopped = Event()
    others = [node for node in nodes if node.role is not Role.CENTRAL_MANAGER]
    # The central manager's container is the first to exist, and all containers exist before another
    # node is started. So what a killed process has left shows how far it came: unfinished.py.
    has_manager_here = join_token is None
    central = manager or (_equipped_manager(engine, nodes[0], state) if has_manager_here else "")
    containers: dict[str, str] = {}
    found: set[str] = set()
    issued: dict[str, node_tokens.Issued] = {}

    def start_manager() -> None:
        if manager is None:
            _start(engine, central, stopped=stopped.is_set)
            let_users_write(engine, central, nodes[0])
        roles = {node.name: node.role for node in nodes}
        # The user is the same for all nodes of a pool.
        user = nodes[0].container.user or "root"
        issued.update(
            node_tokens.issue(engine, central, roles, deadline, user=user, stopped=stopped.is_set)
        )

    def create(node: PlannedNode) -> None:
        containers[node.name], is_new = _create(engine, node)
        if not is_new:
            found.add(node.name)

    def start(node: PlannedNode) -> None:
        container = containers[node.name]
        if node.name in found and _was_started(engine, container):
            return
        own, role = node.has_own_image, str(node.role)
        more = more_contents(engine, container, role=role, own_image=own, user=node.user)
        tokens = issued.get(node.name, ())
        archive = node_archive(node, tokens=tokens, join_token=join_token or "", more=more)
        engine.copy_in(container, archive, at=node.archive_at)
        if state is not None:
            state.fill(engine, container, node)
        _start(engine, container, stopped=stopped.is_set)
        let_users_write(engine, container, node)

    steps: list[Callable[[], None]] = [
        *([start_manager] if has_manager_here else []),
        *(partial(create, node) for node in others),
    ]
    each(lambda step: step(), steps, on_stop=stopped.set)
    if state is not None:
        first = [node for node in others if node.role is Role.ACCESS_POINT]
        each(start, first, on_stop=stopped.set)
        state.settle(engine, {node.name: containers[node.name] for node in first}, deadline)
        others = [node for node in others if node not in first]
    each(start, others, on_stop=stopped.set)


def _equipped_manager(engine: Engine, node: PlannedNode, state: SavedState | None) -> str:
    container, is_new = _create(engine, node)
    if is_new or not _was_started(engine, container):
        engine.copy_in(container, node_archive(node), at=node.archive_at)
        if state is not None:
            state.fill(engine, container, node)
    return container


def _was_started(engine: Engine, container: str) -> bool:
    """Return whether another process has started a container that it has created."""
    info = engine.inspect(container)
    return info is not None and info.started_at is not None


def _create(engine: Engine, node: PlannedNode) -> tuple[str, bool]:
    """Create a node's container, or find that which another process has created for it.

    That process was killed before it started the container, or it is at work on the same pool. Then
    it may start the container at any moment, so what is unpacked there must do no harm to a node
    that runs.

    Returns:
        The container's id, and whether it is new.
    """
    try:
        return engine.create(node.container), True
    except AlreadyInUse:
        existing = engine.inspect(node.name)
        if existing is None:
            raise
        if is_node(engine, existing):
            return existing.id, False
        raise name_taken(engine, node.name) from None


def let_users_write(engine: Engine, container: str, node: PlannedNode) -> None:
    """Let all users write to the volumes of a node that runs, if its root is read-only.

    An engine creates a volume that only root can write to. The permissions cannot be set before
    the start: when Docker unpacks an archive into a container with a read-only root, the root
    directory of a volume is not among the files that it unpacks.
    """
    places = user_volumes(node) if node.container.read_only else []
    if not places:
        return
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
