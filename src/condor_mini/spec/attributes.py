"""ClassAd attributes in a pool file: which names and values are allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, PlainValidator, WithJsonSchema

from condor_mini.spec.types import IDENTIFIER_PATTERN, NO_IDENTIFIER, one_line

ClassAdScalar = bool | int | float | str | None
"""None stands for UNDEFINED."""
ClassAdValue = ClassAdScalar | tuple[ClassAdScalar, ...]

_WHO_SETS = {
    "is set by the key cpus": "Cpus TotalCpus TotalSlotCpus DetectedCpus",
    "is set by the key memory": "Memory TotalMemory TotalSlotMemory DetectedMemory",
    "is set by the key disk": "Disk TotalDisk TotalSlotDisk DetectedDisk",
    "is set by the key gpus": (
        "GPUs AssignedGPUs AvailableGPUs DetectedGPUs TotalGPUs TotalSlotGPUs"
    ),
    "is set by the key slots": (
        "SlotID SlotType SlotTypeID PartitionableSlot DynamicSlot TotalSlots NumDynamicSlots"
    ),
    "is HTCondor's policy: set it in config": (
        "Start Rank Requirements Preempt Suspend Continue Kill Vacate SlotWeight Slot_Weight "
        "MaxJobRetirementTime MachineMaxVacateTime WithinResourceLimits Partitionable Backfill "
        "Execute Name_Prefix Num_Claims Startd_Attrs Startd_Exprs"
    ),
    "is set by HTCondor itself": (
        "MyType TargetType Name Machine MyAddress AddressV1 StartdIpAddr UidDomain "
        "FileSystemDomain MachineResources State Activity EnteredCurrentState "
        "EnteredCurrentActivity MyCurrentTime LastHeardFrom DaemonStartTime UpdateSequenceNumber "
        "AuthenticatedIdentity AuthenticationMethod CondorVersion CondorPlatform CurrentRank "
        "LoadAvg CondorLoadAvg TotalLoadAvg TotalCondorLoadAvg KeyboardIdle ConsoleIdle ClockDay "
        "ClockMin VirtualMemory TotalVirtualMemory CpuBusy RemoteOwner RemoteUser ClientMachine "
        "JobId GlobalJobId"
    ),
    "is set by condor-mini itself": "CondorMiniNode",
    "is a word of the ClassAd language": "True False Undefined Error Is Isnt My Target Parent",
}
"""Attributes of a slot's ad that a pool file must not set, by the reason.

See HTCondor's manual, "Machine ClassAd Attributes".
"""
_RESERVED = {name.lower(): reason for reason, names in _WHO_SETS.items() for name in names.split()}


def _name(name: str) -> str:
    if not re.fullmatch(IDENTIFIER_PATTERN, name):
        raise ValueError(NO_IDENTIFIER)
    if reason := _RESERVED.get(name.lower()):
        raise ValueError(reason)
    return name


def _value(value: object) -> ClassAdValue:
    if not isinstance(value, list | tuple):
        return _scalar(value)
    if any(isinstance(item, str) and item.endswith("\\") for item in value):
        raise ValueError(
            "text in a list must not end with a backslash: HTCondor would not see its closing quote"
        )
    return tuple(_scalar(item) for item in value)


def _scalar(value: object) -> ClassAdScalar:
    match value:
        case None | bool():
            return value
        case int() if -(2**63) <= value < 2**63:
            return value
        case int():
            raise ValueError("must fit in 64 bits, like all integers of HTCondor")
        case float() if math.isfinite(value):
            return float(value)
        case float():
            raise ValueError("must be a finite number")
        case str():
            return one_line(value)
    raise ValueError("must be true, false, a number, text, null, or a list of these")


_SCALARS = ["boolean", "number", "string", "null"]
Attributes = Mapping[
    Annotated[str, AfterValidator(_name)],
    Annotated[
        ClassAdValue,
        PlainValidator(_value),
        # Otherwise pydantic tries each member of the union and warns about those that do not fit.
        PlainSerializer(lambda value: value),
        WithJsonSchema({"type": [*_SCALARS, "array"], "items": {"type": _SCALARS}}),
    ],
]
