"""The page of intervals, and the configuration that it describes."""

from __future__ import annotations

import re
from pathlib import Path

import condor_mini
from intervals_page import KIND, intervals

PROFILE = Path(condor_mini.__file__).parent / "images/condor-base/config.d/30-profile-dev"
KNOBS = dict(re.findall(r"(?m)^([A-Za-z_.]+) = (.+)$", PROFILE.read_text("utf-8")))


def test_page_has_the_profiles_values() -> None:
    """Each value that the page names is in the profile, and each interval there is on the page."""
    named = {row.knob: row.dev for row in intervals().values() if row.dev != "-"}
    kind = re.compile(KIND)
    assert named == {knob: value for knob, value in KNOBS.items() if kind.search(knob)}


def test_every_interval_has_a_reason() -> None:
    """No interval is decided without a reason."""
    assert [row.knob for row in intervals().values() if not row.why.strip()] == []
