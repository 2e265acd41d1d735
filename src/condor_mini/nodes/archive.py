"""The archive that a node gets before its start."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.layout import HOME, KEYS, LOG, SPOOL, TOKENS, USER_ID
from condor_mini.base.tar_writer import TarWriter, mode_of
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
    tar = TarWriter()
    for mount in () if node.container.read_only else node.container.mounts:
        if isinstance(mount, VolumeMount) and not mount.read_only:
            # An engine makes them root's own.
            is_state = mount.volume in state_volumes(node)
            owner, mode = _OWNERS[mount.target] if is_state else (0, 0o1777)
            tar.directory(mount.target.strip("/"), mode, owner)
    ours = {path: text.encode() for path, text in node.files.items()}
    for path, content in {**(more or {}), **ours}.items():
        tar.file(_below(path, node.archive_at), content, mode_of(content))
    _add_tokens(tar, tokens, at=node.archive_at)
    return tar.finish()


def tokens_archive(tokens: Sequence[str]) -> bytes:
    """The same for a node that is there, and gets other tokens only: for ``CONFIGURATION``."""
    tar = TarWriter()
    _add_tokens(tar, tokens, at=CONFIGURATION)
    return tar.finish()


def _add_tokens(tar: TarWriter, tokens: Sequence[str], *, at: str) -> None:
    for path, token in zip(TOKEN_FILES, tokens, strict=False):
        tar.file(_below(path, at), f"{token}\n".encode(), 0o600)


def _below(path: str, directory: str) -> str:
    """Return a path of the node's as an archive for that directory names it."""
    return str(PurePosixPath("/", path).relative_to(directory))
