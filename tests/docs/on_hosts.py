"""Examples on several hosts: ``node1$`` is the prompt of one of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.docs.pages import Command, of_kind

if TYPE_CHECKING:
    from pathlib import Path

    from hosts_for_tests import Host

SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def commands_of(page: Path, kind: str) -> list[tuple[str, Command]]:
    """The host and the text of each command on a page, in order."""
    text = "".join(example.text for example in of_kind(kind, page))
    entries = re.split(r"(?m)^([a-z]+\d)\$ ", text)[1:]
    return [
        (host, Command.of(entry)) for host, entry in zip(entries[::2], entries[1::2], strict=True)
    ]


def typed(host: Host, command: Command, clone: Path, folder: str = ".") -> str:
    """Run a command on a host, in a folder of its home; all that it says, stderr first."""
    script = f"cd {folder}\n{command.script}"
    done = host.run("sh", "-euc", script, PATH=f"{clone / 'bin'}:{SYSTEM}")
    assert done.status == 0, f"{host.name}: {command.script}\n{done.err}{done.out}"
    return done.err + done.out
