"""The state of a pool goes into a file, and pools begin with it: elsewhere, later, in HTCondor 25.

One pool of HTCondor 23 is saved. Another one begins with it, on the other engine and with HTCondor
25. Then the first pool gets its state back.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import KEYS
from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool
from gates import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine
    from condor_mini.snapshots.snapshot import Snapshot

pytestmark = [
    pytest.mark.pool_engines("docker", reason="it takes the other engine along"),
    pytest.mark.slow,  # docs/how-to/start-from-a-snapshot.md is followed by a test on one engine
]

SPOOLED = """
executable = /bin/sh
transfer_executable = false
arguments = "-c 'cat secret; id -un'"
transfer_input_files = secret
should_transfer_files = YES
output = out
log = spooled.log
requirements = MY.Go =?= true
queue
"""
WAITING, RUNNING = "2", "3"


def run(pool: Pool, script: str, stdin: str = "", user: str = "jovyan") -> str:
    """What a shell script writes on the access point, which succeeds."""
    said = pool.exec(["sh", "-c", f"cd; {script}"], stdin=stdin, user=user)
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout.strip()


def queue(pool: Pool) -> dict[str, str]:
    """The state of each job."""
    rows = run(pool, "condor_q -allusers -af ClusterId JobStatus").splitlines()
    return dict(row.split() for row in rows)


def key(pool: Pool) -> str:
    """What tells the pool's key from others."""
    said = pool.exec(["sha256sum", f"{KEYS}/POOL"], node="master", user="root")
    assert said.returncode == 0, said.stderr
    return said.stdout.split()[0]


@pytest.fixture(scope="module")
def pool(pool_engine: Engine) -> Iterator[Pool]:
    """A pool with a job in its history, one that waits with spooled input, and one that runs."""
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(name, series="23", engine=pool_engine) as made:
        run(made, "umask 077; echo whisper >secret")
        assert run(made, "condor_submit -terse -spool -", SPOOLED).startswith(f"{WAITING}.")
        gate = Gate(pool=made)
        waits = f"executable=/bin/sh\narguments=\"-c '{gate.passage}'\"\nqueue"
        assert run(made, "condor_submit -terse -", waits).startswith(f"{RUNNING}.")
        wait_until(lambda: None if queue(made)[RUNNING] == "2" else f"{queue(made)}", timeout_s=30)
        yield made


@pytest.fixture(scope="module")
def saved(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot of it."""
    return pool.save_snapshot(tmp_path_factory.mktemp("snapshots") / "queue.tar.gz")


def is_the_pool_of_then(begun: Pool) -> None:
    """A pool has what was saved: queue, history and home; and its jobs run."""
    assert queue(begun)[WAITING] == "1"
    assert run(begun, "condor_history 1 -af ExitCode") == "0"
    assert run(begun, "cat secret; stat -c %a secret") == "whisper\n600"
    run(begun, f"condor_qedit {WAITING} Go true && condor_reschedule")
    log = f"$(condor_config_val SPOOL)/{WAITING}/0/cluster{WAITING}.proc0.subproc0"

    def unfinished() -> str | None:
        said = run(begun, f"condor_q {WAITING} -af JobStatus HoldReason ExitCode")
        return None if said.split()[0] == "4" else said

    wait_until(unfinished, timeout_s=60)
    assert run(begun, f"cat {log}/out") == "whisper\njovyan"


def test_pool_goes_on(pool: Pool, saved: Snapshot) -> None:
    """The pool that was saved works, and its job has run again; only its owner reads the file."""
    assert saved.path.stat().st_mode & 0o777 == 0o600
    assert saved.jobs == {"idle": 1, "running": 1}
    assert run(pool, "condor_q -af ClusterId").split() == [WAITING, RUNNING]


def test_another_pool_begins_with_it(saved: Snapshot, pool: Pool) -> None:
    """A pool of HTCondor 25 on the other engine has what was saved, and keys of its own.

    The users' numbers are others there. What ran is left out.
    """
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(
        name, series="25", from_snapshot=saved.path, leave_out_running=True, engine="embedded"
    ) as begun:
        assert begun.nodes[0].series == "25"
        assert RUNNING not in queue(begun)
        assert key(begun) != key(pool)
        is_the_pool_of_then(begun)


def test_state_is_put_back(saved: Snapshot, pool: Pool) -> None:
    """The pool that was saved gets its jobs and files back, under the same key."""
    before = key(pool)
    run(pool, "condor_rm -all; rm secret; echo new >new")
    pool.restore_snapshot(saved.path)
    assert key(pool) == before
    assert set(queue(pool)) == {WAITING, RUNNING}
    assert run(pool, "test ! -e new; cat secret") == "whisper"
    is_the_pool_of_then(pool)
