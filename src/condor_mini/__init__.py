"""Real HTCondor pools in containers."""

from importlib import import_module
from typing import TYPE_CHECKING

from condor_mini._version import __version__

if TYPE_CHECKING:
    from condor_mini.base.errors import (
        AlreadyInUse,
        CommandFailed,
        CondorMiniError,
        DocumentError,
        EngineAccessDenied,
        EngineCapabilityError,
        EngineError,
        EngineInstallError,
        EngineNotFound,
        HostNotReached,
        ImageBuildFailed,
        JobFailed,
        NotFound,
        PoolFileError,
        PoolNotReady,
        Problem,
        ReadOnlyError,
        RecordError,
        RuntimeFailed,
        ScenarioError,
        StateError,
        TimedOut,
        UsageError,
    )
    from condor_mini.chaos.jobs import JobResult
    from condor_mini.chaos.result import ScenarioResult, StruckFault
    from condor_mini.chaos.scenario import Scenario
    from condor_mini.client.bindings import Client
    from condor_mini.engine import CommandResult
    from condor_mini.events.event_types import EventType
    from condor_mini.events.events import Events, MadeEvent
    from condor_mini.faults.faults import Faults
    from condor_mini.faults.in_force import FaultInForce
    from condor_mini.jobs.actions import ChangedJobs
    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.jobs.queue import QueuedJob
    from condor_mini.jobs.tracking import Submission
    from condor_mini.lifecycle.debug_levels import DebugLevel
    from condor_mini.members.issued_tokens import CreatedToken, Revocation, Token
    from condor_mini.members.membership import Members
    from condor_mini.nodes.fault_records import FaultHolder, FaultRecord
    from condor_mini.nodes.node import Node, Role
    from condor_mini.personal.caller import Caller
    from condor_mini.personal.pool import PersonalPool
    from condor_mini.personal.spec import PersonalSpec
    from condor_mini.pool import Pool
    from condor_mini.records.entry import EntryKind, TimelineEntry
    from condor_mini.records.recording import Recording
    from condor_mini.records.timeline import Timeline
    from condor_mini.reports.classads import ClassAd
    from condor_mini.reports.logs import LogLine
    from condor_mini.reports.status import FaultStatus, PoolStatus, SlurmStatus
    from condor_mini.reports.token_requests import TokenRequest
    from condor_mini.slurm.allocations import Allocation, Allocations
    from condor_mini.slurm.scheduler import SlurmRefused
    from condor_mini.snapshots.snapshot import Snapshot
    from condor_mini.spec import PoolSpec

__all__ = [
    "Allocation",
    "Allocations",
    "AlreadyInUse",
    "Caller",
    "ChangedJobs",
    "ClassAd",
    "Client",
    "CommandFailed",
    "CommandResult",
    "CondorMiniError",
    "CreatedToken",
    "DebugLevel",
    "DocumentError",
    "EngineAccessDenied",
    "EngineCapabilityError",
    "EngineError",
    "EngineInstallError",
    "EngineNotFound",
    "EntryKind",
    "EventType",
    "Events",
    "FaultHolder",
    "FaultInForce",
    "FaultRecord",
    "FaultStatus",
    "Faults",
    "HostNotReached",
    "ImageBuildFailed",
    "JobAd",
    "JobFailed",
    "JobResult",
    "LogLine",
    "MadeEvent",
    "Members",
    "Node",
    "NotFound",
    "PersonalPool",
    "PersonalSpec",
    "Pool",
    "PoolFileError",
    "PoolNotReady",
    "PoolSpec",
    "PoolStatus",
    "Problem",
    "QueuedJob",
    "ReadOnlyError",
    "RecordError",
    "Recording",
    "Revocation",
    "Role",
    "RuntimeFailed",
    "Scenario",
    "ScenarioError",
    "ScenarioResult",
    "SlurmRefused",
    "SlurmStatus",
    "Snapshot",
    "StateError",
    "StruckFault",
    "Submission",
    "TimedOut",
    "Timeline",
    "TimelineEntry",
    "Token",
    "TokenRequest",
    "UsageError",
    "__version__",
]

# `condor-mini --help` needs none of them, and they are two thirds of its time.
_LOADED_WHEN_ASKED_FOR = {
    "Allocation": "slurm.allocations",
    "Allocations": "slurm.allocations",
    "AlreadyInUse": "base.errors",
    "Caller": "personal.caller",
    "ChangedJobs": "jobs.actions",
    "ClassAd": "reports.classads",
    "Client": "client.bindings",
    "CommandFailed": "base.errors",
    "CommandResult": "engine",
    "CondorMiniError": "base.errors",
    "CreatedToken": "members.issued_tokens",
    "DebugLevel": "lifecycle.debug_levels",
    "DocumentError": "base.errors",
    "EngineAccessDenied": "base.errors",
    "EngineCapabilityError": "base.errors",
    "EngineError": "base.errors",
    "EngineInstallError": "base.errors",
    "EngineNotFound": "base.errors",
    "EntryKind": "records.entry",
    "EventType": "events.event_types",
    "Events": "events.events",
    "FaultHolder": "nodes.fault_records",
    "FaultInForce": "faults.in_force",
    "FaultRecord": "nodes.fault_records",
    "FaultStatus": "reports.status",
    "Faults": "faults.faults",
    "HostNotReached": "base.errors",
    "ImageBuildFailed": "base.errors",
    "JobAd": "jobs.job_ads",
    "JobFailed": "base.errors",
    "JobResult": "chaos.jobs",
    "LogLine": "reports.logs",
    "MadeEvent": "events.events",
    "Members": "members.membership",
    "Node": "nodes.node",
    "NotFound": "base.errors",
    "PersonalPool": "personal.pool",
    "PersonalSpec": "personal.spec",
    "Pool": "pool",
    "PoolFileError": "base.errors",
    "PoolNotReady": "base.errors",
    "PoolSpec": "spec",
    "PoolStatus": "reports.status",
    "Problem": "base.errors",
    "QueuedJob": "jobs.queue",
    "ReadOnlyError": "base.errors",
    "RecordError": "base.errors",
    "Recording": "records.recording",
    "Revocation": "members.issued_tokens",
    "Role": "nodes.node",
    "RuntimeFailed": "base.errors",
    "Scenario": "chaos.scenario",
    "ScenarioError": "base.errors",
    "ScenarioResult": "chaos.result",
    "SlurmRefused": "slurm.scheduler",
    "SlurmStatus": "reports.status",
    "Snapshot": "snapshots.snapshot",
    "StateError": "base.errors",
    "StruckFault": "chaos.result",
    "Submission": "jobs.tracking",
    "TimedOut": "base.errors",
    "Timeline": "records.timeline",
    "TimelineEntry": "records.entry",
    "Token": "members.issued_tokens",
    "TokenRequest": "reports.token_requests",
    "UsageError": "base.errors",
}

if not TYPE_CHECKING:  # a checker would take it for a promise that every name exists

    def __getattr__(name: str) -> object:
        if name not in _LOADED_WHEN_ASKED_FOR:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_LOADED_WHEN_ASKED_FOR[name]}"), name)
