"""``condor-mini doctor``, of a real engine and a real pool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool

pytestmark = pytest.mark.every_engine


def _findings(cli: Cli, *arguments: str) -> dict[str, dict[str, Any]]:
    answer = json.loads(cli("doctor", "-o", "json", *arguments).stdout)
    return {finding["subject"]: finding for finding in answer["findings"]}


def looked_into(engine: Engine) -> set[str]:
    """The containers and networks that are there for an examination, whoever makes it."""
    label = {"io.condor-mini.kind": "doctor"}
    containers = {info.id for info in engine.containers(label)}
    return containers | {network.name for network in engine.networks(label)}


def test_engine(cli: Cli, pool_engine: Engine) -> None:
    """What is in every container is looked at, and nothing of it is left."""
    findings = _findings(cli)
    for subject in ("engine", "own name", "file descriptors", "clock"):
        assert findings[subject]["level"] == "ok", findings[subject]
    assert {"name servers", "cgroups", "disk of the engine"} <= set(findings)
    ours_or_others = looked_into(pool_engine)

    def left() -> str | None:
        # What others look into goes when they have ended; what we had left would stay.
        return ", ".join(ours_or_others & looked_into(pool_engine)) or None

    wait_until(left, timeout_s=60)


def test_nodes(cli: Cli, pool: Pool) -> None:
    """Each node does its work."""
    findings = _findings(cli)
    for node in pool.nodes:
        assert findings[f"node {node.name}"]["level"] == "ok", findings


@pytest.fixture
def too_large(pool: Pool) -> Iterator[str]:
    """A job that no slot fits, by its number."""
    submit = "executable=/bin/true\ntransfer_executable=false\nrequest_memory=9000000\nqueue\n"
    said = pool.exec(["condor_submit", "-terse", "-"], stdin=submit)
    assert said.returncode == 0, said.stderr
    job = said.stdout.split()[0]
    yield job
    pool.exec(["condor_rm", job])


def test_why_a_job_is_idle(cli: Cli, pool: Pool, too_large: str) -> None:
    """The condition that no slot meets."""

    def said() -> str | None:
        finding = _findings(cli).get(f"job {too_large} on {pool.name}-submit-1")
        if finding and "RequestMemory = 9000000" in finding["evidence"]:
            return None
        return str(finding)

    wait_until(said, timeout_s=20)


@pytest.mark.parametrize(
    ("kind", "commands"),
    [
        ("container", "container_image=docker://debian:12\n"),
        ("docker", "universe=docker\ndocker_image=debian:12\n"),
        ("parallel", "universe=parallel\nmachine_count=2\n"),
    ],
)
def test_job_that_the_pool_cannot_run_is_refused(pool: Pool, kind: str, commands: str) -> None:
    """The access point says at submission which jobs no execution point runs, and what to do."""
    submit = f"{commands}executable=/bin/true\ntransfer_executable=false\nqueue\n"
    result = pool.exec(["condor_submit", "-"], stdin=submit)
    assert result.returncode != 0
    assert f"no execution point of this pool runs {kind} jobs. Submit it" in result.stderr


@pytest.mark.parametrize("universe", ["local", "scheduler"])
def test_job_of_the_access_point_is_accepted(pool: Pool, universe: str) -> None:
    """A job that runs on the access point itself needs no execution point."""
    submit = f"universe={universe}\nexecutable=/bin/true\ntransfer_executable=false\nqueue\n"
    result = pool.exec(["condor_submit", "-terse", "-"], stdin=submit)
    assert result.returncode == 0, result.stderr
    assert pool.wait([int(result.stdout.split(".")[0])], timeout_s=60) == 0


def test_absent_pool_is_1(cli: Cli) -> None:
    """A pool that was asked for must be there."""
    result = cli("doctor", "-n", "nope")
    assert (result.returncode, "there is no such pool" in result.stdout) == (1, True)


@pytest.mark.pool_engines("docker", reason="embedded has no daemon")
def test_unreachable_engine_is_1(cli: Cli) -> None:
    """Why, and what to do about it."""
    variables = {**cli.variables, "DOCKER_HOST": "unix:///nonexistent"}
    result = type(cli)(name=cli.name, variables=variables)("doctor")
    assert result.returncode == 1
    assert "fail  engine: docker does not answer" in result.stdout
