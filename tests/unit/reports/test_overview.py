"""What the collector says of slots and users, in one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.reports.overview import overview

if TYPE_CHECKING:
    from fake_pool import FakePool


def test_slots_by_node_and_number(pool: FakePool) -> None:
    """Slots are in the order of their numbers, with what runs there and of which schedd it is."""
    for number in (10, 2):
        pool.ads.append(
            pool.ad(
                "ci-execute-1",
                "Machine",
                Name=f"slot1_{number}@ci-execute-1.nodes.internal",
                SlotType="Dynamic",
                State="Claimed",
                Activity="Busy",
                Cpus=1,
                RemoteOwner="jovyan@nodes.internal",
                JobId=f"3.{number}",
                GlobalJobId=f"ci-submit-1.nodes.internal#3.{number}#1795993578",
            )
        )
    slots = overview(pool).slots
    assert [slot.job for slot in slots] == [None, "3.2", "3.10"]
    last = slots[2]
    assert (last.node, last.kind, last.owner) == ("ci-execute-1", "Dynamic", "jovyan")
    assert last.schedd == "ci-submit-1.nodes.internal"


def test_users_by_priority(pool: FakePool) -> None:
    """The negotiator's accounting ads are users and groups; the root group is none."""
    of_user = {"Priority": 500.5, "PriorityFactor": 1000.0, "WeightedResourcesUsed": 2.0}
    of_group = {"Priority": 0.5, "IsAccountingGroup": True, "ConfigQuota": 4.0}
    pool.ads += [
        pool.ad(
            "ci-master", "Accounting", Name="ada@x", WeightedAccumulatedUsage=7200.0, **of_user
        ),
        pool.ad("ci-master", "Accounting", Name="physics", **of_group),
        pool.ad("ci-master", "Accounting", Name="<none>", IsAccountingGroup=True),
    ]
    group, user = overview(pool).submitters
    assert (group.name, group.is_group, group.quota) == ("physics", True, 4.0)
    assert (user.name, user.used_hours, user.in_use, user.quota) == ("ada@x", 2.0, 2.0, None)


def test_status_is_the_same(pool: FakePool) -> None:
    """The overview's status is what `status` says, for one question to the collector."""
    before = len(pool.engine.calls)
    seen = overview(pool)
    asked = [call for call in pool.engine.calls[before:] if "condor_status" in call.argv]
    assert (len(asked), seen.status.verdict, len(seen.status.nodes)) == (1, "usable", 3)
