"""The pods of a pool: a node's container, the volumes that it writes, and what is in them first.

The root file system of a node is read-only. What it writes is in two volumes: ``scratch`` goes with
the pod, and ``state`` outlives it. New volumes of Kubernetes are empty, unlike those of Docker, so
a container before the node's copies there what the image has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from condor_mini.base.layout import HEALTH, KEYS, LOG
from condor_mini.engine import VolumeMount
from condor_mini.export import services
from condor_mini.export.kubernetes import confinement, names
from condor_mini.export.kubernetes.confinement import has_one_user
from condor_mini.export.services import SECRETS
from condor_mini.nodes.condor_config import one_user_config
from condor_mini.nodes.fit import ONE_USER_CONFIG
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import SCRATCH
from condor_mini.nodes.planned_node import CONFIGURATION
from condor_mini.nodes.state import STATE, state_volumes, user_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import ExecutionPoints

CONTAINER = "condor"
"""The name of the container that is the node."""
PREPARE = "prepare"
"""The name of the container that runs before it, and of its script in the ConfigMap."""
STATE_VOLUME, SCRATCH_VOLUME, CONFIG_VOLUME, SECRET_VOLUME = "state", "scratch", "config", "secret"

_LIVE = """condor_who -quick | grep -q 'MASTER = "Alive"'"""
PROBES = {
    # A node waits for its central manager, and the central manager for nobody.
    "startupProbe": {
        "exec": {"command": [HEALTH]},
        "periodSeconds": 2,
        "timeoutSeconds": 20,
        "failureThreshold": 300,
    },
    "readinessProbe": {
        "exec": {"command": [HEALTH]},
        "periodSeconds": 30,
        "timeoutSeconds": 20,
        "failureThreshold": 2,
    },
    # Only the node itself is asked: jobs go on while the central manager is away. HTCondor restarts
    # its daemons in seconds, so only a master that has been silent for ten minutes is replaced.
    "livenessProbe": {
        "exec": {"command": ["sh", "-c", _LIVE]},
        "periodSeconds": 60,
        "timeoutSeconds": 20,
        "failureThreshold": 10,
    },
}

Mount = dict[str, Any]


def pod_spec(node: PlannedNode, group: ExecutionPoints | None) -> dict[str, Any]:
    """Return the specification of a node's pod.

    Args:
        node: The node.
        group: Its group in the pool file, if it is an execution point.
    """
    shared = list(shared_volumes(node))
    return {
        # Service links are variables, and the images take CONDOR_SERVICE_HOST for a central
        # manager; no node talks to Kubernetes.
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        # HTCondor ends its daemons within 9 s: images/condor-base/config.d/29-profiles.
        "terminationGracePeriodSeconds": 30,
        "securityContext": confinement.pod_security(node),
        "initContainers": [_preparation(node, shared)],
        "containers": [_container(node, shared, group)],
        "volumes": [
            {"name": SCRATCH_VOLUME, "emptyDir": {}},
            {"name": CONFIG_VOLUME, "configMap": {"name": names.set_of(node)}},
            {
                "name": SECRET_VOLUME,
                "secret": {
                    "secretName": names.secret_of(node.pool, node.role),
                    "defaultMode": services.Mode(0o440 if has_one_user(node) else 0o400),
                },
            },
            *(
                {"name": volume, "persistentVolumeClaim": {"claimName": volume}}
                for volume in dict.fromkeys(mount.volume for mount in shared)
            ),
        ],
    }


def configuration_of(node: PlannedNode) -> dict[str, str]:
    """Return HTCondor's configuration of a node, by the names of its files."""
    files = {target: text for _, target, text in services.configuration(node)}
    if has_one_user(node):
        files[ONE_USER_CONFIG] = one_user_config()
    return {path.rpartition("/")[2]: files[path] for path in sorted(files)}


def state_of(node: PlannedNode) -> dict[str, str]:
    """Return the directories that a node's volume keeps, by their names in the volume.

    Execution points have no such volume. The central manager's key is in a Secret.
    """
    if node.role is Role.EXECUTION_POINT:
        return {}
    return {name: at for name, at in STATE[node.role].items() if not _is_secret(node, at)}


def _is_secret(node: PlannedNode, directory: str) -> bool:
    return node.role is Role.CENTRAL_MANAGER and directory == KEYS


def _scratch_of(node: PlannedNode) -> list[str]:
    """Return the directories that a node writes and that go with its pod."""
    own = {mount.target for mount in node.container.mounts if isinstance(mount, VolumeMount)}
    own -= set(STATE[node.role].values())
    if has_one_user(node):
        own.add("/home")  # the image's will do: nobody writes there
    logs = () if state_of(node) else (LOG,)
    return sorted({*SCRATCH[node.role], *logs}.difference(own))


def _container(
    node: PlannedNode, shared: list[VolumeMount], group: ExecutionPoints | None
) -> dict[str, Any]:
    container = node.container
    mounts: list[Mount] = [
        {"name": SCRATCH_VOLUME, "mountPath": at, "subPath": at.lstrip("/")}
        for at in _scratch_of(node)
    ]
    mounts += [
        {"name": STATE_VOLUME, "mountPath": at, "subPath": name}
        for name, at in state_of(node).items()
    ]
    if not has_one_user(node):
        mounts.append({"name": SECRET_VOLUME, "mountPath": SECRETS, "readOnly": True})
    mounts += [_shared_mount(mount) for mount in shared]
    return services.given(
        {
            "name": CONTAINER,
            "image": container.image,
            "env": [
                {"name": name, "value": literal(value)}
                for name, value in services.environment(node).items()
            ],
            "ports": [{"name": CONTAINER, "containerPort": 9618}],
            "resources": _resources(node, group),
            **PROBES,
            "securityContext": confinement.node_security(node),
            "volumeMounts": mounts,
        }
    )


def _preparation(node: PlannedNode, shared: list[VolumeMount]) -> dict[str, Any]:
    """Return the container that fills the volumes before the node starts."""
    writable = [mount for mount in shared if mount.target in user_volumes(node)]
    if has_one_user(node):  # it may not let others write there
        writable = []
    mounts: list[Mount] = [
        {"name": SCRATCH_VOLUME, "mountPath": f"/{SCRATCH_VOLUME}"},
        {"name": CONFIG_VOLUME, "mountPath": f"/{CONFIG_VOLUME}"},
    ]
    if state_of(node):
        mounts.append({"name": STATE_VOLUME, "mountPath": f"/{STATE_VOLUME}"})
    if has_one_user(node):
        mounts.append({"name": SECRET_VOLUME, "mountPath": f"/{SECRET_VOLUME}"})
    return {
        "name": PREPARE,
        "image": node.container.image,
        "command": ["sh", f"/{CONFIG_VOLUME}/{PREPARE}"],
        "args": [literal(word) for word in (*_copies(node), *(mount.target for mount in writable))],
        "securityContext": confinement.prepare_security(node),
        "volumeMounts": [*mounts, *(_shared_mount(mount) for mount in writable)],
    }


def _copies(node: PlannedNode) -> Iterator[str]:
    """Yield what is copied to the volumes: SOURCE:COPY, without a source for a new directory."""
    volumes = {at: f"/{SCRATCH_VOLUME}{at}" for at in _scratch_of(node)}
    volumes |= {at: f"/{STATE_VOLUME}/{name}" for name, at in state_of(node).items()}
    for at, copy in volumes.items():
        if at == "/run" or not has_one_user(node):
            yield f"{at}:{copy}"
        elif at == CONFIGURATION:
            # The rest is root's alone, and the daemons make it.
            for name in ("condor_config", "config.d"):
                yield f"{at}/{name}:{copy}/{name}"
            yield f":/{SCRATCH_VOLUME}{KEYS}"
        else:
            yield f":{copy}"


def _resources(node: PlannedNode, group: ExecutionPoints | None) -> dict[str, Any]:
    """Return limits, and requests: what an execution point offers to jobs is kept for it."""
    cpus, memory_mb = node.container.cpus, node.container.memory_mb
    limits = {"cpu": _cores(cpus), "memory": _mebibytes(memory_mb)}
    requests: dict[str, str | None] = {}
    if group:
        # A request must not be above the limit.
        requests = {
            "cpu": _cores(_least(group.cpus, cpus)),
            "memory": _mebibytes(_least(group.memory_mb, memory_mb)),
            "ephemeral-storage": _mebibytes(group.disk_mb),
        }
    return services.given({"requests": services.given(requests), "limits": services.given(limits)})


def _least(offered: float | None, limit: float | None) -> float | None:
    return offered if offered is None or limit is None else min(offered, limit)


def _cores(number: float | None) -> str | None:
    if number is None:
        return None
    return f"{number:.0f}" if number == int(number) else f"{round(number * 1000)}m"


def _mebibytes(number: float | None) -> str | None:
    return None if number is None else f"{number:.0f}Mi"


def literal(text: str) -> str:
    """Return text for an argument or a variable, where Kubernetes puts the value for $(NAME)."""
    return text.replace("$", "$$")


def shared_volumes(node: PlannedNode) -> Iterator[VolumeMount]:
    """Yield the volumes that the pool's nodes share."""
    own = state_volumes(node)
    for mount in node.container.mounts:
        if isinstance(mount, VolumeMount) and mount.volume not in own:
            yield mount


def _shared_mount(mount: VolumeMount) -> Mount:
    made: Mount = {"name": mount.volume, "mountPath": mount.target}
    return {**made, "readOnly": True} if mount.read_only else made
