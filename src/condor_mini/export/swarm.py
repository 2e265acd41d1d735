"""A pool as a stack of Docker Swarm, which ``docker stack deploy`` runs without condor-mini.

The key and the tokens are Swarm's secrets, which a script beside the stack file makes once. A
configuration of Swarm's never changes, so each has a digest of its text in its name: a stack file
that is written again replaces the nodes that it concerns.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import TYPE_CHECKING

from condor_mini.base.layout import HEALTH
from condor_mini.engine import BindMount, VolumeMount
from condor_mini.export import services
from condor_mini.export.services import AUTHORIZATIONS, CONFIG, SECRETS, Service
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.nodes.state import state_volumes, user_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

FILE = "stack.yaml"
"""The stack file's name."""
SCRIPT = "secrets.sh"
"""The script that makes the key and the tokens."""
NETWORK = "pool"
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (what the pool file asks for)
_HEADER = """\
# An HTCondor pool on Docker Swarm: {what}
#
#   docker swarm init                         once, if there is no swarm; other hosts join it
#   sh secrets.sh                             once: the key and the tokens of the pool
#   docker stack deploy --resolve-image never -c stack.yaml {pool}
#   docker service scale {pool}_{execute}=6
#   docker stack rm {pool}
#
# Each host needs the images. `docker stack rm` leaves the volumes, with queue and homes.
# `condor-mini export swarm` has written this file, secrets.sh and the directory config.

"""
_SCRIPT = """#!/bin/sh
# Makes the secrets of the pool {pool} once, on a manager of the swarm: the key that signs tokens,
# and a token for each role. They are in no file and on no command line. To have others made:
#   docker secret rm {secrets}
set -eu
image={image}
set -- {secrets}
found=''
for secret; do
  if docker secret inspect "$secret" >/dev/null 2>&1; then found="$found $secret"; fi
done
case $found in
  '') ;;
  " $*") echo "the secrets of {pool} are there"; exit ;;
  *)
    echo "some secrets of {pool} are there, and some are not. Make all anew:" >&2
    echo "  docker secret rm$found && sh $0" >&2
    exit 1
    ;;
esac

# signed COMMAND: runs a command where the key is
signed() {{
  printf %s "$key" | docker run --rm -i -e _CONDOR_TRUST_DOMAIN={domain} \\
    --entrypoint sh "$image" -euc "umask 077; base64 -d >/etc/condor/passwords.d/POOL; $1"
}}

key=$(docker run --rm --entrypoint sh "$image" -euc '
  head -c 64 /dev/urandom | base64 -w 0')
{tokens}
printf %s "$key" | base64 -d | docker secret create {key} -
"""
_SIGNED = """\
token=$(signed {command})
printf '%s\\n' "$token" | docker secret create {secret} -"""

_HEALTH = {
    "test": ["CMD", HEALTH],
    "interval": "30s",
    "timeout": "20s",
    "retries": 20,
    "start_period": "2m",
}
"""Swarm replaces a node that is not healthy, and its jobs end with it. It is to do so only when the
node has not come back in ten minutes; HTCondor itself restarts its daemons in seconds."""


def swarm_files(spec: PoolSpec) -> dict[str, str]:
    """Return the text of each file, by its path: stack file, script, HTCondor's configuration.

    Raises:
        UsageError: The spec has something that only condor-mini can do, or Swarm cannot.
    """
    nodes = planned_nodes(spec)
    services.check("a stack file", spec, nodes, _problems(spec, nodes))
    secrets = _secrets(spec)
    texts: dict[str, str] = {}
    made: dict[str, Service] = {}
    configs: dict[str, dict[str, str]] = {}
    for node, count in services.services_of(nodes):
        shown = []
        for place, target, text in services.configuration(node):
            texts[place] = text
            source = place.removeprefix(f"{CONFIG}/")
            digest = hashlib.sha256(text.encode()).hexdigest()[:8]
            configs[source] = {"file": f"./{place}", "name": f"{source}-{digest}"}
            shown.append({"source": source, "target": target, "mode": services.Mode(0o444)})
        secret = secrets[node.role]
        made[services.name_of(node)] = _service(node, count, secret=secret, configs=shown)
    document = {
        "version": "3.9",
        "services": made,
        # Nodes that are started by hand can join it, as on any network of the pool's.
        "networks": {NETWORK: {"driver": "overlay", "attachable": True}},
        "configs": configs,
        "secrets": {name: {"external": True} for name in secrets.values()},
        "volumes": {name: {} for name in _volumes(nodes)},
    }
    header = _HEADER.format(
        what=services.words(spec), pool=spec.name, execute=services.name_of(nodes[-1])
    )
    return {FILE: header + services.as_yaml(document), SCRIPT: _script(spec, nodes[0]), **texts}


def _problems(spec: PoolSpec, nodes: Sequence[PlannedNode]) -> Iterator[str]:
    """Yield what Swarm cannot have."""
    if spec.shared and not spec.shared.source:
        yield (
            "shared: a volume is of one host. Name a directory that all hosts have at the same "
            "path, by NFS say: shared: {path: /shared, source: /srv/shared}"
        )
    shared = {spec.shared.path} if spec.shared else set()
    for node in nodes:
        for place in user_volumes(node):
            if place not in shared:
                yield (
                    f"volumes: the volume at {place} would be root's, on each host another. "
                    "Name a directory of the hosts"
                )
        for port in node.container.ports:
            if port.host_ip not in EVERYWHERE:
                yield (
                    f"ports: Swarm publishes at all addresses of a host, not at {port.host_ip}. "
                    f"If it may: {EVERYWHERE[0]}:{port.host_port or ''}:{port.container_port}"
                )


def _secrets(spec: PoolSpec) -> dict[Role, str]:
    """Return the name of each role's secret: the key, and the tokens."""
    tokens = {role: f"{spec.name}-{role}-token" for role in AUTHORIZATIONS}
    return {Role.CENTRAL_MANAGER: f"{spec.name}-key", **tokens}


def _service(
    node: PlannedNode, count: int, *, secret: str, configs: list[dict[str, object]]
) -> Service:
    container = node.container
    is_group = node.role is Role.EXECUTION_POINT
    file = "pool_password" if node.role is Role.CENTRAL_MANAGER else "token"
    mounted = {"source": secret, "target": f"{SECRETS}/{file}", "mode": services.Mode(0o400)}
    limits = {
        "cpus": None if container.cpus is None else f"{container.cpus:g}",
        "memory": f"{container.memory_mb}m" if container.memory_mb else None,
        "pids": container.pids,
    }
    deploy = {
        "replicas": count,
        # Names lead to the containers themselves: HTCondor's daemons are addressed one by one.
        "endpoint_mode": "dnsrr",
        # What has state runs where its volumes are.
        "placement": None if is_group else {"constraints": ["node.role == manager"]},
        "resources": {"limits": services.given(limits)} if services.given(limits) else None,
        "restart_policy": {"condition": "any", "delay": "1s"},
        "update_config": {"parallelism": 1, "order": "stop-first", "failure_action": "pause"},
    }
    return services.given(
        {
            "image": container.image,
            "hostname": f"{services.name_of(node)}-{{{{.Task.Slot}}}}" if is_group else node.name,
            "networks": [NETWORK],
            "environment": services.environment(node),
            "configs": configs,
            "secrets": [mounted],
            "volumes": list(_mounts(node)),
            "ports": [
                {"target": port.container_port, "published": port.host_port, "mode": "host"}
                for port in container.ports
            ],
            "cap_drop": list(container.cap_drop),
            "cap_add": list(container.cap_add),
            "stop_grace_period": "10s",
            "healthcheck": _HEALTH,
            "labels": services.labels(node),
            "deploy": services.given(deploy),
        }
    )


def _mounts(node: PlannedNode) -> Iterator[str]:
    """Yield the node's mounts; an execution point keeps no state outside its container."""
    for mount in node.container.mounts:
        if isinstance(mount, BindMount):
            yield f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}"
        elif isinstance(mount, VolumeMount) and node.role is not Role.EXECUTION_POINT:
            yield f"{mount.volume}:{mount.target}{':ro' if mount.read_only else ''}"


def _volumes(nodes: Sequence[PlannedNode]) -> list[str]:
    return sorted(
        name
        for node in nodes
        if node.role is not Role.EXECUTION_POINT
        for name in state_volumes(node)
    )


def _script(spec: PoolSpec, manager: PlannedNode) -> str:
    secrets = _secrets(spec)
    tokens = "\n".join(
        _SIGNED.format(command=shlex.quote(services.token_command(role)), secret=secrets[role])
        for role in AUTHORIZATIONS
    )
    return _SCRIPT.format(
        pool=spec.name,
        key=secrets[Role.CENTRAL_MANAGER],
        secrets=" ".join(secrets.values()),
        domain=shlex.quote(f"{spec.name}.$(UID_DOMAIN)"),
        image=manager.container.image,
        tokens=tokens,
    )
