"""The labels that record a fault in force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from condor_mini.base.layout import LABEL
from condor_mini.engine import VolumeInfo
from condor_mini.nodes.fault_records import FaultHolder, FaultRecord, fault_record
from condor_mini.nodes.holdings import volume_of
from condor_mini.nodes.node import Malformed

NOW = datetime(2026, 11, 29, 16, 0, 0, 5, UTC)
RECORD = FaultRecord(
    volume="ci-fault-1",
    mark="0a",
    pool="ci",
    fault="freeze",
    target="ci-execute-1/startd",
    undo="7:70 8:80",
    since=NOW,
    until=NOW + timedelta(seconds=30),
    holder=FaultHolder(host="h", pid=5, started="6", space="boot pid:[1]"),
)


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        FaultRecord(
            volume="ci-fault-1",
            mark="0a",
            pool="ci",
            fault="kill-node",
            target="ci-execute-1",
            undo="",
            since=NOW,
        ),
    ],
    ids=["held for a time", "to stay"],
)
def test_record_is_read_as_it_was_written(record: FaultRecord) -> None:
    """The labels hold all of a fault."""
    assert fault_record("ci-fault-1", record.labels()) == record


def test_labels_are_such_as_every_engine_takes() -> None:
    """Podman makes no volume with a comma or a quote in a label."""
    assert not [value for value in RECORD.labels().values() if set(value) & set(",'\"")]


@pytest.mark.parametrize(
    ("key", "value"),
    [("fault-since", "soon"), ("fault-pid", "x"), ("fault", ""), ("journal", "other")],
)
def test_what_is_not_understood_is_no_record(key: str, value: str) -> None:
    """It is a volume of the pool all the same, which `delete` removes."""
    labels = {**RECORD.labels(), f"{LABEL}.{key}": value}
    with pytest.raises(Malformed):
        fault_record("ci-fault-1", labels)
    volume = volume_of(VolumeInfo(name="ci-fault-1", labels=labels))
    assert (volume.pool, volume.fault) == ("ci", None)
