"""What Sphinx reads."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from website import tree
from website.tree import made_pages, repository_pages, shown

if TYPE_CHECKING:
    import pytest

PAGES = repository_pages(recordings=False)


def test_pages_beside_docs() -> None:
    """What pages link to beside docs is there, with its links rewritten."""
    assert {"index.md", "project/README.md", "project/bench/README.md"} <= set(PAGES)
    assert "(../how-to/install.md)" in PAGES["project/README.md"]


def test_decisions_are_not_in_the_sidebar() -> None:
    """Sphinx accepts the decisions in no table of contents."""
    decisions = [text for name, text in PAGES.items() if name.startswith("decisions/")]
    assert decisions
    assert all(text.startswith("---\norphan: true\n---\n# ") for text in decisions)


def test_linked_directory() -> None:
    """A directory that a page links to is a page with each of its files."""
    page = PAGES["project/files/examples/checkpoint/index.md"]
    assert "# examples/checkpoint\n" in page
    assert "## count.sub\n\n``````text\n# A job that checkpoints itself" in page
    assert "## count.sh\n\n``````sh\n#!/bin/sh" in page


def test_linked_file() -> None:
    """A file that a page links to is a page that shows it."""
    page = PAGES["project/files/examples/execute-on-bookworm/Dockerfile.md"]
    assert "``````docker\n" in page


def test_file_that_is_no_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file that is no text has its size in its place, and what Python leaves is left out."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "some/__pycache__").mkdir(parents=True)
    (folder / "some/__pycache__/a.pyc").write_bytes(b"\xff")
    (folder / "some/data.bin").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setattr(tree, "ROOT", folder)
    page = shown(PurePosixPath("some"))
    assert "## data.bin\n\n``````text\n3 bytes that are not text\n``````" in page
    assert "pycache" not in page


def test_made_pages() -> None:
    """The references are made from the program."""
    pages = made_pages()
    assert {"reference/options.rst", "reference/python-api.rst"} <= set(pages)
    assert "python-api/pool" in pages["reference/python-api.rst"]
