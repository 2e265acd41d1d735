"""Links of the pages lead to where their targets are in the site."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from website.links import BrokenLink, place, rewritten

PAGE = PurePosixPath("docs/how-to/install.md")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("docs/how-to/install.md", "how-to/install.md"),
        ("docs/pool.schema.json", "pool.schema.json"),
        ("README.md", "project/README.md"),
        ("bench/README.md", "project/bench/README.md"),
        ("examples/checkpoint", "project/files/examples/checkpoint/index.md"),
        ("templates/condor-mini.yml", "project/files/templates/condor-mini.yml.md"),
    ],
)
def test_place(path: str, expected: str) -> None:
    """Pages keep their folders; what is beside docs is below project."""
    assert str(place(PurePosixPath(path))) == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("../reference/pool-file.md", "../reference/pool-file.md"),
        ("../reference/state.md#where-it-is", "../reference/state.md#where-it-is"),
        ("#install", "#install"),
        ("https://htcondor.org/x.md", "https://htcondor.org/x.md"),
        ("mailto:somebody@htcondor.org", "mailto:somebody@htcondor.org"),
        ("../../README.md#install", "../project/README.md#install"),
        ("../../examples/pools", "../project/files/examples/pools/index.md"),
    ],
)
def test_links(link: str, expected: str) -> None:
    """A link within docs stays as it is; one that leaves docs leads to the page of its target."""
    text, _ = rewritten(f"See [this]({link}).\n", PAGE)
    assert text == f"See [this]({expected}).\n"


def test_targets() -> None:
    """The files that a page links to are reported, without their anchors."""
    _, targets = rewritten("[a](../index.md) [b](../../LICENSE) [c](state.md://x)\n", PAGE)
    assert targets == {PurePosixPath("docs/index.md"), PurePosixPath("LICENSE")}


def test_links_of_a_page_beside_docs() -> None:
    """README's links into docs lead out of project."""
    text, _ = rewritten("[a](docs/how-to/install.md)\n", PurePosixPath("README.md"))
    assert text == "[a](../how-to/install.md)\n"


def test_examples_are_left_alone() -> None:
    """What looks like a link in a fenced block is part of the example."""
    example = "```console\n$ echo [a](missing.md)\n```\n"
    assert rewritten(example, PAGE) == (example, set())


def test_fence_in_a_fence() -> None:
    """A block ends with its own fence only."""
    example = "````\n```\n[a](missing.md)\n````\n"
    assert rewritten(example, PAGE) == (example, set())


@pytest.mark.parametrize("link", ["missing.md", "../../../elsewhere.md", "/etc/passwd"])
def test_broken_link(link: str) -> None:
    """A link to no file of the repository is an error that names page and link."""
    with pytest.raises(BrokenLink, match=f"install.md: {link} is not in the repository"):
        rewritten(f"[a]({link})\n", PAGE)
