"""The examples with several hosts: ``node1$`` and ``node2$`` are the prompts of two of them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.docs.on_hosts import commands_of, typed
from tests.docs.pages import name_of, scenarios
from tests.docs.typing_in import check

from hosts_for_tests import can_have_hosts, network

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = {"node1": "10.99.0.1", "node2": "10.99.0.2"}


@pytest.mark.parametrize("page", scenarios("hosts"), ids=name_of)
def test_hosts(page: Path, clone: Path, tmp_path: Path) -> None:
    """Each command does what stands below it; the token's file is copied as the page says."""
    if not can_have_hosts():
        pytest.skip("only root makes network namespaces, with ip(8)")
    with network(tmp_path / "hosts", "d", names=ADDRESSES) as made:
        hosts = {
            name: made.host(name, address=f"{address}/16") for name, address in ADDRESSES.items()
        }
        for name, command in commands_of(page, "hosts"):
            check(command, typed(hosts[name], command, clone))
            for source in hosts["node1"].home.glob("token"):
                shutil.copy(source, hosts["node2"].home)
