"""HTCondor's own clients on the host, on a personal pool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import htcondor2
import pytest

from condor_mini.client.access import access_to
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..people import Person

HELPERS = Path(__file__).parents[2] / "helpers"
PROGRAM, ISOLATED = (HELPERS / f"{name}.py" for name in ("submit_from_host", "isolated_client"))
SEEN = "from the host\nSUBMIT\n"


@pytest.fixture(autouse=True)
def _state(state_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept in the state directory of who runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))


@pytest.fixture
def started(anyone: Person, here: Path) -> Iterator[Callable[..., Pool]]:
    """Starts a personal pool with these options, and deletes it at the end."""
    name = f"p{os.urandom(4).hex()}"

    def start(*options: str) -> Pool:
        result = anyone.run("run", "--keep", "--name", name, *options, "--", "true", cwd=here)
        assert result.returncode == 0, result.stderr
        return Pool.open(name, engine=anyone.engine)

    yield start
    Pool(anyone.engine, name).delete()


def submits(pool: Pool, directory: Path, *prefix: str) -> None:
    """A program that knows HTCondor alone submits a job, and fetches what came of it."""
    result = subprocess.run(
        [*prefix, sys.executable, str(PROGRAM)],
        env={**os.environ, **pool.client_environment()},
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.stdout.startswith(SEEN), result.stdout + result.stderr
    assert result.stdout.endswith("JOB_TERMINATED\n1 access points\n")


@pytest.mark.every_engine
def test_clients_use_it_as_any_pool(started: Callable[..., Pool], tmp_path: Path) -> None:
    """HTCondor's bindings submit to it, and `Pool.client` has its collector and schedd."""
    pool = started()
    submits(pool, tmp_path)
    client = pool.client()
    assert client.schedd.query() == []
    (ad,) = client.collector.locateAll(htcondor2.DaemonType.Schedd)
    assert ad["Machine"].startswith(f"{pool.name}.")


@pytest.mark.pool_engines("docker", reason="a pool of the embedded engine is on the loopback")
def test_a_client_that_reaches_the_published_port_alone(
    started: Callable[..., Pool], tmp_path: Path
) -> None:
    """It needs no other port; also after a stop and a start, which keep the port."""
    pool = started("--reachable")
    port = pool.node().published_port
    submits(pool, tmp_path, sys.executable, str(ISOLATED), str(port), "--")
    pool.stop()
    pool.start()
    assert pool.node().published_port == port
    submits(pool, tmp_path, sys.executable, str(ISOLATED), str(port), "--")


@pytest.mark.every_engine
def test_nobody_queries_it_without_a_token(started: Callable[..., Pool], tmp_path: Path) -> None:
    """Whoever reaches its address or port is refused."""
    pool = started("--reachable")
    access, _ = access_to(pool, pool.node(), pool.members.signers())
    script = f"import htcondor2; htcondor2.Collector('{access.collector}').query()"
    config = tmp_path / "config"
    config.write_text(
        f"SEC_TOKEN_DIRECTORY = {tmp_path}/none\nSEC_CLIENT_AUTHENTICATION_METHODS = IDTOKENS\n"
    )
    environment = {**os.environ, "CONDOR_CONFIG": str(config)}
    refused = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "HTCondorException: Failed communication with collector" in refused.stderr
