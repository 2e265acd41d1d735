"""The page of intervals, and the configuration that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import condor_mini
from intervals_page import KIND, intervals

FILES = Path(condor_mini.__file__).parent / "images/condor-base/config.d"


def knobs(file: str) -> dict[str, str]:
    """The intervals that a file sets."""
    text = (FILES / file).read_text("utf-8")
    found = dict(re.findall(r"(?m)^([A-Za-z_.]+) = (.+)$", text))
    return {knob: value for knob, value in found.items() if re.search(KIND, knob)}


BOTH = knobs("29-profiles")
"""Those that the profile production has too."""
DEV = knobs("30-profile-dev")


def test_page_has_the_profiles_values() -> None:
    """Each value that the page names is in the profile, and each interval there is on the page."""
    named = {row.knob: row.dev for row in intervals().values() if row.dev != "-"}
    assert named == BOTH | DEV


def test_page_marks_what_both_profiles_have() -> None:
    """A knob in bold is set in the profile production too."""
    page = (Path(__file__).parents[3] / "docs/reference/intervals.md").read_text("utf-8")
    assert set(re.findall(r"(?m)^\| \*\*`(\S+)`\*\* \|", page)) == set(BOTH)


def test_every_interval_has_a_reason() -> None:
    """No interval is decided without a reason."""
    assert [row.knob for row in intervals().values() if not row.why.strip()] == []
