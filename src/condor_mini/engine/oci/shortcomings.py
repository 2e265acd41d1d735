"""What an engine lacks on this machine, from its answer to ``info`` and files of the machine."""

from __future__ import annotations

import getpass
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from condor_mini.engine.values import Shortcoming

if TYPE_CHECKING:
    from collections.abc import Iterator


Json = dict[str, Any]
"""An answer of an engine, from JSON."""

PODMAN_MINIMUM = (4, 3)
FIRST_SUBORDINATE = 100_000
SUBORDINATES = 65_536
"""How many ids a user gets on most distributions."""

_HELPER_FOLDERS = (
    *("/usr/libexec/podman", "/usr/lib/podman", "/usr/local/libexec/podman"),
    *("/usr/local/lib/podman", "/usr/libexec/cni", "/usr/lib/cni", "/usr/local/libexec/cni"),
    *("/usr/local/lib/cni", "/opt/cni/bin"),
)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where to look on a machine; the defaults are for this one."""

    user: str = field(default_factory=getpass.getuser)
    subordinates: tuple[Path, ...] = (Path("/etc/subuid"), Path("/etc/subgid"))
    tun: Path = Path("/dev/net/tun")
    helpers: tuple[Path, ...] = tuple(map(Path, _HELPER_FOLDERS))
    """Folders with the programs that Podman calls for its networks."""


def docker_blockers(facts: Json) -> Iterator[Shortcoming]:
    """Yield what keeps us from using the engine behind the command ``docker``."""
    if "ServerVersion" not in facts:
        yield Shortcoming(
            evidence="the command docker answers as Podman does (Debian's podman-docker)",
            hint="Call it by its own name: --engine podman",
        )


def podman_blockers(facts: Json, machine: Machine | None = None) -> Iterator[Shortcoming]:
    """Yield what keeps us from using Podman; on another machine only its version is known."""
    version = facts["version"]["Version"]
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < PODMAN_MINIMUM:
        least = ".".join(map(str, PODMAN_MINIMUM))
        yield Shortcoming(
            evidence=f"it is version {version}, and {least} is the oldest that will do",
            hint=f"Get Podman {least} or newer: Debian 12 and Ubuntu 24.04 have one.",
        )
    host = facts["host"]
    if host["serviceIsRemote"]:
        return
    machine = machine or Machine()
    yield from _names(host, machine)
    if host["security"]["rootless"]:
        yield from _subordinates(host, machine)
        yield from _way_out(host, machine)


def podman_shortcomings(facts: Json) -> Iterator[Shortcoming]:
    """Yield what Podman could do better here."""
    if facts["store"]["graphDriverName"] == "vfs":
        yield Shortcoming(
            evidence="each container and each layer is a whole copy (storage driver vfs)",
            hint="Use overlay: put the two lines '[storage]' and 'driver = \"overlay\"' into"
            f" {facts['store']['configFile']}, then: podman system reset"
            " (which removes all images and containers). Before Linux 5.13 a user needs"
            " fuse-overlayfs for it: sudo apt-get install fuse-overlayfs",
        )


def _names(host: Json, machine: Machine) -> Iterator[Shortcoming]:
    """Check that containers can find each other by name, by a plugin that is often absent."""
    netavark = host.get("networkBackend", "netavark") == "netavark"
    plugin, package = (
        ("aardvark-dns", "netavark aardvark-dns")
        if netavark
        else ("dnsname", "golang-github-containernetworking-plugin-dnsname")
    )
    plugin_path = ((host.get("networkBackendInfo") or {}).get("dns") or {}).get("path")
    if not plugin_path and not any((folder / plugin).exists() for folder in machine.helpers):
        yield Shortcoming(
            evidence=f"there is no {plugin}, by which containers find each other by name",
            hint=f"Install it: sudo apt-get install {package}",
        )


def _subordinates(host: Json, machine: Machine) -> Iterator[Shortcoming]:
    """Check that the user has user and group ids for the users in a container."""
    mappings = host["idMappings"]
    for file, option, kind in zip(
        machine.subordinates, ("subuids", "subgids"), ("uidmap", "gidmap"), strict=True
    ):
        if sum(mapping["size"] for mapping in mappings[kind] or ()) > 1:
            continue
        first = _first_free(file)
        yield Shortcoming(
            evidence=f"{machine.user} has no ids for the users in a container: {file} has no line"
            f" for {machine.user}",
            hint=f"Give some: sudo usermod --add-{option} {first}-{first + SUBORDINATES - 1}"
            f" {machine.user}; then: podman system migrate",
        )


def _first_free(file: Path) -> int:
    """Return the first id that belongs to nobody."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return FIRST_SUBORDINATE
    taken = [re.fullmatch(r"[^:]+:(\d+):(\d+)", line.strip()) for line in lines]
    ends = (int(found[1]) + int(found[2]) for found in taken if found)
    return max([FIRST_SUBORDINATE, *ends])


def _way_out(host: Json, machine: Machine) -> Iterator[Shortcoming]:
    """Check that a user's networks can reach the world, as Podman wants for each of them."""
    programs = [(host.get(name) or {}).get("executable") for name in ("slirp4netns", "pasta")]
    if not any(programs):
        yield Shortcoming(
            evidence="there is neither slirp4netns nor pasta, the way out of a user's networks",
            hint="Install one: sudo apt-get install slirp4netns",
        )
    if not machine.tun.exists():
        yield Shortcoming(
            evidence=f"there is no {machine.tun}, the way out of a user's networks",
            hint="Make it: sudo modprobe tun (in a container: start it with --device /dev/net/tun)",
        )
    elif not os.access(machine.tun, os.R_OK | os.W_OK):
        yield Shortcoming(
            evidence=f"{machine.user} may not open {machine.tun}, the way out of a user's networks",
            hint=f"Let everybody open it: sudo chmod 0666 {machine.tun}",
        )
