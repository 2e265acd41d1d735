"""Pools from one file whose nodes are on several hosts, each with Docker of its own."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from condor_mini.base.layout import LABEL
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import require_builder
from condor_mini.engines import find_engine
from condor_mini.images import builder
from condor_mini.images.debian import debian_base
from docker_hosts import docker_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from command_line import Result
    from docker_hosts import Engine
    from hosts_for_tests import Network

NODE1, NODE2 = "10.99.0.1", "10.99.0.2"
POOL_LABEL = f"{LABEL}.pool"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Two hosts: condor-mini is typed on the first, which knows the context ``node2``."""

    here: Engine
    there: Engine

    def cli(
        self,
        *argv: str,
        environment: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> Result:
        """Run condor-mini on the first host, whatever its status; ``within`` runs it."""
        words = ("env", *(f"{key}={value}" for key, value in (environment or {}).items()))
        return self.here.host.run(*words, *within, sys.executable, "-m", "condor_mini", *argv)

    def ran(self, *argv: str) -> str:
        """Run condor-mini on the first host, which succeeds; what it wrote to stdout."""
        done = self.cli(*argv)
        assert done.status == 0, f"{argv}: {done.out}{done.err}"
        return done.out

    def file(self, text: str) -> str:
        """Write a pool file; its path."""
        path = self.here.host.home / f"pool-{time.monotonic_ns()}.yaml"
        path.write_text(text)
        return str(path)

    def status(self, pool: str) -> dict[str, Any]:
        """What `status` says of a pool."""
        found: dict[str, Any] = json.loads(self.cli("status", "-n", pool, "-o", "json").out)
        return found

    def held(self) -> list[str]:
        """What any engine has of any pool."""
        # The embedded engine lists its own pools only.
        embedded = self.cli("list", "-q", "--engine", "embedded").out.split()
        return [*self.here.held(POOL_LABEL), *self.there.held(POOL_LABEL), *embedded]


@contextmanager
def machines(hosts: Network, folder: Path, *options: str) -> Iterator[Machines]:
    """Yield two hosts with Docker; the first has our images.

    Args:
        hosts: Network for the hosts.
        folder: Directory for what the engines keep.
        options: More options of the second host's dockerd.
    """
    first = hosts.host("node1", address=f"{NODE1}/16")
    second = hosts.host("node2", address=f"{NODE2}/16")
    with docker_on(first, folder / "1") as here, docker_on(second, folder / "2", *options) as there:
        here.load(images())
        made = Machines(here=here, there=there)
        made.here.host.shell(f"docker context create node2 --docker host={there.url}")
        yield made


def images(series: str | None = None) -> list[str]:
    """Our images, built on this machine's Docker, and the one that they are built on."""
    engine = require_builder(find_engine("docker"), "build images")
    roles = ("base", "master", "submit", "execute")
    built = builder.build(engine, roles, catalogue().get(series), Progress())
    return [*(image.reference for image in built), debian_base(engine, Progress())]
