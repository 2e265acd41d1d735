"""The images in examples, for people who come from images of their own."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.conftest import Docker

pytestmark = [pytest.mark.engines("docker"), pytest.mark.slow]
EXAMPLES = Path(__file__).parents[2] / "examples"
BUILD_S = 240.0
TAG = f"test-{uuid.uuid4().hex[:8]}"
FETCH = "exec 3<>/dev/tcp/127.0.0.1/8000; echo GET /answer HTTP/1.0 >&3; echo >&3; tail -n 1 <&3"
"""Bash's own client: the images have no other."""


def built(docker: str, example: str, base: str) -> str:
    """Build an example's image on a base; its name."""
    name = f"condor-{example.removeprefix('execute-')}:{TAG}"
    argv = [docker, "build", "-q", "-t", name, "--build-arg", f"BASE={base}"]
    done = subprocess.run(
        [*argv, str(EXAMPLES / example)],
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return name


@pytest.fixture
def supervised(docker: Docker) -> Iterator[str]:
    """The image whose node and another process supervisord runs."""
    name = built(docker.engine, "execute-supervised", f"condor-execute:{docker.tag}")
    yield name
    subprocess.run([docker.engine, "rmi", "--force", name], check=True, capture_output=True)


def test_supervised_node_runs_jobs_beside_another_process(docker: Docker, supervised: str) -> None:
    """Jobs reach the process; a process that ends is started again; the node ends gracefully."""
    role, tag = supervised.removeprefix("condor-").split(":")
    pool = docker.pool(executors=0)
    options = ("--network", pool.network, "-e", f"MASTER={pool.master.name}")
    node = docker.run(role, *options, tag=tag).wait_until_healthy()
    fetched = pool.submit.run_job(FETCH, "executable = /bin/bash")
    assert fetched == "forty-two"
    for process in ("condor_master", "http.server"):
        node.shell(f"kill -KILL $(pgrep -f {process})")
    node.wait_until_healthy()
    assert pool.submit.run_job(FETCH, "executable = /bin/bash") == fetched
    node.stop()
    assert node.exit_code == 0


def test_image_of_another_debian_runs_jobs_in_its_own_python(
    docker: Docker, tmp_path: Path
) -> None:
    """HTCondor is beside it, and jobs find its Python and its module."""
    base, root = f"test-bookworm:{TAG}", tmp_path / "root.tar"
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(root)]
    subprocess.run(argv, check=True, capture_output=True, timeout=BUILD_S)
    subprocess.run([docker.engine, "import", str(root), base], check=True, capture_output=True)
    image = built(docker.engine, "execute-on-bookworm", base)
    try:
        with Pool.create(f"t{TAG[-6:]}", execute_image=image, engine=docker.engine) as pool:
            shutil.copytree(EXAMPLES / "execute-on-bookworm", tmp_path / "jobs")
            job = pool.submit(tmp_path / "jobs" / "mean.sub")
            assert job.wait(timeout_s=60) == 0
            job.fetch()
            assert (tmp_path / "jobs" / "mean.out").read_text() == "/opt/analysis 3.11 3.0\n"
    finally:
        subprocess.run(
            [docker.engine, "rmi", "--force", image, base], check=True, capture_output=True
        )
