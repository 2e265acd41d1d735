"""The manifests of a pool, and the Kustomize base that they are.

Each node is a pod of a StatefulSet, so that it keeps its name, which HTCondor stores in queue and
ads. The key and the tokens are Secrets, which a script beside the manifests makes with kubectl.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condor_mini.base.layout import LABEL
from condor_mini.export import services
from condor_mini.export.kubernetes import names, pods
from condor_mini.export.kubernetes.problems import problems_of
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.nodes.planned_node import PlannedNode
    from condor_mini.spec import PoolSpec

FILE = "kustomization.yaml"
"""The Kustomize base."""
SCRIPT = "secrets.sh"
"""The script that makes the key and the tokens."""
MANIFESTS = "manifests"
"""The directory with the manifests."""
PORT = 9618
"""HTCondor's port. All daemons of a node share it."""
_HERE = Path(__file__).parent
_STATE_SIZE = {Role.CENTRAL_MANAGER: "2Gi", Role.ACCESS_POINT: "10Gi"}
_SHARED_SIZE = "10Gi"
_HEADER = """\
# An HTCondor pool on Kubernetes: {what}
#
#   kubectl apply -k .                        or plain: kubectl apply -f manifests
#   sh secrets.sh                             once: the key and the tokens of the pool
#   kubectl scale statefulset {execute} --replicas=6
#   kubectl delete -k .
#
# The cluster needs the images: kind load docker-image {images}
# Elsewhere push them, and say where: kustomize edit set image {bare}=REGISTRY/{image}
# `kubectl delete` leaves the Secrets, and the volumes with queue and homes.
# `condor-mini export kubernetes` has written this file, secrets.sh and the directory manifests.

"""

Manifest = dict[str, Any]


def kubernetes_files(spec: PoolSpec) -> dict[str, str]:
    """Return the text of each file, by its path: the Kustomize base, the script, the manifests.

    Raises:
        UsageError: The spec has something that only condor-mini can do, or Kubernetes cannot.
    """
    nodes = planned_nodes(spec)
    services.check(
        "manifests of Kubernetes",
        spec,
        nodes,
        problems_of(spec, nodes),
        instead="Leave it out, and use `kubectl port-forward`",
    )
    files = {
        "central-manager": _of_role(spec, nodes, Role.CENTRAL_MANAGER),
        "access-points": _of_role(spec, nodes, Role.ACCESS_POINT),
        "execution-points": _of_role(spec, nodes, Role.EXECUTION_POINT),
        "shared-volumes": _claims(nodes),
        "network-policy": [_network_policy(spec)],
        "disruption-budget": [_disruption_budget(spec)],
    }
    texts = {
        f"{MANIFESTS}/{name}.yaml": "---\n".join(map(services.as_plain_yaml, manifests))
        for name, manifests in files.items()
        if manifests
    }
    return {FILE: _base(spec, nodes, list(texts)), SCRIPT: _script(spec, nodes[0]), **texts}


def _base(spec: PoolSpec, nodes: Sequence[PlannedNode], resources: list[str]) -> str:
    images = list(dict.fromkeys(node.container.image for node in nodes))
    header = _HEADER.format(
        what=services.words(spec),
        execute=names.set_of(nodes[-1]),
        images=" ".join(images),
        image=images[-1],
        bare=images[-1].partition(":")[0],
    )
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    }
    return header + services.as_plain_yaml(document)


def _of_role(spec: PoolSpec, nodes: Sequence[PlannedNode], role: Role) -> list[Manifest]:
    of_role = [node for node in nodes if node.role is role]
    return [
        manifest
        for node, count in services.grouped(of_role, names.set_of)
        for manifest in _of_set(spec, node, count)
    ]


def _of_set(spec: PoolSpec, node: PlannedNode, count: int) -> Iterator[Manifest]:
    """Yield the manifests of nodes that are alike: configuration, Service and StatefulSet."""
    files = {
        **pods.configuration_of(node),
        pods.PREPARE: (_HERE / "prepare.sh").read_text(encoding="utf-8"),
    }
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(node),
        "data": files,
    }
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(node),
        "spec": {
            # Names lead to the pods themselves, also while a daemon starts: it asks for its own.
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": names.labels_of(node),
            "ports": [{"name": pods.CONTAINER, "port": PORT, "protocol": "TCP"}],
        },
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _metadata(node),
        "spec": _set_spec(spec, node, count, digest=_digest(files)),
    }


def _set_spec(spec: PoolSpec, node: PlannedNode, count: int, *, digest: str) -> Manifest:
    groups = {group.name: group for group in spec.execution_points}
    group = groups[node.group] if node.role is Role.EXECUTION_POINT else None
    return services.given(
        {
            "serviceName": names.set_of(node),
            "replicas": count,
            # The numbers of `condor-mini create`, which begin with 1. The central manager has none.
            "ordinals": {"start": 1} if node.number else None,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": names.labels_of(node)},
            "template": {
                "metadata": {
                    "labels": {**services.labels(node), **_metadata(node)["labels"]},
                    # A pod reads its configuration when it starts: another one is another pod.
                    "annotations": {f"{LABEL}/configuration": digest},
                },
                "spec": pods.pod_spec(node, group),
            },
            "volumeClaimTemplates": [
                _claim(
                    pods.STATE_VOLUME,
                    labels=_metadata(node)["labels"],
                    mode="ReadWriteOnce",
                    size=_STATE_SIZE[node.role],
                )
            ]
            if pods.state_of(node)
            else None,
        }
    )


def _digest(files: dict[str, str]) -> str:
    lines = "".join(f"{name}\n{text}\n" for name, text in files.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _metadata(node: PlannedNode) -> Manifest:
    labels = {"app.kubernetes.io/name": "condor-mini", **names.labels_of(node)}
    return {"name": names.set_of(node), "labels": labels}


def _of_pool(spec: PoolSpec) -> Manifest:
    labels = {"app.kubernetes.io/name": "condor-mini", names.INSTANCE: spec.name}
    return {"name": spec.name, "labels": labels}


def _claims(nodes: Sequence[PlannedNode]) -> list[Manifest]:
    """Return the claims of the volumes that the pool's nodes share."""
    shared = {volume.volume for node in nodes for volume in pods.shared_volumes(node)}
    labels = {"app.kubernetes.io/name": "condor-mini", names.INSTANCE: nodes[0].pool}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            **_claim(volume, labels=labels, mode="ReadWriteMany", size=_SHARED_SIZE),
        }
        for volume in sorted(shared)
    ]


def _claim(name: str, *, labels: dict[str, str], mode: str, size: str) -> Manifest:
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": size}}},
    }


def _network_policy(spec: PoolSpec) -> Manifest:
    of_pool = {"podSelector": {"matchLabels": {names.INSTANCE: spec.name}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _of_pool(spec),
        "spec": {
            **of_pool,
            # What jobs may reach is for the cluster to say.
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [of_pool], "ports": [{"protocol": "TCP", "port": PORT}]}],
        },
    }


def _disruption_budget(spec: PoolSpec) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _of_pool(spec),
        "spec": {
            # A machine that is drained takes one node of the pool after the other.
            "maxUnavailable": 1,
            # All nodes are unready while the central manager is away.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {names.INSTANCE: spec.name}},
        },
    }


def _script(spec: PoolSpec, manager: PlannedNode) -> str:
    tokens = "\n".join(
        f"{names.secret_of(spec.name, role)} {services.token_command(role)}"
        for role in services.AUTHORIZATIONS
    )
    text = (_HERE / "secrets.sh").read_text(encoding="utf-8")
    for placeholder, value in {
        "POOL": spec.name,
        "KEY": names.secret_of(spec.name, manager.role),
        "MASTER": names.set_of(manager),
        "SECRETS": " ".join(names.secrets_of(spec)),
        "TOKENS": tokens,
    }.items():
        text = text.replace(f"@{placeholder}@", value)
    return text
