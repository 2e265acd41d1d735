"""A pool over two hosts, each behind a router that hides it; one port leads to the first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .joining import joined_nodes, submitted, token

if TYPE_CHECKING:
    from hosts_for_tests import Host, Network

OUTSIDE = "10.99.1.1"
PORT = 9700


@pytest.fixture(scope="module")
def first(hosts: Network) -> Host:
    """The host with the central manager."""
    host = hosts.behind_nat("alpha", outside=f"{OUTSIDE}/16", port=PORT)
    host.ran("create", "--expose", f"{OUTSIDE}:{PORT}", "-q")
    return host


def test_jobs_run_behind_the_other_router_unseen(
    hosts: Network, first: Host, tmp_path: Path
) -> None:
    """Large files come back as they were, and neither they nor the tokens are seen on the wire."""
    second = hosts.behind_nat("beta", outside="10.99.1.2/16")
    with hosts.captured(tmp_path / "wire"):
        file = token(first, second)
        said = second.cli("join", f"{OUTSIDE}:{PORT}", "--token-file", file)
        assert said.status == 0, said.err
        assert f"through the connection broker at {OUTSIDE}:{PORT}" in said.err
        assert joined_nodes(first) == {"beta-execute-1": "beta"}
        assert submitted(first, "mini", "far", 'CondorMiniHost == "beta"') == {"beta-execute-1"}
    seen = (tmp_path / "wire").read_bytes()
    content = (first.home / "far" / "random").read_bytes()
    assert len(seen) > 2 * len(content), "there and back"
    assert b"CryptoMethods" in seen, "what the daemons agree on first is not secret"
    parts = [content[start : start + 48] for start in range(0, len(content), len(content) // 20)]
    signature = Path(file).read_text().strip().rpartition(".")[2].encode()
    for secret in (signature, b"cp random copy", *parts):
        assert secret not in seen
