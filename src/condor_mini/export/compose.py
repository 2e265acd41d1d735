"""A pool as a Compose file, which ``docker compose up`` runs without condor-mini.

Each access point is a service, because it has state of its own; each group of execution points is
one, with as many containers as the group has nodes. The central manager makes its key when it
first starts. The service ``prepare`` signs a token for each role with it, which the other nodes
find at ``/root/secrets``, so no secret is in the files; and it lets users write to volumes that the
nodes share. The format is that of the Compose specification, as far as docker-compose 1.29 knows
it.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import yaml

from condor_mini.base.errors import UsageError
from condor_mini.base.layout import KEYS, LABEL, USER_IDS
from condor_mini.base.words import counted
from condor_mini.engine import BindMount, VolumeMount
from condor_mini.nodes.certificates import VARIABLES
from condor_mini.nodes.condor_config import limited_config
from condor_mini.nodes.fit import LIMITED_CONFIG
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.nodes.state import state_volumes, user_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

    Service = dict[str, Any]

FILE = "compose.yaml"
"""The Compose file's name."""
CONFIG = "config"
"""The directory beside it with HTCondor's configuration."""
PREPARE = "prepare"
"""The service that runs before the access points and execution points, and ends."""
_AT = "/tokens"
_SECRETS = "/root/secrets"
_AUTHORIZATIONS = {
    Role.ACCESS_POINT: ("ADVERTISE_SCHEDD", "ADVERTISE_MASTER"),
    Role.EXECUTION_POINT: ("ADVERTISE_STARTD", "ADVERTISE_MASTER"),
}
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
    _check(spec, nodes)
    configs: dict[str, str] = {}
    services: dict[str, Service] = {}
    for node, count in _services(nodes):
        name = _name(node)
        services[name] = _service(node, count, _configuration(node, name, configs))
    manager = nodes[0].name
    services[PREPARE] = _preparation(nodes, services[manager]["volumes"])
    for name, service in services.items():
        if name not in (manager, PREPARE):
            service["depends_on"] = {PREPARE: {"condition": "service_completed_successfully"}}
    document = {"services": services, "volumes": {name: {} for name in _volumes(services)}}
    header = _HEADER.format(
        what=_words(spec),
        access=next((n for n in services if "-submit-" in n), manager),
        execute=_name(nodes[-1]),
    )
    return {FILE: header + _yaml(document), **configs}


def _check(spec: PoolSpec, nodes: Sequence[PlannedNode]) -> None:
    problem = ""
    if own := [node.group for node in nodes if node.has_own_image]:
        problem = (
            f"the group {own[0]} has an image of its own, beside which condor-mini puts HTCondor: "
            "build an image on condor-execute, and name it in the Compose file"
        )
    elif spec.reachable:
        problem = "reachable: condor-mini chooses the ports. Write them into `ports` of each group"
    elif spec.user_ids != USER_IDS:
        problem = "user: `condor-mini build` makes images in which jovyan has UID 1000"
    if problem:
        raise UsageError(f"a Compose file cannot have all that this pool has: {problem}")


def _services(nodes: Sequence[PlannedNode]) -> Iterator[tuple[PlannedNode, int]]:
    """Yield the first node of each service, and the number of its containers."""
    groups: dict[str, list[PlannedNode]] = {}
    for node in nodes:
        groups.setdefault(_name(node), []).append(node)
    for of_service in groups.values():
        yield of_service[0], len(of_service)


def _name(node: PlannedNode) -> str:
    """Return the name of a node's service: the node's, or that of a group of execution points."""
    if node.role is not Role.EXECUTION_POINT:
        return node.name
    suffix = "" if node.group == "default" else f"-{node.group}"
    return f"{node.pool}-{node.role}{suffix}"


def _configuration(node: PlannedNode, name: str, configs: dict[str, str]) -> list[str]:
    """Add a node's configuration to the files, and return the mounts that show it to the node."""
    mounts = []
    limited = {LIMITED_CONFIG: limited_config()} if node.container.pids else {}
    for path, text in {**limited, **node.files}.items():
        if not text:
            continue
        file = path.rpartition("/")[2]
        of_pool = file.endswith("-pool") and node.role is not Role.CENTRAL_MANAGER
        place = f"{CONFIG}/{node.pool if of_pool else name}.{file}"
        configs[place] = text
        mounts.append(f"./{place}:/{path}:ro")
    return mounts


def _service(node: PlannedNode, count: int, configuration: list[str]) -> Service:
    container = node.container
    is_group = node.role is Role.EXECUTION_POINT
    environment = {k: v for k, v in container.environment.items() if k not in VARIABLES}
    labels = {k: v for k, v in container.labels.items() if not k.startswith(f"{LABEL}.")}
    volumes = [*configuration, *_mounts(node)]
    if node.role in _AUTHORIZATIONS:
        volumes.append(f"{_tokens_of(node.role)}:{_SECRETS}:ro")
    service = {
        "image": container.image,
        "hostname": None if is_group else container.hostname,
        "scale": count if is_group else None,
        "environment": environment,
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
        "labels": labels,
    }
    return {key: value for key, value in service.items() if value not in (None, [], {})}


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
        *(
            f"condor_token_create -identity condor@$(condor_config_val UID_DOMAIN) "
            f"{' '.join(f'-authz {each}' for each in authorizations)} >{_AT}/{role}/token"
            for role, authorizations in _AUTHORIZATIONS.items()
        ),
        *(f"chmod 1777 {shlex.quote(target)}" for target in shared),
    ]
    return {
        "image": manager.container.image,
        "entrypoint": ["sh", "-euc", "\n".join(lines)],
        "depends_on": {manager.name: {"condition": "service_healthy"}},
        "volumes": [
            *configuration,
            f"{key}:ro",
            *(f"{_tokens_of(role)}:{_AT}/{role}" for role in _AUTHORIZATIONS),
            *shared.values(),
        ],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }


def _volumes(services: Mapping[str, Service]) -> list[str]:
    """Return the names of the volumes that the services have."""
    sources = (volume.split(":") for each in services.values() for volume in each["volumes"])
    named = {source for source, *_ in sources if source[0] not in "./"}
    return sorted(named)


def _words(spec: PoolSpec) -> str:
    access_points = counted(spec.access_point_count, "access point")
    execution_points = counted(spec.execution_point_count, "execution point")
    return f"a central manager, {access_points}, {execution_points}"


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, and repeats what is the same."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 (yaml calls it)
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    # Compose would take $NAME for a variable of its caller.
    escaped = text.replace("$", "$$")
    return dumper.represent_scalar("tag:yaml.org,2002:str", escaped, style=style)


_Dumper.add_representer(str, _text)


def _yaml(document: Mapping[str, object]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000)
