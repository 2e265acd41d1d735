"""What a pool knows outlives its containers, and is there after an upgrade.

See docs/reference/state.md.

The tests go on from each other: one pool, made with HTCondor 23, is upgraded, and then loses its
containers, one after the other.
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from bench.workload import Workload
from condor_mini.base.layout import START_SCRIPTS
from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine

pytestmark = [pytest.mark.every_engine, pytest.mark.slow_on("embedded")]

REMADE_S = 60
SMALL_LOG = 20_000


@pytest.fixture(scope="module")
def pool(pool_engine: Engine) -> Iterator[Pool]:
    """A pool of HTCondor 23 with a job that has ended, and one that is held."""
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(name, series="23", engine=pool_engine) as made:
        run(made, "condor_submit -terse -", "executable = /bin/true\nhold = true\nqueue")
        yield made


def run(pool: Pool, script: str, stdin: str = "", node: str | None = None) -> str:
    """What a shell script of the ordinary user's writes, which succeeds."""
    said = pool.exec(["sh", "-c", f"cd; {script}"], stdin=stdin, node=node)
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


def queue(pool: Pool) -> str:
    """Each job's id and state."""
    return run(pool, "condor_q -af ClusterId ProcId JobStatus Iwd")


def history(pool: Pool) -> set[str]:
    """The ids and exit codes of the jobs that have ended."""
    return set(run(pool, "condor_history -af ClusterId ProcId JobStatus ExitCode").splitlines())


def running(pool: Pool, name: str, gate: Gate) -> Workload:
    """A job that runs, until the gate is open."""
    workload = Workload(pool=pool, name=name, short=0, long=1)
    workload.submit(long_command=gate.passage)
    workload.await_running("long")
    return workload


def whole(workload: Workload, gate: Gate) -> bool:
    """Let that job go on, and wait until it is done; whether it has done what it was to do."""
    gate.open()
    workload.await_end(timeout_s=120)
    return workload.account().is_whole


def usage(pool: Pool) -> float:
    """What the busiest user has used, in weighted seconds, as the negotiator has accounted it."""
    script = "condor_userprio -allusers -af WeightedAccumulatedUsage | sort -n | tail -n 1"
    said = ""

    def untold() -> str | None:
        nonlocal said
        said = run(pool, script, node="master")
        return None if said else "a collector that was just started has no accounting ads"

    wait_until(untold, timeout_s=20)
    return float(said)


@pytest.fixture(scope="module")
def tokens(pool: Pool) -> list[str]:
    """Two that read at the central manager, the first of which is revoked."""
    made = [
        pool.members.create_token("ada", authorizations=["READ"]).secret.split()[0]
        for _ in range(2)
    ]
    claims = json.loads(base64.urlsafe_b64decode(made[0].split(".")[1] + "=="))
    pool.members.revoke([claims["jti"]])
    return made


def lets_in(pool: Pool, token: str) -> bool:
    """Whether the central manager answers who has this token and no other."""
    script = (
        "umask 077; rm -rf own; mkdir own; cat >own/token; _CONDOR_SEC_TOKEN_DIRECTORY=$PWD/own"
    )
    argv = ["sh", "-c", f"cd; {script} condor_status -collector"]
    return pool.exec(argv, stdin=token).returncode == 0


def given_out(pool: Pool) -> list[str]:
    """The state of each token that was created."""
    return [token.state for token in pool.members.tokens() if token.kind == "issued"]


@pytest.mark.usefixtures("tokens")
def test_an_upgrade_keeps_queue_and_history(pool: Pool) -> None:
    """`restart --htcondor 25`: the queue, its job ids, the history and a running job are kept."""
    gate = Gate(pool=pool)
    job = running(pool, "upgraded", gate)
    before, ended = [line.split()[:2] for line in queue(pool).splitlines()], history(pool)
    pool.restart(series="25", timeout_s=REMADE_S)
    assert [line.split()[:2] for line in queue(pool).splitlines()][: len(before)] == before
    assert ended <= history(pool)
    assert "CondorVersion: 25." in run(pool, "condor_version")
    assert whole(job, gate)


def test_a_spool_of_a_newer_htcondor_is_refused(pool: Pool) -> None:
    """A node does not start on a spool that a newer HTCondor has written, and says why."""
    note = "/var/spool/condor/htcondor-series"
    access_point = pool.node()
    script = f"echo 99 >{note}; {START_SCRIPTS}/prepare-directories"
    said = access_point.exec(["sh", "-c", script], user="root")
    access_point.exec(["sh", "-c", f"echo 25 >{note}"], user="root")
    assert (said.returncode, "was written by HTCondor 99" in said.stderr) == (1, True)


def test_a_removed_access_point_comes_back(pool: Pool) -> None:
    """Its queue, history and home are there again, and a job that runs is not started again."""
    gate = Gate(pool=pool)
    job = running(pool, "access-point", gate)
    before, ended = queue(pool), history(pool)
    lost = pool.node()
    pool.engine.remove(lost.info.id)
    assert f"{lost.name} has no container" in " ".join(pool.status().reasons)
    pool.start(timeout_s=REMADE_S)
    assert queue(pool) == before
    assert ended <= history(pool)
    assert whole(job, gate)
    assert job.account().again == 0


def test_an_upgrade_keeps_tokens(pool: Pool, tokens: list[str]) -> None:
    """What HTCondor 23 has given out is known to 25: which is good, and which is revoked."""
    assert given_out(pool) == ["revoked", "valid"]
    assert [lets_in(pool, token) for token in tokens] == [False, True]


def test_a_removed_central_manager_comes_back(pool: Pool) -> None:
    """Its key and its accounting are there again: the other nodes' tokens and users' usage."""
    before = usage(pool)
    pool.engine.remove(pool.node("master").info.id)
    pool.start(timeout_s=REMADE_S)
    assert usage(pool) >= before > 0


def test_a_revoked_token_stays_revoked(pool: Pool, tokens: list[str]) -> None:
    """The central manager that was made anew knows which tokens were revoked."""
    assert [lets_in(pool, token) for token in tokens] == [False, True]


def test_a_token_that_was_given_out_stays_known(pool: Pool) -> None:
    """`token list` of a central manager that was made anew has the tokens that it gave out."""
    assert given_out(pool) == ["revoked", "valid"]


def test_a_removed_pool_comes_back(pool: Pool) -> None:
    """All containers are made anew from the volumes and the network alone."""
    before, ended = queue(pool), history(pool)
    names = [node.name for node in pool.nodes]
    pool.engine.remove(*(node.info.id for node in pool.nodes))
    Pool.open(pool.name, engine=pool.engine).start(timeout_s=REMADE_S)
    assert [node.name for node in pool.nodes] == names
    assert queue(pool) == before
    assert ended <= history(pool)
    starts = "grep -c 'condor_master.*STARTING UP' /var/log/condor/MasterLog"
    assert int(run(pool, starts)) > 1


def test_a_debug_level_is_heard_at_once(pool: Pool) -> None:
    """A schedd that runs says more from when it was told on, also after a restart."""
    count = "grep -c 'Begin clean_shadow_recs' /var/log/condor/SchedLog; true"
    before = run(pool, count)
    pool.set_debug_levels({"schedd": "D_FULLDEBUG"})

    def unheard() -> str | None:
        return "it says no more than before" if run(pool, count) == before else None

    wait_until(unheard, timeout_s=20)
    pool.restart(node="submit-1", timeout_s=REMADE_S)
    assert run(pool, "condor_config_val SCHEDD_DEBUG") == "D_FULLDEBUG"
    assert [level.daemon for level in pool.debug_levels()] == ["schedd"]
    pool.reset_debug_levels()
    assert run(pool, "condor_config_val SCHEDD_DEBUG") != "D_FULLDEBUG"


def test_logs_have_a_bound(pool: Pool) -> None:
    """Of each log there are two files at most, none longer than MAX_DEFAULT_LOG and one event."""
    config = "/etc/condor/config.d/90-small-logs"
    access_point = pool.node()
    for argv, stdin in (
        (["tee", config], f"MAX_DEFAULT_LOG = {SMALL_LOG}\nSCHEDD_DEBUG = D_ALL:2\n"),
        (["condor_reconfig"], None),
    ):
        assert access_point.exec(argv, user="root", stdin=stdin).returncode == 0
    sizes = "cd $(condor_config_val LOG); stat -c '%s %n' SchedLog*"

    def unrotated() -> str | None:
        said = run(pool, sizes)
        return None if "SchedLog.old" in said else said

    wait_until(unrotated, timeout_s=20)
    rotated = run(pool, "stat -c %Y.%i $(condor_config_val LOG)/SchedLog.old")

    def rotated_once() -> str | None:
        now = run(pool, "stat -c %Y.%i $(condor_config_val LOG)/SchedLog.old")
        return "it was rotated once" if now == rotated else None

    wait_until(rotated_once, timeout_s=20)
    found = [line.split() for line in run(pool, sizes).splitlines()]
    access_point.exec(["rm", config], user="root")
    access_point.exec(["condor_reconfig"], user="root")
    assert {name for _, name in found} == {"SchedLog", "SchedLog.old"}
    assert all(int(size) < 2 * SMALL_LOG for size, _ in found), found
