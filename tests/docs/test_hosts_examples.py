"""The examples with several hosts: ``node1$`` and ``node2$`` are the prompts of two of them."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import Command, name_of, of_kind, scenarios
from tests.docs.typing_in import check

from hosts_for_tests import Host, can_have_hosts, network

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = {"node1": "10.99.0.1", "node2": "10.99.0.2"}


def commands_of(page: Path) -> list[tuple[str, Command]]:
    """The host and the text of each command on a page, in order."""
    text = "".join(example.text for example in of_kind("hosts", page))
    entries = re.split(r"(?m)^(node\d)\$ ", text)[1:]
    return [
        (host, Command.of(entry)) for host, entry in zip(entries[::2], entries[1::2], strict=True)
    ]


def typed(host: Host, command: Command, clone: Path) -> str:
    """Run a command on a host, in its home; all that it says, stderr first."""
    path = f"{clone / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = host.run("sh", "-euc", command.script, PATH=path)
    assert done.status == 0, f"{host.name}: {command.script}\n{done.err}{done.out}"
    return done.err + done.out


@pytest.mark.parametrize("page", scenarios("hosts"), ids=name_of)
def test_hosts(page: Path, clone: Path, tmp_path: Path) -> None:
    """Each command does what stands below it; the token's file is copied as the page says."""
    if not can_have_hosts():
        pytest.skip("only root makes network namespaces, with ip(8)")
    with network(tmp_path / "hosts", "d", names=ADDRESSES) as made:
        hosts = {
            name: made.host(name, address=f"{address}/16") for name, address in ADDRESSES.items()
        }
        for name, command in commands_of(page):
            check(command, typed(hosts[name], command, clone))
            for source in hosts["node1"].home.glob("token"):
                shutil.copy(source, hosts["node2"].home)
