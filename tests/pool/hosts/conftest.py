"""Hosts that tests make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hosts_for_tests import Network, can_have_hosts, network

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network without hosts, which lasts for a module."""
    if not can_have_hosts():
        pytest.skip("only root makes network namespaces, with ip(8)")
    with network(tmp_path_factory.mktemp("hosts"), "") as made:
        yield made
