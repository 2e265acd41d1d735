"""The reference of the Python API has every public name."""

from __future__ import annotations

import re

import condor_mini
from website.api import api_pages, title

PAGES = api_pages()


def test_every_public_name_once() -> None:
    """Each name that can be imported from condor_mini is on one page."""
    found = [
        name
        for text in PAGES.values()
        for name in re.findall(r"(?m)^\.\. (?:autoclass|py:data):: condor_mini\.(\w+)$", text)
    ]
    public = [name for name in condor_mini.__all__ if not name.startswith("_")]
    assert sorted(found) == sorted(public)


def test_pool_stands_first() -> None:
    """The page of ``Pool`` is the first."""
    assert next(iter(PAGES)) == "pool"
    assert "\nPool\n----\n" in PAGES["pool"]


def test_alias() -> None:
    """An alias of a type has its own docstring, and not that of the type."""
    assert "\n   An ad: a ``classad2.ClassAd``" in PAGES["reports"]


def test_titles() -> None:
    """A page is called by what it is about, and opens with what its room says of itself."""
    assert title("base") == "Errors"
    assert title("jobs") == "Jobs"
    assert PAGES["jobs"].startswith("Jobs\n====\n\nJobs: submit them with their files")
