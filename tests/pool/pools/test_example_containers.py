"""The example with jobs of the container universe: in the host's Apptainer, and without one."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.doctor.idle_jobs import idle_job_findings
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.pool_engines("embedded", reason="its nodes may start containers"),
]
EXAMPLES = Path(__file__).parents[3] / "examples"
APPTAINER = "/usr/bin/apptainer"
JOB_S = 60


@contextmanager
def pool_with(engine: Engine, program: str, directory: Path) -> Iterator[Pool]:
    """The pool of the example, with this program as Apptainer."""
    content = (EXAMPLES / "pools/containers.yaml").read_text()
    assert content.count(APPTAINER) == 1
    spec = directory / "containers.yaml"
    spec.write_text(content.replace(APPTAINER, program))
    pool = Pool.create(f"t{uuid.uuid4().hex[:8]}", spec=spec, engine=engine)
    try:
        yield pool
    finally:
        pool.delete()


def practice_linux(directory: Path, busybox: Path) -> Path:
    """A root file system with a shell, and a name of its own."""
    root = directory / "practice"
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "var/tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    for name in ("id", "sh"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc/os-release").write_text('PRETTY_NAME="Practice Linux"\n')
    return root


def advertised(pool: Pool) -> list[str]:
    """What the execution point says of Apptainer."""
    names = ("HasSingularity", "HasContainer", "HasSIF", "SingularityOfflineReason")
    return pool.exec(["condor_status", "-af", *names]).stdout.split(None, len(names) - 1)


def test_job_in_an_image(pool_engine: Engine, tmp_path: Path, busybox: Path) -> None:
    """A job runs the program of its image, which the execution point does not have."""
    apptainer = shutil.which("apptainer")
    if apptainer is None:
        pytest.skip("there is no Apptainer on this machine")
    if not Path("/dev/fuse").exists() or Path("/dev/fuse").stat().st_mode & 0o006 != 0o006:
        pytest.skip("no ordinary user may open /dev/fuse on this machine, to mount a .sif image")
    with pool_with(pool_engine, apptainer, tmp_path) as pool:
        job = Path(shutil.copytree(EXAMPLES / "containers", tmp_path / "job"))
        image = practice_linux(tmp_path, busybox)
        build = [apptainer, "build", str(job / "practice.sif"), str(image)]
        subprocess.run(build, check=True, timeout=120, capture_output=True)
        submission = pool.submit(job / "where.sub", arguments=["container_image=practice.sif"])
        submission.wait(timeout_s=JOB_S)
        submission.fetch()
        assert (job / "where.out").read_text().startswith("Practice Linux")
        assert advertised(pool)[:3] == ["true", "true", "true"]


@pytest.mark.parametrize(
    ("program", "says", "words"),
    [
        ("/usr/bin/no-apptainer", "undefined", "no execution point runs containers"),
        # It has a version, like Apptainer, and runs nothing.
        ("/usr/bin/env", "false", "does not work: Both SIF and Sandbox tests on startup failed"),
    ],
)
def test_job_that_nothing_runs(
    pool_engine: Engine, tmp_path: Path, program: str, says: str, words: str
) -> None:
    """Without an Apptainer that works no slot runs containers, and the doctor says why."""
    with pool_with(pool_engine, program, tmp_path) as pool:
        found = advertised(pool)
        assert found[:2] == [says, "undefined"]
        assert found[2] != "true"
        submission = pool.submit(EXAMPLES / "containers/where.sub")
        node = next(node for node in pool.nodes if node.role is Role.ACCESS_POINT)
        finding = idle_job_findings(node)[0]
        assert finding.subject == f"job {submission.clusters[0]}.0 on {node.name}"
        assert words in finding.evidence
        assert "docs/how-to/run-jobs-with-apptainer.md" in str(finding.hint)
