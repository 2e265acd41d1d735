"""The manifests of a pool.

``golden`` holds what ``pool.yaml`` comes to. With UPDATE_GOLDEN=1 in the environment it is written
again; then read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from condor_mini.export.kubernetes import FILE, SCRIPT, kubernetes_files
from condor_mini.nodes.node import Role
from condor_mini.nodes.plan import planned_nodes
from condor_mini.spec import PoolSpec
from condor_mini.spec.pool_file import read_pool_file
from pods import Manifest, expanded, of_kind, pods_of

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
POOL = PoolSpec.from_options(name="ci", execution_points=3)
NEWEST = sorted(
    {tuple(map(int, each.split(".")[:2])) for each in kubernetes_validate.utils.all_versions()}
)[-3:]
"""The three newest versions of Kubernetes whose schemas there are."""
BASELINE = {
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
}
"""The capabilities that the Pod Security Standard ``baseline`` allows."""


def big_pool() -> PoolSpec:
    """A pool with several groups, volumes and limits."""
    return read_pool_file(str(HERE / "pool.yaml"))


def manifests(spec: PoolSpec = POOL) -> list[Manifest]:
    """All manifests of a pool."""
    files = kubernetes_files(spec)
    texts = (text for path, text in files.items() if path not in (FILE, SCRIPT))
    return [each for text in texts for each in yaml.safe_load_all(text)]


def sets(spec: PoolSpec = POOL) -> dict[str, Manifest]:
    """The StatefulSets of a pool, by name."""
    return {each["metadata"]["name"]: each for each in of_kind(manifests(spec), "StatefulSet")}


def containers(spec: PoolSpec = POOL) -> Iterator[tuple[str, Manifest]]:
    """Each container of each StatefulSet, also those that run first."""
    for name, each in sets(spec).items():
        pod = each["spec"]["template"]["spec"]
        for container in (*pod["initContainers"], *pod["containers"]):
            yield name, container


def node_of(name: str, spec: PoolSpec = POOL) -> Manifest:
    """The container that is the node, of a StatefulSet."""
    (container,) = sets(spec)[name]["spec"]["template"]["spec"]["containers"]
    found: Manifest = container
    return found


def test_files_are_as_they_were_read() -> None:
    """The files of a pool with several groups."""
    files = kubernetes_files(big_pool())
    if os.environ.get("UPDATE_GOLDEN"):
        for path, text in files.items():
            (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / path).write_text(text)
    golden = {
        path.relative_to(GOLDEN).as_posix(): path.read_text()
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    assert files == golden


@pytest.mark.parametrize("version", NEWEST, ids=lambda version: ".".join(map(str, version)))
def test_manifests_keep_to_the_published_schemas(version: tuple[int, int]) -> None:
    """Of the three newest versions, strictly: what a schema does not name is an error."""
    number = ".".join(map(str, version))
    found = [*manifests(), *manifests(big_pool())]
    assert {each["kind"] for each in found} == {
        *("ConfigMap", "NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget"),
        *("Service", "StatefulSet"),
    }
    for each in found:
        assert kubernetes_validate.validate(each, number, strict=True) == number


def test_schemas_are_strict() -> None:
    """The validator would find a misspelt key."""
    (budget,) = of_kind(manifests(), "PodDisruptionBudget")
    budget["spec"]["maxUnavailabel"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="maxUnavailabel"):
        kubernetes_validate.validate(budget, kubernetes_validate.latest_version(), strict=True)


def test_base_has_all_manifests() -> None:
    """And no other file."""
    files = kubernetes_files(big_pool())
    assert yaml.safe_load(files[FILE])["resources"] == [
        path for path in files if path not in (FILE, SCRIPT)
    ]


def test_nodes_have_the_names_and_images_of_create() -> None:
    """A central manager's pod has a number too, as each of a StatefulSet has."""
    nodes = {node.name: node.container.image for node in planned_nodes(POOL)}
    nodes["ci-master-0"] = nodes.pop("ci-master")
    pods = pods_of(manifests())
    assert {pod.name: pod.container["image"] for pod in pods} == nodes


def test_nodes_are_confined_as_those_of_create() -> None:
    """The same capabilities, no other rights, and a root file system that cannot be written."""
    for node in planned_nodes(POOL):
        is_manager = node.role is Role.CENTRAL_MANAGER
        added = {} if is_manager else {"add": list(node.container.cap_add)}
        assert node_of(node.name if is_manager else node.name.rpartition("-")[0])[
            "securityContext"
        ] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": list(node.container.cap_drop), **added},
        }
    form = POOL.model_dump(by_alias=True)
    form["access_points"][0]["read_only"] = False
    spec = PoolSpec.model_validate(form)
    assert node_of("ci-submit", spec)["securityContext"]["readOnlyRootFilesystem"] is False


def test_pods_keep_to_a_pod_security_standard() -> None:
    """The central manager to ``restricted``, and the others but for root and capabilities."""
    for name, each in sets(big_pool()).items():
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod)
        kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
        assert kinds <= {"emptyDir", "configMap", "secret", "persistentVolumeClaim"}
        restricted = name == "ci-master"
        assert pod["securityContext"].get("runAsNonRoot", False) is restricted
        assert (pod["securityContext"]["runAsUser"] == 0) is not restricted
        for container in (*pod["initContainers"], *pod["containers"]):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"]["drop"] == ["ALL"]
            added = set(security["capabilities"].get("add", ()))
            assert added <= (set() if restricted else BASELINE)
            assert not {"privileged", "procMount", "runAsUser"} & set(security)
            assert all("hostPort" not in port for port in container.get("ports", ()))


def test_pods_learn_nothing_of_the_cluster() -> None:
    """They have no token for its API, and no variables of its Services."""
    for each in sets().values():
        pod = each["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False


def test_each_node_has_the_secret_of_its_role() -> None:
    """Only the central manager has the key, which is copied to where its one user reads it."""
    found = {}
    for name, each in sets().items():
        pod = each["spec"]["template"]["spec"]
        (secret,) = (volume["secret"] for volume in pod["volumes"] if "secret" in volume)
        assert secret["defaultMode"] == (0o440 if name == "ci-master" else 0o400)
        found[name] = secret["secretName"]
    assert found == {
        "ci-master": "ci-key",
        "ci-submit": "ci-submit-token",
        "ci-execute": "ci-execute-token",
    }
    assert of_kind(manifests(), "Secret") == []
    mounted = {
        (name, container["name"], *_mounts(container, "secret"))
        for name, container in containers()
        if _mounts(container, "secret")
    }
    assert mounted == {
        ("ci-master", "prepare", "/secret"),
        ("ci-submit", "condor", "/root/secrets"),
        ("ci-execute", "condor", "/root/secrets"),
    }


def _mounts(container: Manifest, volume: str) -> list[str]:
    return [each["mountPath"] for each in container["volumeMounts"] if each["name"] == volume]


def test_what_has_state_keeps_it() -> None:
    """Execution points keep nothing, and no volume keeps the key."""
    kept = {name: _mounts(node_of(name), "state") for name in sets()}
    assert kept == {
        "ci-master": ["/var/spool/condor", "/etc/condor/tokens.d", "/var/log/condor"],
        "ci-submit": [
            *("/var/spool/condor", "/home/jovyan", "/etc/condor/passwords.d"),
            *("/etc/condor/tokens.d", "/var/log/condor"),
        ],
        "ci-execute": [],
    }
    claimed = {name for name, each in sets().items() if "volumeClaimTemplates" in each["spec"]}
    assert claimed == {"ci-master", "ci-submit"}


def test_what_is_mounted_was_filled_before() -> None:
    """New volumes are empty: each directory that a node has in one is made there first."""
    for each in sets(big_pool()).values():
        pod = each["spec"]["template"]["spec"]
        made = {word.partition(":")[2] for word in pod["initContainers"][0]["args"]}
        for mount in pod["containers"][0]["volumeMounts"]:
            if "subPath" in mount:
                place = f"/{mount['name']}/{mount['subPath']}"
                assert any(path == place or path.startswith(f"{place}/") for path in made)


def test_a_volume_can_be_at_two_places() -> None:
    """A pod has it once, and its node both mounts."""
    places = ["data:/a", "data:/b:ro"]
    spec = PoolSpec.model_validate({"name": "ci", "execution_points": [{"volumes": places}]})
    volumes = sets(spec)["ci-execute"]["spec"]["template"]["spec"]["volumes"]
    assert [volume["name"] for volume in volumes].count("ci-data") == 1
    assert _mounts(node_of("ci-execute", spec), "ci-data") == ["/a", "/b"]
    (claim,) = of_kind(manifests(spec), "PersistentVolumeClaim")
    assert claim["metadata"]["name"] == "ci-data"


def test_one_user_runs_the_central_manager() -> None:
    """So its configuration says, and that of no other node."""
    files = {each["metadata"]["name"]: each["data"] for each in of_kind(manifests(), "ConfigMap")}
    assert {name for name in files if "25-one-user" in files[name]} == {"ci-master"}


def test_variables_are_as_the_pool_file_says() -> None:
    """Kubernetes expands no reference of them, and takes no text for a number."""
    variables: dict[str, str] = {}
    for each in node_of("ci-master", big_pool())["env"]:
        variables[each["name"]] = expanded(each["value"], variables)
    assert variables == {"PROFILE": "dev", "TZ": "UTC", "PRICE": "5$(TZ)", "FLOAT": "1e3"}
    text = kubernetes_files(big_pool())["manifests/central-manager.yaml"]
    assert 'value: "1e3"' in text, "Go's YAML would read a number"


def test_execution_points_ask_for_what_they_offer() -> None:
    """A request is never above the limit; without a limit or an offer nothing is said."""
    spec = big_pool()
    assert node_of("ci-execute-small", spec)["resources"] == {
        "requests": {"cpu": "1500m", "memory": "4096Mi"},
        "limits": {"cpu": "1500m"},
    }
    assert node_of("ci-execute-wide", spec)["resources"] == {
        "requests": {"cpu": "8", "ephemeral-storage": "102400Mi"}
    }
    assert node_of("ci-master", spec)["resources"] == {"limits": {"memory": "1024Mi"}}
    assert "resources" not in node_of("ci-submit-login", spec)


def test_changed_configuration_is_another_pod() -> None:
    """Only the pods whose configuration is new are replaced."""

    def digests(spec: PoolSpec) -> dict[str, Any]:
        return {
            name: each["spec"]["template"]["metadata"]["annotations"]
            for name, each in sets(spec).items()
        }

    form = POOL.model_dump(by_alias=True)
    form["execution_points"][0]["attributes"] = {"Rack": 1}
    before, after = digests(POOL), digests(PoolSpec.model_validate(form))
    assert {name for name in before if before[name] != after[name]} == {"ci-execute"}


def test_selectors_find_the_pods_of_their_own() -> None:
    """Services and StatefulSets those of a group, policy and budget those of the pool."""
    spec = big_pool()
    labels = {
        name: each["spec"]["template"]["metadata"]["labels"] for name, each in sets(spec).items()
    }
    assert {each["team"] for each in labels.values()} == {"physics"}

    def found(selector: dict[str, str]) -> set[str]:
        return {name for name, has in labels.items() if selector.items() <= has.items()}

    for name, each in sets(spec).items():
        assert found(each["spec"]["selector"]["matchLabels"]) == {name}
        assert each["spec"]["serviceName"] == name
    for each in of_kind(manifests(spec), "Service"):
        assert found(each["spec"]["selector"]) == {each["metadata"]["name"]}
    (policy,) = of_kind(manifests(spec), "NetworkPolicy")
    (budget,) = of_kind(manifests(spec), "PodDisruptionBudget")
    assert found(policy["spec"]["podSelector"]["matchLabels"]) == set(labels)
    assert found(budget["spec"]["selector"]["matchLabels"]) == set(labels)
