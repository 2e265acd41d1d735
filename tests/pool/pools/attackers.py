"""Who attacks a pool from its own network: somebody with HTCondor's tools, and perhaps a token."""

from __future__ import annotations

import io
import tarfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.pool.people import image

from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import CommandResult
    from condor_mini.pool import Pool

LEVELS = (
    *("READ", "WRITE", "NEGOTIATOR", "ADMINISTRATOR", "DAEMON", "CONFIG"),
    *("ADVERTISE_STARTD", "ADVERTISE_SCHEDD", "ADVERTISE_MASTER"),
)
TOKEN = "etc/condor/tokens.d/node"  # noqa: S105 (where it is)
DAEMONS = {
    "collector": "Collector",
    "schedd": "Scheduler",
    "startd": "Machine",
    "master": "DaemonMaster",
}
MANAGER = "manager"
"""The central manager's master, beside those."""


@dataclass(frozen=True, kw_only=True)
class Attacker:
    """A container in a pool's network that is no node of it."""

    pool: Pool
    container: str
    addresses: dict[str, str]
    """Of the pool's daemons: ``DAEMONS``, and ``MANAGER``."""

    def run(self, script: str, *, timeout_s: float = 20) -> CommandResult:
        """Run a script as root there, to its end."""
        return self.pool.engine.exec(
            self.container,
            ["timeout", f"{timeout_s:g}", "bash", "-c", script],
            user="root",
            timeout_s=2 * timeout_s,
        )

    def allowed(self, daemon: str) -> set[str]:
        """The authorizations that a daemon grants."""
        said = self.run(f"condor_ping -addr '{self.addresses[daemon]}' -table {' '.join(LEVELS)}")
        rows = [line.split() for line in said.stdout.splitlines()]
        assert {row[0] for row in rows if row} >= set(LEVELS), said.stdout + said.stderr
        return {row[0] for row in rows if "ALLOW" in row}

    def advertises(self, kind: str, name: str) -> bool:
        """Whether the collector takes an ad of a command's kind."""
        ad = f'MyType = "Evil"\nName = "{name}"\nMachine = "{name}"\nMyAddress = "<1.2.3.4:5>"\n'
        ad += 'ScheddIpAddr = "<1.2.3.4:5>"\nStartdIpAddr = "<1.2.3.4:5>"\nRequirements = true\n'
        return self.run(f"condor_advertise -tcp {kind} <(echo '{ad}')").returncode == 0


@contextmanager
def attacker(pool: Pool, token: str = "", *, series: str | None = None) -> Iterator[Attacker]:
    """Somebody who has this token, or none, and HTCondor of this series."""
    engine = pool.engine
    name = f"{pool.name}-attacker-{uuid.uuid4().hex[:6]}"
    container = engine.create(
        ContainerSpec(
            image=image("execute", series),
            name=name,
            hostname=name,
            entrypoint="sleep",
            command=("600",),
            network=pool.name,
            environment={
                "_CONDOR_CONDOR_HOST": f"{pool.name}-master",
                "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "FS,IDTOKENS,SSL",
            },
            healthcheck=False,
        )
    )
    try:
        if token:
            engine.copy_in(container, _archive(token))
        engine.start(container)
        yield Attacker(pool=pool, container=container, addresses=_addresses(pool))
    finally:
        engine.remove(container)


def token_of(pool: Pool, node: str) -> str:
    """A node's own token, as a thief reads it."""
    return pool.engine.copy_out(pool.node(node).info.id, f"/{TOKEN}").decode().strip()


def _addresses(pool: Pool) -> dict[str, str]:
    """The daemons' addresses, which an attacker could find by trying."""
    argv = ["condor_status", "-any", "-af", "MyType", "MyAddress", "CondorMiniNode"]
    wanted = {*DAEMONS.values(), MANAGER}
    found: dict[str, str] = {}

    def missing() -> str | None:
        # A pool is usable before its masters have advertised themselves.
        ads = pool.exec(argv, node="master").stdout
        for line in ads.splitlines():
            kind, address, machine = line.split()
            found[kind] = address
            if kind == DAEMONS["master"] and machine == f"{pool.name}-master":
                found[MANAGER] = address
        return None if found.keys() >= wanted else f"only {sorted(found)}"

    wait_until(missing, timeout_s=30)
    return {daemon: found[kind] for daemon, kind in {**DAEMONS, MANAGER: MANAGER}.items()}


def _archive(token: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(TOKEN)
        entry.size, entry.mode = len(token) + 1, 0o600
        tar.addfile(entry, io.BytesIO(f"{token}\n".encode()))
    return buffer.getvalue()
