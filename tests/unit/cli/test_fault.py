"""``condor-mini fault`` and ``heal`` on a pool in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.faults.catalogue import FAULTS
from condor_mini.faults.fault import Strikes
from struck_nodes import StruckNodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool

    Run = Callable[..., Result]


@pytest.fixture
def struck(pool: FakePool) -> StruckNodes:
    """The processes of the nodes of the pool ``ci``."""
    return StruckNodes(engine=pool.engine)


def test_list_says_what_each_does(command_line: Run) -> None:
    """Without an engine, each fault is listed with what shows it and where it works."""
    shown = command_line("fault", "list").out
    for fault in FAULTS.values():
        assert f"{fault.name} {fault.strikes}\n" in shown
    assert shown.count("Seen: ") == shown.count("Engines: ") == len(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_only_what_lasts_has_a_time(command_line: Run, name: str) -> None:
    """`--for` is an option of the faults that last, and a code is one of `hold` and `exit`."""
    shown = command_line("fault", name, "--help").out
    assert ("--for" in shown) == FAULTS[name].lasts
    assert ("--code" in shown) == (name in ("hold", "exit"))
    assert ("--node" in shown) == (FAULTS[name].strikes is Strikes.JOBS)


@pytest.mark.parametrize("words", [["execute-1", "startd"], ["ci-execute-1/startd"]])
def test_fault_stays_until_it_is_healed(
    pool: FakePool, struck: StruckNodes, run: Run, words: list[str]
) -> None:
    """Without `--for` the command returns, status shows the fault, and `heal` undoes it."""
    made = run("fault", "freeze", *words, "-n", "ci")
    assert (made.status, struck.frozen("ci-execute-1")) == (0, {"startd"})
    assert "Undo it: condor-mini heal -n ci ci-execute-1/startd" in made.err
    shown = run("status", "-n", "ci").out
    assert "freeze  ci-execute-1/startd  just now  healed  -" in shown
    healed = run("heal", "execute-1", "-n", "ci")
    assert (healed.status, struck.frozen("ci-execute-1")) == (0, set())
    assert "Healed freeze ci-execute-1/startd" in healed.err
    assert pool.faults.in_force() == []
    assert "Nothing to heal" in run("heal", "-n", "ci").err


@pytest.mark.usefixtures("struck", "inside")
def test_doctor_names_what_was_made_on_purpose(run: Run) -> None:
    """Who looks for the reason finds the fault, and what undoes it."""
    run("fault", "freeze", "execute-1", "startd", "-n", "ci")
    shown = run("doctor", "-n", "ci").out
    assert "fault freeze ci-execute-1/startd: made on purpose just now" in shown
    assert "Undo it: condor-mini heal -n ci ci-execute-1/startd" in shown


def test_fault_with_a_time_is_healed_after_it(struck: StruckNodes, run: Run) -> None:
    """With `--for` the command ends when the fault is undone."""
    made = run("fault", "freeze", "execute-1", "startd", "--for", "1s", "-n", "ci")
    assert (made.status, struck.frozen("ci-execute-1")) == (0, set())
    assert "is in force for 1 s; Ctrl-C ends it" in made.err
    assert "Healed freeze ci-execute-1/startd" in made.err


def test_job_is_held(struck: StruckNodes, run: Run) -> None:
    """`fault hold` takes ids, a reason and a code."""
    struck.jobs = {"7.0": 1}
    held = run("fault", "hold", "7.0", "--reason", "no", "--code", "13", "-n", "ci")
    assert (held.status, held.err) == (0, "Done: hold 7.0\n")
    assert struck.asked[0] == ("condor_hold", "-reason", "no", "7.0")


@pytest.mark.usefixtures("struck")
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["frezze", "execute-1"], 2),
        (["freeze", "execute-1"], 2),
        (["freeze", "execute-9", "startd"], 3),
        (["freeze", "execute-1", "schedd"], 3),
        (["freeze", "execute-1", "startd", "--for", "soon"], 2),
        (["kill", "execute-1", "startd", "--for", "1s"], 2),
        (["kill-node", "execute-1", "startd"], 2),
        (["evict", "9"], 3),
    ],
)
def test_what_is_wrong_has_its_code(run: Run, argv: list[str], status: int) -> None:
    """One message, and the exit code of what is wrong."""
    shown = run("fault", *argv, "-n", "ci")
    assert (shown.status, shown.out) == (status, "")
    assert "Traceback" not in shown.err
