"""The labels and the mount that make a container a personal pool, the pool of ``./run``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from condor_mini.base.layout import LABEL

if TYPE_CHECKING:
    from condor_mini.engine import ContainerInfo

PERSONAL_STATE = "/condor_state"
"""Path of the state directory in a personal pool's container."""
STATE_DIRECTORY = f"{LABEL}.state"
"""Label with the path on the host of the state directory."""
CONTAINER_USER = f"{LABEL}.user"
"""Label with the user that the container runs as: ``UID:GID``."""
COMMAND_PREFIX = f"{LABEL}.command-prefix"
"""Label with the words that begin each command in the container; may be empty."""
REACHABLE = f"{LABEL}.reachable"
"""Label that is ``true`` if the daemons listen in the container's network, else ``false``."""
NOTEBOOK = f"{LABEL}.notebook"
"""Label with this machine's port for JupyterLab; empty if the pool has none."""
PUBLISHED = f"{LABEL}.published"
"""Label with the ports that the user has published, as ``run --publish`` takes them."""
_IDS = re.compile(r"[0-9]{1,10}:[0-9]{1,10}", re.ASCII)


def personal_fault(info: ContainerInfo) -> str:
    """Return why a container is no personal pool, whatever its name; empty if it is one.

    A directory of the host is mounted as its state: no image can bring that about.
    """
    if PERSONAL_STATE not in info.mounts or PERSONAL_STATE in info.volumes:
        return f"no directory of the host is mounted at {PERSONAL_STATE}"
    if not info.labels.get(STATE_DIRECTORY):
        return f"it has no label {STATE_DIRECTORY}"
    if not _IDS.fullmatch(info.labels.get(CONTAINER_USER, "")):
        return f"its label {CONTAINER_USER} is not UID:GID"
    return ""


def owner_of(info: ContainerInfo) -> tuple[int, int]:
    """Return UID and GID of a personal pool's user, as the engine counts them."""
    uid, _, gid = info.labels[CONTAINER_USER].partition(":")
    return int(uid), int(gid)
