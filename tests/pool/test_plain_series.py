"""Every series: nodes start, run jobs and stop in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pool.conftest import stops_fast_and_starts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pool.conftest import Docker, Pool

pytestmark = pytest.mark.engines("docker")


@pytest.fixture(scope="module", params=["23"])
def pool(shared: Docker, image_tag: Callable[[str], str], request: pytest.FixtureRequest) -> Pool:
    """A pool of another series than the default."""
    return shared.pool(tag=image_tag(request.param))


def test_the_version_is_the_series(pool: Pool) -> None:
    """What runs is HTCondor 23."""
    assert "$CondorVersion: 23." in pool.master.exec("condor_version")


def test_a_job_runs_as_an_ordinary_user(pool: Pool) -> None:
    """A job that is submitted runs on the execution point, as the user."""
    assert pool.submit.run_job("id -un") == "jovyan"


@pytest.mark.slow
def test_a_jobs_log_is_shown(pool: Pool) -> None:
    """The starter's and the shadow's lines are shown, labelled."""
    cluster = pool.submit.submit("true")
    pool.submit.wait_for_job(cluster)
    pool.submit.wait_for_log("shadow: ", f"({cluster}.0)")
    pool.execute.wait_for_log("starter: ", f"{cluster}.0")


def test_a_pending_request_is_approved(
    docker: Docker, image_tag: Callable[[str], str], pool: Pool
) -> None:
    """A node without a secret waits, shows so in the master's log, and joins when approved."""
    where = ("--network", pool.network)
    tag = image_tag("23")
    master = docker.run("master", *where, tag=tag)
    node = docker.run("execute", "-e", f"MASTER={master.name}", *where, tag=tag)
    request = node.wait_for_log("waiting for approval of token request").split()[-1]
    master.wait_for_log(f"condor_token_request_approve -reqid {request}")
    master.exec("condor_token_request_approve", "-reqid", request, stdin="yes\n")
    node.wait_until_healthy()


@pytest.mark.slow
def test_a_central_manager_with_another_address_is_found(
    docker: Docker, image_tag: Callable[[str], str], tmp_path: Path
) -> None:
    """A node follows the name of its central manager to where that leads."""
    tag = image_tag("23")
    secret = tmp_path / "password"
    secret.write_text("fe5d3c92a7b3b8f4")
    # The look for it comes with each 20th of a token's lifetime, once a minute at most.
    often = ("-e", "_CONDOR_NODE_TOKEN_LIFETIME=40")
    options = ("--network", docker.network(), "-v", f"{secret}:/root/secrets/pool_password:ro")
    first = docker.run("master", *options, "--network-alias", "central", tag=tag)
    node = docker.run("execute", *options, *often, "-e", "MASTER=central", tag=tag)
    node.wait_until_healthy()
    docker.run("master", *options, "--network-alias", "central", tag=tag).wait_until_healthy()
    assert first.command("rm", "--force", first.name).returncode == 0
    node.wait_until_healthy()


@pytest.mark.slow
def test_removing_a_job_ends_its_children(pool: Pool) -> None:
    """condor_rm ends the processes that a job has started."""
    cluster = pool.submit.submit("sleep 7777 & sleep 7777")
    pool.execute.wait_for("pgrep -cf '^sleep 7777'", "2")
    pool.submit.exec("condor_rm", cluster)
    pool.execute.wait_for("pgrep -cf '^sleep 7777'", "0")


@pytest.mark.slow
@pytest.mark.alone
def test_a_stop_is_fast_and_a_start_whole(pool: Pool) -> None:
    """The engine's stop takes under 3 s and ends with 0; after its start the node is healthy."""
    for node in (pool.execute, pool.submit, pool.master):
        stops_fast_and_starts(node, pool)
