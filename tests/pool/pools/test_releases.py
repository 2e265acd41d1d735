"""Policies that release held jobs, as HTCondor evaluates them, on a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import JobFailed
from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until

from .conftest import remove_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.jobs.tracking import Submission
    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool


CONFIGURATION = "/etc/condor/config.d/95-releases"
FIRST_FAILS = {
    "executable": "/bin/sh",
    "arguments": "\"-c 'grep -q ''^NumJobStarts = [1-9]'' $_CONDOR_JOB_AD || exit 9'\"",
    "transfer_executable": "false",
    "should_transfer_files": "YES",
    "request_memory": "1",
    "request_disk": "1",
    "on_exit_hold": "ExitCode == 9",
    "on_exit_hold_subcode": "42",
}
"""It is held after its first start, and ends well at the second."""


@pytest.fixture
def access_point(pool: Pool) -> Iterator[Node]:
    """The access point, which evaluates policies every second; afterwards it is as it was."""
    node = pool.node()
    configure(node, "")
    yield node
    remove_jobs(pool)
    node.exec(["rm", CONFIGURATION], user="root")
    node.exec(["condor_reconfig"], user="root")


def configure(node: Node, text: str) -> None:
    """Give the access point these policies, and wait until its schedd has read them."""
    marker = f"PERIODIC_EXPR_INTERVAL = 1\nRELEASES_TEXT = {len(text)}\n"
    node.exec(["sh", "-c", f"printf %s '{text}{marker}' >{CONFIGURATION}"], user="root")
    node.exec(["condor_reconfig"], user="root")

    def unread() -> str | None:
        asked = node.exec(["condor_config_val", "-schedd", "RELEASES_TEXT"])
        return None if asked.stdout.strip() == str(len(text)) else asked.stdout + asked.stderr

    wait_until(unread, timeout_s=30)


def submitted(pool: Pool, **commands: str) -> Submission:
    """The submission of a job that is held after its first start."""
    return pool.submit({**FIRST_FAILS, **commands})


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("HoldReasonSubCode == 42 && NumJobStarts < 3", id="attributes"),
        pytest.param("time() - EnteredCurrentStatus > 2", id="time()"),
        pytest.param(
            "CurrentTime - EnteredCurrentStatus > 2", id="CurrentTime", marks=pytest.mark.slow
        ),
    ],
)
@pytest.mark.usefixtures("access_point")
def test_own_policy_releases(pool: Pool, policy: str) -> None:
    """A job that its own policy releases, at once or after a time, is waited for."""
    assert submitted(pool, periodic_release=policy).wait(timeout_s=150) == 0


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param("SYSTEM_PERIODIC_RELEASE = HoldReasonSubCode == 42\n", id="nameless"),
        pytest.param(
            "SYSTEM_PERIODIC_RELEASE_NAMES = Once\nSYSTEM_PERIODIC_RELEASE_Once = NumHolds == 1\n",
            id="named",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_access_points_policy_releases(pool: Pool, access_point: Node, knobs: str) -> None:
    """A job that a policy of the access point releases is waited for."""
    configure(access_point, knobs)
    assert submitted(pool).wait(timeout_s=150) == 0


@pytest.mark.parametrize(
    "policy",
    [
        "false",
        pytest.param("undefined", marks=pytest.mark.slow),
        pytest.param("HoldReasonSubCode == 43", marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("access_point")
def test_policy_that_stays_false_releases_nothing(pool: Pool, policy: str) -> None:
    """A job that nothing releases ends the wait, with its reason."""
    with pytest.raises(JobFailed, match="was put on hold: The job attribute OnExitHold"):
        submitted(pool, periodic_release=policy).wait(timeout_s=60)


@pytest.mark.slow
@pytest.mark.skipif(catalogue().get(None).number == "23", reason="HTCondor 24 added the knob")
def test_most_releases(pool: Pool, access_point: Node) -> None:
    """After SYSTEM_MAX_RELEASES holds, a job's own policy releases it no more."""
    configure(access_point, "SYSTEM_MAX_RELEASES = 1\n")
    with pytest.raises(JobFailed, match="was put on hold"):
        submitted(pool, periodic_release="true").wait(timeout_s=60)


def test_job_that_somebody_holds(pool: Pool, access_point: Node) -> None:
    """No policy releases a job after condor_hold."""
    commands = {"executable": "/bin/sleep", "arguments": "600", "periodic_release": "true"}
    submission = pool.submit({**FIRST_FAILS, **commands})
    access_point.exec(["condor_hold", *map(str, submission.clusters)])
    with pytest.raises(JobFailed, match=r"put on hold: via condor_hold"):
        submission.wait(timeout_s=60)
