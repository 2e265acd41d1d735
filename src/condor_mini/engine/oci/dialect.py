"""In what the engines that are driven by a command line differ: one table, a row for each."""

from __future__ import annotations

import re
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
    """How one engine's command line is called, and in which words it says no.

    The patterns are searched in what it writes to stderr; its exit statuses do not tell.
    """

    name: str
    binary: str
    host_variable: str
    """The environment variable that names another endpoint."""
    default_context: str | None
    """The context that stands for ``default_endpoint``; None where there are no contexts."""
    default_endpoint: str
    """Empty where only ``info`` tells it."""

    options: tuple[str, ...] = ()
    """Of every command, before its name."""
    create_options: tuple[str, ...] = ()
    bind_options: tuple[str, ...] = ()
    """Of ``create`` too, where a directory of the host is mounted."""
    build_options: tuple[str, ...] = ()
    save_options: tuple[str, ...] = ()
    copy_in_options: tuple[str, ...] = ()
    follow_options: tuple[str, ...] = ()
    """Of a copy that comes out, for a link's file in place of the link."""
    read_only_options: tuple[str, ...] = ()
    """Of ``create`` too, where the root is read-only."""
    stop_options: tuple[str, ...] = ()
    remove_options: tuple[str, ...] = ()

    engine_info: Callable[[Json, str], EngineInfo]
    """Reads the answer to ``info``, at that endpoint."""
    blockers: Callable[[Json], Iterable[Shortcoming]]
    """What of the answer to ``info`` means that it is of no use to us."""
    label_instruction: Callable[[str, str], str] = label_instruction
    """A label as ``import --change`` reads it."""
    bare_volume_labels: bool = False
    """Whether ``volume create`` reads a label as CSV, at least in some versions."""
    whole_lines: bool = True
    """Whether ``logs`` counts and stamps lines, and not the pieces in which they were written."""
    labels_volumes: bool = True
    """Whether ``create`` makes a volume that is absent, with the labels that a mount says."""
    copies_into_volumes: bool = True
    """Whether an archive for / reaches the volumes of a container that does not run."""
    unique_networks: bool = False
    """Whether a network is known by its name; else by its id, of which several share a name."""
    local_prefix: str = ""
    """What stands before the name of an image that names no registry."""
    refusals: frozenset[int]
    """How ``exec`` may end where the container cannot run the command."""

    complaint: re.Pattern[str]
    """How a line begins that is the client's or the engine's own and no container's."""
    absent: re.Pattern[str]
    """No such container, image, network, volume or file."""
    taken: re.Pattern[str]
    """The name belongs to another container or network."""
    port_taken: re.Pattern[str]
    """Somebody else has the port of the host, which is the first group."""
    no_subnet: re.Pattern[str]
    """All the addresses that networks are given are in use."""
    read_only: re.Pattern[str]
    """The container's root is read-only, and so is what was to be written."""
    disk_full: re.Pattern[str]
    """There is no room for what was to be written."""
    not_running: re.Pattern[str]
    """The whole of what ``exec`` says where the container cannot run the command."""
    unreachable: re.Pattern[str]
    """The client has no engine to talk to."""
    denied: re.Pattern[str]
    """... because its socket is closed to this user."""
    verdict: re.Pattern[str]
    """The whole of a line that says no more than that something failed."""
    removing: re.Pattern[str]
    """Somebody else is removing it already."""

    loaded: re.Pattern[str]
    """The line of stdout that names an image that was loaded, which is the first group."""

    hint_absent: str
    hint_denied: str
    hint_disk_full: str
    hint_no_subnet: str
    hint_unreachable: str
    remedies: tuple[tuple[re.Pattern[str], str], ...] = ()
    """What else it may say of this machine, and what to do about it."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


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
        r"|unable to resolve docker endpoint"
    ),
    denied=_words(r"permission denied while trying to connect"),
    verdict=_words(r"exit status \d+"),
    removing=_words(r"removal of container \S+ is already in progress"),
    loaded=re.compile(r"^Loaded image: (\S+)$", re.MULTILINE),
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
    # Warnings go where a container's own stderr goes.
    options=("--log-level=error",),
    # Not the journal, where that is the default: it may be closed to the user, and forgets.
    create_options=("--log-driver", "k8s-file"),
    # SELinux would let the container see nothing of the user's directory, which we do not relabel.
    bind_options=("--security-opt", "label=disable"),
    # Its own format knows no health checks.
    build_options=("--format", "docker"),
    # Without it the second image's name becomes one more of the first's.
    save_options=("--multi-image-archive",),
    # The owners that the tar says; else they become the container's user.
    copy_in_options=("--archive=false",),
    # It would have memory at /run, /tmp and /var/tmp that can be written.
    read_only_options=("--read-only-tmpfs=false",),
    # Of several it stops none where one is absent.
    stop_options=("--ignore",),
    # It asks politely and waits 10 s, even where it is forced.
    remove_options=("--ignore", "--time", "0"),
    engine_info=podman_info,
    blockers=podman_blockers,
    label_instruction=bare_label_instruction,
    bare_volume_labels=True,
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
    loaded=re.compile(r"^Loaded image: (?:localhost/)?(\S+)$", re.MULTILINE),
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
