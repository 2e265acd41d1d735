"""Join nodes of this host to a pool on another one, and leave it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, PoolNotReady, UsageError
from condor_mini.base.times import ago
from condor_mini.base.words import counted
from condor_mini.lifecycle import creation, removal, stop_and_start
from condor_mini.lifecycle.draining import drain
from condor_mini.nodes import exposure
from condor_mini.nodes.claims import authorizations_of, claims_of, time_of
from condor_mini.nodes.node import Role
from condor_mini.spec import Joined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.nodes.node import Node
    from condor_mini.spec import Endpoint, PoolSpec

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far the clocks of two hosts may be apart."""
_ROLES = {"ADVERTISE_SCHEDD": Role.ACCESS_POINT, "ADVERTISE_STARTD": Role.EXECUTION_POINT}
_AGAIN = "Make another one on the pool's host: condor-mini token create --join"


def join(
    engine: Engine,
    spec: PoolSpec,
    central_manager: Endpoint,
    token: str,
    progress: Progress,
    *,
    execution_points: int | None,
    access_points: int | None,
    timeout_s: float,
) -> None:
    """Create nodes of the spec's groups here, and join them to the pool of a central manager.

    Args:
        engine: Engine of this host.
        spec: The nodes; its name is what they are called: ``NAME-execute-1``.
        central_manager: Where this host reaches the pool's central manager.
        token: Join token for the role of these nodes.
        progress: Receives the phases.
        execution_points: Number of execution points. None for the spec's.
        access_points: Number of access points. None for the spec's.
        timeout_s: Give up after so many seconds, counted from when the images exist.

    Raises:
        UsageError: The token is no join token, or for nodes of another role, or it has expired.
        AlreadyInUse: This host has a pool of that name, or something else has a node's name.
        PoolNotReady: The central manager refuses the nodes or is not reached; says why.
        EngineCapabilityError: The engine cannot do what the spec asks for.
    """
    role, issuer = _read(token)
    joined = Joined(central_manager=central_manager, trust_domain=issuer, host=exposure.host_name())
    asked = spec.joining(joined, execution_points=execution_points, access_points=access_points)
    wanted = {
        Role.ACCESS_POINT: asked.access_point_count,
        Role.EXECUTION_POINT: asked.execution_point_count,
    }
    if others := [each.words for each, count in wanted.items() if count and each is not role]:
        raise UsageError(
            f"this join token is for an {role.words}, not for an {others[0]}",
            hint=f"{_AGAIN} ROLE. Join with one role after the other, under two names",
        )
    creation.create(engine, asked, progress, timeout_s=timeout_s, join_token=token)


def _read(token: str) -> tuple[Role, str]:
    """Return the role that a join token is for, and who has issued it.

    Raises:
        UsageError: It is no join token, or it has expired, or was made in the future.
    """
    try:
        claims = claims_of(token)
        (role,) = {_ROLES[each] for each in authorizations_of(claims) if each in _ROLES}
    except (CondorMiniError, ValueError):
        raise UsageError("this is no join token", hint=_AGAIN) from None
    issued, expires = time_of(claims, "iat"), time_of(claims, "exp")
    issuer = claims.get("iss")
    if issued is None or expires is None or not isinstance(issuer, str):
        raise UsageError("this is no join token", hint=_AGAIN)
    now = datetime.now(UTC)
    if issued > now + CLOCK_TOLERANCE:
        raise UsageError(
            f"the join token was made {(issued - now).total_seconds():.0f} s from now by the clock "
            "of this host: the clocks of both hosts differ",
            hint="Set the clocks, with NTP for instance",
        )
    if expires <= now:
        raise UsageError(f"the join token expired {ago(expires)}", hint=_AGAIN)
    return role, issuer


def leave(
    engine: Engine,
    nodes: Sequence[Node],
    progress: Progress,
    *,
    grace_s: float,
    force: bool = False,
) -> None:
    """Drain nodes that have joined a pool, take them away, and remove them with their state.

    Args:
        engine: Engine of this host.
        nodes: All nodes of one name.
        progress: Receives the phases.
        grace_s: How long jobs may continue to run here, in seconds. After that they return to
            their queues.
        force: Also remove access points that have jobs in their queues.

    Raises:
        UsageError: The nodes have not joined a pool, or an access point has jobs in its queue.
        PoolNotReady: A node does not obey.
    """
    name = nodes[0].pool
    if not nodes[0].joined_to:
        raise UsageError(
            f"the pool {name} has its central manager here, and has joined no other",
            hint=f"Delete it: condor-mini delete -n {name}",
        )
    running = [node for node in nodes if node.is_running]
    if not force:
        _check_no_jobs([node for node in running if node.role is Role.ACCESS_POINT])
    execution_points = [node for node in running if node.role is Role.EXECUTION_POINT]
    if execution_points:
        drain(execution_points, progress, grace_s=grace_s)
    # A startd that is told to end gracefully puts its jobs back into their queues.
    stop_and_start.stop(engine, running, progress)
    what = counted(len(nodes), "node")
    with progress.step(f"Removing {what}", done=f"Removed {what}"):
        removal.remove(engine, name)


def _check_no_jobs(access_points: Sequence[Node]) -> None:
    for node in access_points:
        result = node.exec(["condor_q", "-allusers", "-af", "ClusterId"], user="root")
        if result.returncode != 0:
            raise PoolNotReady(f"condor_q failed on {node.name}: {result.stderr.strip()}")
        if jobs := result.stdout.split():
            raise UsageError(
                f"{node.name} has {counted(len(jobs), 'job')} in its queue, which would be lost",
                hint="Wait for them: condor-mini wait. Or lose them: condor-mini leave --force",
            )
