"""What tests of pools over several hosts do on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hosts_for_tests import Host

JOB = """\
executable = job.sh
transfer_input_files = random
transfer_output_files = copy.$(Process), where.$(Process)
arguments = $(Process)
should_transfer_files = yes
output = out.$(Process)
log = log
requirements = {requirements}
request_cpus = 1
request_memory = 64
request_disk = 32M
queue {count}
"""
SCRIPT = "#!/bin/sh\nset -eu\ncp random copy.$1\nhostname >where.$1\n"
RANDOM_BYTES = 10 * 1024 * 1024


def submitted(
    host: Host, pool: str, folder: str, requirements: str = "true", count: int = 1
) -> set[str]:
    """Run jobs that copy a large file; the nodes that they ran on."""
    place = host.home / folder
    place.mkdir()
    (place / "job.sub").write_text(JOB.format(requirements=requirements, count=count))
    (place / "job.sh").write_text(SCRIPT)
    (place / "job.sh").chmod(0o755)
    host.shell(f"head -c {RANDOM_BYTES} /dev/urandom >{place}/random")
    host.ran("submit", "-n", pool, str(place / "job.sub"), "--wait", "--timeout", "100")
    content = (place / "random").read_bytes()
    for number in range(count):
        assert (place / f"copy.{number}").read_bytes() == content
    return {(place / f"where.{number}").read_text().strip() for number in range(count)}


def token(host: Host, target: Host, *options: str, role: str = "execute") -> str:
    """Have a join token made on one host, for another one; its file there."""
    secret = host.ran("token", "create", "--join", role, "-q", *options)
    assert len(secret.splitlines()) == 1
    file = target.home / f"token-{len(list(target.home.iterdir()))}"
    file.touch(0o600)
    file.write_text(secret)
    return str(file)


def joined_nodes(host: Host) -> dict[str, str]:
    """The nodes of other hosts that `status` shows, with their hosts."""
    found = json.loads(host.cli("status", "-o", "json").out)["joined"]
    return {node["name"]: node["host"] for node in found}
