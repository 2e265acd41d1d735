"""The types of event, beside those that HTCondor's own reader knows."""

from __future__ import annotations

from importlib import resources

import pytest

from condor_mini.base.errors import UsageError
from condor_mini.events.event_types import EVENT_TYPES, event_type
from condor_mini.events.recipes import RECIPES

FIRST_OF_STARTD = 100
"""From here on the types are of the startd's own log."""
ODD_NAMES = {39: "NONE"}


def test_every_type_of_htcondor_is_there() -> None:
    """The numbers and names are those of ``htcondor2.JobEventType``."""
    types = pytest.importorskip("htcondor2").JobEventType
    known = {int(one): one.name for one in types if int(one) < FIRST_OF_STARTD}
    ours = {number: one.name for number, one in EVENT_TYPES.items()}
    assert ours.keys() == known.keys()
    for number, name in known.items():
        assert ours[number].upper() == name.replace("_", "")


def test_each_is_made_or_says_why_not() -> None:
    """A type has a recipe and says what is done, or says why it cannot be had."""
    for number, one in EVENT_TYPES.items():
        assert bool(one.made_by) == (number in RECIPES)
        assert bool(one.made_by) != bool(one.why_not)


def test_each_recipe_has_its_job() -> None:
    """Every job that a recipe names is there, and no other one."""
    jobs = {path.name for path in (resources.files("condor_mini.events") / "jobs").iterdir()}
    assert {recipe.job for recipe in RECIPES.values()} == jobs


@pytest.mark.parametrize(
    ("which", "number"),
    [
        (24, 24),
        ("024", 24),
        ("0", 0),
        ("ReconnectFailed", 24),
        ("JobReconnectFailedEvent", 24),
        ("ULOG_JOB_RECONNECT_FAILED", 24),
        ("JOB_HELD", 12),
        ("JobReleaseEvent", 13),
        ("Generic", 8),
        ("none", 39),
    ],
)
def test_event_is_named_in_any_form(which: int | str, number: int) -> None:
    """Numbers with and without zeros, and HTCondor's names in all their forms, are understood."""
    assert event_type(which).number == number


@pytest.mark.parametrize(
    ("which", "words"),
    [("reconect", r"did you mean 023 JobReconnected"), ("99", "no event 99"), ("-1", "no event")],
)
def test_unknown_event_is_refused(which: str, words: str) -> None:
    """What is no event is a usage error, with the one that is most like it."""
    with pytest.raises(UsageError, match=words):
        event_type(which)
