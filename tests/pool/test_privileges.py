"""Jobs are ordinary users', and nodes do with the capabilities of docs/reference/privileges.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.series import catalogue

if TYPE_CHECKING:
    from tests.pool.conftest import Docker, Pool

pytestmark = pytest.mark.engines("docker")

NODE = ("SETUID", "SETGID", "CHOWN", "DAC_OVERRIDE")
MINIMUM = {"master": NODE, "submit": NODE, "execute": (*NODE, "KILL")}
WRITTEN = ("/var/log/condor", "/var/spool/condor", "/var/lib/condor", "/etc/condor", "/home")
TREE = "sleep 7777 & sleep 7777"
LEFT = "pgrep -cf '^sleep 7777'"


def least(role: str) -> tuple[str, ...]:
    """The page's options: of the table, and of a root file system that cannot be written."""
    added = [f"--cap-add={capability}" for capability in MINIMUM[role]]
    scratch = [
        *("--tmpfs=/tmp:exec,mode=1777", "--tmpfs=/var/tmp:exec,mode=1777"),
        *("--tmpfs=/run:mode=755", "--tmpfs=/run/lock:mode=1777"),
    ]
    kept = [f"--volume={place}" for place in WRITTEN]
    options = ["--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only"]
    return (*options, *added, *scratch, *kept)


@pytest.fixture(scope="module", params=["engine-defaults", "least"])
def any_pool(shared: Docker, request: pytest.FixtureRequest) -> Pool:
    """A pool with the engine's defaults, and one with no more than it needs."""
    return shared.pool(by_role=None if request.param == "engine-defaults" else least)


@pytest.mark.parametrize("any_pool", ["least"], indirect=True)
def test_no_node_writes_its_programs(any_pool: Pool) -> None:
    """With those options the root of a node cannot be written, not even by root."""
    refused = [node.attempt("touch", "/usr/sbin/more") for node in any_pool.nodes]
    assert [result.stderr.rpartition(": ")[2].strip() for result in refused] == [
        "Read-only file system"
    ] * 3


def test_a_job_is_an_ordinary_users(any_pool: Pool) -> None:
    """A job runs as the user who has submitted it."""
    assert any_pool.submit.run_job("id -un") == "jovyan"


def test_a_job_has_no_capabilities(any_pool: Pool) -> None:
    """A job has none of the container's capabilities."""
    assert any_pool.submit.run_job("grep CapEff /proc/self/status").split()[1].strip("0") == ""


def test_htcondors_own_user_name_works(any_pool: Pool) -> None:
    """Jobs of submituser, the user of HTCondor's own images, run as submituser."""
    assert any_pool.submit.run_job("id -un", user="submituser") == "submituser"


def test_root_may_not_submit(any_pool: Pool) -> None:
    """HTCondor refuses a job of root, and says so."""
    result = any_pool.submit.attempt("condor_submit", "-", stdin="executable = /bin/true\nqueue\n")
    assert result.returncode != 0
    refusal = {"23": "Cannot allocate a cluster id", "25": "not allowed to own jobs"}
    assert refusal[catalogue().get(None).number] in result.stderr


def test_private_files_travel(any_pool: Pool) -> None:
    """A file that only the user reads is the job's input, and its output is the user's."""
    submit = any_pool.submit
    submit.shell("cd; umask 077; echo private >secret.txt", "jovyan")
    lines = ("transfer_input_files = secret.txt",)
    cluster = submit.submit("cat secret.txt", *lines)
    assert submit.wait_for_job(cluster) == "private"
    assert submit.exec("stat", "-c", "%U", f"/home/jovyan/{cluster}.out") == "jovyan"


def test_removing_a_job_ends_its_children(any_pool: Pool) -> None:
    """condor_rm ends the processes that a job has started, with the engine's defaults too."""
    cluster = any_pool.submit.submit(TREE)
    any_pool.execute.wait_for(LEFT, "2")
    any_pool.submit.exec("condor_rm", cluster)
    any_pool.execute.wait_for(LEFT, "0")


def test_a_job_leaves_no_process(any_pool: Pool) -> None:
    """What a job has left in the background ends with the job."""
    any_pool.submit.run_job("setsid sleep 7777 >/dev/null 2>&1 </dev/null & exit 0")
    any_pool.execute.wait_for(LEFT, "0")


def test_a_job_leaves_no_files(any_pool: Pool) -> None:
    """The execute directory is empty when no job runs."""
    any_pool.submit.run_job("mkdir -p a/b; touch a/b/c; chmod 0 a")
    any_pool.execute.wait_for("ls -A /var/lib/condor/execute", "")


@pytest.mark.parametrize(
    ("role", "daemon"),
    [
        ("master", "collector"),
        ("master", "negotiator"),
        ("submit", "schedd"),
        ("execute", "startd"),
    ],
)
def test_daemons_drop_to_condor(any_pool: Pool, role: str, daemon: str) -> None:
    """The daemons' effective user is condor."""
    nodes = {"master": any_pool.master, "submit": any_pool.submit, "execute": any_pool.execute}
    said = nodes[role].shell(f"ps -o euser= -p $(pgrep -f ^condor_{daemon})")
    assert said == "condor"


@pytest.mark.parametrize("any_pool", ["least"], indirect=True)
def test_a_killed_daemon_is_back(any_pool: Pool) -> None:
    """Supervision needs no more: a killed startd runs again."""
    before = any_pool.execute.exec("pgrep", "-f", "^condor_startd")
    any_pool.execute.exec("kill", "-9", before)
    any_pool.execute.wait_for(f"pgrep -f ^condor_startd | grep -vcx {before}", "1")
    any_pool.wait_until_healthy()


@pytest.mark.parametrize("any_pool", ["least"], indirect=True)
def test_nodes_stop_and_start(any_pool: Pool) -> None:
    """Every node stops with 0, and starts again, with no more than it needs."""
    for node in reversed(any_pool.nodes):
        node.stop()
    assert [node.exit_code for node in any_pool.nodes] == [0, 0, 0]
    for node in any_pool.nodes:
        node.start()
    any_pool.wait_until_healthy()
