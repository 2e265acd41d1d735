"""The arguments of condor_submit."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.jobs.arguments import check, for_dry_run, submit_nothing


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["-spool"], []),
        (["-s"], []),
        (["-dump", "ads.txt"], []),
        (["-terse", "-verbose", "-debug:D_ALL", "-unused"], []),
        (["-factory"], []),
        (["-dry-run:full", "out", "X=1"], ["X=1"]),
        (["-append", "-spool"], ["-append", "-spool"]),
        (["-a", "x = 1", "-sp"], ["-a", "x = 1"]),
        (["-batch-name", "b", "-batch-id", "c"], ["-batch-name", "b", "-batch-id", "c"]),
        (["-queue", "a", "in", "(1 2)", "-spool"], ["-queue", "a", "in", "(1 2)"]),
        (["-maxjobs", "3", "-single-cluster"], ["-maxjobs", "3", "-single-cluster"]),
        (["-unknown", "X=1"], ["-unknown", "X=1"]),
    ],
)
def test_dry_run_takes_what_decides_the_jobs(arguments: list[str], kept: list[str]) -> None:
    """A dry run takes the options that decide which jobs there are, with their values."""
    assert for_dry_run(arguments) == kept


@pytest.mark.parametrize(
    "arguments",
    [
        ["-dump", "f"],
        ["-du", "f"],
        ["-dry-run", "-"],
        ["--dry-run", "f"],
        ["-capabilities"],
        ["-help"],
    ],
)
def test_some_options_submit_nothing(arguments: list[str]) -> None:
    """With some options condor_submit only prints or writes something."""
    assert submit_nothing(arguments)


@pytest.mark.parametrize("arguments", [[], ["-append", "-dump"], ["X=-dump"], ["-d"], ["-disable"]])
def test_others_submit(arguments: list[str]) -> None:
    """Other arguments submit; a value that looks like an option is none."""
    assert not submit_nothing(arguments)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["-i"], "condor-mini shell -n mini"),
        (["-inter"], "condor-mini shell -n mini"),
        (["-remote", "other"], "--node NODE"),
        (["-name", "other"], "--node NODE"),
        (["-pool", "other"], "--node NODE"),
        (["-address", "<127.0.0.1:1>"], "--node NODE"),
        (["-file", "b.sub"], "condor-mini submit FILE"),
    ],
)
def test_what_cannot_work_is_refused(arguments: list[str], hint: str) -> None:
    """An option that names another schedd, a terminal or another file is refused, with a way."""
    with pytest.raises(UsageError) as refused:
        check(arguments, "mini")
    assert arguments[0] in refused.value.message
    assert hint in (refused.value.hint or "")
