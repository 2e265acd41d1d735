"""Pools that do not come to be, on a real engine: what is said, what is left, and how soon."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, CondorMiniError, PoolNotReady
from condor_mini.base.layout import LABEL
from condor_mini.base.progress import Progress
from condor_mini.lifecycle.creation import create
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Reading

if TYPE_CHECKING:
    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

pytestmark = pytest.mark.any_engine

TIMEOUT_S = 120.0
SOON_S = 60.0
"""Much less than the timeout, and enough for a machine that is busy."""
DEADLINE_S = 25
"""Enough for all the rest of a pool to come, on a machine that is busy."""


def spec_of(cli: Cli, **facts: object) -> PoolSpec:
    """What a pool file of that content says."""
    return PoolSpec.model_validate({"name": cli.name, **facts}, context=Reading(base=Path("/")))


def left(engine: Engine, cli: Cli) -> list[str]:
    """All that bears the pool's label."""
    label = {f"{LABEL}.pool": cli.name}
    names = [info.name for info in engine.containers(label)]
    names += [network.name for network in engine.networks(label)]
    return names + [volume.name for volume in engine.volumes(label)]


@pytest.fixture
def refused(
    fresh: Cli, pool_engine: Engine, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Refused:
    """Makes pools that fail."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    return Refused(fresh, pool_engine)


class Refused:
    """A pool that does not come to be."""

    def __init__(self, cli: Cli, engine: Engine) -> None:
        self.cli = cli
        self.engine = engine
        self.seconds = 0.0

    def __call__(
        self, *, timeout_s: float = TIMEOUT_S, keep: bool = False, **facts: object
    ) -> CondorMiniError:
        """The error of making it."""
        began = time.monotonic()
        with pytest.raises(CondorMiniError) as caught:
            create(
                self.engine,
                spec_of(self.cli, **facts),
                Progress(),
                timeout_s=timeout_s,
                keep=keep,
            )
        self.seconds = time.monotonic() - began
        return caught.value

    @property
    def left(self) -> list[str]:
        """What the engine has of it."""
        return left(self.engine, self.cli)


def logs_of(error: CondorMiniError) -> Path:
    """The directory that the error names."""
    found = re.search(r"All logs: (\S+)\. ", str(error))
    assert found, str(error)
    return Path(found[1])


@pytest.mark.every_engine
def test_node_that_cannot_start_is_noticed_at_once(refused: Refused) -> None:
    """An execution point that ends is told with its last words, well before --timeout."""
    name = f"{refused.cli.name}-execute-1"
    error = refused(execution_points=[{"environment": {"NUM_CPUS": "abc"}}])
    assert isinstance(error, PoolNotReady)
    assert f"the node {name} has ended with 2" in error.message
    assert "NUM_CPUS=abc" in error.message
    assert "condor-mini: NUM_CPUS=abc" in (logs_of(error) / name / "container.log").read_text()
    assert refused.left == []
    assert refused.seconds < SOON_S


def test_central_manager_that_cannot_start_is_noticed_at_once(refused: Refused) -> None:
    """The same for the central manager, whom nobody waits for in vain."""
    error = refused(central_manager={"environment": {"NUM_CPUS": "abc"}})
    assert f"the node {refused.cli.name}-master has ended with 2" in error.message
    assert refused.left == []
    assert refused.seconds < SOON_S


def test_configuration_that_htcondor_refuses_is_noticed_at_once(refused: Refused) -> None:
    """Where HTCondor refuses to start, its own words are in the error, with file and line."""
    error = refused(access_points=[{"config": "error : this pool shall not be\n"}])
    assert f"the node {refused.cli.name}-submit-1 has ended" in error.message
    assert '60-node", Line 2: this pool shall not be' in error.message
    assert refused.left == []
    assert refused.seconds < SOON_S


@pytest.mark.every_engine
@pytest.mark.slow
def test_daemon_that_never_comes_is_told_at_the_deadline(refused: Refused) -> None:
    """The ad that is missing is named, since when, what the node says of it, and its log."""
    name = f"{refused.cli.name}-execute-1"
    error = refused(timeout_s=DEADLINE_S, execution_points=[{"config": "DAEMON_LIST = MASTER\n"}])
    assert re.search(
        rf"Not ready after {DEADLINE_S} s: no Machine ads of {name} are at the collector "
        r"\(for the last \d",
        str(error),
    )
    assert f"{name} says: STARTD is not running, see /var/log/condor/StartLog" in error.message
    assert "The end of its log:\n" in error.message
    assert (logs_of(error) / name / "log" / "MasterLog").is_file()
    assert refused.left == []


def test_collector_that_never_comes_is_told_at_the_deadline(refused: Refused) -> None:
    """A central manager without a collector issues no tokens: --timeout holds then, too."""
    error = refused(timeout_s=5, central_manager={"config": "COLLECTOR = /bin/false\n"})
    assert "the central manager's collector has made no key" in error.message
    assert refused.left == []
    assert refused.seconds < SOON_S


@pytest.fixture
def unmatched(refused: Refused) -> CondorMiniError:
    """The error of a pool whose execution points take no job; the pool is kept."""
    never = [{"config": "START = False\n"}]
    return refused(timeout_s=DEADLINE_S, keep=True, execution_points=never)


@pytest.mark.every_engine
@pytest.mark.slow
def test_probe_job_that_nobody_takes_says_why(unmatched: CondorMiniError, refused: Refused) -> None:
    """HTCondor's own analysis is in the error; --keep leaves the pool, and says so."""
    name = refused.cli.name
    assert f"submitted on {name}-submit-1 has not completed" in unmatched.message
    assert "1 slots reject your job because of their own requirements" in unmatched.message
    assert f"is kept; look at it: condor-mini status -n {name}" in str(unmatched)
    assert f"{name}-execute-1" in refused.left
    queue = Pool(refused.engine, name).exec(["condor_q", "-af", "ClusterId"])
    assert queue.stdout == ""


def test_pool_without_a_probe_job_needs_none(fresh: Cli, pool_engine: Engine) -> None:
    """With ``probe_job: false`` the daemons are enough."""
    spec = spec_of(fresh, probe_job=False, execution_points=[{"config": "START = False\n"}])
    create(pool_engine, spec, Progress(), timeout_s=TIMEOUT_S)
    assert len(Pool(pool_engine, fresh.name).nodes) == 3


@pytest.mark.every_engine
@pytest.mark.pool_engines("docker", reason="embedded publishes no port of the host")
def test_port_in_use_is_told(refused: Refused) -> None:
    """A port that is in use is named, with exit code 4."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = refused(access_points=[{"ports": [f"127.0.0.1:{port}:9618"]}])
    assert isinstance(error, AlreadyInUse)
    assert (error.exit_code, str(port) in error.message) == (4, True)
    assert refused.left == []
