"""Pages of docs name a test for each promise: they are there."""

from __future__ import annotations

import re

import pytest
from tests.docs.pages import DOCS, ROOT

TESTS = ROOT / "tests"
PAGES = (
    DOCS / "explanation/security.md",
    DOCS / "how-to/bound-jobs.md",
    DOCS / "reference/state.md",
    DOCS / "reference/open-commands.md",
    DOCS / "reference/privileges.md",
)
FENCED = re.compile(r"(?ms)^ *```.*?^ *```$")
CODE = re.compile(r"`([^`]+)`")
NAMED = re.compile(r"(?P<file>(?:[a-z_]+/)*test_[a-z_]+[.]py)?(?:::)?(?P<test>test_[a-z_]+)?")


def named() -> list[tuple[str, str]]:
    """Return each file that the pages name, and what a test in it begins with, in their order."""
    found = []
    for page in PAGES:
        file = ""
        for code in CODE.findall(FENCED.sub("", page.read_text("utf-8"))):
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
    assert f"\ndef {test}" in f"\n{(TESTS / file).read_text('utf-8')}"


def test_promises_name_tests() -> None:
    """They are found on the pages."""
    assert len(named()) > 50
