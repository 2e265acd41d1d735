"""What nodes are called, and what the user's configuration may call them."""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.pool.pools.test_life import await_running

from condor_mini.base.waiting import wait_until
from condor_mini.nodes.condor_config import UPDATE_INTERVAL_S
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

DIRECTORY = {
    "condor_status HOST": "condor_status {execute} -af Name",
    "condor_status -schedd HOST": "condor_status -schedd {submit} -af Name",
    "condor_status -master HOST": "condor_status -master {master} -af Name",
}
"""What every node asks the collector."""
QUEUE = {
    "condor_q": "condor_q -name {submit} -totals",
    "condor_config_val": "condor_config_val -name {submit} -schedd SCHEDD_INTERVAL",
    "condor_ping": "condor_ping -name {submit} -type schedd READ",
}
"""What the users of an access point ask its schedd, which answers to nobody else."""
ADMINISTRATION = {
    "condor_fetchlog": "condor_fetchlog {execute} STARTD",
    "condor_reconfig": "condor_reconfig -name {execute}",
    "condor_drain": "condor_drain {execute}",
    "condor_drain -cancel": "condor_drain -cancel {execute}",
}
"""What an administrator does from the central manager; together it leaves a node as it is."""

FILE = """\
version: 1
name: NAME:
shared: {path: /shared}
config: |
  DEFAULT_DOMAIN_NAME = pool.test
  NETWORK_HOSTNAME = $(HOSTNAME)-x
  MASTER_NAME = boss
  COLLECTOR_NAME = Ours
  SCHEDD_NAME = queue
  FILESYSTEM_DOMAIN = fsd
  STARTD_ATTRS = Extra
  SCHEDD_ATTRS = Extra
  Extra = 1

  DEFAULT_UNIVERSE = grid
  SUBMIT_DEFAULT_SHOULD_TRANSFER_FILES = NO
  SUBMIT_ATTRS = LeaveJobInQueue periodic_hold
  LeaveJobInQueue = True
  periodic_hold = True
  SUBMIT_REQUEST_MISSING_UNITS = error
  SUBMIT_FACTORY_JOBS_BY_DEFAULT = True
  SUBMIT_SEND_RESCHEDULE = False
  DEFAULT_RANK = TARGET.NoSuchAttribute
  APPEND_RANK = 10
  JOB_DEFAULT_REQUESTGPUS = 4
  JOB_DEFAULT_REQUESTMEMORY = 1000000
  JOB_DEFAULT_REQUESTDISK = 1000000000
  JOB_DEFAULT_REQUESTCPUS = 1000
  JOB_DEFAULT_NOTIFICATION = ALWAYS
  DEFAULT_USERLOG_FORMAT_OPTIONS = ISO_DATE
execution_points:
  - count: 2
    cpus: 1
    config: |
      STARTD_NAME = worker
"""
JOB = """\
universe = vanilla
executable = /bin/sh
arguments = "-c 'pwd; exec sleep {seconds}'"
transfer_executable = false
should_transfer_files = NO
request_cpus = 1
request_gpus = 0
request_memory = 1M
request_disk = 1K
leave_in_queue = False
periodic_hold = False
output = pwd.out
log = pwd.log
queue {count}
"""


def ask(
    pool: Pool, node: str, commands: Mapping[str, str], form: str, *, within_s: float = 0
) -> dict[str, str]:
    """Run commands as root on a node, each with the names of nodes; what they write to stdout."""
    roles = {"master": "master", "submit": "submit-1", "execute": "execute-1"}
    names = {role: name_of(pool, role_name, form) for role, role_name in roles.items()}
    said: dict[str, str] = {}

    def refusal(what: str) -> str | None:
        result = pool.exec(commands[what].format(**names).split(), node=node, user="root")
        said[what] = result.stdout
        return f"{what}: {result.stdout}{result.stderr}" if result.returncode else None

    for what in commands:
        wait_until(partial(refusal, what), timeout_s=within_s)
    return said


def name_of(pool: Pool, node: str, form: str) -> str:
    """A node's short name, or its full one."""
    if form == "short":
        return f"{pool.name}-{node}"
    domain = pool.exec(["condor_config_val", "DEFAULT_DOMAIN_NAME"]).stdout.strip()
    return f"{pool.name}-{node}.{domain}"


@pytest.fixture(scope="module")
def advertised(pool: Pool) -> Pool:
    """The pool, with the ads of all masters: it is usable before they advertise themselves."""
    masters = ["condor_status", "-master", "-af", "CondorMiniNode"]

    def missing() -> str | None:
        absent = {node.name for node in pool.nodes} - set(pool.exec(masters).stdout.split())
        return f"no master of {absent}" if absent else None

    wait_until(missing, timeout_s=30)
    return pool


@pytest.mark.every_engine
@pytest.mark.parametrize("form", ["short", "full"])
@pytest.mark.parametrize("node", ["master", "submit-1", "execute-1"])
def test_ads_are_found_by_a_nodes_name(advertised: Pool, node: str, form: str) -> None:
    """The collector's ads of a host are found by the node's name, on each kind of node."""
    said = ask(advertised, node, DIRECTORY, form)
    full = [name_of(advertised, name, "full") for name in ("execute-1", "submit-1", "master")]
    assert [name.strip().rpartition("@")[2] for name in said.values()] == full


@pytest.mark.every_engine
@pytest.mark.parametrize("form", ["short", "full"])
def test_queue_is_found_by_its_nodes_name(pool: Pool, form: str) -> None:
    """`-name` takes the name of an access point."""
    said = ask(pool, "submit-1", QUEUE, form)
    assert f"Schedd: {name_of(pool, 'submit-1', 'full')} " in said["condor_q"]
    assert said["condor_config_val"] == "1\n"


@pytest.mark.every_engine
@pytest.mark.parametrize("form", ["short", "full"])
def test_node_is_administered_by_its_name(advertised: Pool, form: str) -> None:
    """From the central manager an administrator reaches an execution point by its name."""
    # A daemon that is configured anew while it sends its ad sends it without the capability that
    # administrators use (DCCollector::finishUpdate, without its DCCollector). The next one has it.
    said = ask(advertised, "master", ADMINISTRATION, form, within_s=3 * UPDATE_INTERVAL_S)
    assert "condor_startd" in said["condor_fetchlog"]
    assert f"slot1@{name_of(advertised, 'execute-1', 'full')}" in said["condor_drain"]


@pytest.mark.every_engine
def test_host_name_of_a_node_is_short(pool: Pool) -> None:
    """The prompt and `hostname` show the node's name without a domain."""
    assert pool.exec(["hostname"]).stdout == f"{pool.name}-submit-1\n"


# -- names and defaults of the user's -------------------------------------------------------------


@pytest.fixture(scope="module")
def renamed(pool_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool whose configuration changes all names, and all defaults of jobs."""
    file = tmp_path_factory.mktemp("renamed") / "pool.yaml"
    file.write_text(FILE.replace("NAME:", f"t{uuid.uuid4().hex[:8]}"))
    with Pool.create(spec=file, engine=pool_engine) as made:
        yield made


def submit(pool: Pool, directory: str, *, count: int = 1, seconds: int = 0) -> str:
    """Submit jobs in a directory, which is made; the number of their cluster."""
    pool.exec(["mkdir", "-p", directory])
    job = JOB.format(count=count, seconds=seconds)
    said = pool.exec(["condor_submit", "-terse", "-"], workdir=directory, stdin=job)
    assert said.returncode == 0, said.stderr
    return said.stdout.partition(".")[0]


def test_names_of_the_users_leave_a_pool_usable(
    renamed: Pool, cli_of: Callable[[str], Cli]
) -> None:
    """A pool that calls its hosts and daemons otherwise is usable, and its nodes are healthy."""
    status = json.loads(cli_of(renamed.name).succeeds("status", "-o", "json"))
    assert (status["verdict"], status["reasons"]) == ("usable", [])
    names = {daemon["name"]: daemon["node"] for daemon in status["daemons"]}
    assert names[f"queue@{renamed.name}-submit-1-x.pool.test"] == f"{renamed.name}-submit-1"
    assert {node.name: node.health() for node in renamed.nodes if node.health()} == {}


def test_probe_job_leaves_the_queue(renamed: Pool) -> None:
    """No default of the user's keeps the probe job in the queue."""
    assert renamed.exec(["condor_q", "-all", "-af", "ClusterId"]).stdout == ""


def test_job_without_transfers_runs_in_the_domain_of_the_users(renamed: Pool) -> None:
    """With FILESYSTEM_DOMAIN set, a job that transfers no files runs in the shared directory."""
    submit(renamed, "/shared/w")
    done = renamed.exec(["condor_wait", "-wait", "30", "pwd.log"], workdir="/shared/w")
    assert done.returncode == 0, done.stdout
    assert renamed.exec(["cat", "/shared/w/pwd.out"]).stdout == "/shared/w\n"


def test_renamed_nodes_are_removed(renamed: Pool, cli_of: Callable[[str], Cli]) -> None:
    """`scale` puts the job of a node that it removes back into the queue, and its ads go."""
    cluster = submit(renamed, "/shared/x", count=2, seconds=300)
    await_running(renamed, cluster, 2)
    cli_of(renamed.name).succeeds("scale", "--execute", "1", "--grace", "0", timeout_s=90)
    ads = renamed.exec(["condor_status", "-any", "-af", "CondorMiniNode"]).stdout.split()
    assert f"{renamed.name}-execute-2" not in ads
    assert f"{renamed.name}-execute-1" in ads
    starts = renamed.exec(["condor_q", cluster, "-af", "JobStatus", "NumShadowStarts"]).stdout
    assert sorted(starts.splitlines()) == ["1 1", "2 1"]
    renamed.exec(["condor_rm", cluster])
