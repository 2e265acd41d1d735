"""Pools that tests create beside the one that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from condor_mini.pool import Pool
    from condor_mini.pytest_plugin.session import Session
    from condor_mini.spec import PoolSpec


class PoolFactory:
    """Creates pools, and removes them when the scope of its fixture ends."""

    def __init__(self, session: Session, series: str | None) -> None:
        self._session = session
        self._series = series
        self.pools: list[Pool] = []
        """The pools that it has created, in order."""

    def __call__(
        self,
        *,
        execution_points: int | None = None,
        access_points: int | None = None,
        series: str | None = None,
        execute_image: str | None = None,
        spec: PoolSpec | PathLike[str] | None = None,
        from_snapshot: str | PathLike[str] | None = None,
    ) -> Pool:
        """Create a pool with a name of its own, and return it when it is ready.

        Args:
            execution_points: See ``Pool.create``, as for the other arguments.
            access_points: Number of access points.
            series: Series of HTCondor. None for the one that the test runs with.
            execute_image: Image of your own for the execution points.
            spec: What to create, or the path of a pool file. None for the pool file that the
                options name, else the default pool.
            from_snapshot: Name or path of a snapshot that the pool begins with. It has the
                snapshot's spec and series, unless others are given.

        Raises:
            CondorMiniError: What ``Pool.create`` raises.
        """
        pool = self._session.new_pool(
            series=series or (None if from_snapshot else self._series),
            execution_points=execution_points,
            access_points=access_points,
            execute_image=execute_image,
            spec=spec,
            from_snapshot=from_snapshot,
        )
        self.pools.append(pool)
        if self._session.records is not None:
            self._session.records.add(pool)
        return pool

    def remove_pools(self) -> None:
        """Remove the pools, unless pools are kept.

        Raises:
            CondorMiniError: A pool cannot be removed; the end of the run tries again.
        """
        for pool in self.pools:
            self._session.run.remove(pool)
