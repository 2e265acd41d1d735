"""Pods of manifests, run by plain ``docker run`` where no cluster is.

The containers are those of the manifests: image, command, arguments, variables, user, capabilities,
root file system, limits, mounts with their subpaths, host names, DNS names. Not shown is what only
a cluster has: Services' own addresses, NetworkPolicies, volumes of a storage class, schedulers,
controllers. What a manifest says that is not known here raises an error, so that nothing is
overlooked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

Manifest = dict[str, Any]

TIMEOUT_S = 60.0
NAMESPACE = "physics"
DOMAIN = f"{NAMESPACE}.svc.cluster.local"


def manifests_of(directory: Path) -> list[Manifest]:
    """All manifests in the files of a directory."""
    files = sorted(directory.glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


def of_kind(manifests: Sequence[Manifest], kind: str) -> list[Manifest]:
    """The manifests of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """What Kubernetes makes of an argument: $(NAME) is a variable's value, and $$ is a dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)", value, text)


def docker(*argv: str) -> str:
    """Run a command of Docker's, which succeeds; what it wrote to stdout."""
    done = subprocess.run(
        ["docker", *argv], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def _only(manifest: Manifest, *known: str) -> Manifest:
    unknown = set(manifest) - set(known)
    assert not unknown, f"the tests do not know {sorted(unknown)} of {manifest}"
    return manifest


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod of a StatefulSet."""

    name: str
    service: str
    spec: Manifest
    claims: tuple[str, ...]
    """The names of the claims that it has for itself."""

    @property
    def container(self) -> Manifest:
        """The one container that goes on."""
        (container,) = self.spec["containers"]
        assert isinstance(container, dict)
        return container


def pods_of(manifests: Sequence[Manifest]) -> Iterator[Pod]:
    """The pods that the StatefulSets' controller makes."""
    for each in of_kind(manifests, "StatefulSet"):
        spec = each["spec"]
        first = spec.get("ordinals", {}).get("start", 0)
        for number in range(first, first + spec["replicas"]):
            yield Pod(
                name=f"{each['metadata']['name']}-{number}",
                service=spec["serviceName"],
                spec=spec["template"]["spec"],
                claims=tuple(
                    claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())
                ),
            )


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A directory in place of volumes, and a network in place of a cluster's."""

    directory: Path
    network: str
    manifests: Sequence[Manifest]
    started: dict[str, Pod] = field(default_factory=dict)

    @property
    def secrets(self) -> Path:
        """Where the Secrets are: NAME/KEY."""
        return self.directory / "secrets"

    def pods(self) -> list[Pod]:
        """The pods of the manifests."""
        return list(pods_of(self.manifests))

    def start(self, pod: Pod) -> None:
        """Start a pod once its Secrets are there: its containers, of which the last one goes on."""
        _only(
            pod.spec,
            *("enableServiceLinks", "automountServiceAccountToken", "securityContext", "volumes"),
            *("initContainers", "containers", "terminationGracePeriodSeconds"),
        )
        self.started[pod.name] = pod
        for volume in pod.spec["volumes"]:
            if "secret" in volume:
                self._await(volume["secret"]["secretName"])
        sources = self._sources(pod)
        security = _only(
            pod.spec["securityContext"],
            *("runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "fsGroupChangePolicy"),
            "seccompProfile",
        )
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, "Docker's default"
        if group := security.get("fsGroup"):
            self._give(sources.values(), group, pod.container["image"])
        for container in pod.spec["initContainers"]:
            docker("run", "--rm", *self._options(pod, container, sources))
        self._run(pod, sources)

    def restart(self, pod: Pod) -> None:
        """End the container of a pod at once, and start another in the same pod."""
        docker("rm", "--force", pod.name)
        self._run(pod, self._sources(pod))

    def _run(self, pod: Pod, sources: Mapping[str, Path]) -> None:
        options = self._options(pod, pod.container, sources)
        docker("run", "--detach", "--name", pod.name, *options)
        if self.confines:
            self._confine(pod)

    def _sources(self, pod: Pod) -> dict[str, Path]:
        """The directory in place of each volume."""
        sources = {each["name"]: self._source(pod, each) for each in pod.spec["volumes"]}
        for claim in pod.claims:
            sources[claim] = self._directory("claims", f"{claim}-{pod.name}")
        return sources

    @property
    def confines(self) -> bool:
        """Whether the NetworkPolicy holds here, which takes root."""
        programs = ("iptables", "nsenter")
        return os.geteuid() == 0 and all(shutil.which(program) for program in programs)

    def _confine(self, pod: Pod) -> None:
        """Let in only whom the NetworkPolicy lets in: on this network are only the pool's pods."""
        (policy,) = (each["spec"] for each in of_kind(self.manifests, "NetworkPolicy"))
        _only(policy, "podSelector", "policyTypes", "ingress")
        (rule,) = policy["ingress"]
        assert rule["from"] == [{"podSelector": policy["podSelector"]}]
        template = "{{(index .IPAM.Config 0).Subnet}}"
        subnet = docker("network", "inspect", "--format", template, self.network).strip()
        rules = [
            ("--in-interface", "lo", "--jump", "ACCEPT"),
            ("--match", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "--jump", "ACCEPT"),
            *(
                (
                    *("--source", subnet, "--protocol", port["protocol"].lower()),
                    *("--dport", str(port["port"]), "--jump", "ACCEPT"),
                )
                for port in rule["ports"]
            ),
            ("--jump", "DROP"),
        ]
        process = docker("inspect", "--format", "{{.State.Pid}}", pod.name).strip()
        for each in rules:
            argv = ["nsenter", "--target", process, "--net", "iptables", "--append", "INPUT", *each]
            subprocess.run(argv, timeout=TIMEOUT_S, check=True)

    @staticmethod
    def _give(sources: Iterable[Path], group: int, image: str) -> None:
        """Let a group read and write volumes, as Kubernetes does for fsGroup."""
        script = f"chgrp -R {group} /v/* && chmod -R g+rwX /v/* && chmod g+s /v/*"
        volumes = [f"--volume={source}:/v/{n}" for n, source in enumerate(sources)]
        options = ("--user", "0", "--entrypoint", "sh", *volumes, image)
        docker("run", "--rm", *options, "-c", script)

    def _await(self, secret: str) -> None:
        def missing() -> str | None:
            return None if (self.secrets / secret).is_dir() else f"the Secret {secret} is missing"

        wait_until(missing, timeout_s=TIMEOUT_S, interval_s=0.1)

    def _directory(self, *place: str, mode: int = 0o755) -> Path:
        path = self.directory.joinpath(*place)
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(mode)
        return path

    def _source(self, pod: Pod, volume: Manifest) -> Path:
        """The directory that is in place of a volume."""
        match volume:
            case {"emptyDir": {}}:
                return self._directory("pods", pod.name, volume["name"], mode=0o777)
            case {"persistentVolumeClaim": {"claimName": name}}:
                return self._directory("claims", name)
            case {"configMap": {"name": name}}:
                (config,) = (
                    each
                    for each in of_kind(self.manifests, "ConfigMap")
                    if each["metadata"]["name"] == name
                )
                return self._files(pod, volume["name"], config["data"], mode=0o644)
            case {"secret": {"secretName": name, "defaultMode": mode}}:
                # Text that is no UTF-8 goes through unchanged.
                files = {
                    file.name: file.read_bytes().decode("utf-8", "surrogateescape")
                    for file in (self.secrets / name).iterdir()
                }
                return self._files(pod, volume["name"], files, mode=mode)
        raise AssertionError(f"the tests do not know the volume {volume}")

    def _files(self, pod: Pod, volume: str, files: Mapping[str, str], *, mode: int) -> Path:
        """A volume of files, which are links as Kubernetes makes them."""
        place = self._directory("pods", pod.name, volume)
        shutil.rmtree(place)
        (place / "..1").mkdir(parents=True)
        (place / "..data").symlink_to("..1")
        for name, text in files.items():
            file = place / "..1" / name
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
            file.chmod(mode)
            (place / name).symlink_to(f"..data/{name}")
        return place

    def _options(self, pod: Pod, container: Manifest, sources: Mapping[str, Path]) -> list[str]:
        _only(
            container,
            *("name", "image", "command", "args", "env", "ports", "resources", "volumeMounts"),
            *("securityContext", "startupProbe", "readinessProbe", "livenessProbe"),
        )
        security = _only(
            container["securityContext"],
            *("allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"),
        )
        user = pod.spec["securityContext"]["runAsUser"]
        group = pod.spec["securityContext"].get("runAsGroup", 0)
        more = pod.spec["securityContext"].get("fsGroup")
        capabilities = _only(security["capabilities"], "drop", "add")
        variables: dict[str, str] = {}
        for each in container.get("env", ()):
            variables[each["name"]] = expanded(each["value"], variables)
        options = [
            *("--hostname", pod.name, "--domainname", f"{pod.service}.{DOMAIN}"),
            *("--network", self.network, "--dns-option", "ndots:5", "--dns-search", DOMAIN),
            *("--network-alias", f"{pod.name}.{pod.service}.{DOMAIN}"),
            *("--network-alias", f"{pod.service}.{DOMAIN}"),
            *("--user", f"{user}:{group}"),
            *(("--group-add", str(more)) if more is not None else ()),
            *(f"--cap-drop={each}" for each in capabilities.get("drop", ())),
            *(f"--cap-add={each}" for each in capabilities.get("add", ())),
            *(f"--env={name}={value}" for name, value in variables.items()),
            *_limits(container.get("resources", {})),
            *self._mounts(container, sources),
        ]
        if security["readOnlyRootFilesystem"]:
            options.append("--read-only")
        if not security["allowPrivilegeEscalation"]:
            options.append("--security-opt=no-new-privileges")
        command = [expanded(word, variables) for word in container.get("command", ())]
        arguments = [expanded(word, variables) for word in container.get("args", ())]
        if command:
            options += ["--entrypoint", command[0]]
        return [*options, container["image"], *command[1:], *arguments]

    @staticmethod
    def _mounts(container: Manifest, sources: Mapping[str, Path]) -> Iterator[str]:
        for each in container["volumeMounts"]:
            _only(each, "name", "mountPath", "subPath", "readOnly")
            source = sources[each["name"]] / each.get("subPath", "")
            if not source.exists():  # Kubernetes makes it, with the volume's mode
                source.mkdir(parents=True)
            suffix = ":ro" if each.get("readOnly") else ""
            yield f"--volume={source}:{each['mountPath']}{suffix}"

    def probe(self, pod: Pod, name: str) -> str | None:
        """Run a probe of a pod; None if it succeeds, else what it wrote."""
        argv = pod.container[name]["exec"]["command"]
        done = subprocess.run(
            ["docker", "exec", pod.name, *argv],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return None if done.returncode == 0 else f"{pod.name}: {done.stdout}{done.stderr}"

    def await_start(self, pod: Pod, timeout_s: float) -> None:
        """Wait until a pod's startup probe succeeds."""
        wait_until(lambda: self.probe(pod, "startupProbe"), timeout_s=timeout_s, interval_s=0.2)

    def stop(self, pod: Pod) -> int:
        """End a pod as Kubernetes does, and remove what goes with it; the container's status.

        The next pod of that name has another address, as in a cluster.
        """
        grace = str(pod.spec["terminationGracePeriodSeconds"])
        docker("stop", "--time", grace, pod.name)
        status = int(docker("inspect", "--format", "{{.State.ExitCode}}", pod.name))
        docker("rm", pod.name)
        self.remove("pods", pod.name)
        # Docker gives the lowest address that is free. This takes it, and answers nobody.
        image = pod.container["image"]
        options = ("--name", f"{pod.name}-old", "--network", self.network, "--entrypoint", "sleep")
        docker("run", "--detach", *options, image, "600")
        return status

    def address(self, pod: Pod) -> str:
        """The address of a pod."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", template, pod.name).strip()

    def remove(self, *place: str) -> None:
        """Remove a directory, whose files belong to the containers' users."""
        image = next(iter(self.started.values())).container["image"]
        options = ("--user", "0", "--entrypoint", "rm", "--volume", f"{self.directory}:/all", image)
        docker("run", "--rm", *options, "-rf", "/".join(("/all", *place)))

    def end(self) -> None:
        """Remove all containers and directories."""
        if not self.started:
            return
        subprocess.run(
            ["docker", "rm", "--force", *self.started, *(f"{name}-old" for name in self.started)],
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        for place in ("pods", "claims"):
            self.remove(place)


def _limits(resources: Manifest) -> Iterator[str]:
    limits = _only(_only(resources, "requests", "limits").get("limits", {}), "cpu", "memory")
    if cpus := limits.get("cpu"):
        yield f"--cpus={int(cpus[:-1]) / 1000 if cpus.endswith('m') else cpus}"
    if memory := limits.get("memory"):
        yield f"--memory={memory.removesuffix('Mi')}m"
