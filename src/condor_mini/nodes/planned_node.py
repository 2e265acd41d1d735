"""A planned node: its container, and the files that are copied into it before its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL
from condor_mini.nodes.accounts import user_of
from condor_mini.nodes.node import OWN_IMAGE, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine import ContainerSpec

CONFIGURATION = "/etc/condor"
"""The directory that holds all files which a read-only node gets before its start.

Other nodes get files anywhere.
"""


@dataclass(frozen=True, kw_only=True)
class PlannedNode:
    """A node that is to be created."""

    role: Role
    slots: int
    """Number of slot ads while no job runs."""
    container: ContainerSpec
    files: Mapping[str, str]
    """Text of each file to copy into the node before its start, by path without leading slash."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.container.name

    @property
    def pool(self) -> str:
        """The name of the node's pool."""
        return self.container.labels[f"{LABEL}.pool"]

    @property
    def group(self) -> str:
        """Name of the node's group in the pool file; empty for the central manager."""
        return self.container.labels[f"{LABEL}.group"]

    @property
    def number(self) -> int:
        """The number within its role: 3 for ``mini-execute-3``; 0 for the central manager."""
        return int(self.container.labels[f"{LABEL}.number"])

    @property
    def series(self) -> str:
        """The node's series of HTCondor: ``25``."""
        return self.container.labels[f"{LABEL}.series"]

    @property
    def host(self) -> str:
        """Host of the node, as in the pool file; empty for the pool's own."""
        return self.container.host

    @property
    def archive_at(self) -> str:
        """The directory of the node where ``node_archive`` is to be unpacked."""
        return CONFIGURATION if self.container.read_only else "/"

    @property
    def user(self) -> tuple[int, int]:
        """UID and GID of ``jovyan``."""
        return user_of(self.container.labels)

    @property
    def has_own_image(self) -> bool:
        """Whether the node runs an image of the user's own."""
        return bool(self.container.labels[OWN_IMAGE])
