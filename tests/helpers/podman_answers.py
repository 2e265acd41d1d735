"""What Podman 4.3.1 on Debian 12 answers to ``info``."""

from __future__ import annotations

import copy
from typing import Any

Facts = dict[str, Any]

MAPPED = [{"container_id": 0, "host_id": 1000, "size": 1}]

GIVEN = [*MAPPED, {"container_id": 1, "host_id": 100000, "size": 65536}]

ROOT: Facts = {
    "host": {
        "arch": "amd64",
        "cgroupControllers": ["cpuset", "cpu", "memory", "pids"],
        "cgroupVersion": "v2",
        "cpus": 2,
        "idMappings": {"gidmap": None, "uidmap": None},
        "memTotal": 2**31,
        "networkBackend": "netavark",
        "security": {"rootless": False},
        "serviceIsRemote": False,
        "slirp4netns": {"executable": ""},
    },
    "store": {
        "configFile": "/usr/share/containers/storage.conf",
        "graphDriverName": "overlay",
        "graphRoot": "/var/lib/containers/storage",
    },
    "version": {"Version": "4.3.1"},
}


def changed(facts: Facts, **host: object) -> Facts:
    """The same facts of another host."""
    facts = copy.deepcopy(facts)
    facts["host"].update(host)
    return facts


ROOTLESS = changed(
    ROOT,
    idMappings={"gidmap": GIVEN, "uidmap": GIVEN},
    security={"rootless": True},
    slirp4netns={"executable": "/usr/bin/slirp4netns"},
)
REMOTE = changed(ROOT, serviceIsRemote=True)
"""Of which nothing is looked for on this machine."""
