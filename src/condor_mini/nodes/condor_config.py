"""HTCondor's configuration for the nodes of a pool, rendered from its spec.

Each node gets two rendered files in ``/etc/condor/config.d``: ``40-pool`` and ``60-node``. Some
nodes also get ``25-one-user``, ``25-limited`` or ``36-preload``. If two files set the same knob,
the later one wins. The images contain the settings that all pools share, as plain files. The knobs
are those of HTCondor's manual, "Configuration Macros"; a rendered comment gives the reason for each
of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.spec import AccessPoints, ExecutionPoints, Gpus, PoolSpec
    from condor_mini.spec.attributes import ClassAdScalar, ClassAdValue

KIB_PER_MIB = 1024
SLOT_MEMORY_MB = 2048
"""Memory of each static slot if the pool file does not set ``memory``."""
SLOT_DISK_MB = 10 * 1024
"""Disk of each static slot if the pool file does not set ``disk``."""
MOST_UPDATES_PER_S = 100
"""Limit for the updates per second that the collector gets of static slots.

At 2000 per second from one startd, 50 jobs on 10,000 slots took 83 s; at 100 per second they took
6 s. At 1000 per second from ten startds, the collector took a core.
"""
SLOTS_PER_S = 500
"""Static slots per second of the interval between negotiation cycles.

A cycle over 10,000 slots takes 2 s on the negotiator and the collector each. Every 20 s, that is a
tenth of a core. A submission starts a cycle at once, whatever the interval.
"""
DEV_NEGOTIATOR_INTERVAL_S = 2
"""NEGOTIATOR_INTERVAL in the images' file ``30-profile-dev``."""
SPOOLING_INPUT = 16
"""HoldReasonCode of a job whose input files are on their way into the spool.

The schedd releases it when they are there (HTCondor's manual, "Job ClassAd Attributes").
"""
UPDATE_INTERVAL_S = 5
"""UPDATE_INTERVAL in the images' file ``29-profiles``."""
FIRST_TRACKING_GID = 50_000
"""MIN_TRACKING_GID in the images' file ``20-role-execute``."""
TRACKING_GIDS = 1000
"""Number of tracking GIDs in ``20-role-execute``."""
MOST_TRACKING_GIDS = 15_000
"""Limit for tracking GIDs: a container of a rootless engine has 65536 groups."""


def central_manager_host(spec: PoolSpec) -> str:
    """Return the name or address of the central manager's host."""
    if spec.joins:
        return spec.joins.central_manager.ip
    return f"{spec.name}-master"


def pool_config(spec: PoolSpec, *, is_central_manager: bool = False) -> str:
    """Return the file ``40-pool``, the configuration of every node.

    The central manager keeps the CONDOR_HOST of its role. That is its own address, which needs no
    name server.
    """
    lines = [
        "# The issuer of this pool's tokens.",
        f"TRUST_DOMAIN = {spec.trust_domain}",
    ]
    if spec.read == "anyone":
        lines += ["# Who may read ads, queues and configuration.", "POOL_READ = anyone"]
    if not is_central_manager:
        lines += [
            "# The central manager's name, because its address can change at a restart.",
            f"CONDOR_HOST = {central_manager_host(spec)}",
        ]
    return _file(lines, raw=spec.config, whose="every node")


def one_user_config() -> str:
    """Return the file ``25-one-user``, for nodes whose processes all belong to one user."""
    return """\
# One user runs all daemons and jobs here, so that user administers, advertises and negotiates.
STATE = /var/lib/condor
SEC_TOKEN_DIRECTORY = /etc/condor/tokens.d
POOL_DAEMONS = $(USERNAME)@$(UID_DOMAIN) condor@*
# Anyone with a limited token of that user has the same name. Such a token must not advertise jobs.
IS_FROM_ONE_USER = (AuthenticatedIdentity == "$(USERNAME)@$(UID_DOMAIN)" \\
  && stringListMember(MyType, "DaemonMaster,Negotiator,Accounting"))

# An ordinary user's daemons would call themselves USER@HOST, and no tool finds them by the host.
MASTER_NAME = $(FULL_HOSTNAME)
SCHEDD_NAME = $(FULL_HOSTNAME)
STARTD_NAME = $(FULL_HOSTNAME)

# Tracking by GID needs root.
USE_GID_PROCESS_TRACKING = False
"""


def preload_config(libraries: str) -> str:
    """Return the file ``36-preload``, which preloads libraries of the user's own image into jobs.

    Args:
        libraries: Value of ``LD_PRELOAD``: paths separated by colons or spaces.
    """
    words = " ".join(libraries.split()).replace("'", "''").replace('"', '""')
    return f"""\
# Only for jobs: these libraries need the image's libc, and HTCondor's programs use another one.
STARTER_JOB_ENVIRONMENT = "LD_PRELOAD='{_literal(words)}'"
"""


def central_manager_config(spec: PoolSpec) -> str:
    """Return the file ``60-node`` of the central manager; empty if the spec has none for it."""
    return _file(_many_slots(spec), raw=spec.central_manager.config, whose="the central manager")


def _many_slots(spec: PoolSpec) -> list[str]:
    """Return the central manager's pacing if a cycle over all static slots takes long."""
    interval_s = spec.static_slot_count // SLOTS_PER_S
    if spec.profile != "dev" or interval_s <= DEV_NEGOTIATOR_INTERVAL_S:
        return []
    return [
        "# Cycles over so many static slots would follow one another without a pause, and their",
        "# queries would keep the collector from its updates.",
        f"NEGOTIATOR_INTERVAL = {interval_s}",
        "COLLECTOR_QUERY_WORKERS = 4",
    ]


def access_point_config(spec: PoolSpec, group: AccessPoints) -> str:
    """Return the file ``60-node`` of a group's access points; empty if nothing is set there."""
    lines = []
    if spec.config or any(points.image or points.config for points in spec.execution_points):
        lines = [
            "# Execution points with an image or configuration of the user's own may run any job.",
            "POOL_RUNS = container, docker, java, parallel, vm",
        ]
    shared = _unneeded_transfers(spec)
    lines += [*([""] if lines and shared else []), *shared]
    return _file(lines, raw=group.config, whose=f"the access points {group.name}")


def limited_config() -> str:
    """Return the file ``25-limited``, for execution points whose processes the engine limits."""
    return """\
# Jobs yield to the daemons. Otherwise a job that forks without end, up to the node's limit of
# processes, leaves the daemons too little CPU time: on one core, 1024 processes were not removed
# within 47 s, but with this setting in 4 s. The share of other containers stays the same, because
# engines divide the cores by container.
JOB_RENICE_INCREMENT = 19
"""


def execution_point_config(spec: PoolSpec, group: ExecutionPoints) -> str:
    """Return the file ``60-node`` of each execution point of a group."""
    sections = [_resources(group), _gpus(group.gpus), _slots(spec, group), _attributes(group)]
    sections.append(_shared(spec))
    lines = [line for section in sections if section for line in ("", *section)][1:]
    return _file(lines, raw=group.config, whose=f"the execution points {group.name}")


def _file(lines: list[str], *, raw: str, whose: str) -> str:
    """Return the lines as a file. Raw configuration comes last, so that it wins."""
    if raw:
        lines = [*lines, *([""] if lines else []), f"# From the pool file, for {whose}."]
    return "".join(f"{line}\n" for line in lines) + raw


def _resources(group: ExecutionPoints) -> list[str]:
    cpus, memory_mb, disk_mb = group.cpus, group.memory_mb, group.disk_mb
    if group.slots is not None:
        cpus = cpus or group.slots
        memory_mb = memory_mb or group.slots * SLOT_MEMORY_MB
        disk_mb = disk_mb or group.slots * SLOT_DISK_MB
    knobs = []
    if cpus is not None:
        knobs += [f"NUM_CPUS = {cpus}"]
    if memory_mb is not None:
        knobs += ["# MiB", f"MEMORY = {memory_mb}"]
    if disk_mb is not None:
        knobs += ["# KiB", f"DISK = {disk_mb * KIB_PER_MIB}"]
    knobs += _tracking_gids(group.slots or cpus or 0)
    return ["# Advertised resources, whatever the machine has.", *knobs] if knobs else []


def _tracking_gids(jobs: int) -> list[str]:
    if jobs <= TRACKING_GIDS:
        return []
    last = FIRST_TRACKING_GID + min(jobs, MOST_TRACKING_GIDS) - 1
    return ["# One tracking group for each job that can run.", f"MAX_TRACKING_GID = {last}"]


def _gpus(kinds: Sequence[Gpus]) -> list[str]:
    """Return what advertises GPUs, in the form of ``condor_gpu_discovery -nested``."""
    each = [kind for kind in kinds for _ in range(kind.count)]
    if not each:
        return []
    ids = [f"{number:08x}" for number in range(len(each))]
    ad = [f'DetectedGPUs = "{", ".join(f"GPU-{id_}" for id_ in ids)}"']
    if len({_properties(kind) for kind in each}) == 1:
        if properties := _properties(each[0]):
            ad.append(f"Common = [ {properties} ]")
    else:
        ad += [
            f'GPU_{id_} = [ id = "GPU-{id_}"; {_properties(kind)} ]'
            for id_, kind in zip(ids, each, strict=True)
        ]
    words = " ".join(f"'{line}'" for line in ad).replace('"', '""')
    return [
        "# Simulated GPUs. HTCondor reads their ad from any program's output. This one is printf,",
        "# because condor_gpu_discovery -simulate knows only seven models.",
        f"MACHINE_RESOURCE_INVENTORY_GPUs = \"$(BIN)/printf '%s\\n' {words}\"",
    ]


def _properties(gpus: Gpus) -> str:
    properties = []
    if gpus.name is not None:
        properties.append(f'DeviceName = "{gpus.name}"')
    if gpus.memory_mb is not None:
        properties.append(f"GlobalMemoryMb = {gpus.memory_mb}")
    if gpus.capability is not None:
        properties.append(f"Capability = {gpus.capability}")
    return "; ".join(properties)


def _slots(spec: PoolSpec, group: ExecutionPoints) -> list[str]:
    if group.slots is None:
        return []
    lines = [
        "# Static slots, in place of the profile's one partitionable slot; auto divides evenly.",
        f"NUM_SLOTS = {group.slots}",
        f"NUM_SLOTS_TYPE_1 = {group.slots}",
        "SLOT_TYPE_1 = auto",
        "SLOT_TYPE_1_PARTITIONABLE = False",
    ]
    interval_s = spec.static_slot_count // MOST_UPDATES_PER_S
    if interval_s > UPDATE_INTERVAL_S:
        lines += [
            "# Each slot sends its own update. Startds that send thousands of them per second have",
            "# no time left to start jobs, nor has the collector for queries.",
            f"UPDATE_INTERVAL = {interval_s}",
        ]
    return lines


def _attributes(group: ExecutionPoints) -> list[str]:
    if not group.attributes:
        return []
    return [
        "# With the slot type's prefix, no attribute is mistaken for a knob of the same name.",
        f"SLOT_TYPE_1_STARTD_ATTRS = $(STARTD_ATTRS) {' '.join(group.attributes)}",
        *(f"SLOT_TYPE_1_{name} = {classad(value)}" for name, value in group.attributes.items()),
    ]


def _shared(spec: PoolSpec) -> list[str]:
    """Return an execution point's configuration for jobs that transfer no files."""
    if not spec.shared_paths:
        return []
    here = _is_below("TARGET.Iwd", spec.shared_paths)
    return [
        "# A job that transfers no files asks for a node with its access point's file system. It",
        "# is there if the job's directory is in a shared one. No other directory is shared, so",
        "# FILESYSTEM_DOMAIN stays the node's own, and other jobs transfer their files.",
        "SYSTEM_STARTD_ATTRS = $(SYSTEM_STARTD_ATTRS) FileSystemDomain",
        f'FileSystemDomain = ifThenElse(TARGET.ShouldTransferFiles =?= "NO" && {here}, \\',
        '  TARGET.FileSystemDomain, "$(FILESYSTEM_DOMAIN)")',
    ]


def _unneeded_transfers(spec: PoolSpec) -> list[str]:
    """Return an access point's configuration for jobs that transfer files if it is needed."""
    if not spec.shared_paths:
        return []
    paths = spec.shared_paths
    program = f"(TransferExecutable =?= false || {_is_below('Cmd', paths)})"
    # A relative path without .. is below the job's directory; others may be anywhere, or are URLs.
    inputs = r'(TransferInput =?= undefined || !regexp("(^|,) */|:|[.][.]", TransferInput))'
    # A job that is spooled is submitted while it is held for that. It runs with the spool's files.
    excepted = ["OutputDestination =?= undefined", f"HoldReasonCode =!= {SPOOLING_INPUT}"]
    needs = ['ShouldTransferFiles =?= "IF_NEEDED"', _is_below("Iwd", paths), program, inputs]
    return [
        "# The starter compares domains to find out whether a transfer is needed, and nodes have",
        "# different ones. It is not needed if directory, executable and inputs are shared.",
        "JOB_TRANSFORM_NAMES = $(JOB_TRANSFORM_NAMES) SharedFiles",
        "JOB_TRANSFORM_SharedFiles @=end",
        f"  REQUIREMENTS {' && '.join([*needs, *excepted])}",
        '  SET ShouldTransferFiles "NO"',
        "@end",
    ]


def _is_below(attribute: str, paths: Sequence[str]) -> str:
    """Return the ClassAd expression for whether a path is one of these, or below one."""
    tests = []
    for path in paths:
        below = f"{path}/"
        start = f'substr(strcat({attribute}, "/"), 0, {len(below.encode())})'
        tests.append(f"{start} =?= {classad(below)}")
    return f"({' || '.join(tests)})"


def classad(value: ClassAdValue) -> str:
    """Return a ClassAd literal in the old syntax, as the value of a configuration variable.

    In that syntax (``Lexer::tokenizeStringOld``) a backslash stands for itself, unless it precedes
    a quotation mark.
    """
    if isinstance(value, tuple):
        return "{" + ", ".join(_scalar(item) for item in value) + "}"
    return _scalar(value)


def _scalar(value: ClassAdScalar) -> str:
    match value:
        case None:
            return "undefined"
        case bool():
            return str(value)
        case int() | float():
            return repr(value)
        case str():
            escaped = value.replace('"', r"\"")
            return f'"{_literal(escaped)}"'


def _literal(text: str) -> str:
    # $(NAME), $$(NAME) and $INT(NAME) are macros. Neither $ of a pair begins a $(.
    return re.sub(r"(?<!\$)(\$\$)*\$(?!\$)", _dollar, text)


def _dollar(match: re.Match[str]) -> str:
    return f"{match[0][:-1]}$(DOLLAR)"
