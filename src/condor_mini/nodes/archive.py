"""The archive that a node gets before its start."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.layout import HOME, KEYS, LOG, SPOOL, TOKENS, USER_ID
from condor_mini.engine import VolumeMount
from condor_mini.nodes.planned_node import CONFIGURATION
from condor_mini.nodes.state import state_volumes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.nodes.planned_node import PlannedNode

TOKEN_FILES = (f"{TOKENS.lstrip('/')}/node", "etc/condor/users-token")
"""Where the tokens of a node are, the one of its users the second: renew-tokens."""
_OWNERS = {
    SPOOL: (0, 0o755),
    LOG: (0, 0o755),
    HOME: (USER_ID, 0o700),
    KEYS: (0, 0o700),
    TOKENS: (0, 0o700),
}
"""Who has these at first, and their modes; the entrypoint gives to the daemons what is theirs."""


def node_archive(
    node: PlannedNode, *, tokens: Sequence[str] = (), more: Mapping[str, bytes] | None = None
) -> bytes:
    """What a node gets before its start, as a tar for ``PlannedNode.archive_at``.

    It holds its files; and for one that is not read-only, the owners and modes of volumes. Of the
    others an engine takes them from the image, and ``user_volumes`` are to be seen to.

    Args:
        node: Which.
        tokens: Its own, and its users', if it has such.
        more: Other files, by path; scripts among them can be run.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for mount in () if node.container.read_only else node.container.mounts:
            if isinstance(mount, VolumeMount) and not mount.read_only:
                # An engine makes them root's own.
                entry = tarfile.TarInfo(mount.target.strip("/"))
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
                if mount.volume in state_volumes(node):
                    entry.uid, entry.mode = _OWNERS[mount.target]
                    entry.gid = entry.uid
                tar.addfile(entry)
        ours = {path: text.encode() for path, text in node.files.items()}
        for path, content in {**(more or {}), **ours}.items():
            mode = 0o755 if content.startswith(b"#!") else 0o644
            _add(tar, path, content, mode, at=node.archive_at)
        _add_tokens(tar, tokens, at=node.archive_at)
    return buffer.getvalue()


def tokens_archive(tokens: Sequence[str]) -> bytes:
    """The same for a node that is there, and gets other tokens only: for ``CONFIGURATION``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add_tokens(tar, tokens, at=CONFIGURATION)
    return buffer.getvalue()


def _add_tokens(tar: tarfile.TarFile, tokens: Sequence[str], *, at: str) -> None:
    for path, token in zip(TOKEN_FILES, tokens, strict=False):
        _add(tar, path, f"{token}\n".encode(), 0o600, at=at)


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int, *, at: str) -> None:
    entry = tarfile.TarInfo(str(PurePosixPath("/", path).relative_to(at)))
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
