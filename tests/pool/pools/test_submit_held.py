"""Jobs that are held and released, and options of condor_submit, on a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.nodes.node import Node

    from .conftest import Cli, Write

pytestmark = [pytest.mark.any_engine, pytest.mark.usefixtures("access_point")]
QUEUE = ("condor_q", "-af", "ClusterId")
# It fails at its first start, and ends well at the second.
TRY_TWICE = (
    "on_exit_hold = ExitCode == 9",
    "on_exit_hold_subcode = 42",
    "periodic_release = HoldReasonSubCode == 42 && NumJobStarts < 3",
)
FIRST_FAILS = 'grep -q "^NumJobStarts = [1-9]" $_CONDOR_JOB_AD || exit 9'


def test_job_that_its_policy_releases_is_waited_for(cli: Cli, here: Path, write: Write) -> None:
    """A job that its periodic_release releases has not ended when it is held."""
    write(FIRST_FAILS.replace('"', '""'), *TRY_TWICE)
    shown = cli.succeeds("submit", "job.sub", "--wait", "--log", cwd=here)
    assert ("Job was held" in shown, "Job was released" in shown) == (True, True)


def test_job_that_nothing_releases_ends_the_wait(cli: Cli, here: Path, write: Write) -> None:
    """When its policy will not release it any more, a held job has ended, with its reason."""
    write("exit 9", *TRY_TWICE[:2], "periodic_release = NumJobStarts < 2")
    result = cli("submit", "job.sub", "--wait", cwd=here)
    assert result.returncode == 1
    assert "  held  " in result.stdout
    assert "was put on hold" in result.stderr


def test_other_jobs_end_beside_a_held_one(cli: Cli, here: Path, write: Write) -> None:
    """The jobs beside a held one are waited for, and their outputs come back."""
    script = "test $(Process) = 1 && exit 9; sleep 2; echo it"
    write(script, *TRY_TWICE[:2], "output = out.$(Process)", queue="queue 2")
    result = cli("submit", "job.sub", "--wait", cwd=here)
    lines = [line for line in result.stdout.splitlines() if "  held  " in line or "exit 0" in line]
    assert (result.returncode, len(lines)) == (1, 2)
    assert (here / "out.0").read_text() == "it\n"


def test_spooled_job_brings_its_output(
    cli: Cli, here: Path, write: Write, access_point: Node
) -> None:
    """What a job of `condor_submit -spool` wrote comes back, and the job leaves the queue."""
    write("echo it; echo file > made", "output = out")
    shown = cli.succeeds("submit", "job.sub", "--wait", "--log", "--", "-spool", cwd=here)
    assert ("  it\n" in shown, "Job terminated." in shown) == (True, True)
    assert [(here / name).read_text() for name in ("out", "made")] == ["it\n", "file\n"]
    if catalogue().get(None).number != "23":  # there it stays for ten days
        wait_until(lambda: access_point.exec(QUEUE).stdout or None, timeout_s=30)


def test_dumped_ads_come_back(cli: Cli, here: Path, write: Write, access_point: Node) -> None:
    """The file of `condor_submit -dump` comes back, and nothing is submitted."""
    write("true")
    cli.succeeds("submit", "job.sub", "--wait", "--", "-dump", "ads.txt", cwd=here)
    assert "JobUniverse=5\n" in (here / "ads.txt").read_text()
    assert access_point.exec(QUEUE).stdout == ""
