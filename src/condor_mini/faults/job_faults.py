"""The faults of jobs as methods of ``Faults``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.faults.choices import Choices


class JobFaults(ABC):
    """The part of ``Faults`` that strikes jobs. All of these faults are moments."""

    @abstractmethod
    def strike(
        self,
        name: str,
        node: str | None = None,
        daemon: str = "",
        *,
        jobs: Sequence[str] = (),
        options: Choices | None = None,
    ) -> object:
        """Make a fault by its name; see ``Faults.strike``."""

    def hold(
        self,
        *jobs: str,
        reason: str = "",
        code: int | None = None,
        subcode: int | None = None,
        node: str | None = None,
    ) -> None:
        """Hold jobs.

        Args:
            jobs: Ids of jobs or clusters, or one ClassAd expression.
            reason: ``HoldReason``.
            code: ``HoldReasonCode`` in the jobs' ads. None for HTCondor's 1, a user's request.
            subcode: ``HoldReasonSubCode``.
            node: Name of the access point. None for the first.

        Raises:
            NotFound: There is no such job that can be held.
        """
        given = {"reason": reason or None, "code": code, "subcode": subcode}
        chosen: Choices = {name: value for name, value in given.items() if value is not None}
        self.strike("hold", node, jobs=jobs, options=chosen)

    def release(self, *jobs: str, node: str | None = None) -> None:
        """Release held jobs; see ``hold``."""
        self.strike("release", node, jobs=jobs)

    def evict(self, *jobs: str, node: str | None = None) -> None:
        """Evict running jobs at once; see ``hold``."""
        self.strike("evict", node, jobs=jobs)

    def vacate(self, *jobs: str, node: str | None = None) -> None:
        """Let running jobs leave their slots in order; see ``hold``."""
        self.strike("vacate", node, jobs=jobs)

    def remove(self, *jobs: str, node: str | None = None) -> None:
        """Remove jobs; see ``hold``."""
        self.strike("remove", node, jobs=jobs)

    def suspend(self, *jobs: str, node: str | None = None) -> None:
        """Suspend running jobs; see ``hold``."""
        self.strike("suspend", node, jobs=jobs)

    def continue_jobs(self, *jobs: str, node: str | None = None) -> None:
        """Continue suspended jobs; see ``hold``."""
        self.strike("continue", node, jobs=jobs)

    def kill_starter(self, *jobs: str, node: str | None = None) -> None:
        """Kill the starters of running jobs with SIGKILL; see ``hold``."""
        self.strike("kill-starter", node, jobs=jobs)

    def signal(self, *jobs: str, signal: str = "KILL", node: str | None = None) -> None:
        """Send a signal to the first process of running jobs; see ``hold``.

        Args:
            jobs: Ids of jobs or clusters, or one ClassAd expression.
            signal: Name of the signal: ``SEGV``.
            node: Name of the access point. None for the first.
        """
        self.strike("signal", node, jobs=jobs, options={"signal": signal})

    def exit(self, *jobs: str, code: int, node: str | None = None) -> None:
        """Let the first process of running jobs exit with a code; see ``hold``.

        They have ended when this returns.

        Args:
            jobs: Ids of jobs or clusters, or one ClassAd expression.
            code: The code, from 0 to 255.
            node: Name of the access point. None for the first.

        Raises:
            NotFound: There is no such job that runs.
            EngineCapabilityError: Nobody on the job's node may change what its process does.
        """
        self.strike("exit", node, jobs=jobs, options={"code": code})

    def lose_file(self, *jobs: str, file: str, node: str | None = None) -> None:
        """Remove a file in the sandbox of running jobs; see ``hold``.

        Args:
            jobs: Ids of jobs or clusters, or one ClassAd expression.
            file: Its path in the sandbox.
            node: Name of the access point. None for the first.
        """
        self.strike("lose-file", node, jobs=jobs, options={"file": file})

    def fill_sandbox(self, *jobs: str, node: str | None = None) -> None:
        """Let running jobs use more disk than they request; see ``hold``."""
        self.strike("fill-sandbox", node, jobs=jobs)

    def out_of_memory(self, *jobs: str, node: str | None = None) -> None:
        """Let running jobs use up memory, until the kernel or HTCondor ends them; see ``hold``.

        On a node with a memory limit, they have ended when this returns.

        Args:
            jobs: Ids of jobs or clusters, or one ClassAd expression.
            node: Name of the access point. None for the first.

        Raises:
            NotFound: There is no such job that runs.
            EngineCapabilityError: Nothing would end them for their memory; says what is needed.
        """
        self.strike("out-of-memory", node, jobs=jobs)

    def time_limit(self, *jobs: str, node: str | None = None) -> None:
        """Give jobs a time limit that they exceed when they run again; see ``hold``."""
        self.strike("time-limit", node, jobs=jobs)
