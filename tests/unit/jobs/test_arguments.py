"""The options of condor_submit: what the dry run takes, what is refused, what submits nothing."""

from __future__ import annotations

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.jobs.arguments import check, for_dry_run, submit_nothing

TAKEN = (
    ["-append", "request_cpus = 2"],
    ["-a", "request_cpus = 2"],
    ["-batch-name", "b"],
    ["-batch-id", "b"],
    ["-queue", "2", "x", "in", "a", "b"],
    ["-q", "3"],
    ["-iterate", "x", "from", "table"],
    ["-table", "table"],
    ["-maxjobs", "5"],
    ["-single-cluster"],
    ["-disable"],
    ["-force-mpi-universe"],
    ["-allow-crlf-script"],
    ["X=1"],
)
"""Arguments that decide which jobs there are."""
DROPPED = (
    ["-spool"],
    ["-s"],
    ["-verbose"],
    ["-v"],
    ["-terse"],
    ["-debug"],
    ["-debug:D_FULLDEBUG"],
    ["-factory"],
    ["-generator"],
    ["-digest", "file"],
    ["-unused"],
    ["-dump", "ads.txt"],
    ["-du", "ads.txt"],
    ["-dry-run", "-"],
    ["-dry-run:full", "file"],
    ["-help"],
    ["-h"],
    ["-capabilities"],
    ["-capabilities:2"],
)
"""Arguments that do not change the jobs, or that no dry run takes."""


@pytest.mark.parametrize("words", TAKEN, ids=" ".join)
def test_what_decides_the_jobs_is_in_the_dry_run(words: list[str]) -> None:
    """The dry run has the options with their values."""
    assert for_dry_run(words) == words


@pytest.mark.parametrize("words", DROPPED, ids=" ".join)
def test_the_rest_is_not(words: list[str]) -> None:
    """Other options are left out with their values, and what follows stays."""
    assert for_dry_run([*words, "-append", "x = 1", "Y=2"]) == ["-append", "x = 1", "Y=2"]


@pytest.mark.parametrize(
    "words", [*TAKEN, *DROPPED, ["--spool"], ["-"]], ids=lambda words: " ".join(words)
)
def test_these_work_from_this_machine(words: list[str]) -> None:
    """None of them is refused."""
    check(words, "mini")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["-interactive"], "condor-mini shell -n mini"),
        (["-i"], "condor-mini shell -n mini"),
        (["-remote", "s"], "--node NODE"),
        (["-r", "s"], "--node NODE"),
        (["-name", "s"], "--node NODE"),
        (["-n", "s"], "--node NODE"),
        (["-pool", "p"], "--node NODE"),
        (["-address", "<1.2.3.4:5>"], "--node NODE"),
        (["-file", "other.sub"], "condor-mini submit FILE"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_work_is_refused(words: list[str], hint: str) -> None:
    """The error names the option, and says what to type."""
    with pytest.raises(UsageError) as caught:
        check([*words], "mini")
    assert words[0] in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("words", "nothing"),
    [
        (["-dump", "f"], True),
        (["-dry-run", "f"], True),
        (["-capabilities"], True),
        (["-help"], True),
        (["-spool"], False),
        (["-append", "-dump"], False),
        (["-d"], False),
        (["--dum", "f"], False),
        (["--dump", "f"], True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_whether_something_is_submitted(words: list[str], nothing: bool) -> None:
    """A value is no option; an abbreviation has its letters; two hyphens allow none."""
    assert submit_nothing(words) is nothing
