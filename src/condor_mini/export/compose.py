"""A pool as a Compose file, which ``docker compose up`` runs without condor-mini.

The central manager makes its key when it first starts. The service ``prepare`` signs a token for
each role with it, which the other nodes find at ``/root/secrets``, so no secret is in the files;
and it lets users write to volumes that the nodes share. The format is that of the Compose
specification, as far as docker-compose 1.29 knows it.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from condor_mini.base.layout import KEYS
from condor_mini.engine import BindMount, VolumeMount
from condor_mini.export import services
from condor_mini.export.services import AUTHORIZATIONS, SECRETS, Service
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.nodes.state import state_volumes, user_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

FILE = "compose.yaml"
"""The Compose file's name."""
PREPARE = "prepare"
"""The service that runs before the access points and execution points, and ends."""
_AT = "/tokens"
_HEADER = """\
# An HTCondor pool: {what}
#
#   docker compose up -d                      start it; `condor-mini build` has made the images
#   docker compose exec -u jovyan {access} bash
#   docker compose up -d --scale {execute}=5
#   docker compose down                       end it; with -v also delete its queue and key
#
# `condor-mini export compose` has written this file and the directory config.

"""


def compose_files(spec: PoolSpec) -> dict[str, str]:
    """Return the text of each file, by its path: the Compose file, and HTCondor's configuration.

    Raises:
        UsageError: The spec has something that only condor-mini can do.
    """
    nodes = planned_nodes(spec)
    services.check("a Compose file", spec, nodes)
    configs: dict[str, str] = {}
    made: dict[str, Service] = {}
    for node, count in services.services_of(nodes):
        shown = []
        for place, target, text in services.configuration(node):
            configs[place] = text
            shown.append(f"./{place}:{target}:ro")
        made[services.name_of(node)] = _service(node, count, shown)
    manager = nodes[0].name
    made[PREPARE] = _preparation(nodes, made[manager]["volumes"])
    for name, service in made.items():
        if name not in (manager, PREPARE):
            service["depends_on"] = {PREPARE: {"condition": "service_completed_successfully"}}
    document = {"services": made, "volumes": {name: {} for name in _volumes(made)}}
    header = _HEADER.format(
        what=services.words(spec),
        access=next((n for n in made if "-submit-" in n), manager),
        execute=services.name_of(nodes[-1]),
    )
    return {FILE: header + services.as_yaml(document), **configs}


def _service(node: PlannedNode, count: int, configuration: list[str]) -> Service:
    container = node.container
    is_group = node.role is Role.EXECUTION_POINT
    volumes = [*configuration, *_mounts(node)]
    if node.role in AUTHORIZATIONS:
        volumes.append(f"{_tokens_of(node.role)}:{SECRETS}:ro")
    service: Service = {
        "image": container.image,
        "hostname": None if is_group else container.hostname,
        "scale": count if is_group else None,
        "environment": services.environment(node),
        "volumes": volumes,
        "ports": [
            f"{port.host_ip}:{port.host_port or ''}:{port.container_port}"
            for port in container.ports
        ],
        "cap_drop": list(container.cap_drop),
        "cap_add": list(container.cap_add),
        "security_opt": ["no-new-privileges:true"],
        "cpus": container.cpus,
        "mem_limit": f"{container.memory_mb}m" if container.memory_mb else None,
        "pids_limit": container.pids,
        "labels": services.labels(node),
    }
    return services.given(service)


def _mounts(node: PlannedNode) -> Iterator[str]:
    """Yield the node's mounts, without those that would leave volumes without a name behind.

    So roots are not read-only, and an execution point keeps no state outside its container.
    """
    own = state_volumes(node) if node.role is Role.EXECUTION_POINT else []
    for mount in node.container.mounts:
        if isinstance(mount, BindMount):
            yield f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"
        elif isinstance(mount, VolumeMount) and mount.volume not in own:
            yield _named(node, mount)


def _named(node: PlannedNode, mount: VolumeMount) -> str:
    volume = mount.volume.removeprefix(f"{node.pool}-")
    return f"{volume}:{mount.target}{':ro' if mount.read_only else ''}"


def _tokens_of(role: Role) -> str:
    return f"{role}-token"


def _preparation(nodes: Sequence[PlannedNode], of_manager: Sequence[str]) -> Service:
    """Return the service that makes the nodes' tokens and lets users write to shared volumes.

    Args:
        nodes: All nodes of the pool; the first is the central manager.
        of_manager: The mounts of the central manager's service.
    """
    manager = nodes[0]
    key = next(volume for volume in of_manager if volume.endswith(f":{KEYS}"))
    configuration = [volume for volume in of_manager if volume.endswith("/40-pool:ro")]
    shared = {
        mount.target: _named(node, mount)
        for node in nodes
        for mount in node.container.mounts
        if isinstance(mount, VolumeMount) and mount.target in user_volumes(node)
    }
    lines = [
        "umask 077",
        *(f"{services.token_command(role)} >{_AT}/{role}/token" for role in AUTHORIZATIONS),
        *(f"chmod 1777 {shlex.quote(target)}" for target in shared),
    ]
    return {
        "image": manager.container.image,
        "entrypoint": ["sh", "-euc", "\n".join(lines)],
        "depends_on": {manager.name: {"condition": "service_healthy"}},
        "volumes": [
            *configuration,
            f"{key}:ro",
            *(f"{_tokens_of(role)}:{_AT}/{role}" for role in AUTHORIZATIONS),
            *shared.values(),
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _volumes(made: Mapping[str, Service]) -> list[str]:
    """Return the names of the volumes that services have."""
    sources = (volume.split(":") for each in made.values() for volume in each["volumes"])
    named = {source for source, *_ in sources if source[0] not in "./"}
    return sorted(named)
