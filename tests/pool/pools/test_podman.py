"""A pool and a personal pool on Podman, as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engines import Reach, survey
from condor_mini.images.builder import NOTEBOOK
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from podman_for_tests import OrdinaryUser

pytestmark = pytest.mark.engines("podman")

IMAGES = "CONDOR_MINI_TEST_IMAGES"
"""The environment variable that names a file of images, for the ordinary user's tests."""
ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests/helpers/submit_from_host.py"
BUILD_TIMEOUT_S = 280.0
CHILD_TIMEOUT_S = 200.0
JOB = """\
executable = /bin/hostname
output = out
error = err
log = log
transfer_output_files = ""
queue
"""


def succeeds(*argv: str, cwd: Path, timeout_s: float = 100.0) -> str:
    """What the command ``condor-mini`` writes to stdout; it ends with 0."""
    done = subprocess.run(
        [sys.executable, "-m", "condor_mini", *argv],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the images, up to date: of those who have an engine already, or built by Podman."""
    if IMAGES in os.environ:
        return Path(os.environ[IMAGES])
    folder = tmp_path_factory.mktemp("images")
    builder = "docker" if survey("docker")[-1].reach is Reach.READY else "podman"
    succeeds("build", "--engine", builder, cwd=folder, timeout_s=BUILD_TIMEOUT_S)
    file = folder / "images.tar"
    succeeds("images", "save", "--engine", builder, "--htcondor", "25", str(file), cwd=folder)
    return file


@pytest.fixture(scope="session")
def loaded(engine: Engine, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Podman, which has the images: they need not be built once more."""
    folder = tmp_path_factory.mktemp("load")
    succeeds("images", "load", "--engine", "podman", str(images), cwd=folder)
    return engine


@pytest.fixture(scope="session")
def pool(loaded: Engine) -> Iterator[Pool]:
    """A pool with one execution point."""
    with Pool.create(f"t{uuid.uuid4().hex[:8]}", execution_points=1, engine=loaded) as made:
        yield made


def test_images_of_another_engine_are_up_to_date(loaded: Engine, tmp_path: Path) -> None:
    """What Docker has built, which is all but what is built on demand, is there for Podman."""
    del loaded
    said = succeeds("images", "list", "--engine", "podman", cwd=tmp_path)
    rows = [line for line in said.splitlines() if ":25 " in line and NOTEBOOK not in line]
    assert [row for row in rows if not row.endswith("up to date")] == []


def test_engine_is_rootless_for_who_is_not_root(loaded: Engine) -> None:
    """Podman is the caller's own: whose tests these are decides which one it is."""
    assert loaded.info().rootless is (os.geteuid() != 0)


def test_job_runs_on_the_execution_point(pool: Pool, tmp_path: Path) -> None:
    """A job that is submitted by the command comes back from where it ran."""
    (tmp_path / "job.sub").write_text(JOB)
    submit = ("submit", "-n", pool.name, "job.sub", "--wait", "--timeout", "60")
    succeeds(*submit, "--engine", "podman", cwd=tmp_path)
    assert (tmp_path / "out").read_text() == f"{pool.name}-execute-1\n"


@pytest.mark.slow
def test_pool_runs_again_after_a_stop(pool: Pool, tmp_path: Path) -> None:
    """A pool that was stopped and started is usable."""
    succeeds("stop", "-n", pool.name, "--engine", "podman", cwd=tmp_path)
    succeeds("start", "-n", pool.name, "--engine", "podman", cwd=tmp_path)
    said = succeeds("status", "-n", pool.name, "--engine", "podman", cwd=tmp_path)
    assert said.startswith(f"The pool {pool.name} is usable")


@pytest.mark.slow
def test_faults_strike_and_are_healed(pool: Pool) -> None:
    """Of a daemon, a whole node, its network and its disk, as root and without."""
    there = pool.node("execute-1")
    name = there.name
    with pool.faults.freeze("execute-1", "startd"):
        assert pool.status().faults[0].target == f"{name}/startd"
    with pool.faults.partition("execute-1"):
        reach = ["timeout", "5", "condor_status", "-collector"]
        assert there.exec(reach, user="root").returncode != 0
    with pool.faults.disk_full("execute-1", path="/tmp"):
        fill = ["sh", "-c", "head -c 1000000 /dev/zero >/tmp/full"]
        assert there.exec(fill, user="root").returncode != 0
    with pool.faults.kill_node("execute-1"):
        assert not pool.node("execute-1").is_running
    assert pool.status().verdict == "usable"


@pytest.mark.slow
def test_client_on_the_host(pool: Pool, tmp_path: Path) -> None:
    """HTCondor's bindings reach the pool, without root by ports that it publishes by itself."""
    program = "import htcondor2; print(htcondor2.Schedd().query())"
    client = ("client", "-n", pool.name, "--engine", "podman", "--", sys.executable, "-c", program)
    assert succeeds(*client, cwd=tmp_path) == "[]\n"
    ports = [node.published_port for node in pool.nodes if node.published_port]
    assert len(ports) == (0 if os.geteuid() == 0 else 2)


@pytest.mark.slow
def test_personal_pool_has_clients_on_the_host(loaded: Engine, tmp_path: Path) -> None:
    """HTCondor's bindings submit to it, without root by a port that it publishes by itself."""
    name = f"t{uuid.uuid4().hex[:8]}"
    succeeds("run", "--engine", "podman", "--keep", "--name", name, "--", "true", cwd=tmp_path)
    with Pool.open(name, engine=loaded) as personal:
        client = ("client", "-n", name, "--engine", "podman", "--", sys.executable, str(PROGRAM))
        assert succeeds(*client, cwd=tmp_path).startswith("from the host\nSUBMIT\n")
        assert (personal.node().published_port is None) == (os.geteuid() == 0)


def test_nothing_is_left_of_a_deleted_pool(loaded: Engine, pool: Pool, tmp_path: Path) -> None:
    """Deleting a pool removes its containers and its network."""
    succeeds("delete", "-n", pool.name, "--engine", "podman", cwd=tmp_path)
    label = {"io.condor-mini.pool": pool.name}
    assert (loaded.containers(label), loaded.networks(label), loaded.volumes(label)) == ([], [], [])


def test_personal_pool_leaves_files_that_are_ours(loaded: Engine, tmp_path: Path) -> None:
    """What a command in the personal pool writes belongs to the caller."""
    del loaded
    script = "condor_status -af State > state"
    succeeds("run", "--engine", "podman", "--", "sh", "-c", script, cwd=tmp_path)
    state = tmp_path / "state"
    assert (state.read_text(), state.stat().st_uid) == ("Unclaimed\n", os.geteuid())


@pytest.mark.slow
@pytest.mark.engines("podman-rootless")
@pytest.mark.timeout(600)
def test_all_of_this_holds_for_an_ordinary_user(
    engine_name: str, ordinary_user: OrdinaryUser, images: Path
) -> None:
    """The other tests of this file pass without root."""
    del engine_name
    file = ordinary_user.home / "images.tar"
    shutil.copyfile(images, file)
    done = ordinary_user.run_tests(
        Path(__file__).relative_to(ROOT), timeout_s=CHILD_TIMEOUT_S, environment={IMAGES: str(file)}
    )
    assert done.returncode == 0, done.stdout
    assert "\n9 passed" in done.stdout, done.stdout
