"""HTCondor's configuration for the nodes of a pool: a spec in, text out.

Two files of a node's ``/etc/condor/config.d`` are rendered, ``40-pool`` and ``60-node``; of two
files that set the same knob the later one wins. What is the same for every pool stands in plain
files in the images. The knobs are those of HTCondor's manual, "Configuration Macros"; why each is
set is said beside it, in what is rendered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condor_mini.spec import AccessPoints, ExecutionPoints, Gpus, PoolSpec
    from condor_mini.spec.attributes import ClassAdScalar, ClassAdValue

KIB_PER_MIB = 1024
SLOT_MEMORY_MB = 2048
"""Of each static slot, where the pool file says nothing."""
SLOT_DISK_MB = 10 * 1024
MOST_UPDATES_PER_S = 100
"""Of one startd. At 2000 a second, 50 jobs on 10,000 slots took 83 s; at 100 they took 6 s."""
UPDATE_INTERVAL_S = 5
"""As in 30-profile-dev."""
FIRST_TRACKING_GID = 50_000
"""As in 20-role-execute."""
TRACKING_GIDS = 1000
MOST_TRACKING_GIDS = 15_000
"""Rootless engines have 65536 groups in a container."""


def central_manager_host(spec: PoolSpec) -> str:
    """The host name of the central manager."""
    return f"{spec.name}-master"


def pool_config(spec: PoolSpec, *, is_central_manager: bool = False) -> str:
    """The file ``40-pool``: what every node is told.

    The central manager keeps the CONDOR_HOST of its role: its own address, for which it needs no
    name server.
    """
    lines = [
        "# The issuer of this pool's tokens.",
        f"TRUST_DOMAIN = {spec.name}.$(UID_DOMAIN)",
    ]
    if spec.read == "anyone":
        lines += ["# Who reads ads, queues and configuration.", "POOL_READ = anyone"]
    if not is_central_manager:
        lines += [
            "# The central manager, by its name: its address may be another after a restart.",
            f"CONDOR_HOST = {central_manager_host(spec)}",
        ]
    return _file(lines, raw=spec.config, whose="every node")


def one_user_config() -> str:
    """The file ``25-one-user``: for nodes where all is run by the one user there is."""
    return """\
# All daemons and jobs are one user's here: who administers, advertises and negotiates is that one.
STATE = /var/lib/condor
SEC_TOKEN_DIRECTORY = /etc/condor/tokens.d
POOL_DAEMONS = $(USERNAME)@$(UID_DOMAIN) condor@*
# By a token of that user's, which is limited, others have the same name: it advertises no jobs.
IS_FROM_ONE_USER = (AuthenticatedIdentity == "$(USERNAME)@$(UID_DOMAIN)" \\
  && stringListMember(MyType, "DaemonMaster,Negotiator,Accounting"))

# That takes root.
USE_GID_PROCESS_TRACKING = False
"""


def preload_config(libraries: str) -> str:
    """The file ``36-preload``: what the programs of an image of the user's own are to load first.

    Args:
        libraries: As ``LD_PRELOAD`` has them, between colons or spaces.
    """
    words = " ".join(libraries.split()).replace("'", "''").replace('"', '""')
    return f"""\
# For jobs alone. These libraries need the image's libc, and HTCondor's programs have another.
STARTER_JOB_ENVIRONMENT = "LD_PRELOAD='{_literal(words)}'"
"""


def central_manager_config(spec: PoolSpec) -> str:
    """The file ``60-node`` of the central manager; empty where the spec says nothing of it."""
    return _file([], raw=spec.central_manager.config, whose="the central manager")


def access_point_config(spec: PoolSpec, group: AccessPoints) -> str:  # noqa: ARG001 (as the others)
    """The file ``60-node`` of each access point of a group; empty where the spec says nothing."""
    return _file([], raw=group.config, whose=f"the access points {group.name}")


def limited_config() -> str:
    """The file ``25-limited``: for execution points whose processes the engine limits."""
    return """\
# Jobs yield to the daemons. One that forks without end, and takes all processes that the node may
# have, leaves them too little of the cores else: 1024 processes on one core were not removed within
# 47 s, and so in 4 s. Other containers' share is the same: engines divide the cores by container.
JOB_RENICE_INCREMENT = 19
"""


def execution_point_config(spec: PoolSpec, group: ExecutionPoints) -> str:  # noqa: ARG001
    """The file ``60-node`` of each execution point of a group."""
    sections = [_resources(group), _gpus(group.gpus), _slots(group), _attributes(group)]
    lines = [line for section in sections if section for line in ("", *section)][1:]
    return _file(lines, raw=group.config, whose=f"the execution points {group.name}")


def _file(lines: list[str], *, raw: str, whose: str) -> str:
    """Raw configuration comes last, so that it wins."""
    if raw:
        lines = [*lines, *([""] if lines else []), f"# The pool file's own, for {whose}."]
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
    return ["# What it advertises, whatever the machine has.", *knobs] if knobs else []


def _tracking_gids(jobs: int) -> list[str]:
    if jobs <= TRACKING_GIDS:
        return []
    last = FIRST_TRACKING_GID + min(jobs, MOST_TRACKING_GIDS) - 1
    return ["# One group for each job that runs at once.", f"MAX_TRACKING_GID = {last}"]


def _gpus(gpus: Gpus) -> list[str]:
    if gpus.count == 0:
        return []
    ids = ", ".join(f"GPU-{number:08x}" for number in range(gpus.count))
    properties = []
    if gpus.name is not None:
        properties.append(f'DeviceName = "{gpus.name}"')
    if gpus.memory_mb is not None:
        properties.append(f"GlobalMemoryMb = {gpus.memory_mb}")
    if gpus.capability is not None:
        properties.append(f"Capability = {gpus.capability}")
    ad = [f'DetectedGPUs = "{ids}"']
    if properties:
        ad.append(f"Common = [ {'; '.join(properties)} ]")
    words = " ".join(f"'{line}'" for line in ad).replace('"', '""')
    return [
        "# GPUs that are not there. HTCondor takes their ad from any program; condor_gpu_discovery",
        "# -simulate knows only seven models.",
        f"MACHINE_RESOURCE_INVENTORY_GPUs = \"$(BIN)/printf '%s\\n' {words}\"",
    ]


def _slots(group: ExecutionPoints) -> list[str]:
    if group.slots is None:
        return []
    lines = [
        "# Static slots, in place of the profile's one partitionable slot; auto divides evenly.",
        f"NUM_SLOTS = {group.slots}",
        f"NUM_SLOTS_TYPE_1 = {group.slots}",
        "SLOT_TYPE_1 = auto",
        "SLOT_TYPE_1_PARTITIONABLE = False",
    ]
    interval_s = group.slots // MOST_UPDATES_PER_S
    if interval_s > UPDATE_INTERVAL_S:
        lines += [
            "# Each slot is an update of its own: a startd that sends thousands a second has no",
            "# time left to start jobs.",
            f"UPDATE_INTERVAL = {interval_s}",
        ]
    return lines


def _attributes(group: ExecutionPoints) -> list[str]:
    if not group.attributes:
        return []
    return [
        "# Under the slot type's name, where no attribute is mistaken for a knob of the same name.",
        f"SLOT_TYPE_1_STARTD_ATTRS = $(STARTD_ATTRS) {' '.join(group.attributes)}",
        *(f"SLOT_TYPE_1_{name} = {classad(value)}" for name, value in group.attributes.items()),
    ]


def classad(value: ClassAdValue) -> str:
    """A ClassAd literal as the value of a configuration variable, in the old ClassAd syntax.

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
    # $(NAME), $$(NAME) and $INT(NAME) are macros, and of a pair of $ neither begins a $(.
    return re.sub(r"(?<!\$)(\$\$)*\$(?!\$)", _dollar, text)


def _dollar(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}$(DOLLAR)"
