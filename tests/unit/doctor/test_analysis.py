"""What ``condor_q -better-analyze`` prints, of both series of HTCondor."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_mini.doctor.analysis import analyses

ANALYSIS = Path(__file__).with_name("analysis.txt").read_text()
ANALYSIS_23 = Path(__file__).with_name("analysis-23.txt").read_text()
"""For a job that no slot fits and a held one, of HTCondor 25.14.1 and 23."""
UNIVERSES = {
    series: Path(__file__).with_name(f"universes-{series}.txt").read_text()
    for series in ("23", "25")
}
"""For jobs of all universes, one that is too large, and one with two alternatives."""


def test_analysis() -> None:
    """HTCondor's text, read job by job."""
    unfit, fits = analyses(ANALYSIS)[:2]
    assert (unfit.job, unfit.slots, unfit.matching) == ("3.0", 2, 0)
    assert (fits.job, fits.matching > 0, fits.unmet) == ("4.0", True, ())


def test_analysis_by_23() -> None:
    """HTCondor 23 says the same in other words."""
    (unfit,) = analyses(ANALYSIS_23)
    assert (unfit.job, unfit.slots, unfit.matching, unfit.refused) == ("2.0", 1, 0, 0)
    assert unfit.unmet == ("TARGET.Memory >= RequestMemory (RequestMemory = 9000000 (mb))",)


def test_analysis_of_nonsense() -> None:
    """No text is no analysis."""
    assert analyses("") == analyses("what?\n") == []


@pytest.mark.parametrize("series", UNIVERSES)
def test_universes_that_no_slot_has(series: str) -> None:
    """The attribute that execution points lack is among the conditions."""
    unmet = [" ".join(analysis.unmet) for analysis in analyses(UNIVERSES[series])]
    for attribute in ("HasContainer", "HasDocker", "HasJava", "HasVM"):
        assert any(f"TARGET.{attribute}" in conditions for conditions in unmet)


@pytest.mark.parametrize("series", UNIVERSES)
def test_no_step_numbers(series: str) -> None:
    """Conditions that are made of others are spelled out."""
    unmet = [text for analysis in analyses(UNIVERSES[series]) for text in analysis.unmet]
    assert 'OpSys == "WINDOWS" or Foo == 3' in unmet
    assert not [text for text in unmet if "[" in text.replace("[1]", "")]
    assert "[0]" not in str(unmet)


@pytest.mark.parametrize("series", UNIVERSES)
def test_all_resources_that_are_too_large(series: str) -> None:
    """A job that asks for too much of two things is unmet in both, with its values."""
    (large,) = [a for a in analyses(UNIVERSES[series]) if "RequestCpus" in str(a.unmet)]
    assert large.unmet == (
        "TARGET.Memory >= RequestMemory (RequestMemory = 900000 (mb))",
        "TARGET.Cpus >= RequestCpus (RequestCpus = 99)",
    )
