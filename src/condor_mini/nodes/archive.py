"""The tar archives that are copied into a node: all its files before its start, or new tokens."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.layout import HOME, KEYS, TOKENS
from condor_mini.base.tar_writer import TarWriter, mode_of
from condor_mini.engine import VolumeMount
from condor_mini.nodes.certificates import CERTIFICATES, files_at
from condor_mini.nodes.planned_node import CONFIGURATION
from condor_mini.nodes.state import state_volumes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from condor_mini.nodes.planned_node import PlannedNode

TOKEN_FILES = (f"{TOKENS.lstrip('/')}/node", "etc/condor/users-token")
"""The paths of a node's own token and of its users' token; see the script ``renew-tokens``."""
JOIN_TOKEN_FILE = f"{TOKENS.lstrip('/')}/join"
"""The path of the token that a node joins with; see the script ``check-join``."""
_MODES = {HOME: 0o700, KEYS: 0o700, TOKENS: 0o700}
"""The mode of each directory that is not the daemons'.

The entrypoint gives the daemons theirs. They are not in the archive: another process may unpack it
too, after the node's start (``startup._create``), and would take them away from the daemons.
"""


def node_archive(
    node: PlannedNode,
    *,
    tokens: Sequence[str] = (),
    join_token: str = "",
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return the tar archive to unpack at ``PlannedNode.archive_at`` before a node's start.

    It contains the node's files, and the certificate authorities of the caller's machine. If the
    node is not read-only, it also sets the owners and modes of volumes that are not the daemons'.
    For a read-only node the engine takes them from the image; the caller must see to its
    ``user_volumes``.

    Args:
        node: Node to make the archive for.
        tokens: The node's own token, then its users' token if it has one.
        join_token: Token that a node which joins a pool exchanges for its own; empty if it has one.
        more: Other files, by path. Scripts among them become executable.
    """
    tar = TarWriter()
    for mount in () if node.container.read_only else node.container.mounts:
        if isinstance(mount, VolumeMount) and not mount.read_only:
            # An engine creates volumes that only root can write.
            is_state = mount.volume in state_volumes(node)
            mode = _MODES.get(mount.target) if is_state else 0o1777
            owner, group = node.user if mount.target == HOME else (0, 0)
            if mode is not None:
                tar.directory(mount.target.strip("/"), mode, owner, group)
    ours = {path: text.encode() for path, text in node.files.items()}
    for path, content in {**(more or {}), **ours, **files_at(CERTIFICATES)}.items():
        tar.file(_below(path, node.archive_at), content, mode_of(content))
    _add_tokens(tar, tokens, at=node.archive_at)
    if join_token:
        tar.file(_below(JOIN_TOKEN_FILE, node.archive_at), f"{join_token}\n".encode(), 0o600)
    return tar.finish()


def tokens_archive(tokens: Sequence[str]) -> bytes:
    """Return the tar archive that replaces the tokens of an existing node.

    It is to be unpacked at ``CONFIGURATION``; ``tokens`` are as for ``node_archive``.
    """
    tar = TarWriter()
    _add_tokens(tar, tokens, at=CONFIGURATION)
    return tar.finish()


def _add_tokens(tar: TarWriter, tokens: Sequence[str], *, at: str) -> None:
    for path, token in zip(TOKEN_FILES, tokens, strict=False):
        tar.file(_below(path, at), f"{token}\n".encode(), 0o600)


def _below(path: str, directory: str) -> str:
    """Return a path of the node's as an archive for that directory names it."""
    return str(PurePosixPath("/", path).relative_to(directory))
