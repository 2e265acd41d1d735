"""HTCondor's own clients on the host, on pools of real engines."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import htcondor2
import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.client.files import client_files
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

PROGRAM = Path(__file__).parents[2] / "helpers" / "submit_from_host.py"
ISOLATED = Path(__file__).parents[2] / "helpers" / "isolated_client.py"
SEEN = "from the host\nSUBMIT\n"
JOB = {
    "executable": "/bin/true",
    "transfer_executable": "false",
    "request_memory": "16",
    "request_disk": "1M",
}
COMPLETED = 4
LOCATE = """
import htcondor2
print(htcondor2.Collector().locate(htcondor2.DaemonType.Schedd)["Name"])
"""


@pytest.fixture(scope="module", autouse=True)
def _state(state_home: Path) -> Iterator[None]:
    """Nothing is kept in the state directory of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state_home))
        yield


def run(
    *argv: str | Path, environment: Mapping[str, str], cwd: Path, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a program of the host's in a directory; it ends with this status."""
    result = subprocess.run(
        [*map(str, argv)],
        env={**os.environ, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == status, result.stdout + result.stderr
    return result


# -- HTCondor's Python bindings -------------------------------------------------------------------


@pytest.mark.every_engine
def test_a_program_that_knows_only_htcondor(pool: Pool, tmp_path: Path) -> None:
    """With the environment alone, a program submits with spooling, and fetches what came of it."""
    result = run(sys.executable, PROGRAM, environment=pool.client_environment(), cwd=tmp_path)
    assert result.stdout.startswith(SEEN)
    assert "JOB_TERMINATED\n" in result.stdout
    assert result.stdout.endswith("1 access points\n")


def test_a_shell_with_our_environment(cli: Cli, tmp_path: Path) -> None:
    """`eval "$(condor-mini env)"` is enough."""
    exports = cli.succeeds("env", "--shell", "bash")
    script = f'{exports}\nexec "$0" "$1"'
    result = run("bash", "-c", script, sys.executable, PROGRAM, environment={}, cwd=tmp_path)
    assert result.stdout.startswith(SEEN)


def test_users_own_configuration_is_kept_out(pool: Pool, tmp_path: Path) -> None:
    """A configuration in the user's home has no effect, and is unchanged."""
    own = tmp_path / ".condor" / "user_config"
    own.parent.mkdir()
    own.write_text("COLLECTOR_HOST = real.example\nSEC_CLIENT_AUTHENTICATION = NEVER\n")
    environment = {**pool.client_environment(), "HOME": str(tmp_path)}
    script = "import htcondor2; print(htcondor2.param['COLLECTOR_HOST'])"
    result = run(sys.executable, "-c", script, environment=environment, cwd=tmp_path)
    assert "real.example" not in result.stdout
    assert own.read_text().startswith("COLLECTOR_HOST = real.example\n")


def completed(pool: Pool) -> str:
    """Submit a job by ``Pool.client``; the name of the access point where it was completed."""
    client = pool.client()
    submitted = client.schedd.submit(htcondor2.Submit(JOB), spool=True)
    client.schedd.spool(submitted)
    ours = f"ClusterId == {submitted.cluster()}"

    def probe() -> str | None:
        (ad,) = client.schedd.query(ours, ["JobStatus"])
        return None if ad["JobStatus"] == COMPLETED else f"the job's state is {ad['JobStatus']}"

    wait_until(probe, timeout_s=60)
    client.schedd.act(htcondor2.JobAction.Remove, ours)
    schedds = client.collector.locateAll(htcondor2.DaemonType.Schedd)
    return min(str(ad["Name"]) for ad in schedds)


@pytest.mark.every_engine
@pytest.mark.slow_on("docker")
def test_two_pools_in_one_process(pool: Pool, other: Pool) -> None:
    """Each client talks to its own pool, in turn; nothing of the process has changed."""
    before = dict(os.environ), htcondor2.param.get("SEC_TOKEN_DIRECTORY")
    names = [completed(each).partition(".")[0] for each in (pool, other, pool)]
    assert names == [f"{pool.name}-submit-1", f"{other.name}-submit-1", f"{pool.name}-submit-1"]
    assert (dict(os.environ), htcondor2.param.get("SEC_TOKEN_DIRECTORY")) == before


# -- HTCondor's own programs ----------------------------------------------------------------------


@pytest.mark.every_engine
def test_programs_of_htcondor(pool: Pool, tmp_path: Path) -> None:
    """They submit, hold, release, list and remove jobs; access points have short names too."""
    job = {**JOB, "executable": "/bin/sleep", "arguments": "600"}
    lines = "".join(f"{key} = {value}\n" for key, value in job.items())
    (tmp_path / "job.sub").write_text(f"{lines}queue\n")
    script = (
        "set -e; condor_submit -terse -spool job.sub; "
        "until condor_q -af JobStatus | grep -q '[12]'; do sleep 0.1; done; "
        "condor_hold -all; condor_release -all; condor_rm -all; "
        f"condor_q -name {pool.name}-submit-1; condor_version; condor_status -af Name"
    )
    environment = pool.client_environment(tools=True)
    result = run("sh", "-c", script, environment=environment, cwd=tmp_path)
    assert "All jobs have been released" in result.stdout
    assert f"CondorVersion: {pool.nodes[0].series}." in result.stdout
    assert f"slot1@{pool.name}-execute-1" in result.stdout


@pytest.mark.every_engine
def test_programs_for_one_command(cli: Cli) -> None:
    """`client --tools -- COMMAND` ends with the command's status."""
    assert "JOB_IDS" in cli.succeeds("client", "--tools", "--", "condor_q")
    assert cli("client", "--tools", "--", "sh", "-c", "exit 7").returncode == 7
    missing = cli("client", "--", "condor_nothing")
    assert (missing.returncode, "no command condor_nothing" in missing.stderr) == (127, True)


# -- a pool with two access points, ports on the loopback interface and a mounted directory -------


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that everybody can write to."""
    path = tmp_path_factory.mktemp("mounted").resolve()
    for place in (path, *path.parents):
        if place.is_relative_to("/tmp/"):
            place.chmod(place.stat().st_mode | 0o055)
    path.chmod(0o777)
    return path


@pytest.fixture
def here(other: Pool, mounted: Path) -> Path:
    """A directory in it for the jobs of a test; another engine's have not been there."""
    path = mounted / f"{other.name}-{uuid.uuid4().hex[:6]}"
    path.mkdir()
    path.chmod(0o777)
    return path


@pytest.fixture(scope="module")
def other(pool_engine: Engine, mounted: Path) -> Iterator[Pool]:
    """Such a pool."""
    spec = PoolSpec.from_options(name=f"c{os.urandom(4).hex()}", access_points=2).with_overrides(
        reachable=True, mounts=[str(mounted)]
    )
    with Pool.create(spec=spec, engine=pool_engine) as made:
        yield made


@pytest.mark.every_engine
@pytest.mark.pool_engines("docker", reason="nodes of the embedded engine are on the loopback")
def test_a_client_that_reaches_published_ports_alone(other: Pool, tmp_path: Path) -> None:
    """It submits to each access point, and sees the pool; also after a stop and a start."""
    for access_point in ("submit-1", "submit-2"):
        ports = [port for node in other.nodes if (port := node.published_port)]
        isolated = (sys.executable, str(ISOLATED), *map(str, ports), "--")
        environment = other.client_environment(access_point, tools=True)
        result = run(*isolated, sys.executable, PROGRAM, environment=environment, cwd=tmp_path)
        assert result.stdout.startswith(SEEN)
        assert result.stdout.endswith("2 access points\n")
        script = "condor_userprio -af Name; condor_q -name $0; condor_status -schedd -af Name"
        shell = ("sh", "-c", script, f"{other.name}-{access_point}")
        result = run(*isolated, *shell, environment=environment, cwd=tmp_path)
        assert f"{other.name}-{access_point}." in result.stdout
        if access_point == "submit-1":
            other.stop()
            other.start()


def test_each_access_point_by_its_name(other: Pool, tmp_path: Path) -> None:
    """`--access-point` says which one a client uses by default."""
    for access_point in ("submit-1", "submit-2"):
        found = client_files(other, access_point)
        result = run(sys.executable, "-c", LOCATE, environment=found.environment(), cwd=tmp_path)
        assert result.stdout.startswith(f"{other.name}-{access_point}.")


@pytest.mark.every_engine
@pytest.mark.parametrize("transfers", ["NO", "IF_NEEDED"])
def test_a_job_in_a_mounted_directory(other: Pool, here: Path, transfers: str) -> None:
    """It is submitted there without spooling, finds its files, and its log is there meanwhile."""
    (here / "input").write_text("on the host\n")
    lines = (
        *("executable = /bin/cat", "transfer_executable = false", "arguments = input"),
        *([] if transfers == "NO" else ["transfer_input_files = input"]),
        *(f"should_transfer_files = {transfers}", "request_memory = 16", "request_disk = 1M"),
        *(f"output = output.{transfers}", f"log = log.{transfers}", "queue"),
    )
    (here / "job.sub").write_text("\n".join(lines) + "\n")
    script = f"condor_submit job.sub && condor_wait -wait 60 log.{transfers}"
    run("sh", "-c", script, environment=other.client_environment(tools=True), cwd=here)
    assert (here / f"output.{transfers}").read_text() == "on the host\n"


def share_by_acl(directory: Path, uid: int) -> None:
    """Set the access control list that the page sets with setfacl; the directory is this user's."""

    def packed(*named: int) -> bytes:  # struct posix_acl_xattr_header, linux/posix_acl_xattr.h
        owner, user, group, mask, other, nobody = 1, 2, 4, 16, 32, 2**32 - 1
        users = [(user, 7, each) for each in named]
        last = [(group, 5, nobody), (mask, 7, nobody), (other, 5, nobody)]
        entries = ((owner, 7, nobody), *users, *last)
        return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in entries)

    os.chown(directory, uid, uid)
    os.setxattr(directory, "system.posix_acl_access", packed(1000))
    os.setxattr(directory, "system.posix_acl_default", packed(1000, uid))


@pytest.mark.every_engine
@pytest.mark.skipif(os.getuid() != 0, reason="only root has directories of other users")
@pytest.mark.pool_engines("docker", reason="on the embedded engine an ordinary user is jovyan")
def test_a_mounted_directory_of_another_user(other: Pool, here: Path) -> None:
    """With the access control list of the page, jobs write there, and its user removes it all."""
    here.chmod(0o755)
    share_by_acl(here, 4321)
    job = f"mkdir -p {here}/made/below && echo by a job >{here}/made/below/file"
    lines = (
        *("executable = /bin/sh", "transfer_executable = false", f"arguments = \"-c '{job}'\""),
        *("request_memory = 16", "request_disk = 1M", "output = output", "log = log", "queue"),
    )
    (here / "job.sub").write_text("\n".join(lines) + "\n")
    script = "condor_submit job.sub && condor_wait -wait 60 log"
    run("sh", "-c", script, environment=other.client_environment(tools=True), cwd=here)
    assert (here / "made/below/file").read_text() == "by a job\n"
    assert (here / "made/below/file").stat().st_uid == 1000
    remove = ["rm", "-r", "made", "output", "log"]
    subprocess.run(remove, cwd=here, user=4321, group=4321, extra_groups=[], check=True)


def write_wheel(directory: Path) -> Path:
    """Write a wheel with the module ``ours``, which prints the Python that it is installed in."""
    path = directory / "ours-1-py3-none-any.whl"
    files = {
        "ours.py": "import sys\nprint(sys.prefix)\n",
        "ours-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: ours\nVersion: 1\n",
        "ours-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "ours-1.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


@pytest.mark.every_engine
@pytest.mark.pool_engines("docker", reason="the embedded engine has the host's Python, or none")
def test_a_python_environment_in_a_mounted_directory(other: Pool, here: Path) -> None:
    """One command on the access point makes it, and jobs use what is installed in it."""
    script = f"python3 -m venv .venv && .venv/bin/pip install --no-index {write_wheel(here).name}"
    made = other.exec(["sh", "-c", script], workdir=str(here))
    assert made.returncode == 0, made.stdout + made.stderr
    lines = (
        *(f"executable = {here}/.venv/bin/python", "transfer_executable = false"),
        *("arguments = -m ours", "request_memory = 16", "request_disk = 1M"),
        *("output = output", "log = log", "queue"),
    )
    (here / "job.sub").write_text("\n".join(lines) + "\n")
    script = "condor_submit job.sub && condor_wait -wait 60 log"
    run("sh", "-c", script, environment=other.client_environment(tools=True), cwd=here)
    assert (here / "output").read_text() == f"{here}/.venv\n"


def test_a_dag_in_a_mounted_directory(other: Pool, here: Path) -> None:
    """The access point runs it, and the DAG in it, with programs and configuration of its own."""
    (here / "outer.dag").write_text("SUBDAG EXTERNAL inner inner.dag\n")
    (here / "inner.dag").write_text("JOB node node.sub\n")
    lines = (
        *("executable = /bin/echo", "transfer_executable = false", "arguments = of a node"),
        *("output = node.out", "request_memory = 16", "request_disk = 1M", "queue"),
    )
    (here / "node.sub").write_text("\n".join(lines) + "\n")
    script = "condor_submit_dag outer.dag && condor_wait -wait 150 outer.dag.dagman.log"
    # DAGMan is strict about logs below /tmp.
    environment = {**other.client_environment(tools=True), "_CONDOR_DAGMAN_USE_STRICT": "0"}
    run("sh", "-c", script, environment=environment, cwd=here)
    assert (here / "node.out").read_text() == "of a node\n"


@pytest.mark.parametrize("is_mounted", [False, True])
def test_a_job_that_is_spooled(
    other: Pool, tmp_path: Path, here: Path, *, is_mounted: bool
) -> None:
    """With IF_NEEDED, the default, it transfers its files: its spool directory is not mounted."""
    directory = here if is_mounted else tmp_path
    result = run(sys.executable, PROGRAM, environment=other.client_environment(), cwd=directory)
    assert result.stdout.startswith(SEEN)
