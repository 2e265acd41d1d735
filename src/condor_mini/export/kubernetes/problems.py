"""What a pool may have that Kubernetes cannot have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from condor_mini.engine import BindMount
from condor_mini.export import services
from condor_mini.export.kubernetes import names
from condor_mini.export.kubernetes.pods import shared_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

LONGEST_NAME = 52
"""A pod bears its StatefulSet's name, a hyphen and ten characters as the value of a label, which
has 63 characters at most."""
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_LABEL_NAME = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
)


def problems_of(spec: PoolSpec, nodes: Sequence[PlannedNode]) -> Iterator[str]:
    """Yield what Kubernetes cannot have; the patterns are those of its documentation of names."""
    if not spec.name[0].isalpha():
        yield f"name: the name of a Service begins with a letter, unlike {spec.name}"
    for node, _ in services.grouped(nodes, names.set_of):
        name = names.set_of(node)
        if len(name) > LONGEST_NAME:
            yield f"name: {name} has more than {LONGEST_NAME} characters. Shorten it"
        yield from _of_node(node)


def _of_node(node: PlannedNode) -> Iterator[str]:
    container = node.container
    for mount in container.mounts:
        if isinstance(mount, BindMount):
            yield (
                f"volumes, shared, mounts: the nodes of a cluster do not have {mount.source} of "
                f"this machine. Name a volume of the pool's: volumes: ['data:{mount.target}']"
            )
    for volume in shared_volumes(node):
        if not _DNS_LABEL.fullmatch(volume.volume):
            yield (
                f"volumes: the name {volume.volume} must be lower-case letters, digits and "
                "hyphens, at most 63"
            )
    if container.ports:
        yield "ports: pods have no ports of a host. Leave them out, and use `kubectl port-forward`"
    if container.pids:
        yield (
            "limit: the kubelet limits processes, for all pods of a machine (podPidsLimit). Leave "
            "`processes` out"
        )
    for key, value in services.labels(node).items():
        if not _LABEL_NAME.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            yield (
                f"labels: {key}: {value} must be letters, digits and any of . _ -, at most 63, "
                "with a letter or a digit at either end"
            )
