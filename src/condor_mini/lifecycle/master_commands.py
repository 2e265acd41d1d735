"""Commands to the master of a node: ``condor_off``, ``condor_on`` and ``condor_reconfig``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed

if TYPE_CHECKING:
    from condor_mini.nodes.node import Node

_ENVIRONMENT = {"_CONDOR_SEC_FS_ENFORCE_CHANNEL_BINDING": "False"}
"""Lets a tool say nothing of the address at which it has reached the master (condor_auth_fs.cpp).

The master compares that with its own address. It does not know its own for up to 300 s when its
shared_port has died and runs again (``ClearSharedPortServerAddr``, ``remote_addr_refresh_time``:
shared_port_endpoint.cpp), and refuses the tools of its own node. The address is there against
somebody in between, who passes on what the tool proves. On one node nobody can be: whoever has the
port in place of shared_port does not reach the master.
"""
_TIMEOUT_S = 60.0


def command_master(node: Node, *argv: str) -> str:
    """Run a tool that commands a node's master, as root; return what it says of problems.

    The status of condor_off and condor_on is 0 also if the master refuses them (25.14.1), so look
    whether it obeys.

    Raises:
        CommandFailed: It failed.
        PoolNotReady: The node does not run.
    """
    result = node.exec(argv, user="root", environment=_ENVIRONMENT, timeout_s=_TIMEOUT_S)
    if result.returncode != 0:
        raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)
    return " ".join(result.stderr.split())
