"""What is told of the differences between two looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from condor_mini.dashboard.history import MOST_CHANGES, History
from condor_mini.reports.status import FaultStatus, Verdict
from looks import NOON, job, look, node

LATER = NOON + timedelta(seconds=5)


def told(history: History) -> list[tuple[str, str]]:
    """Return what was told, in order."""
    return [(each.about, each.text) for each in history.changes]


def test_first_look_tells_nothing() -> None:
    """What was there before anybody looked has not happened."""
    history = History()
    history.add(look(jobs=[job()]))
    assert told(history) == []


def test_life_of_a_job() -> None:
    """A job is submitted, runs and leaves: each is told once, with where it ran."""
    history = History()
    for jobs in ([], [job()], [job(state="running", node="ci-execute-1")], []):
        history.add(look(jobs=jobs))
    assert told(history) == [
        ("job", "1.0 of jovyan is submitted"),
        ("job", "1.0 of jovyan is running on ci-execute-1"),
        ("job", "1.0 has left the queue"),
    ]


def test_held_job_has_its_reason() -> None:
    """A job that is held is told with why."""
    history = History()
    history.add(look(jobs=[job()]))
    history.add(look(jobs=[job(state="held", reason="no such file")]))
    assert told(history) == [("job", "1.0 of jovyan is held: no such file")]


def test_many_jobs_are_one_line() -> None:
    """A cluster of hundreds is no hundreds of lines."""
    history = History()
    history.add(look())
    history.add(look(jobs=[job(f"1.{proc}") for proc in range(300)]))
    assert told(history) == [("job", "300 jobs: submitted")]


def test_silent_access_point_loses_no_jobs() -> None:
    """Where a queue could not be asked, its jobs have not left it."""
    history = History()
    history.add(look(jobs=[job()]))
    history.add(look(notes=["The access point ci-submit-1 does not run"]))
    assert told(history) == []


def test_nodes_faults_and_the_verdict() -> None:
    """A node that ends, comes or goes, a fault, and the verdict are told."""
    fault = FaultStatus(
        fault="freeze", target="ci-execute-1/startd", since=NOON, until=None, host=None, pid=None
    )
    history = History()
    history.add(look(nodes=[node("a"), node("b")]))
    history.add(
        look(nodes=[node("a", state="exited"), node("c")], faults=[fault], verdict=Verdict.BROKEN)
    )
    history.add(look(nodes=[node("a"), node("c")]))
    assert set(told(history)) == {
        ("pool", "The pool is broken"),
        ("node", "a: running → exited (137)"),
        ("node", "b is gone"),
        ("node", "c is new: running"),
        ("fault", "freeze ci-execute-1/startd is in force"),
        ("pool", "The pool is usable"),
        ("node", "a: exited (137) → running"),
        ("fault", "freeze ci-execute-1/startd is healed"),
    }


def test_it_forgets_the_oldest() -> None:
    """A page that is open for weeks does not fill the memory."""
    history = History()
    for number in range(MOST_CHANGES + 10):
        history.note("pool", str(number), NOON)
    assert (len(history.changes), history.changes[0].text) == (MOST_CHANGES, "10")


def test_points_count_jobs_and_slots() -> None:
    """Each look is a point of the chart."""
    history = History()
    history.add(look(jobs=[job(), job("1.1", "held"), job("1.2", "transferring")]))
    (point,) = history.points
    assert (point.idle, point.running, point.held, point.claimed) == (1, 1, 1, 0)


@pytest.mark.parametrize("same_node", [True, False])
def test_span_of_a_job(same_node: bool) -> None:
    """A job that runs again, there or elsewhere, has two spans."""
    running = job(state="running", node="a")
    again = replace(running, node="a" if same_node else "b", since=LATER)
    history = History()
    history.add(look(jobs=[running]))
    history.add(look(jobs=[running], at=NOON + timedelta(seconds=1)))
    assert [(span.node, span.ended) for span in history.spans()] == [("a", None)]
    history.add(look(jobs=[again], at=LATER))
    history.add(look(at=LATER))
    spans = [(span.node, span.began, span.ended) for span in history.spans()]
    assert spans == [("a", NOON, LATER), (again.node, LATER, LATER)]
