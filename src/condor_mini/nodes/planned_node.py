"""A node that is to be: its container, and the files that it gets before its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL
from condor_mini.nodes.node import OWN_IMAGE, Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.engine import ContainerSpec

CONFIGURATION = "/etc/condor"
"""What a read-only node is given before its start lies below this; of others, anywhere."""


@dataclass(frozen=True, kw_only=True)
class PlannedNode:
    """A node that is to be."""

    role: Role
    slots: int
    """How many slot ads it has when no job runs."""
    container: ContainerSpec
    files: Mapping[str, str]
    """What is put into it before its start, by path without the leading slash."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.container.name

    @property
    def pool(self) -> str:
        """The name of its pool."""
        return self.container.labels[f"{LABEL}.pool"]

    @property
    def group(self) -> str:
        """The group of the pool file that it belongs to; empty for the central manager."""
        return self.container.labels[f"{LABEL}.group"]

    @property
    def number(self) -> int:
        """Its number within its role; 0 for the central manager."""
        return int(self.container.labels[f"{LABEL}.number"])

    @property
    def series(self) -> str:
        """Its series of HTCondor."""
        return self.container.labels[f"{LABEL}.series"]

    @property
    def archive_at(self) -> str:
        """The directory of the node that ``node_archive`` is for."""
        return CONFIGURATION if self.container.read_only else "/"

    @property
    def has_own_image(self) -> bool:
        """Whether it is of an image of the user's own."""
        return bool(self.container.labels[OWN_IMAGE])
