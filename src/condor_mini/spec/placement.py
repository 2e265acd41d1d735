"""What contradicts nodes on other hosts than the pool's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.spec.hosts import EMBEDDED, SERIES_THAT_BROKERS_TWO
from condor_mini.spec.nodes import AccessPoints, Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from condor_mini.spec.base import Location
    from condor_mini.spec.nodes import Node

_NO_EXPOSE = (
    "the nodes there must reach this machine: add expose with its address or a name that they know"
)
_NO_MOUNT = "a directory of this machine cannot be mounted"
_WITHOUT_SLASH = "a source without a slash"


def misplaced(
    nodes: Iterable[tuple[Location, Node]],
    *,
    is_exposed: bool,
    is_shared: bool,
    has_mounts: bool,
    series: str,
) -> Iterator[tuple[Location, str]]:
    """Yield location and message of what nodes on other hosts contradict.

    Args:
        nodes: The parts of the spec that describe nodes, each with its location.
        is_exposed: Whether other hosts reach the pool.
        is_shared: Whether all nodes share a directory.
        has_mounts: Whether all nodes mount directories of this machine.
        series: Series of HTCondor.
    """
    hosts = [(location, node, node.host) for location, node in nodes if isinstance(node, Group)]
    elsewhere = [(location, node, host) for location, node, host in hosts if host]
    for location, node, host in elsewhere:
        place = (*location, "host")
        if not is_exposed:
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
    if elsewhere and is_shared:
        yield ("shared",), f"{elsewhere[0][2]} and this machine share no directory: leave it out"
    if has_mounts and (far := [host for _, _, host in elsewhere if host != EMBEDDED]):
        yield ("mounts", 0), f"{_NO_MOUNT} on {far[0]}"
