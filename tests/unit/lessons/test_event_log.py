"""Job event logs are read as HTCondor's own reader reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import htcondor2

from condor_mini.lessons.event_log import by_job, events, matching

if TYPE_CHECKING:
    from pathlib import Path

LOG = """\
000 (0012.000.000) 2026-11-30 02:15:04 Job submitted from host: <127.0.0.1:9618?alias=mini>
...
000 (0012.001.000) 2026-11-30 02:15:04 Job submitted from host: <127.0.0.1:9618?alias=mini>
...
001 (0012.000.000) 2026-11-30 02:15:05 Job executing on host: <127.0.0.1:9618?alias=mini>
\tSlotName: slot1_1@mini-execute-1.nodes.internal
...
012 (0012.001.000) 2026-11-30 02:15:06 Job was held.
\tTransfer input files failure
\tCode 13 Subcode 2
...
005 (0012.000.000) 2026-11-30 02:15:07 Job terminated.
\t(1) Normal termination (return value 0)
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
\t0  -  Run Bytes Sent By Job
\t0  -  Run Bytes Received By Job
\t0  -  Total Bytes Sent By Job
\t0  -  Total Bytes Received By Job
...
"""


def test_events_are_those_of_htcondors_reader(tmp_path: Path) -> None:
    """Numbers, jobs and times are the ones that ``htcondor2.JobEventLog`` gives."""
    (tmp_path / "log").write_text(LOG)
    with htcondor2.JobEventLog(str(tmp_path / "log")) as log:
        theirs = [(int(one.type), (one.cluster, one.proc)) for one in log.events(stop_after=0)]
    assert [(event.number, event.job) for event in events(LOG)] == theirs
    assert events(LOG)[-1].time.isoformat() == "2026-11-30T02:15:07"


def test_event_that_is_being_written_is_left_out() -> None:
    """An event without its end is not there yet."""
    assert len(events(LOG.removesuffix("...\n"))) == 4
    assert events("") == []


def test_text_that_is_no_log_has_no_events() -> None:
    """Other lines are passed over."""
    assert events("nonsense\n...\n999\n...\n") == []


def test_job_that_is_submitted_again_under_its_number_is_another() -> None:
    """A pool that was created again counts from 1: these are two jobs for each number."""
    assert [len(job) for job in by_job(events(LOG + LOG))] == [3, 2, 3, 2]


def test_matching_takes_events_in_order() -> None:
    """Others may stand between them, but none may come before its turn."""
    job = by_job(events(LOG))[0]
    assert matching(job, [0, 5]) == [job[0], job[2]]
    assert matching(job, [5, 0]) is None
    assert matching(job, []) == []
