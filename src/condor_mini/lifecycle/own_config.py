"""Files of ours in the configuration of a node that runs, which its daemons read at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.tar_writer import TarWriter
from condor_mini.lifecycle.master_commands import command_master

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.nodes.node import Node


def read(node: Node, file: str) -> str:
    """Return the text of a file in a node's ``config.d``; empty if there is none.

    Raises:
        PoolNotReady: The node does not run.
    """
    result = node.exec(["cat", file], user="root")
    return result.stdout if result.returncode == 0 else ""


def write(node: Node, file: str, text: str) -> None:
    """Write a file in a node's ``config.d``, and have the daemons read it (condor_reconfig).

    Raises:
        PoolNotReady: The node does not run.
        CommandFailed: It cannot be written, or condor_reconfig failed.
    """
    if node.is_personal:  # its only user may not write there
        tar = TarWriter()
        tar.file(file.lstrip("/"), text.encode(), 0o644)
        node.engine.copy_in(node.info.id, tar.finish())
    else:
        _run(node, ["tee", file], text)
    command_master(node, "condor_reconfig")


def _run(node: Node, argv: Sequence[str], stdin: str | None = None) -> None:
    result = node.exec(argv, user="root", stdin=stdin)
    if result.returncode != 0:
        raise CommandFailed(result.argv, result.returncode, result.stderr or result.stdout)
