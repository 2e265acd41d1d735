"""In what the engines that are driven by a command line differ: one table, a row for each."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one engine's command line is called, and in which words it says no.

    The patterns are searched in what it writes to stderr; its exit statuses do not tell.
    """

    name: str
    binary: str
    host_variable: str
    """The environment variable that names another endpoint."""
    default_context: str
    """The context that stands for ``default_endpoint``."""
    default_endpoint: str

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


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


DOCKER = Dialect(
    name="docker",
    binary="docker",
    host_variable="DOCKER_HOST",
    default_context="default",
    default_endpoint="unix:///var/run/docker.sock",
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
