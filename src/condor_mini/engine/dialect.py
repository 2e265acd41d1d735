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

    absent: re.Pattern[str]
    """No such container, image, network or file."""
    taken: re.Pattern[str]
    """The name belongs to another container or network."""
    not_running: re.Pattern[str]
    """The whole of what ``exec`` says where the container cannot run the command."""
    unreachable: re.Pattern[str]
    """The client has no engine to talk to."""
    denied: re.Pattern[str]
    """... because its socket is closed to this user."""
    removing: re.Pattern[str]
    """Somebody else is removing it already."""

    hint_absent: str
    hint_denied: str
    hint_unreachable: str


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


DOCKER = Dialect(
    name="docker",
    binary="docker",
    host_variable="DOCKER_HOST",
    default_context="default",
    default_endpoint="unix:///var/run/docker.sock",
    absent=_words(
        r"no such (container|object|image|network)|network \S+ not found|could not find the file"
    ),
    taken=_words(r"container name \S+ is already in use|network with name \S+ already exists"),
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
    removing=_words(r"removal of container \S+ is already in progress"),
    hint_absent="Install Docker, or put the docker command on PATH.",
    hint_denied=(
        "Let this user use Docker: sudo usermod -aG docker $USER, then log in again"
        " (or, in this shell only: newgrp docker)."
    ),
    hint_unreachable=(
        "Start it: sudo systemctl start docker, or Docker Desktop."
        " See where the client looks for it: docker context ls; echo $DOCKER_HOST"
    ),
)
