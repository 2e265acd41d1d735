"""A table of the differences between engines that have a command line, a row for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.engine.oci.answers import docker_info, podman_info
from condor_mini.engine.oci.argv import bare_label_instruction, label_instruction
from condor_mini.engine.oci.shortcomings import docker_blockers, podman_blockers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from condor_mini.engine.oci.shortcomings import Json
    from condor_mini.engine.values import EngineInfo, Shortcoming


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one engine's command line is called, and what its complaints look like.

    The patterns are searched in its stderr: its exit statuses do not tell enough. They are compiled
    when they are first used, which costs milliseconds: most commands need none.
    """

    name: str
    binary: str
    host_variable: str
    """The environment variable that names another endpoint."""
    default_context: str | None
    """The context that means ``default_endpoint``; None if the engine has no contexts."""
    default_endpoint: str
    """Empty if only ``info`` tells it."""

    host: str = ""
    """The host of the engine, if it is one of several hosts of a pool; see ``hosts.py``."""
    options: tuple[str, ...] = ()
    """Options of every command, before its name."""
    create_options: tuple[str, ...] = ()
    bind_options: tuple[str, ...] = ()
    """More options of ``create``, for a container that mounts a directory of the host."""
    build_options: tuple[str, ...] = ()
    save_options: tuple[str, ...] = ()
    copy_in_options: tuple[str, ...] = ()
    follow_options: tuple[str, ...] = ()
    """Options of ``cp`` out of a container, to follow links."""
    read_only_options: tuple[str, ...] = ()
    """More options of ``create``, for a read-only root."""
    stop_options: tuple[str, ...] = ()
    remove_options: tuple[str, ...] = ()

    engine_info: Callable[[Json, str], EngineInfo]
    """Reads the answer to ``info``, at that endpoint."""
    blockers: Callable[[Json], Iterable[Shortcoming]]
    """Finds in the answer to ``info`` why we cannot use the engine."""
    label_instruction: Callable[[str, str], str] = label_instruction
    """A label as ``import --change`` reads it."""
    bare_volume_labels: bool = False
    """Whether ``volume create`` reads a label as CSV, at least in some versions."""
    whole_lines: bool = True
    """Whether ``logs`` counts and stamps whole lines; if not, each piece that was written."""
    labels_volumes: bool = True
    """Whether ``create`` creates an absent volume with the labels of its mount."""
    copies_into_volumes: bool = True
    """Whether a copy to / reaches the volumes of a container that does not run."""
    leaves_archives: bool = False
    """Whether ``cp`` leaves a copy of what it reads from stdin in a temporary file."""
    unique_networks: bool = False
    """Whether a network's name is unique; if not, it is known by its id."""
    local_prefix: str = ""
    """The prefix of an image's name that names no registry."""
    refusals: frozenset[int]
    """The statuses of ``exec`` if the container cannot run the command."""

    change_format: str
    """What prints the name of a container or volume in ``events``."""
    changes: tuple[str, ...]
    """The events of containers and volumes by which they change."""

    complaint: str
    """How a line begins that is the engine's own, and not the container's."""
    absent: str
    """No such container, image, network, volume or file."""
    taken: str
    """The name belongs to another container or network."""
    port_taken: str
    """A port of the host is in use; the port is the first group."""
    no_subnet: str
    """No addresses are left for another network."""
    read_only: str
    """The place to write to is read-only, like the container's root."""
    disk_full: str
    """The disk is full."""
    not_running: str
    """The whole output of ``exec`` if the container cannot run the command."""
    unreachable: str
    """The client has no engine to talk to."""
    denied: str
    """... because this user may not open its socket."""
    verdict: str
    """A whole line that only says that something failed."""
    removing: str
    """Another process is removing it already."""

    loaded: str
    """The line of stdout that names a loaded image; the name is the first group."""

    hint_absent: str
    hint_denied: str
    hint_disk_full: str
    hint_no_subnet: str
    hint_unreachable: str
    disturbed: str = r"(?!)"
    """A command failed only because of what else happened at the same moment."""
    remedies: tuple[tuple[str, str], ...] = ()
    """Other complaints about this machine, each with what to do."""


def _words(pattern: str) -> str:
    return f"(?i:{pattern})"


_CONTAINERS_CONF = "/etc/containers/containers.conf (or the file that CONTAINERS_CONF names)"

_PODMAN_REMEDIES = (
    (
        _words(r"newuidmap|newgidmap"),
        (
            "Without root it needs the commands newuidmap and newgidmap:"
            " sudo apt-get install uidmap (Fedora: sudo dnf install shadow-utils)"
        ),
    ),
    (
        _words(r"rlimits?\b.* operation not permitted"),
        (
            "Podman may not raise the limits of what it starts here. Put others into"
            f" {_CONTAINERS_CONF}, under [containers]:"
            ' default_ulimits = ["nofile=1024:1024", "nproc=16384:16384"]'
        ),
    ),
    (
        _words(r"cgroups in hybrid mode not supported"),
        (
            "crun does not work here, runc does: sudo apt-get install runc, and put into"
            f' {_CONTAINERS_CONF}, under [engine]: runtime = "runc"'
        ),
    ),
    (
        _words(r"/dev/net/tun"),
        (
            "Without root it needs /dev/net/tun for its networks:"
            " sudo modprobe tun; sudo chmod 0666 /dev/net/tun"
        ),
    ),
)

DOCKER = Dialect(
    name="docker",
    binary="docker",
    host_variable="DOCKER_HOST",
    default_context="default",
    default_endpoint="unix:///var/run/docker.sock",
    follow_options=("--follow-link",),
    engine_info=docker_info,
    blockers=docker_blockers,
    change_format="{{with .Actor.Attributes.name}}{{.}}{{else}}{{.Actor.ID}}{{end}}",
    changes=("create", "start", "die", "destroy"),
    refusals=frozenset({1}),
    complaint=_words(
        r"error response from daemon|error from daemon in stream|error during connect"
        r"|cannot connect to the docker daemon|failed to connect to the docker api|unexpected eof"
    ),
    absent=_words(
        r"no such (container|object|image|network|volume)|network \S+ not found"
        r"|could not find the file|reference does not exist"
        r"|can not get logs from container which is dead or marked for removal"
    ),
    taken=_words(r"container name \S+ is already in use|network with name \S+ already exists"),
    port_taken=_words(
        r"(?:bind for|listen tcp[46]?|host port(?: for)?) (\S+?)(?:/tcp)?"
        r"(?: failed: port is already allocated|:(?: bind:)? address already in use)"
    ),
    no_subnet=_words(
        r"could not find an available, non-overlapping IPv4 address pool"
        r"|all predefined address pools have been fully subnetted"
    ),
    read_only=_words(r"container rootfs is marked read-only|mounted volume is marked read-only"),
    disk_full=_words(r"no space left on device"),
    not_running=_words(
        r"\s*(error response from daemon|error|oci runtime exec failed)[^\n]*"
        r"(no such container|container \S+ is (not running|paused|restarting)"
        r"|cannot exec (in )?a (stopped|container that has stopped))[^\n]*\s*"
    ),
    unreachable=_words(
        r"cannot connect to the docker daemon|failed to connect to the docker api"
        r"|error during connect|permission denied while trying to connect"
        r"|unable to resolve docker endpoint|current context \S+ is not found"
    ),
    denied=_words(r"permission denied while trying to connect"),
    verdict=_words(r"exit status \d+"),
    removing=_words(r"removal of container \S+ is already in progress"),
    loaded=r"(?m)^Loaded image: (\S+)$",
    hint_absent="Install Docker, or put the docker command on PATH.",
    hint_denied=(
        "Let this user use Docker: sudo usermod -aG docker $USER, then log in again"
        " (or, in this shell only: newgrp docker)."
    ),
    hint_disk_full=(
        "The engine's disk is full, or the one that was written to."
        " See what fills the engine's: docker system df"
    ),
    hint_no_subnet="Remove the networks that nobody uses: docker network prune",
    hint_unreachable=(
        "Start it: sudo systemctl start docker, or Docker Desktop."
        " See where the client looks for it: docker context ls; echo $DOCKER_HOST"
    ),
)

PODMAN = Dialect(
    name="podman",
    binary="podman",
    host_variable="CONTAINER_HOST",
    default_context=None,
    default_endpoint="",
    # Warnings would go to the same stderr as a container's output.
    options=("--log-level=error",),
    # Not the journal, which is the default on some systems: the user may not be able to read it,
    # and it drops old lines.
    create_options=("--log-driver", "k8s-file"),
    # SELinux would hide the user's directory from the container, as we do not relabel it.
    bind_options=("--security-opt", "label=disable"),
    # Its own image format has no health checks.
    build_options=("--format", "docker"),
    # Without it the second image's name becomes another name of the first image.
    save_options=("--multi-image-archive",),
    # Keep the owners of the tar: by default all becomes the container's user's.
    copy_in_options=("--archive=false",),
    # By default /run, /tmp and /var/tmp are in memory and can be written.
    read_only_options=("--read-only-tmpfs=false",),
    # Without it none is stopped if one of several is absent.
    stop_options=("--ignore",),
    # It sends SIGTERM and waits 10 s, even with --force.
    remove_options=("--ignore", "--time", "0"),
    engine_info=podman_info,
    blockers=podman_blockers,
    change_format="{{.Name}}",
    changes=("create", "start", "died", "remove"),
    label_instruction=bare_label_instruction,
    bare_volume_labels=True,
    # Podman #19496, until 4.7; also later, if it is interrupted.
    leaves_archives=True,
    whole_lines=False,
    labels_volumes=False,
    copies_into_volumes=False,
    unique_networks=True,  # asked by id, it removes one that is in use
    local_prefix="localhost/",
    refusals=frozenset({125, 255}),
    complaint=_words(
        r"error: (no container with name or id|no such container|(cannot|unable to) connect"
        r"|cannot set up namespace)"
    ),
    absent=_words(
        r"no such (container|object|image|volume)|image not known|network not found"
        r"|could not be found on container|container \S+ does not exist"
    ),
    taken=_words(r"that name is already in use|(network|volume) already exists"),
    port_taken=_words(r"listen (?:tcp[46]? )?(\S+?): bind: address already in use"),
    no_subnet=_words(r"could not find free subnet"),
    read_only=_words(r"copying to container: [^\n]*\s*\*?[^\n]*read-only file system"),
    disk_full=_words(r"no space left on device"),
    not_running=_words(r"\s*error: [^\n]*(no such container|container state improper)[^\n]*\s*"),
    unreachable=_words(
        r"(cannot|unable to) connect to podman|cannot set up namespace"
        r"|command required for rootless mode with multiple ids"
    ),
    denied=_words(r"connect: permission denied"),
    verdict=_words(r"exit status \d+"),
    removing=_words(r"container \S+ is (already )?being removed"),
    loaded=r"(?m)^Loaded image: (?:localhost/)?(\S+)$",
    # It reads all images to answer about one, which is `inspecting object: NAME: image not known`,
    # and all interfaces of the host to find addresses for a network.
    disturbed=_words(
        r'layer not known|locating image with id "[0-9a-f]+": image not known'
        r'|locating item named "[^"]+" for image with id'
        r"|route ip\+net: no such network interface"
        r"|passing bulk input to subprocess: write \S+: broken pipe"
    ),
    hint_absent="Install Podman (4.3 or newer), or put the podman command on PATH.",
    hint_denied="See who may use that socket: ls -l, on the path in $CONTAINER_HOST",
    hint_disk_full=(
        "The engine's disk is full, or the one that was written to."
        " See what fills the engine's: podman system df"
    ),
    hint_no_subnet="Remove the networks that nobody uses: podman network prune",
    hint_unreachable="See what it says of itself: podman info; echo $CONTAINER_HOST",
    remedies=_PODMAN_REMEDIES,
)
