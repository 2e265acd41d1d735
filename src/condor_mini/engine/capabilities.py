"""What only some engines can do, and the error where the chosen one cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine.protocol import ImageBuilder, NamespaceKeeper

if TYPE_CHECKING:
    from condor_mini.engine.protocol import Engine


def require_builder(engine: Engine, task: str) -> ImageBuilder:
    """Return an engine as one that builds images.

    Args:
        engine: Any engine.
        task: What it is to do, for the error's message: ``fetch the image debian:13``.

    Raises:
        EngineCapabilityError: It does not build images; says what it was to do, and who can.
    """
    if isinstance(engine, ImageBuilder):
        return engine
    raise EngineCapabilityError(
        f"the {engine.name} engine cannot {task}: it makes its images of the runtime",
        hint="Use a container engine for that: --engine docker",
    )


def require_namespaces(engine: Engine, task: str) -> NamespaceKeeper:
    """Return an engine as one whose containers' namespaces can be entered.

    Args:
        engine: Any engine.
        task: What it is to do, for the error's message: ``cut off execute-1``.

    Raises:
        EngineCapabilityError: It has no containers, or they share the host's namespaces; says what
            it was to do, and who can.
    """
    if isinstance(engine, NamespaceKeeper):
        return engine
    raise EngineCapabilityError(
        f"the {engine.name} engine cannot {task}: its nodes share the network and the disk "
        "of the host",
        hint="Use a container engine for that: --engine docker",
    )
