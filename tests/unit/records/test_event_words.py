"""Job events in words."""

from __future__ import annotations

from typing import Any

import pytest

from condor_mini.records.event_words import event_entry
from condor_mini.records.looker import INTERVAL_S, pause_s
from timeline_scenes import NOON


@pytest.mark.parametrize(
    ("number", "name", "ad", "text"),
    [
        (0, "Submit", {"SubmitHost": "<10.0.0.1:9618>"}, "000 Submit"),
        (1, "Execute", {"SlotName": "slot1_1@x"}, "001 Execute: slot1_1@x"),
        (1, "Execute", {"ExecuteHost": "<10.0.0.1:9618>"}, "001 Execute: beside the schedd"),
        (5, "JobTerminated", {"TerminatedNormally": True, "ReturnValue": 3}, "exit code 3"),
        (5, "JobTerminated", {"TerminatedNormally": False, "TerminatedBySignal": 9}, "signal 9"),
        (12, "JobHeld", {"HoldReason": "no\n\tdisk", "Info": "x"}, "012 JobHeld: no disk"),
        (40, "FileTransfer", {"Type": 3}, "040 FileTransfer: input has ended"),
        (46, "Future", {}, "046 Future"),
    ],
)
def test_event(number: int, name: str, ad: dict[str, Any], text: str) -> None:
    """Its number, its name, and what matters of it, in one line."""
    given = {"EventTypeNumber": number, "MyType": f"{name}Event", "Cluster": 7, "Proc": 1, **ad}
    entry = event_entry("ci-submit-1", given, NOON, NOON)
    assert (entry.job, entry.data) == ("7.1", given)
    assert entry.text.startswith(f"7.1 {number:03}")
    assert entry.text.endswith(text)


def test_event_of_a_cluster() -> None:
    """It is of no job."""
    ad = {"EventTypeNumber": 35, "MyType": "ClusterSubmitEvent", "Cluster": 7, "Proc": -1}
    entry = event_entry("ci-submit-1", ad, NOON, NOON)
    assert (entry.job, entry.text) == (None, "7 035 ClusterSubmit")


def test_pause_between_looks() -> None:
    """A look costs a fifth of the time at most; one that failed is repeated soon."""
    assert pause_s(0.1, is_seen=True) == INTERVAL_S - 0.1
    assert pause_s(5.0, is_seen=True) == 20.0
    assert pause_s(5.0, is_seen=False) == INTERVAL_S
