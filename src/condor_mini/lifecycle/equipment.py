"""What nodes need on their host: images, and HTCondor beside images of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine import ImageBuilder
from condor_mini.images import distribution, user_images
from condor_mini.nodes import custom_image
from condor_mini.nodes.placement import by_host, changed_by_host

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine
    from condor_mini.nodes.planned_node import PlannedNode


def with_images(
    engine: Engine, nodes: Sequence[PlannedNode], series: Series, progress: Progress
) -> list[PlannedNode]:
    """Return the nodes as ``custom_image.equipped`` does, once each host has their images.

    Images are built on the first host, and sent to the others with the same kind of engine.
    """
    equipped = _with_own_images(engine, nodes, series, progress)
    for there, some in _building(engine, equipped):
        ours = {str(node.role) for node in some if not node.has_own_image}
        user_images.ensure(there, ours, series, progress, user=some[0].user)
    _send(engine, [node for node in equipped if not node.has_own_image], progress)
    return equipped


def with_existing_images(
    engine: Engine, nodes: Sequence[PlannedNode], series: Series, progress: Progress
) -> list[PlannedNode]:
    """Return the nodes as ``with_images`` does, with images that the first host has already."""
    equipped = _with_own_images(engine, nodes, series, progress)
    _send(engine, [node for node in equipped if not node.has_own_image], progress)
    return equipped


def fill_volumes(
    engine: Engine,
    nodes: Sequence[PlannedNode],
    series: Series,
    labels: Mapping[str, str],
    progress: Progress,
) -> None:
    """Do what ``custom_image.fill_volume`` does on each host."""
    for _, there, some in by_host(engine, nodes):
        custom_image.fill_volume(there, some, series, labels, progress)


def _with_own_images(
    engine: Engine, nodes: Sequence[PlannedNode], series: Series, progress: Progress
) -> list[PlannedNode]:
    _send(engine, [node for node in nodes if node.has_own_image], progress)
    return changed_by_host(
        engine, nodes, lambda there, some: custom_image.equipped(there, some, series, progress)
    )


def _send(engine: Engine, nodes: Sequence[PlannedNode], progress: Progress) -> None:
    wanted = {
        host: {node.container.image for node in some} for host, _, some in by_host(engine, nodes)
    }
    distribution.send_missing(engine, wanted, progress)


def _building(
    engine: Engine, nodes: Sequence[PlannedNode]
) -> list[tuple[Engine, list[PlannedNode]]]:
    """Return the engines that make images, and the nodes that they are for."""
    places = [(there, some) for _, there, some in by_host(engine, nodes)]
    if not isinstance(engine, ImageBuilder):
        return places
    sent = [node for there, some in places for node in some if there.name == engine.name]
    own = [place for place in places if place[0].name != engine.name]
    return [*([(engine, sent)] if sent else []), *own]
