"""What a node is given before it starts."""

from __future__ import annotations

import io
import tarfile

from condor_mini.nodes.archive import node_archive
from condor_mini.nodes.plan import planned_nodes
from pool_ci import spec_of

TOKENS = ("secret", "users'")
WITH_VOLUME = {"volumes": ["data:/data"]}


def members(data: bytes) -> list[str]:
    """Return the names in a tar."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_archive_is_for_the_configuration() -> None:
    """What a read-only node is given lies below /etc/condor, and volumes are none of it."""
    node = planned_nodes(spec_of(execution_points=[WITH_VOLUME]))[-1]
    assert members(node_archive(node, tokens=TOKENS)) == [
        "config.d/40-pool",
        "config.d/60-node",
        "tokens.d/node",
        "users-token",
    ]


def test_archive_of_a_node_that_can_be_written() -> None:
    """What such a node is given begins at its root, with the owners and modes of its volumes.

    The daemons' directories are theirs once the node runs, and another process may unpack it then.
    """
    node = planned_nodes(spec_of(execution_points=[{**WITH_VOLUME, "read_only": False}]))[-1]
    names = members(node_archive(node, tokens=TOKENS))
    assert {"data", "etc/condor/tokens.d", "etc/condor/tokens.d/node"} <= set(names)
    assert not {"var/log/condor", "var/spool/condor"} & set(names)


def test_scripts_can_be_run_and_secrets_not_be_read() -> None:
    """Of what is put in, scripts are 0755, a token is 0600, all else is 0644."""
    own = planned_nodes(spec_of(execution_points=[{"image": "my/thing:1"}]))[-1]
    data = node_archive(own, tokens=["secret"], more={"a": b"#!x\n", "b": b"x"})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        modes = {member.name: member.mode for member in tar}
    assert (modes["a"], modes["b"]) == (0o755, 0o644)
    assert modes["etc/condor/tokens.d/node"] == 0o600
