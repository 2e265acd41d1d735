"""How each event is made: which job is submitted, and what is done to it then."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import TimedOut
from condor_mini.base.signals import held_back
from condor_mini.base.waiting import wait_until
from condor_mini.jobs.job_ads import node_of_slot
from condor_mini.reports.classads import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.events.trial import Trial

SLOT_TIMEOUT_S = 10.0
"""How long a startd may take to report a slot, in seconds."""
PRIORITY = 5
"""A priority that differs from that of a new job."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The job that an event befalls, and what is done to it."""

    job: str
    """The submit file, or the DAG, in the folder ``jobs``."""
    act: Callable[[Trial], None] = lambda _: None
    """What is done to the job when it has been submitted."""


def _evict(trial: Trial) -> None:
    trial.await_event("001")
    trial.faults.evict(trial.job, node=trial.node.name)


def _remove(trial: Trial) -> None:
    trial.faults.remove(trial.job, node=trial.node.name)


def _hold(trial: Trial) -> None:
    trial.faults.hold(trial.job, node=trial.node.name)


def _hold_and_release(trial: Trial) -> None:
    _hold(trial)
    trial.await_event("012")
    trial.faults.release(trial.job, node=trial.node.name)


def _suspend(trial: Trial) -> None:
    trial.await_event("001")
    trial.run("condor_suspend", trial.job)


def _suspend_and_continue(trial: Trial) -> None:
    _suspend(trial)
    trial.await_event("010")
    trial.run("condor_continue", trial.job)


def _lose_starter(trial: Trial) -> None:
    trial.await_event("001")
    trial.faults.kill_starter(trial.job, node=trial.node.name)


def _restart_schedd(trial: Trial) -> None:
    # A starter tells its startd where it is with its first update: 8 s after the start of the job,
    # or when the job is continued. Until then a shadow does not find it, and tries again 8 s later.
    _suspend_and_continue(trial)
    trial.await_event("011")
    with held_back():
        stopped = trial.faults.stop(trial.node.name, "schedd")
        # The event says that the schedd works again, seconds before its node is healthy.
        trial.faults.heal_all([stopped.record], wait=False)


def _prioritize(trial: Trial) -> None:
    trial.run("condor_prio", "-p", str(PRIORITY), trial.job)


def _remove_cluster(trial: Trial) -> None:
    trial.run("condor_rm", trial.cluster)


def _hold_cluster(trial: Trial) -> None:
    trial.await_event("000")  # the schedd makes the first job a moment after the cluster
    trial.run("condor_hold", trial.cluster)


def _hold_and_release_cluster(trial: Trial) -> None:
    _hold_cluster(trial)
    trial.await_event("037")
    trial.run("condor_release", trial.cluster)


def _share_input(trial: Trial) -> None:
    trial.afterwards = lambda: _vacate_data_slots(trial)


def _vacate_data_slots(trial: Trial) -> None:
    """Give back the slots that keep common files.

    HTCondor keeps each for five minutes or more after its jobs have ended, with a core.
    """
    slots: list[str] = []

    def none_yet() -> str | None:
        constraint = f'JobId == "{trial.job}" && regexp("^data", Name)'
        argv = ["condor_status", "-constraint", constraint, "-af", "Name"]
        slots[:] = ask(trial.node, argv).split()
        return None if slots else f"no slot has the common files of job {trial.job} yet"

    with suppress(TimedOut):  # another job may have them
        wait_until(none_yet, timeout_s=SLOT_TIMEOUT_S, interval_s=0.3)
    nodes = {node.name: node for node in trial.pool.existing_nodes()}
    for slot in slots:
        if (node := nodes.get(node_of_slot(slot))) is not None:
            node.exec(["condor_vacate", "-fast", slot], user="root")


RECIPES = {
    0: Recipe(job="ends.sub"),
    1: Recipe(job="ends.sub"),
    4: Recipe(job="runs.sub", act=_evict),
    5: Recipe(job="ends.sub"),
    6: Recipe(job="ends.sub"),
    7: Recipe(job="misleads-shadow.sub"),
    8: Recipe(job="chirps.sub"),
    9: Recipe(job="runs.sub", act=_remove),
    10: Recipe(job="runs.sub", act=_suspend),
    11: Recipe(job="runs.sub", act=_suspend_and_continue),
    12: Recipe(job="runs.sub", act=_hold),
    13: Recipe(job="runs.sub", act=_hold_and_release),
    16: Recipe(job="post-script.dag"),
    21: Recipe(job="lacks-output.sub"),
    22: Recipe(job="runs.sub", act=_lose_starter),
    23: Recipe(job="runs.sub", act=_restart_schedd),
    24: Recipe(job="has-no-lease.sub", act=_lose_starter),
    28: Recipe(job="lists-attributes.sub"),
    33: Recipe(job="runs.sub", act=_prioritize),
    34: Recipe(job="pre-skip.dag"),
    35: Recipe(job="factory.sub"),
    36: Recipe(job="factory.sub", act=_remove_cluster),
    37: Recipe(job="factory.sub", act=_hold_cluster),
    38: Recipe(job="factory.sub", act=_hold_and_release_cluster),
    40: Recipe(job="ends.sub"),
    46: Recipe(job="up-to-date.sub"),
    47: Recipe(job="shares-input.sub", act=_share_input),
}
"""By the number of the event."""
