"""``condor-mini top``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.cli.top import MOST_JOBS, MOST_NODES, lines
from condor_mini.reports.status import Verdict
from looks import LargePool, job, look, node, slot

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from fake_pool import FakePool


def test_small_pool() -> None:
    """Nodes with their use, owners, and each job: those that are held come first."""
    seen = look(
        slots=[
            slot(kind="Partitionable", cpus=3),
            slot(name="slot1_1", state="Claimed", job="1.0", owner="ada"),
        ],
        jobs=[job("1.0", "running", node="ci-execute-1", owner="ada"), job("2.0", "held")],
        completed=7,
    )
    shown = [*lines(seen)]
    assert shown[:2] == ["The pool ci is usable.", "Jobs: 1 running, 1 held; 7 completed"]
    assert "ci-execute-1  running  ##........    1 of 4  1.0" in shown
    first = [row.split()[0] for row in shown if row]
    assert first.index("2.0") < first.index("1.0")


def test_broken_pool_says_why() -> None:
    """The reasons are those of `status`."""
    seen = look(nodes=[node(state="exited")], verdict=Verdict.BROKEN, reasons=["it has ended"])
    assert [*lines(seen)][:2] == ["The pool ci is broken.", "  it has ended"]


def test_large_pool_fits() -> None:
    """Ten thousand slots and twenty thousand jobs are a few dozen lines."""
    shown = [*lines(LargePool().look())]
    assert f"and {100 - MOST_NODES} more nodes" in shown
    assert shown[-1] == f"and {20_000 - MOST_JOBS} more jobs"
    assert len(shown) < 60


def test_what_somebody_calls_a_job_moves_no_cursor() -> None:
    """Escape sequences in names of jobs reach no terminal."""
    seen = look(
        jobs=[job("1.0", "held", owner="\x1b[2J", command="\x1b]0;x\x07", reason="\x1b[1m")]
    )
    assert "\x1b" not in "".join(lines(seen))


def test_no_such_pool(pool: FakePool, command_line: Callable[..., Result]) -> None:
    """An error of the first look ends it."""
    del pool
    assert command_line("top", "-n", "other").status == 3
