"""HTCondor 23 on two hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .joining import joined_nodes, submitted, token

if TYPE_CHECKING:
    from hosts_for_tests import Network


@pytest.mark.slow
def test_jobs_run_on_both_hosts(hosts: Network) -> None:
    """Of the first host's access point and of the other one's, in both directions."""
    first = hosts.host("alpha", address="10.99.0.1/16")
    second = hosts.host("beta", address="10.99.0.2/16")
    first.ran("create", "--expose", first.address, "-q", "--htcondor", "23")
    for role in ("execute", "submit"):
        file = token(first, second, role=role)
        options = ("--token-file", file, f"--{role}", "1", "-n", f"beta-{role}")
        said = second.cli("join", first.address, *options, "--htcondor", "23")
        assert said.status == 0, said.err
        assert "are to reach it at 10.99.0.2:" in said.err
    assert set(joined_nodes(first).values()) == {"beta"}
    for host, pool in ((first, "mini"), (second, "beta-submit")):
        for node in ("mini-execute-1", "beta-execute-execute-1"):
            assert submitted(host, pool, node, f'CondorMiniNode == "{node}"') == {node}
