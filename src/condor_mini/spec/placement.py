"""What contradicts nodes on other hosts than the pool's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.spec.hosts import EMBEDDED, SERIES_THAT_BROKERS_TWO
from condor_mini.spec.nodes import AccessPoints, Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from condor_mini.spec.base import Location
    from condor_mini.spec.hosts import Endpoint
    from condor_mini.spec.nodes import Node, Shared

_NO_EXPOSE = (
    "the nodes there must reach this machine: add expose with its address or a name that they know"
)
_NO_MOUNT = "a directory of this machine cannot be mounted"
_WITHOUT_SLASH = "a source without a slash"


def misplaced(
    nodes: Iterable[tuple[Location, Node]],
    series: str,
    expose: Endpoint | None,
    *,
    shared: Shared | None,
    mounts: Sequence[str],
) -> Iterator[tuple[Location, str]]:
    """Yield location and message of what nodes on other hosts contradict.

    Args:
        nodes: The parts of the spec that describe nodes, each with its location.
        series: Series of HTCondor.
        expose: Where other hosts reach the pool.
        shared: The directory that all nodes share.
        mounts: Directories of this machine that all nodes mount.
    """
    hosts = [(location, node, node.host) for location, node in nodes if isinstance(node, Group)]
    elsewhere = [(location, node, host) for location, node, host in hosts if host]
    for location, node, host in elsewhere:
        place = (*location, "host")
        if expose is None:
            yield place, _NO_EXPOSE
        if isinstance(node, AccessPoints) and int(series) < SERIES_THAT_BROKERS_TWO:
            least = f"HTCondor {SERIES_THAT_BROKERS_TWO}"
            message = f"HTCondor {series} has no access points on other hosts, {least} has"
            yield place, message
        if host != EMBEDDED:
            message = f"{_NO_MOUNT} on {host}: use a volume of the pool's own ({_WITHOUT_SLASH})"
            for index, volume in enumerate(node.volumes):
                if volume.source.startswith("/"):
                    yield (*location, "volumes", index), message
    if elsewhere and shared:
        yield ("shared",), f"{elsewhere[0][2]} and this machine share no directory: leave it out"
    if mounts and (far := [host for _, _, host in elsewhere if host != EMBEDDED]):
        yield ("mounts", 0), f"{_NO_MOUNT} on {far[0]}"
