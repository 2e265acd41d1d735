"""Sphinx' settings. Everything is on this machine: no page asks another host for anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel
from sphinx.ext.napoleon.docstring import GoogleDocstring

from condor_mini import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "condor-mini"
author = "The condor-mini contributors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
root_doc = "index"
smartquotes = False  # an option is --name, with two hyphens that can be copied

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4

toc_object_entries = False
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "condor-mini"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js", "recordings.js"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

linkcheck_timeout = 20
linkcheck_workers = 4

AFTER_THE_THEME = 900
_ATTRIBUTES = ("attribute", "data", "property")
_OBJECT = re.compile(r"<[\w.]+ object>")
"""How Python shows a default that is no literal."""


def setup(app: Sphinx) -> None:
    """Connect what reads our docstrings, and what mends the theme."""
    app.connect("autodoc-process-docstring", _read_google_style)
    app.connect("autodoc-process-signature", _shorten)
    app.connect("html-page-context", _give_captions_a_level, priority=AFTER_THE_THEME)


def _read_google_style(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Translate Google's style.

    Sphinx' own extension takes what stands before a colon in an attribute's text for its type.
    """
    del app, name, thing, options
    if what not in _ATTRIBUTES:
        lines[:] = GoogleDocstring(lines).lines()


def _shorten(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    del app, what, name, options
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        return "(**keys)", None
    return signature and _OBJECT.sub("...", signature), returns


def _give_captions_a_level(
    app: Sphinx, page: str, template: str, context: dict[str, object], doctree: object
) -> None:
    """Tell screen readers how deep the headings of the sidebar are, which are paragraphs."""
    del app, page, template, doctree
    tree = str(context["furo_navigation_tree"])
    heading = 'role="heading"'
    context["furo_navigation_tree"] = tree.replace(heading, f'{heading} aria-level="2"')
