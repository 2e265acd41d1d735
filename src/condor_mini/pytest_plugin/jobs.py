"""Jobs of a test: submit, wait, and read what they wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from condor_mini.jobs import tracking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from condor_mini import JobAd, Pool, Submission

WAIT_TIMEOUT_S = 60.0
_FILES = {
    "output": "out.$(Process)",
    "error": "err.$(Process)",
    "log": "log",
}
"""Submit commands that are added where a mapping lacks them."""
_NO_OTHER_FILES = {"transfer_output_files": '""'}
"""What is added to a mapping that says nothing of how outputs are transferred.

Where outputs are not named, the starter sleeps for a second before it starts the job
(``FileTransfer::Reap``), so that it later knows which files are new.
"""
_OF_OUTPUTS = re.compile(
    r"(should|when_to)_transfer_|transfer_(?!input|executable|container)|output_dest|.*checkpoint"
)
"""The submit commands about the transfer of outputs (HTCondor's manual, condor_submit)."""


@dataclass(frozen=True)
class EndedJobs:
    """Jobs that have ended, in the order of their ids."""

    submission: Submission
    ads: Sequence[JobAd]
    """One ad per job."""
    status: int
    """0, or the first status of a job that is not 0; 128 plus the number if a signal ended it."""

    @cached_property
    def outputs(self) -> list[str]:
        """What each job wrote to its standard output."""
        return [self.submission.read(ad, "Out") for ad in self.ads]

    @cached_property
    def errors(self) -> list[str]:
        """What each job wrote to its standard error."""
        return [self.submission.read(ad, "Err") for ad in self.ads]

    @property
    def output(self) -> str:
        """The standard output of all jobs, one after the other."""
        return "".join(self.outputs)

    @property
    def error(self) -> str:
        """The standard error of all jobs, one after the other."""
        return "".join(self.errors)

    @cached_property
    def events(self) -> str:
        """The events of the jobs, as HTCondor wrote them to the job event log."""
        return "".join(dict.fromkeys(self.submission.events(ad) for ad in self.ads))


class JobSubmitter:
    """Submits jobs to a pool, and removes those that are left at the end of the test."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._unended: list[Submission] = []

    def __call__(
        self,
        job: str | PathLike[str] | Mapping[str, str],
        *,
        count: int = 1,
        node: str | None = None,
        timeout_s: float = WAIT_TIMEOUT_S,
    ) -> EndedJobs:
        """Submit jobs as the ordinary user, and wait until they have ended.

        Args:
            job: Submit commands as a mapping, ``htcondor2.Submit`` among them, or the path of a
                submit file. Files in a mapping are files of the access point; without ``output``,
                ``error`` and ``log`` the jobs write to files of their own. Other files that they
                write come back if ``transfer_output_files`` names them. The directory of a submit
                file is copied to the access point, and the outputs are fetched to it.
            count: Number of jobs, for a mapping.
            node: Name of the access point. None for the first.
            timeout_s: Give up after so many seconds.

        Raises:
            JobFailed: condor_submit refused the job, or it was held or removed; says why.
            PoolNotReady: ``timeout_s`` has passed.
        """
        if isinstance(job, Mapping):
            job = _with_files(job)
        submission = self._pool.submit(job, count=count, node=node)
        self._unended.append(submission)
        ended = tracking.await_end([submission], timeout_s=timeout_s)
        status = tracking.status_of(ended)
        self._unended.remove(submission)
        submission.fetch()
        return EndedJobs(submission, ended, status)

    def remove_jobs(self) -> None:
        """Remove the jobs that were not waited for to their end."""
        while self._unended:
            self._unended.pop().remove()


def _with_files(commands: Mapping[str, str]) -> dict[str, str]:
    """Return submit commands whose jobs write what can be read afterwards."""
    given = {key.lower() for key in commands}
    others = {} if any(map(_OF_OUTPUTS.match, given)) else _NO_OTHER_FILES
    return {
        **commands,
        **{key: value for key, value in (_FILES | others).items() if key not in given},
    }
