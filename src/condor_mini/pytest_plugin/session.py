"""What one process of pytest does with pools. Nothing happens before a test asks for one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.pytest_plugin.options import Settings

if TYPE_CHECKING:
    from os import PathLike

    from condor_mini.engine import Engine
    from condor_mini.pool import Pool
    from condor_mini.pytest_plugin.records import TestRecords
    from condor_mini.pytest_plugin.run import Make, Run
    from condor_mini.pytest_plugin.termination import Termination
    from condor_mini.spec import PoolSpec

WORKER_INPUT = "condor_mini_run"
"""Key of what pytest-xdist's controller tells its workers: the directory of the run."""


class Session:
    """The settings of a process of pytest, and the run that it takes part in."""

    def __init__(self, config: pytest.Config) -> None:
        self.settings = Settings.of(config)
        worker_input: dict[str, str] | None = getattr(config, "workerinput", None)
        self.is_worker = worker_input is not None
        """Whether this is one of pytest-xdist's workers."""
        self.records = self._records_if_wanted()
        """What records the tests; None if nothing does."""
        self._directory = (worker_input or {}).get(WORKER_INPUT)
        self._run: Run | None = None
        self._termination: Termination | None = None

    def _records_if_wanted(self) -> TestRecords | None:
        if (directory := self.settings.record_directory) is None:
            return None
        from condor_mini.pytest_plugin.records import TestRecords

        return TestRecords(directory)

    # -- the run ----------------------------------------------------------------------------------

    @property
    def run(self) -> Run:
        """The run that this process takes part in. It begins when it is first asked for.

        Raises:
            OSError: The user's state directory cannot be written to.
        """
        if self._run is None:
            self._run = self._joined_or_begun()
        return self._run

    def _joined_or_begun(self) -> Run:
        from condor_mini.pytest_plugin.run import Run
        from condor_mini.pytest_plugin.termination import Termination

        # A worker on another host does not see the controller's directory.
        if self._directory is not None and Path(self._directory).is_dir():
            run = Run(Path(self._directory))
        else:
            run = Run.begin(keep=self.settings.keep)
        self._termination = Termination(needed=lambda: bool(run.records))
        return run

    def share_with(self, worker_input: dict[str, str]) -> None:
        """Let a worker of pytest-xdist take part in the run of this process."""
        with suppress(OSError):  # the worker fails with the same reason if a test needs a pool
            worker_input[WORKER_INPUT] = str(self.run.directory)

    @property
    def exit_status(self) -> int | None:
        """The status that pytest is to end with because of a signal; None if there was none."""
        return self._termination.exit_status if self._termination else None

    @property
    def kept_pools(self) -> list[str]:
        """The names of the pools that outlive the run."""
        if self._run is None or not self.settings.keep:
            return []
        return [record.pool for record in self._run.records]

    def end(self) -> None:
        """Remove the pools of the run, if this process began it."""
        if self._run is not None:
            self._run.end()
        if self._termination is not None:
            self._termination.end()

    # -- pools ------------------------------------------------------------------------------------

    def shared_pool(self, series: str | None) -> Pool:
        """Return the pool of the whole run for a series of HTCondor, which exists or is created.

        Raises:
            CondorMiniError: It cannot be created, or the pool to reuse is absent or stopped.
        """
        if self.settings.reuse is not None:
            return self.settings.reused_pool()
        key = f"htcondor{series or ''}"
        return self.run.shared(key, self._make(series=series), self.settings.engine_name)

    def new_pool(
        self,
        *,
        series: str | None,
        execution_points: int | None,
        access_points: int | None,
        execute_image: str | None,
        spec: PoolSpec | PathLike[str] | None,
        from_snapshot: str | PathLike[str] | None,
    ) -> Pool:
        """Create a pool of one test's own; see ``Pool.create``."""
        make = self._make(
            series=series,
            execution_points=execution_points,
            access_points=access_points,
            execute_image=execute_image,
            spec=spec,
            from_snapshot=from_snapshot,
        )
        return self.run.create(make, self.settings.engine_name)

    def _make(
        self,
        *,
        series: str | None,
        execution_points: int | None = None,
        access_points: int | None = None,
        execute_image: str | None = None,
        spec: PoolSpec | PathLike[str] | None = None,
        from_snapshot: str | PathLike[str] | None = None,
    ) -> Make:
        """Return what creates such a pool.

        Without ``spec`` it is as the snapshot says, or else as the pool file says.
        """
        from condor_mini import Pool
        from condor_mini.lifecycle.creation import requested

        wanted = spec or (None if from_snapshot else self.settings.pool_file_path)

        def make(name: str, engine: Engine) -> Pool:
            given = None if wanted is None else requested(wanted)
            return Pool.create(
                name,
                execution_points=execution_points,
                access_points=access_points,
                series=series,
                execute_image=execute_image,
                spec=given,
                from_snapshot=from_snapshot,
                probe_job=_probe_job(given),
                engine=engine,
                keep=self.settings.keep,
            )

        return make


def _probe_job(spec: PoolSpec | None) -> bool | None:
    """Return false, or None if the spec itself says whether there is a probe job.

    A job that comes within a second of another one's end waits for up to two seconds (decision 52).
    The first job of a test comes at once when the pool is ready.
    """
    return None if spec is not None and "probe_job" in spec.model_fields_set else False


SESSION = pytest.StashKey[Session]()
"""Where pytest's configuration holds the session of this process."""
