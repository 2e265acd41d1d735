"""Pictures, recordings and comments of the pages."""

from __future__ import annotations

from website.markup import named_recordings, two_pictures, without_comments

PICTURE = """\
<picture>
  <source media="(prefers-color-scheme: dark)" srcset="a-dark.svg">
  <img alt="Latency" src="a-light.svg">
</picture>
"""


def test_picture() -> None:
    """Of a picture with two sources the site has both, for the theme to choose from."""
    assert two_pictures(PICTURE) == (
        "![Latency](a-light.svg){.only-light} ![Latency](a-dark.svg){.only-dark}\n"
    )


def test_comments() -> None:
    """A comment leaves an empty line, so that Sphinx names the right line in what it reports."""
    page = "A\n<!-- example: pool -->\n```\n<!-- shown -->\n```\n"
    expected = "A\n\n```\n<!-- shown -->\n```\n"
    assert without_comments(page, recordings=True) == expected


def test_recording() -> None:
    """The comment of a recording becomes its player, or nothing in a site without recordings."""
    page = "<!-- recording: idle-job -->\n"
    assert 'data-recording="idle-job"' in without_comments(page, recordings=True)
    assert without_comments(page, recordings=False) == "\n"
    assert named_recordings(page + "<!-- example: pool -->\n") == ["idle-job"]
