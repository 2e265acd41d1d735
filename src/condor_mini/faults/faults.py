"""``Faults``: what breaks a pool on purpose, and undoes it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.parallel import each
from condor_mini.base.progress import Progress
from condor_mini.base.signals import held_back
from condor_mini.faults import journal, targets
from condor_mini.faults.actions import ACTIONS
from condor_mini.faults.catalogue import FAULTS, fault_named
from condor_mini.faults.choices import checked
from condor_mini.faults.fault import Strikes
from condor_mini.faults.healing import forget, heal_records, is_moot, lift
from condor_mini.faults.holder import is_gone, this_process
from condor_mini.faults.in_force import FaultInForce
from condor_mini.faults.job_faults import JobFaults
from condor_mini.faults.joined import node_here
from condor_mini.faults.network_methods import NetworkFaults
from condor_mini.faults.notices import Notice, Phase, announce
from condor_mini.faults.resource_methods import ResourceFaults
from condor_mini.faults.security_methods import SecurityFaults
from condor_mini.nodes.fault_records import FaultRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.faults.action import Target
    from condor_mini.faults.choices import Choices
    from condor_mini.faults.fault import Fault
    from condor_mini.nodes.pool_nodes import PoolNodes

LATE = timedelta(seconds=2)
"""Whoever holds a fault has so long to undo it when its time is over."""
YOUNG = timedelta(seconds=60)
"""A fault may just be being made for so long: its record is there before it takes hold."""
_log = logging.getLogger(__name__)


class Faults(JobFaults, NetworkFaults, ResourceFaults, SecurityFaults):
    """The faults of a pool: ``pool.faults``.

    Nodes are named with or without the pool's name: ``execute-1``. A fault that stays in force is
    healed at the end of a ``with`` block. If this process dies before, the next command on the
    pool heals it.
    """

    def __init__(self, pool: PoolNodes) -> None:
        self._pool = pool

    # -- daemons ----------------------------------------------------------------------------------

    def kill(self, node: str, daemon: str) -> None:
        """Kill all processes of a daemon with SIGKILL; raises what ``strike`` raises."""
        self.strike("kill", node, daemon)

    def freeze(self, node: str, daemon: str) -> FaultInForce:
        """Stop all processes of a daemon with SIGSTOP; raises what ``strike`` raises."""
        return self._lasting("freeze", node, daemon)

    def stop(self, node: str, daemon: str) -> FaultInForce:
        """Switch a daemon off (condor_off); raises what ``strike`` raises."""
        return self._lasting("stop", node, daemon)

    def restart(self, node: str, daemon: str) -> None:
        """Switch a daemon off and on; raises what ``strike`` raises."""
        self.strike("restart", node, daemon)

    # -- nodes ------------------------------------------------------------------------------------

    def kill_node(self, node: str) -> FaultInForce:
        """Kill all processes of a node with SIGKILL; raises what ``strike`` raises."""
        return self._lasting("kill-node", node)

    def pause_node(self, node: str) -> FaultInForce:
        """Stop all processes of a node with SIGSTOP; raises what ``strike`` raises."""
        return self._lasting("pause-node", node)

    def stop_node(self, node: str) -> FaultInForce:
        """Stop a node gracefully; raises what ``strike`` raises."""
        return self._lasting("stop-node", node)

    def remove_node(self, node: str) -> FaultInForce:
        """Remove the container of a node, and not its state; raises what ``strike`` raises."""
        return self._lasting("remove-node", node)

    def drain_node(self, node: str) -> FaultInForce:
        """Drain an execution point (condor_drain); raises what ``strike`` raises."""
        return self._lasting("drain-node", node)

    # -- jobs: see also JobFaults ------------------------------------------------------------------

    def lose_input(self, *jobs: str, file: str, node: str | None = None) -> FaultInForce:
        """Give an input file of jobs another name on the access point; see ``hold``.

        Args:
            jobs: Ids of jobs or clusters, or one ClassAd expression.
            file: The file as ``transfer_input_files`` names it.
            node: Name of the access point. None for the first.
        """
        made = self.strike("lose-input", node, jobs=jobs, options={"file": file})
        assert made is not None  # noqa: S101 (it lasts)
        return made

    # -- all of them ------------------------------------------------------------------------------

    def strike(
        self,
        name: str,
        node: str | Sequence[str] | None = None,
        daemon: str = "",
        *,
        jobs: Sequence[str] = (),
        options: Choices | None = None,
        for_s: float | None = None,
        held: bool = True,
        progress: Progress | None = None,
    ) -> FaultInForce | None:
        """Make a fault by its name; return it if it stays in force.

        Args:
            name: Name of the fault: ``condor-mini fault list``.
            node: Name of the node, or of several for a fault of ``NODE...``. None for the first
                access point, for faults of jobs.
            daemon: Name of the daemon, for faults of daemons.
            jobs: Ids or an expression, for faults of jobs.
            options: The options of the fault by their names: ``{"percent": 10}``.
            for_s: Time of the fault in seconds: see ``FaultInForce.last``. None for no end.
            held: Whether the fault ends with this process. If not, it stays until it is healed.
            progress: Receives a phase if an image has to be built first.

        Raises:
            UsageError: There is no such fault, or it does not strike such a thing.
            NotFound: There is no such node, daemon or job.
            AlreadyInUse: That fault, or one that leaves nothing to strike, is in force there.
            PoolNotReady: The node does not run, or does not obey.
            EngineCapabilityError: This engine cannot make it; says what it needs.
        """
        fault = fault_named(name)
        if for_s is not None and not fault.lasts:
            raise UsageError(f"{name} is a moment: it has no time")
        chosen = checked(fault, options or {})
        self.heal_abandoned()
        struck = self._targets(fault, node, daemon, jobs, chosen, progress)
        action = ACTIONS[name]
        found = [action.look(target) for target in struck]
        if action.undo is None:
            began = datetime.now(UTC)
            for target, words in zip(struck, found, strict=True):
                action.strike(target, words)
            announce(self._pool, [_moment(name, target, began) for target in struck])
            return None
        with held_back():
            records = self._strike(fault, struck, found, for_s, held=held)
        if not fault.lasts:
            self.heal_all(records)
            return None
        return FaultInForce(self._pool, records)

    def check(
        self,
        name: str,
        node: str | Sequence[str] | None = None,
        daemon: str = "",
        *,
        jobs: Sequence[str] = (),
        options: Choices | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Raise what ``strike`` would raise now, and make no fault; see there.

        That there are no such jobs is no error: they may come later.
        """
        fault = fault_named(name)
        chosen = checked(fault, options or {})
        for target in self._targets(fault, node, daemon, jobs, chosen, progress):
            try:
                ACTIONS[name].look(target)
            except NotFound:
                if fault.strikes is not Strikes.JOBS:
                    raise

    def _targets(
        self,
        fault: Fault,
        node: str | Sequence[str] | None,
        daemon: str,
        jobs: Sequence[str],
        options: Choices,
        progress: Progress | None,
    ) -> list[Target]:
        return targets.targets(
            self._pool,
            fault,
            node,
            daemon,
            jobs,
            in_force=self.in_force(),
            options=options,
            progress=progress or Progress(),
        )

    def in_force(self) -> list[FaultRecord]:
        """Return the faults in force, the oldest first."""
        return journal.records(self._pool.engine, self._pool.name)

    def heal(self, what: str | None = None) -> list[FaultRecord]:
        """Undo faults, wait until their nodes do their work again, and return the faults.

        Args:
            what: Name of a fault, of a node, or ``NODE/DAEMON``. None for all.

        Raises:
            NotFound: There is no fault and no node of that name.
            PoolNotReady: A node does not do its work again in time.
        """
        chosen = [record for record in self.in_force() if targets.is_meant(record, what)]
        if what is not None and not chosen and what not in FAULTS:
            node_here(self._pool, what.partition("/")[0], lambda it: f"condor-mini heal {it}")
        self.heal_all(chosen)
        return chosen

    def heal_own(self) -> list[FaultRecord]:
        """Undo the faults that this process holds, and return them; see ``heal``."""
        ours = this_process()
        chosen = [record for record in self.in_force() if record.holder == ours]
        self.heal_all(chosen)
        return chosen

    def heal_all(self, records: Sequence[FaultRecord], *, wait: bool = True) -> None:
        """Undo these faults.

        Args:
            records: Faults, in force or healed already.
            wait: Wait until their nodes do their work again, unless another fault is in force.

        Raises:
            CondorMiniError: The first failure; all others are undone.
            PoolNotReady: A node does not do its work again in time.
        """
        heal_records(self._pool, records, wait=wait)

    def heal_abandoned(self) -> list[FaultRecord]:
        """Undo the faults whose holder is gone or whose time is over, and return them.

        What fails is logged, and tried again by the next command.
        """
        healed = []
        for record in self.in_force():
            if why := self._why_abandoned(record):
                try:
                    heal_records(self._pool, [record], wait=False)
                except CondorMiniError as failure:
                    _log.warning("%s could not be undone: %s", record, failure)
                else:
                    _log.warning("Healed %s: %s", record, why)
                    healed.append(record)
        return healed

    def end_on(self, node: str | None) -> None:
        """Undo what is in force on a node that is about to be stopped or started; None for all.

        What fails is logged. A node that was killed or stopped is left to the start.
        """
        for record in self.in_force():
            if node is not None and record.node not in (node, f"{self._pool.name}-{node}"):
                continue
            fault = FAULTS.get(record.fault)
            try:
                if fault and fault.ends_node:
                    forget(self._pool, record)
                else:
                    lift(self._pool, record)
            except CondorMiniError as failure:
                _log.warning("%s could not be undone: %s", record, failure)

    def _lasting(
        self,
        name: str,
        node: str | Sequence[str],
        daemon: str = "",
        *,
        options: Choices | None = None,
    ) -> FaultInForce:
        made = self.strike(name, node, daemon, options=options)
        assert made is not None  # noqa: S101 (all that are named here last)
        return made

    def _strike(
        self,
        fault: Fault,
        struck: Sequence[Target],
        found: Sequence[str],
        for_s: float | None,
        *,
        held: bool,
    ) -> list[FaultRecord]:
        now = datetime.now(UTC)
        made: list[FaultRecord] = []
        try:
            for target, words in zip(struck, found, strict=True):
                record = FaultRecord(
                    volume="",
                    mark="",
                    pool=self._pool.name,
                    fault=fault.name,
                    target=target.name,
                    undo=words,
                    since=now,
                    until=None if for_s is None else now + timedelta(seconds=for_s),
                    holder=this_process() if held or not fault.lasts else None,
                )
                made.append(journal.add(self._pool.engine, record))
            announce(self._pool, [_begin(record) for record in made])
            each(lambda pair: ACTIONS[fault.name].strike(*pair), zip(struck, found, strict=True))
        except BaseException as error:
            for record in made:
                try:
                    lift(self._pool, record)
                except CondorMiniError as failure:
                    error.add_note(f"{record} could not be undone: {failure}")
            raise
        return made

    def _why_abandoned(self, record: FaultRecord) -> str:
        now = datetime.now(UTC)
        if record.until and now > record.until + LATE:
            return "its time is over"
        if record.holder and is_gone(record.holder):
            return f"{record.holder} is gone"
        if now - record.since > YOUNG and is_moot(self._pool, record):
            return "its node was removed, stopped or started meanwhile"
        return ""


def _moment(fault: str, target: Target, began: datetime) -> Notice:
    return Notice(
        phase=Phase.MOMENT,
        time=began,
        fault=fault,
        target=target.name,
        jobs=tuple(target.jobs),
    )


def _begin(record: FaultRecord) -> Notice:
    return Notice(
        phase=Phase.BEGIN,
        time=record.since,
        fault=record.fault,
        target=record.target,
        mark=record.mark,
        until=record.until,
    )
