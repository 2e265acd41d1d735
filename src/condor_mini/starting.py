"""Making and starting nodes, several at a time, each with its token in place."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING

from condor_mini import own_image, plan
from condor_mini.errors import CommandFailed, NotFound, PoolNotReady
from condor_mini.nodes import LIBEXEC, Node, Role
from condor_mini.parallel import each
from condor_mini.readiness import wait_until
from condor_mini.usable import LOOK_S, Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.engine import Engine
    from condor_mini.plan import PlannedNode

Tokens = Future[dict[str, str]]

START_PATIENCE_S = 2.0
START_PAUSE_S = 0.2
TOKENS_PATIENCE_S = 60.0
TOKENS_PER_S = 5
"""That a central manager issues, at the very least."""
TIMED_OUT = 124
"""How timeout(1) ends."""
KILLED = 137
"""How all that is in a container ends with it."""


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
    tokens: Tokens = Future()

    def issue(by: str) -> None:
        with suppress(InvalidStateError):  # nobody waits for them any more
            tokens.set_result(_issue_tokens(engine, by, nodes, deadline, stopped=tokens.cancelled))

    def start(node: PlannedNode) -> None:
        container = engine.create(node.container)
        if node.role is Role.CENTRAL_MANAGER:
            engine.copy_in(container, plan.archive(node))
            _start(engine, container, stopped=tokens.cancelled)
            issue(container)
        else:
            token = tokens.result()[node.name]
            more = own_image.contents(engine, container) if node.has_own_image else None
            engine.copy_in(container, plan.archive(node, token=token, more=more))
            _start(engine, container, stopped=tokens.cancelled)

    if manager is not None:
        issue(manager)
    each(start, nodes, on_stop=tokens.cancel)


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


def _issue_tokens(
    engine: Engine,
    manager: str,
    nodes: Sequence[PlannedNode],
    deadline: Deadline,
    *,
    stopped: Callable[[], bool],
) -> dict[str, str]:
    """A token for each node that needs one, by the node's name."""
    needy = [node for node in nodes if node.role is not Role.CENTRAL_MANAGER]
    needy.sort(key=lambda node: node.role)
    counts = Counter(node.role for node in needy)
    look_s = LOOK_S + len(needy) // TOKENS_PER_S
    # Not longer at a time, so that an end that is asked for comes soon.
    argv = ["timeout", str(look_s), f"{LIBEXEC}/issue-tokens"]
    for role, count in counts.items():
        argv += [role, str(count)]
    user = nodes[0].container.user or "root"  # the manager's too
    issued: list[str] = []

    def unissued() -> str | None:
        if stopped():
            raise CancelledError
        try:
            said = engine.exec(manager, argv, user=user, timeout_s=look_s + TOKENS_PATIENCE_S)
        except NotFound:
            raise _ended(engine, manager) from None
        issued[:] = said.stdout.split()
        if said.returncode == 0 and len(issued) == len(needy):
            return None
        if said.returncode == TIMED_OUT:
            return "the central manager's collector has made no key to sign tokens with"
        if said.returncode == KILLED:
            return "the central manager is ending"
        info = engine.inspect(manager)
        if info is None or not Node(engine=engine, info=info).is_running:
            raise _ended(engine, manager)
        raise PoolNotReady(f"no tokens could be issued: {said.stderr.strip()}")

    deadline.wait(unissued)
    return {node.name: token for node, token in zip(needy, issued, strict=True)}


def _ended(engine: Engine, container: str) -> PoolNotReady:
    """The error that says how a container has ended that was to run."""
    info = engine.inspect(container)
    if info is None:
        return PoolNotReady("the central manager was removed while the pool was starting")
    return Node(engine=engine, info=info).ended()
