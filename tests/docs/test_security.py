"""docs/security.md names a test for each promise: they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/security.md"
CODE = re.compile(r"`([^`]+)`")
NAMED = re.compile(r"(?P<file>(?:[a-z_]+/)*test_[a-z_]+[.]py)?(?:::)?(?P<test>test_[a-z_]+)?")


def named() -> list[tuple[str, str]]:
    """Each file that the page names, and what a test in it begins with, in the page's order."""
    found = []
    file = ""
    for code in CODE.findall(PAGE.read_text()):
        match = NAMED.match(code)
        if match is None or not (match["file"] or match["test"]):
            continue
        if path := match["file"]:
            is_whole = path.startswith("tests/")
            folder = "pool/" if path.startswith("personal/") else "pool/pools/"
            file = path.removeprefix("tests/") if is_whole else folder + path
        found.append((file, match["test"] or "test_"))
    return found


@pytest.mark.parametrize(("file", "test"), named())
def test_promise_has_its_test(file: str, test: str) -> None:
    """The test is in the file that is named beside the promise."""
    assert f"\ndef {test}" in f"\n{(TESTS / file).read_text()}"


def test_promises_name_tests() -> None:
    """They are found on the page."""
    assert len(named()) > 40
