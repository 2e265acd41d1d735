"""What runs containers; knows nothing of HTCondor."""

from importlib import import_module
from typing import TYPE_CHECKING

from condor_mini.engine.oci import OciEngine
from condor_mini.engine.protocol import (
    BUILD_TIMEOUT_S,
    QUICK_TIMEOUT_S,
    BindMount,
    BuildSpec,
    CommandResult,
    ContainerInfo,
    ContainerSpec,
    ContainerState,
    Engine,
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
    from condor_mini.engine.fake import FakeEngine
    from condor_mini.engine.fake_files import FakeFile
    from condor_mini.engine.fake_shell import FakeCall, FakeExec, FakeOutcome

__all__ = [
    "BUILD_TIMEOUT_S",
    "QUICK_TIMEOUT_S",
    "BindMount",
    "BuildSpec",
    "CommandResult",
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
    "ImageInfo",
    "ImageTree",
    "NetworkInfo",
    "OciEngine",
    "PublishedPort",
    "ScratchMount",
    "Shortcoming",
    "VolumeInfo",
    "VolumeMount",
]

# A third of this package's import time is for tests, or for machines without an engine.
_LOADED_WHEN_ASKED_FOR = {
    "EmbeddedEngine": "embedded",
    "FakeCall": "fake_shell",
    "FakeEngine": "fake",
    "FakeExec": "fake_shell",
    "FakeFile": "fake_files",
    "FakeOutcome": "fake_shell",
}

if not TYPE_CHECKING:  # a checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        if name not in _LOADED_WHEN_ASKED_FOR:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LOADED_WHEN_ASKED_FOR[name]}"), name)
