"""What makes a container count as a node or a personal pool, for tests that make one by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL, TOKENS
from condor_mini.engine import BindMount, ContainerSpec, VolumeMount
from condor_mini.nodes.node import Role, node_name, pool_labels
from condor_mini.nodes.personal_labels import CONTAINER_USER, PERSONAL_STATE, STATE_DIRECTORY

if TYPE_CHECKING:
    from pathlib import Path


def node_labels(
    pool: str, role: str, number: int | str = 0, *, series: str = "25", **others: str
) -> dict[str, str]:
    """Return the labels of a node; ``others`` are more of ours, by the last part of their names."""
    ours = {
        "role": role,
        "number": str(number),
        "group": "" if role == Role.CENTRAL_MANAGER else "default",
        "series": series,
        **others,
    }
    return {**pool_labels(pool), **{f"{LABEL}.{key}": value for key, value in ours.items()}}


def tokens_mount(pool: str, role: str, number: int = 0) -> VolumeMount:
    """Return the mount that only the node has, which brings its volume with it."""
    volume = f"{node_name(pool, Role(role), number)}-tokens"
    return VolumeMount(volume=volume, target=TOKENS, labels=node_labels(pool, role, number))


def personal_spec(name: str, state: Path) -> ContainerSpec:
    """Return the container of a personal pool."""
    labels = node_labels(name, Role.PERSONAL_POOL, group="")
    return ContainerSpec(
        image="condor-mini:25",
        name=name,
        hostname=name,
        user="1000:1000",
        labels={**labels, STATE_DIRECTORY: str(state), CONTAINER_USER: "1000:1000"},
        mounts=(BindMount(source=state, target=PERSONAL_STATE),),
    )
