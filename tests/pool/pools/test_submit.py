"""``condor-mini submit`` and ``condor-mini wait`` on a real engine."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.pool.people import no_executable

import condor_mini
from condor_mini.base.errors import CondorMiniError, PoolNotReady, UsageError
from condor_mini.base.waiting import wait_until
from condor_mini.jobs.packing import Directory
from condor_mini.jobs.staging import PLACE, RECORDS, Staging
from condor_mini.jobs.submit import submissions, submit_description, submit_file, wait_for_all
from condor_mini.nodes.node import Role
from condor_mini.reports.classads import ads, job_ads, slot_ads
from gates import Gate

from .conftest import remove_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool

    from .conftest import Cli, Write

pytestmark = pytest.mark.any_engine

UID = 4321
"""A number that no image has a name for."""
PAIRS = "#!/bin/sh\nmkdir -p made\necho $1 >made/$1\ncat in/data\necho odd >&2\n"


def copies(node: Node) -> list[str]:
    """The copies of directories that are in the access point, and their records."""
    names = node.exec(["find", PLACE, RECORDS, "-mindepth", "1", "-maxdepth", "1"], user="root")
    return names.stdout.split()


# -- there and back -------------------------------------------------------------------------------


@pytest.mark.every_engine
def test_directory_goes_there_and_results_come_back(cli: Cli, here: Path, write: Write) -> None:
    """Program, inputs and directories go there; outputs, directories and log come back."""
    (here / "in").mkdir()
    (here / "in" / "data").write_text("of this machine\n")
    (here / "run.sh").write_text(PAIRS)
    (here / "run.sh").chmod(0o755)
    write(
        "",
        "executable = run.sh",
        "arguments = $(Process)",
        "transfer_executable = true",
        "transfer_input_files = in",
        "transfer_output_files = made",
        "output = out.$(Process)",
        "error = err.$(Process)",
        queue="queue 2",
    )
    cli.succeeds("submit", "job.sub", "--wait", cwd=here)
    assert {
        str(path.relative_to(here)): path.read_text()
        for path in here.rglob("*")
        if path.is_file() and path.name not in {"job.sub", "log", "run.sh", "data"}
    } == {
        "out.0": "of this machine\n",
        "out.1": "of this machine\n",
        "err.0": "odd\n",
        "err.1": "odd\n",
        "made/0": "0\n",
        "made/1": "1\n",
    }


def test_results_are_shown(cli: Cli, here: Path, write: Write) -> None:
    """Outputs are shown as with ``run --submit``, and the event log with --log."""
    write("echo it is done", "output = out")
    shown = cli.succeeds("submit", "job.sub", "--wait", "--log", cwd=here)
    assert ("\n  it is done\n" in shown, "Job terminated." in shown) == (True, True)


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -TERM $$", 143)])
def test_status_is_the_jobs(cli: Cli, here: Path, write: Write, script: str, status: int) -> None:
    """We end with the job's status; with 128 and the number of a signal that ended it."""
    write(script)
    assert cli("submit", "job.sub", "--wait", cwd=here).returncode == status


@pytest.mark.every_engine
@pytest.mark.parametrize(
    ("own", "path"),
    [
        ([], "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        (['environment = "PATH=/opt/mine:/usr/bin"'], "/opt/mine:/usr/bin"),
    ],
    ids=["of the node", "its own"],
)
def test_a_job_has_a_path_and_a_home(
    cli: Cli, here: Path, write: Write, own: list[str], path: str
) -> None:
    """Programs that need PATH and HOME find them; the job's own PATH takes precedence."""
    write("/usr/bin/env", "output = out", *own)
    cli.succeeds("submit", "job.sub", "--wait", cwd=here)
    variables = dict(line.split("=", 1) for line in (here / "out").read_text().splitlines())
    assert (variables["PATH"], variables["HOME"]) == (path, "/home/jovyan")


def test_what_is_not_changed_is_not_touched(cli: Cli, here: Path, write: Write) -> None:
    """A file that no job has changed is the very same file afterwards."""
    (here / "data").write_text("it")
    before = (here / "data").stat()
    write("true", "transfer_input_files = data")
    cli.succeeds("submit", "job.sub", "--wait", cwd=here)
    after = (here / "data").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


@pytest.mark.every_engine
def test_nothing_stays_in_the_pool(cli: Cli, here: Path, write: Write, access_point: Node) -> None:
    """When all has been fetched the copy is removed."""
    before = copies(access_point)
    write("true")
    cli.succeeds("submit", "job.sub", "--wait", cwd=here)
    assert copies(access_point) == before


@pytest.fixture
def somebody() -> Iterator[Path]:
    """We are somebody who may use the engine, and have a directory."""
    home = Path(tempfile.mkdtemp(prefix="condor-mini-test-"))
    group = os.getegid()
    if os.getuid() == 0:
        os.chown(home, UID, UID)
        os.setegid(Path("/var/run/docker.sock").stat().st_gid)
        os.seteuid(UID)
    yield home
    os.seteuid(os.getuid())
    os.setegid(group)
    shutil.rmtree(home)


@pytest.mark.pool_engines("docker", reason="a pool of embedded is one user's")
def test_results_are_the_callers(pool: Pool, somebody: Path) -> None:
    """What comes back belongs to whoever calls, with whatever UID."""
    file = somebody / "job.sub"
    file.write_text(
        "executable = /bin/echo\ntransfer_executable = false\nrequest_memory = 1\n"
        "should_transfer_files = yes\noutput = out\nlog = log\nqueue\n"
    )
    submission = submit_file(pool, file)
    submission.wait(timeout_s=60)
    submission.fetch()
    owners = {path.name: path.stat().st_uid for path in somebody.iterdir()}
    assert owners == dict.fromkeys(["job.sub", "out", "log"], os.geteuid())


# -- later ----------------------------------------------------------------------------------------


@pytest.mark.every_engine
def test_wait_brings_results_back_later(cli: Cli, here: Path, write: Write) -> None:
    """Without --wait a later ``wait`` fetches, from any directory."""
    write("echo it", "output = out")
    said = json.loads(cli.succeeds("submit", "job.sub", "-o", "json", cwd=here))
    cli.succeeds("wait", str(said["clusters"][0]))
    assert (here / "out").read_text() == "it\n"


def test_wait_again_is_the_same_status(cli: Cli, here: Path, write: Write) -> None:
    """Waiting for jobs that were fetched already is no error."""
    write("exit 4")
    said = json.loads(cli("submit", "job.sub", "-o", "json", cwd=here).stdout)
    (cluster,) = map(str, said["clusters"])
    assert [cli("wait", cluster).returncode for _ in range(2)] == [4, 4]


@pytest.mark.every_engine
@pytest.mark.usefixtures("access_point")
@pytest.mark.slow_on("docker")
def test_interrupted_wait_leaves_the_job(cli: Cli, pool: Pool, here: Path, write: Write) -> None:
    """After Ctrl-C the job is in the queue, and its results come with ``wait``."""
    gate = Gate(pool=pool)
    write(f"{gate.passage}; echo it", "output = out")
    with cli.begin("submit", "job.sub", "--wait", cwd=here) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (cluster,) = process.stdout.readline().split()[-1:]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    cluster = cluster.rstrip(".")
    again = f"condor-mini wait -n {cli.name} {cluster}"
    assert (process.returncode, again in err) == (130, True), err
    gate.open()
    cli.succeeds("wait", cluster)
    assert (here / "out").read_text() == "it\n"


def test_deadline_is_5_and_fetches_the_log(
    cli: Cli, here: Path, write: Write, access_point: Node
) -> None:
    """At the deadline the log has come back, and the jobs go on."""
    write("sleep 600")
    done = cli("submit", "job.sub", "--wait", "--timeout", "0.5", cwd=here)
    assert (done.returncode, "Job submitted from host" in (here / "log").read_text()) == (5, True)
    assert len(copies(access_point)) > 0


@pytest.mark.usefixtures("access_point")
def test_log_grows_from_fetch_to_fetch(cli: Cli, pool: Pool, here: Path, write: Write) -> None:
    """What came back at a deadline is brought up to date by the next wait."""
    write("sleep 600")
    cli("submit", "job.sub", "--wait", "--timeout", "0", cwd=here)
    remove_jobs(pool)
    assert cli("wait", cwd=here).returncode == 1
    assert "Job was aborted" in (here / "log").read_text()
    assert job_ads(pool) == []


def test_held_job_is_told_and_stays(cli: Cli, here: Path, write: Write, access_point: Node) -> None:
    """A job on hold is 1 with HTCondor's reason; it can be released, and waited for."""
    write("true", "hold = true")
    done = cli("submit", "job.sub", "--wait", cwd=here)
    assert (done.returncode, "was put on hold: submitted on hold" in done.stderr) == (1, True)
    access_point.exec(["condor_release", "-all"])
    assert cli("wait", cwd=here).returncode == 0


# -- what is refused ------------------------------------------------------------------------------


def test_paths_outside_are_told(cli: Cli, here: Path, write: Write, access_point: Node) -> None:
    """All files outside the directory are told at once, and nothing is queued."""
    write(
        "true",
        "transfer_input_files = ../x, /home/me/data, /etc/passwd, http://x/y, in/$(Process)",
        "output = /home/me/out.$(Process)",
        "error = /dev/null",
        "max_materialize = 1",
        queue="queue 2",
    )
    before = copies(access_point)
    done = cli("submit", "job.sub", cwd=here)
    told = [line.split(" is outside ")[0].strip() for line in done.stderr.splitlines()]
    assert (done.returncode, [line for line in told if line.startswith(("transfer", "out"))]) == (
        2,
        [
            "transfer_input_files: ../x",
            "transfer_input_files: /home/me/data",
            "output: /home/me/out.0",
            "output: /home/me/out.1",
        ],
    )
    assert (copies(access_point), access_point.exec(["condor_q", "-af", "ClusterId"]).stdout) == (
        before,
        "",
    )


def test_executable_outside_is_told(cli: Cli, here: Path) -> None:
    """A program of this machine that is not in the directory is told so."""
    (here / "job.sub").write_text("executable = /home/me/run.sh\nqueue\n")
    done = cli("submit", "job.sub", cwd=here)
    assert (done.returncode, "executable: /home/me/run.sh is outside" in done.stderr) == (2, True)


def test_condor_submits_own_words(cli: Cli, here: Path) -> None:
    """A broken submit file is told in condor_submit's own words."""
    (here / "job.sub").write_text("executable = no-such.sh\nqueue\n")
    done = cli("submit", "-q", "job.sub", cwd=here)
    assert (done.returncode, done.stderr) == (
        1,
        f"condor-mini: condor_submit job.sub: {no_executable('no-such.sh')}\n",
    )


@pytest.mark.every_engine
def test_job_cannot_choose_where_its_results_go(
    pool: Pool, here: Path, tmp_path: Path, access_point: Node
) -> None:
    """A job's ad names a directory of the pool; where that belongs only root there can say."""
    staging = Staging.of_directory(access_point, Directory(path=here))
    target = tmp_path / "target"
    target.mkdir()
    forged = json.dumps({"host": staging.host, "directory": str(target)})
    record = f"{RECORDS}/{staging.name}.json"
    result = access_point.exec(["tee", record], stdin=forged)
    found = Staging.find(access_point, staging.name)
    staging.remove()
    assert found is not None
    assert (result.returncode, found.source, pool.name) == (1, str(here), access_point.pool)


@pytest.fixture
def secrets(here: Path) -> Path:
    """A directory beside the submit file's, with a file that is nobody's business."""
    path = here.parent / "secrets"
    path.mkdir()
    (path / "id").write_text("secret\n")
    return path


def leave_links(node: Node, staging: Staging | None, *links: tuple[str, str]) -> None:
    """Do what a job can: leave links where its results are fetched from."""
    assert staging is not None
    for name, to in links:
        made = node.exec(["ln", "-s", to, name], workdir=staging.path)
        assert made.returncode == 0, made.stderr


CHAIN = [(f"x{number}", ".") for number in range(1, 5)]
"""With it two dots lead up from where only one directory seems to be."""


@pytest.mark.every_engine
def test_links_that_a_job_leaves_take_nothing_along(
    pool: Pool, here: Path, write: Write, secrets: Path, access_point: Node
) -> None:
    """The next submission of the directory brings no file from outside it into the pool."""
    first = submit_file(pool, write("true"))
    leave_links(access_point, first.staging, *CHAIN, ("l", "x1/x2/x3/x4/../secrets/id"))
    first.wait(timeout_s=60)
    with pytest.raises(CondorMiniError, match=r"l: a symbolic link to x1/x2/x3/x4/\.\./secrets/id"):
        first.fetch()
    for name, to in (*CHAIN, ("l", "x1/x2/x3/x4/../secrets/id"), ("m", "../secrets")):
        if not (here / name).is_symlink():  # as in a directory that jobs write in themselves
            (here / name).symlink_to(to)
    second = submit_file(pool, write("true", "output = out"))
    assert second.staging is not None
    seen = access_point.exec(["grep", "-rs", "secret", second.staging.path]).stdout
    second.wait(timeout_s=60)
    second.fetch()
    assert (seen, (secrets / "id").read_text()) == ("", "secret\n")


@pytest.mark.every_engine
def test_results_do_not_go_through_links(
    pool: Pool, here: Path, write: Write, secrets: Path, access_point: Node
) -> None:
    """What a job writes comes back into the directory, or not at all."""
    (here / "mine").symlink_to("../secrets")
    submission = submit_file(pool, write("true"))
    leave_links(access_point, submission.staging, ("theirs", "../secrets"))
    assert submission.staging is not None
    forge = "rm mine; mkdir mine; echo forged >mine/id"
    access_point.exec(["sh", "-c", forge], workdir=submission.staging.path)
    submission.wait(timeout_s=60)
    with pytest.raises(CondorMiniError, match="nothing is written through a link") as refused:
        submission.fetch()
    assert "theirs: a symbolic link to ../secrets, which leads outside" in refused.value.message
    assert [path.read_text() for path in secrets.iterdir()] == ["secret\n"]
    assert (here / "log").is_file()


def test_links_are_followed_if_asked_for(cli: Cli, here: Path, write: Write, secrets: Path) -> None:
    """What a link leads to is copied with --follow-links; without it the link is told."""
    del secrets
    (here / "data").symlink_to("../secrets/id")
    write("cat data", "transfer_input_files = data", "output = out")
    done = cli("submit", "job.sub", "--wait", cwd=here)
    assert (done.returncode, "transfer_input_files: data -> " in done.stderr) == (2, True)
    cli.succeeds("submit", "job.sub", "--wait", "--follow-links", cwd=here)
    assert (here / "out").read_text() == "secret\n"


def test_record_that_was_changed_is_not_believed(
    cli: Cli, here: Path, write: Write, tmp_path: Path, access_point: Node
) -> None:
    """Whoever has changed what root keeps of a submission does not choose where results go."""
    write("echo it", "output = out")
    said = json.loads(cli.succeeds("submit", "job.sub", "-o", "json", cwd=here))
    records = access_point.exec(["find", RECORDS, "-name", "*.json"], user="root").stdout.split()
    target = tmp_path / "target"
    target.mkdir()
    change = f's|"directory": "[^"]*"|"directory": "{target}"|'
    access_point.exec(["sed", "-i", change, *records], user="root")
    done = cli("wait", *map(str, said["clusters"]))
    told = f"condor-mini cp -n {access_point.pool} {access_point.name}:{PLACE}/" in done.stderr
    assert (done.returncode, told, list(target.iterdir())) == (0, True, []), done.stderr


# -- Python ---------------------------------------------------------------------------------------


def test_submit_file_in_python(pool: Pool, here: Path, write: Write) -> None:
    """submit, wait, fetch."""
    submission = submit_file(pool, write("echo it", "output = out"))
    assert (submission.wait(timeout_s=60), sorted(path.name for path in submission.fetch())) == (
        0,
        ["log", "out"],
    )
    assert (here / "out").read_text() == "it\n"


@pytest.mark.every_engine
def test_description_in_python(pool: Pool) -> None:
    """Submit commands are submitted, and what the jobs wrote can be read."""
    description = {
        "executable": "/bin/echo",
        "arguments": "it is $(Process)",
        "transfer_executable": "false",
        "should_transfer_files": "yes",
        "request_memory": "1",
        "output": "out.$(Process)",
    }
    submission = submit_description(pool, description, count=2)
    submission.wait(timeout_s=60)
    assert [submission.read(ad, "Out") for ad in submission.ended()] == ["it is 0\n", "it is 1\n"]


def test_wait_for_all_in_python(pool: Pool, write: Write) -> None:
    """All that is in the queue is waited for."""
    gate = Gate(pool=pool)
    submit_file(pool, write(f"{gate.passage}; exit 5"))
    status = wait_for_all(pool, timeout_s=60, on_change=lambda _: gate.open())
    assert (status, job_ads(pool)) == (5, [])
    for submission in submissions(pool):
        submission.fetch()


@pytest.mark.usefixtures("access_point")
def test_wait_for_all_has_a_deadline(pool: Pool, write: Write) -> None:
    """A job that goes on is told at the deadline."""
    submit_file(pool, write("sleep 600"))
    with pytest.raises(PoolNotReady, match="not all jobs have ended after"):
        wait_for_all(pool, timeout_s=1)


# -- ClassAds -------------------------------------------------------------------------------------


def test_slot_ads(pool: Pool) -> None:
    """There is an ad for the slot of each execution point."""
    machines = {node.name for node in pool.nodes if node.role is Role.EXECUTION_POINT}
    assert {
        ad["CondorMiniNode"] for ad in slot_ads(pool, 'SlotType == "Partitionable"')
    } == machines


def test_projection(pool: Pool) -> None:
    """Only what is asked for comes."""
    assert {frozenset(ad) for ad in slot_ads(pool, projection=["Name", "NoSuch"])} == {
        frozenset({"Name"})
    }


@pytest.mark.parametrize(
    "kind", ["machine", "schedd", "collector", "negotiator", "master", "submitter"]
)
def test_ads_of_each_kind(pool: Pool, write: Write, kind: str) -> None:
    """Each kind of ad is there, that of who submits after a submission."""
    if kind == "submitter":
        submit_file(pool, write("true")).wait(timeout_s=60)

    def missing() -> str | None:
        return None if ads(pool, kind) else f"no {kind}"  # type: ignore[arg-type]

    wait_until(missing, timeout_s=20)


@pytest.mark.every_engine
def test_jobs_of_the_history(pool: Pool, write: Write) -> None:
    """A job that has ended is in the history."""
    submission = submit_file(pool, write("exit 6"))
    submission.wait(timeout_s=60)
    (ad,) = job_ads(pool, f"ClusterId == {submission.clusters[0]}", history=True)
    assert ad["ExitCode"] == 6


@pytest.mark.parametrize("ask", [slot_ads, job_ads], ids=["slots", "jobs"])
def test_bad_constraint_is_told(pool: Pool, ask: Callable[[Pool, str], object]) -> None:
    """What is no ClassAd expression is told."""
    with pytest.raises(UsageError, match="is not a ClassAd expression"):
        ask(pool, "Name ==")


def copy_package(node: Node) -> None:
    """Put our own package where a Python of the node finds it: in /tmp/lib."""
    source = Path(condor_mini.__file__).parent
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in source.rglob("*.py"):
            tar.add(path, f"lib/condor_mini/{path.relative_to(source)}")
    node.engine.copy_in(node.info.id, buffer.getvalue(), at="/tmp")


@pytest.mark.pool_engines("docker", reason="no Python is in embedded's nodes")
def test_ads_are_classad2s_where_it_is_installed(access_point: Node) -> None:
    """With HTCondor's bindings an ad is theirs, and its expressions can be evaluated."""
    program = (
        "import sys; from condor_mini.reports.classads import parse_ads; "
        "ad, = parse_ads(sys.stdin.read()); print(type(ad).__module__, ad['start'], "
        "type(ad['Requirements']).__name__, ad.eval('Sum'))"
    )
    text = '[{"Start": true, "Cpus": 2, "Sum": "\\/Expr(Cpus + 1)\\/", '
    text += '"Requirements": "\\/Expr(TARGET.X > 1)\\/"}]'
    copy_package(access_point)
    result = access_point.exec(
        ["python3", "-c", program], environment={"PYTHONPATH": "/tmp/lib"}, stdin=text
    )
    assert (result.stderr, result.stdout.split()[1:]) == ("", ["True", "ExprTree", "3"])
