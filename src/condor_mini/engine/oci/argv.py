"""Builds the arguments of the engine's command line; pure functions."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.engine.values import BindMount, ScratchMount, VolumeMount, host_in_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from condor_mini.engine.values import BuildSpec, ContainerSpec, PublishedPort


def create_arguments(
    spec: ContainerSpec, options: Iterable[str] = (), *, labels_volumes: bool = True
) -> list[str]:
    """Return the arguments that create a container.

    Args:
        spec: The container to create.
        options: Options that only this engine has.
        labels_volumes: Whether a mount can have labels for a volume that it creates.
    """
    # --pull never: pulling is a separate step, with its own deadline.
    arguments = ["create", "--pull", "never", *options, "--name", spec.name]
    arguments += label_arguments(spec.labels)
    arguments += each("--env", [f"{key}={value}" for key, value in spec.environment.items()])
    if spec.read_only:
        arguments.append("--read-only")
    arguments += each("--mount", [_mount(mount, labels_volumes) for mount in spec.mounts])
    arguments += each("--publish", map(_published, spec.ports))
    arguments += each("--cap-drop", spec.cap_drop)
    arguments += each("--cap-add", spec.cap_add)
    if spec.no_new_privileges:
        arguments += ["--security-opt", "no-new-privileges"]
    if not spec.healthcheck:
        arguments.append("--no-healthcheck")
    options = {
        "--entrypoint": spec.entrypoint,
        "--hostname": spec.hostname,
        "--user": spec.user,
        "--workdir": spec.workdir,
        "--network": spec.network,
        "--ip": spec.ip,
        "--cpus": None if spec.cpus is None else f"{spec.cpus:g}",
        "--memory": None if spec.memory_mb is None else f"{spec.memory_mb}m",
        "--pids-limit": None if spec.pids is None else str(spec.pids),
    }
    for option, value in options.items():
        if value is not None:
            arguments += [option, value]
    return [*arguments, spec.image, *spec.command]


_TO_MOUNT = ("SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "CHOWN", "DAC_OVERRIDE", "FOWNER")
"""To enter a mount namespace (setns(2)), and to mount there what belongs to somebody else."""


def run_in_network_arguments(
    container: str | None, image: str, argv: Sequence[str], labels: Mapping[str, str]
) -> list[str]:
    """Return the arguments that run a command in a network; see ``NamespaceKeeper``."""
    return [
        *("run", "--rm", "--interactive", "--pull", "never", *label_arguments(labels)),
        *("--network", "none" if container is None else f"container:{container}"),
        *("--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "--security-opt", "no-new-privileges"),
        *("--user", "0", "--entrypoint", argv[0], image, *argv[1:]),
    ]


def run_in_mounts_arguments(
    container: str | None, image: str, argv: Sequence[str], labels: Mapping[str, str]
) -> list[str]:
    """Return the arguments that run a command in a mount namespace; see ``NamespaceKeeper``."""
    enter = ["unshare", "--mount", "--"]
    shared: tuple[str, ...] = ()
    if container is not None:
        enter = ["nsenter", "--target", "1", "--mount", "--"]
        shared = ("--pid", f"container:{container}")
    return [
        *("run", "--rm", "--interactive", "--pull", "never", *label_arguments(labels)),
        *("--network", "none", *shared, "--cap-drop", "ALL", *each("--cap-add", _TO_MOUNT)),
        # Profiles of AppArmor and SELinux for containers forbid to mount.
        *each("--security-opt", ("apparmor=unconfined", "label=disable", "no-new-privileges")),
        *("--user", "0", "--entrypoint", enter[0], image, *enter[1:], *argv),
    ]


def build_arguments(spec: BuildSpec, options: Iterable[str] = ()) -> list[str]:
    """Return the arguments that build an image; ``options`` are the engine's own."""
    # --force-rm: Docker's classic builder leaves a failed step's container.
    arguments = ["build", "--force-rm", *options]
    arguments += each("--tag", spec.tags)
    arguments += each("--build-arg", [f"{key}={value}" for key, value in spec.build_args.items()])
    arguments += label_arguments(spec.labels)
    if spec.no_cache:
        arguments.append("--no-cache")
    return [*arguments, str(spec.context)]


def exec_arguments(
    user: str | None, workdir: str | None, environment: Mapping[str, str] | None
) -> Iterator[str]:
    """Yield the options with which a command runs in a container."""
    if user is not None:
        yield from ("--user", user)
    if workdir is not None:
        yield from ("--workdir", workdir)
    yield from each("--env", [f"{key}={value}" for key, value in (environment or {}).items()])


def logs_arguments(tail: int | None, since: datetime | None, *, timestamps: bool) -> Iterator[str]:
    """Yield the options that choose lines of a log."""
    if tail is not None:
        yield from ("--tail", str(tail))
    if since is not None:
        yield from ("--since", since.astimezone(UTC).isoformat())
    if timestamps:
        yield "--timestamps"


def each(option: str, values: Iterable[str]) -> list[str]:
    """Return the option, repeated before each of its values."""
    return [word for value in values for word in (option, value)]


def label_arguments(labels: Mapping[str, str]) -> list[str]:
    """Return the options that put labels on what is created."""
    return each("--label", [f"{key}={value}" for key, value in labels.items()])


def label_filters(labels: Mapping[str, str]) -> list[str]:
    """Return the options that list what bears these labels; a value may go unchecked.

    Podman 4 reads a filter as CSV in some of its commands, and later versions in fewer.
    """
    filters = [
        f"label={key}" if read_as_csv(value) else f"label={key}={value}"
        for key, value in labels.items()
    ]
    return each("--filter", filters)


def read_as_csv(text: str) -> bool:
    """Return whether a CSV reader would change the text."""
    return bool(re.search(r'[",\r\n]', text))


def _mount(mount: BindMount | VolumeMount | ScratchMount, labels_volumes: bool) -> str:
    """Return a mount as the CSV record that ``--mount`` reads: paths may hold commas and quotes."""
    match mount:
        case BindMount(source=source):
            fields = ["type=bind", f"source={source}", f"target={mount.target}"]
        case VolumeMount(volume=volume):
            fields = ["type=volume", f"source={volume}", f"target={mount.target}"]
        case ScratchMount(target=target):
            # A volume without a name belongs to the container, and is removed with it.
            fields = ["type=volume", f"target={target}"]
    if not isinstance(mount, BindMount) and labels_volumes:
        labels = mount.labels or {}
        fields += [f"volume-label={key}={value}" for key, value in labels.items()]
    if not isinstance(mount, ScratchMount) and mount.read_only:
        fields.append("ro")
    record = io.StringIO()
    csv.writer(record, lineterminator="").writerow(fields)
    return record.getvalue()


def _published(port: PublishedPort) -> str:
    """Return a published port as ``--publish`` reads it."""
    host_port = "" if port.host_port is None else str(port.host_port)
    return f"{host_in_url(port.host_ip)}:{host_port}:{port.container_port}"


def label_instruction(key: str, value: str) -> str:
    """Return a label as an instruction of a Dockerfile."""
    return f"LABEL {_quoted(key)}={_quoted(value)}"


def bare_label_instruction(key: str, value: str) -> str:
    """Return a label for a reader that takes all between two quotes as it is."""
    if '"' in f"{key}{value}":
        raise EngineCapabilityError(f"this engine imports no image with a quote in a label: {key}")
    return f'LABEL "{key}"="{value}"'


def _quoted(text: str) -> str:
    """Return a word of a Dockerfile instruction, in which nothing is a quote or a variable."""
    return '"' + re.sub(r'([\\"$])', r"\\\1", text) + '"'
