"""What runs containers; knows nothing of HTCondor."""

from importlib import import_module
from typing import TYPE_CHECKING

from condor_mini.engine.capabilities import require_builder, require_namespaces
from condor_mini.engine.oci import OciEngine
from condor_mini.engine.protocol import (
    BUILD_TIMEOUT_S,
    QUICK_TIMEOUT_S,
    ContainerEngine,
    Engine,
    ImageBuilder,
    ImageComposer,
    ImageStore,
    NamespaceKeeper,
    NetworkStore,
    VolumeStore,
)
from condor_mini.engine.values import (
    BindMount,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    EngineInfo,
    ImageInfo,
    ImageTree,
    NetworkInfo,
    PublishedPort,
    ScratchMount,
    Shortcoming,
    VolumeInfo,
    VolumeMount,
)

if TYPE_CHECKING:
    from condor_mini.engine.embedded import EmbeddedEngine
    from condor_mini.engine.fake import FakeCall, FakeEngine, FakeExec, FakeFile, FakeOutcome

__all__ = [
    "BUILD_TIMEOUT_S",
    "QUICK_TIMEOUT_S",
    "BindMount",
    "BuildSpec",
    "CommandResult",
    "ContainerEngine",
    "ContainerInfo",
    "ContainerSpec",
    "ContainerState",
    "EmbeddedEngine",
    "Engine",
    "EngineInfo",
    "FakeCall",
    "FakeEngine",
    "FakeExec",
    "FakeFile",
    "FakeOutcome",
    "ImageBuilder",
    "ImageComposer",
    "ImageInfo",
    "ImageStore",
    "ImageTree",
    "NamespaceKeeper",
    "NetworkInfo",
    "NetworkStore",
    "OciEngine",
    "PublishedPort",
    "ScratchMount",
    "Shortcoming",
    "VolumeInfo",
    "VolumeMount",
    "VolumeStore",
    "require_builder",
    "require_namespaces",
]

# A third of this package's import time is for tests, or for machines without an engine.
_LAZY = {
    "EmbeddedEngine": "embedded",
    "FakeCall": "fake",
    "FakeEngine": "fake",
    "FakeExec": "fake",
    "FakeFile": "fake",
    "FakeOutcome": "fake",
}

if not TYPE_CHECKING:  # a checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
