"""An access point that somebody has got hold of: whose jobs it can have run."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from condor_mini.engine import Engine

pytestmark = pytest.mark.pool_engines("docker", reason="elsewhere there may be no other users")

IDENTITY = """
executable = /usr/bin/id
arguments = -un
transfer_executable = false
transfer_output_files = ""
initialdir = /tmp
output = identity
log = identity.log
hold = true
queue
"""
EDIT = """
condor_off -fast -daemon schedd
while condor_who -quick | grep -q '^SCHEDD_PID = [1-9]'; do sleep 0.1; done
queue=$(condor_config_val SPOOL)/job_queue.log
owner='s/^(103 .* (Owner|OsUser)) .*/\\1 "condor"/'
sed -E -e "$owner" -e "s/^(103 .* User) .*/\\1 \\"condor@$2\\"/" <"$queue" >/tmp/queue
cat /tmp/queue >"$queue"
condor_on -daemon schedd
until condor_release "$1"; do sleep 0.1; done
"""


def test_a_job_of_a_system_user_runs_as_nobody(pool_engine: Engine) -> None:
    """A thief who edits the access point's queue has nothing run as HTCondor's own user."""
    with Pool.create(f"t{uuid.uuid4().hex[:8]}", engine=pool_engine) as pool:
        access_point = pool.node()
        submitted = pool.exec(["condor_submit", "-terse", "-"], stdin=IDENTITY)
        cluster = submitted.stdout.partition(".")[0]
        argv = ["sh", "-euc", EDIT, "sh", cluster, "condor-mini.internal"]
        assert access_point.exec(argv, user="root", timeout_s=60).returncode == 0
        owner = ""

        def unended() -> str | None:
            nonlocal owner
            owner = pool.exec(["condor_history", cluster, "-af", "Owner"]).stdout.strip()
            return None if owner else access_point.exec(["condor_q", "-all"], user="root").stdout

        wait_until(unended, timeout_s=60)
        ran_as = access_point.exec(["cat", "/tmp/identity"], user="root").stdout.strip()
    assert (owner, ran_as) == ("condor", "nobody")
