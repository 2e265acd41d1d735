"""The table that a terminal shows while jobs are waited for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from condor_mini.cli.options import table
from condor_mini.cli.queue import named
from condor_mini.jobs.job_ads import AT_WORK, COMPLETED, HELD, REMOVED, node_of_slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.jobs.job_ads import JobAd
    from condor_mini.jobs.tracking import Queued

COLUMNS = ("CLUSTER", "IDLE", "RUNNING", "HELD", "DONE", "WHERE")


class WaitingTable:
    """How many jobs of each cluster are in which state, and where they run.

    It keeps how many there were: a job that has ended leaves the queue.
    """

    def __init__(self) -> None:
        self._totals: dict[tuple[int, int], int] = {}
        self._rows: list[list[str]] = []

    def look(self, queues: Sequence[Queued]) -> None:
        """Take in what the queues have now."""
        self._rows = []
        for number, (submission, ads) in enumerate(queues):
            by_cluster: dict[int, list[JobAd]] = {each: [] for each in submission.clusters}
            for ad in ads:
                by_cluster.setdefault(ad["ClusterId"], []).append(ad)
            for cluster, jobs in by_cluster.items():
                self._rows.append(self._row(number, cluster, jobs))

    def lines(self) -> list[str]:
        """Return the table as of the last look."""
        return table(COLUMNS, self._rows)

    def _row(self, number: int, cluster: int, ads: Sequence[JobAd]) -> list[str]:
        left = [ad for ad in ads if ad["JobStatus"] not in (REMOVED, COMPLETED)]
        at_work = [ad for ad in left if ad["JobStatus"] in AT_WORK]
        held = sum(ad["JobStatus"] == HELD for ad in left)
        key = (number, cluster)
        submitted = max((ad.get("TotalSubmitProcs", 0) for ad in ads), default=0)
        total = max(self._totals.get(key, 0), submitted, len(ads))
        self._totals[key] = total
        # With max_materialize, the schedd puts jobs into the queue as others end.
        made = max((ad.get("JobMaterializeNextProcId", submitted) for ad in ads), default=total)
        to_come = max(0, submitted - made)
        nodes = Counter(node_of_slot(slot) for ad in at_work if (slot := ad.get("RemoteHost")))
        return [
            str(cluster),
            str(len(left) - len(at_work) - held + to_come),
            str(len(at_work)),
            str(held),
            str(total - len(left) - to_come) if total else "all",
            named(dict(sorted(nodes.items()))) or "-",
        ]
