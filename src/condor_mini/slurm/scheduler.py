"""Slurm's own commands: sbatch, squeue, scancel, srun and scontrol."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, CondorMiniError, NotFound
from condor_mini.engine import command

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from condor_mini.engine import CommandResult

TIMEOUT_S = 60.0
KILL_WAIT_S = 30
"""Slurm's default for ``KillWait``: slurm.conf(5)."""
_FORMAT = "%A|%T|%D|%L|%N|%r"


class SlurmRefused(CondorMiniError):
    """Slurm does not accept a job; the message has its own words."""

    exit_code = 6


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job that Slurm has in its queue."""

    id: str
    state: str
    """``PENDING``, ``RUNNING``, ``COMPLETING``, …: squeue(1)."""
    nodes: int
    time_left: str
    """As squeue(1) shows it: ``59:48``, ``UNLIMITED``."""
    hosts: str
    """The compute nodes, as Slurm writes them: ``n[1-3]``. Empty until the job runs."""
    reason: str
    """Why it waits: ``Resources``, ``Priority``, …"""


def submit(batch: Path, options: Sequence[str]) -> str:
    """Submit a batch script, and return the job's number.

    Raises:
        NotFound: This machine has no Slurm.
        SlurmRefused: Slurm does not accept it.
    """
    result = _run(["sbatch", "--parsable", *options, str(batch)])
    if result.returncode != 0:
        said = _first_error(result.stderr)
        raise SlurmRefused(
            f"Slurm does not accept the job: {said}",
            hint="See what it has: sinfo. Options for sbatch stand after --: -- --partition=NAME",
        )
    return result.stdout.strip().partition(";")[0]


def jobs(ids: Iterable[str]) -> dict[str, Job]:
    """Return those of these jobs that have not ended, by number.

    Raises:
        NotFound: This machine has no Slurm.
        SlurmRefused: Slurm does not answer.
    """
    wanted = list(ids)
    if not wanted:
        return {}
    # Of a list, squeue ignores the numbers that it does not know; a single unknown one is an error.
    argv = ["squeue", "--noheader", f"--jobs={','.join(wanted)}", f"--format={_FORMAT}"]
    result = _run(argv)
    if result.returncode != 0 and "Invalid job id" not in result.stderr:
        raise SlurmRefused(f"Slurm does not answer: {_first_error(result.stderr)}")
    found = {}
    for line in result.stdout.splitlines():
        number, state, nodes, left, hosts, reason = line.split("|", 5)
        found[number] = Job(
            id=number, state=state, nodes=int(nodes), time_left=left, hosts=hosts, reason=reason
        )
    return found


def cancel(ids: Iterable[str]) -> None:
    """Cancel jobs; those that have ended already are a success.

    Raises:
        SlurmRefused: Slurm does not do so.
    """
    wanted = list(ids)
    result = _run(["scancel", *wanted]) if wanted else None
    if result and result.returncode != 0 and "Invalid job id" not in result.stderr:
        raise SlurmRefused(f"Slurm does not cancel the job: {_first_error(result.stderr)}")


def tell(job: Job, script: Path, what: str) -> bool:
    """Have ``node.sh`` tell a running job's nodes to ``--drain`` or to ``--end``.

    Returns:
        Whether Slurm has run it on the compute nodes.
    """
    step = ["srun", f"--jobid={job.id}", "--overlap", f"--nodes={job.nodes}"]
    step += ["--ntasks-per-node=1", "--immediate=30", "bash", str(script), what, job.id]
    return _run(step).returncode == 0


def kill_wait_s() -> int:
    """Return the seconds between Slurm's request to end and its SIGKILL."""
    result = _run(["scontrol", "show", "config"])
    found = re.search(r"^KillWait\s*=\s*(\d+)", result.stdout, re.MULTILINE)
    return int(found[1]) if found else KILL_WAIT_S


def _run(argv: Sequence[str]) -> CommandResult:
    if shutil.which(argv[0]) is None:
        raise NotFound(
            f"this machine has no Slurm: there is no {argv[0]} on the PATH",
            hint="Give the command on a login node of the cluster",
        )
    try:
        return command.run(argv, timeout_s=TIMEOUT_S, check=False)
    except CommandFailed as failure:
        raise SlurmRefused(f"Slurm does not answer within {TIMEOUT_S:g} s: {failure}") from None


def _first_error(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()] or ["(no message)"]
    return re.sub(r"^\w+: (error: )?", "", lines[0])
