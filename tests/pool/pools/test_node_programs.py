"""What a job finds on a node of any engine: a terminal, URLs, ssh, and HTCondor's programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import ImageComposer
from node_programs import absent_libraries, broken_programs, hold_and_release, ssh_to_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import Engine

    from .conftest import Cli

pytestmark = pytest.mark.every_engine
DEVICES = (
    *("fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"),
    *("tty", "urandom", "zero"),
)
"""Docker's containers also have `core`, the host's memory, and `mqueue`, a view of queues that
programs use without it (mq_overview(7))."""
LIST = "cd /dev && stat -Lc '%n %U:%G %a' full null random tty urandom zero pts/ptmx shm pts"
PAGE = Path(__file__).parents[3] / "docs/how-to/run-without-an-engine.md"
OWNERS = """full root:root 666
null root:root 666
random root:root 666
tty root:root 666
urandom root:root 666
zero root:root 666
pts/ptmx root:root 666
shm root:root 1777
pts root:root 755
"""


@pytest.fixture
def shell(cli: Cli) -> Callable[[str], str]:
    """Run a script on the pool's access point; it succeeds."""
    return lambda script: cli.succeeds("exec", "--", "bash", "-c", script)


def test_devices_are_a_containers(shell: Callable[[str], str]) -> None:
    """/dev has the names, owners and modes that it has in Docker's containers."""
    names = shell("ls /dev").split()
    assert [name for name in DEVICES if name not in names] == []
    assert shell(LIST) == OWNERS


def test_a_held_job_is_released(shell: Callable[[str], str]) -> None:
    """condor_release says so, and ends with 0."""
    assert "released\nstatus 0\n" in shell(hold_and_release())


@pytest.mark.slow_on("docker")
def test_every_program_starts(shell: Callable[[str], str]) -> None:
    """Each of HTCondor's programs that is there finds its interpreter and libraries."""
    assert shell(broken_programs()) == ""


def test_libraries_that_are_loaded_at_run_time(
    shell: Callable[[str], str], pool_engine: Engine
) -> None:
    """All are there, without an engine but for those that the docs name."""
    named = re.findall(r"`(lib[^`]+)`", PAGE.read_text("utf-8"))
    expected = named if isinstance(pool_engine, ImageComposer) else []
    assert shell(absent_libraries()).split() == expected


def test_ssh_leads_into_a_job(shell: Callable[[str], str]) -> None:
    """condor_ssh_to_job runs a command as the job's user."""
    assert shell(ssh_to_job()) == "jovyan\n"


@pytest.mark.slow
@pytest.mark.pool_engines("embedded", reason="no other engine shows the host's files")
def test_ssh_leads_into_a_job_with_the_hosts_files(fresh: Cli) -> None:
    """condor_ssh_to_job needs no openssh among the host's files: HTCondor brings its own along."""
    fresh.succeeds("create", "--host-files")
    assert fresh.succeeds("exec", "--", "bash", "-c", ssh_to_job()) == "jovyan\n"
