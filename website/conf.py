"""Sphinx' settings. Everything is on this machine: no page asks another host for anything."""

from __future__ import annotations

from condor_mini import __version__

project = "condor-mini"
author = "The condor-mini contributors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4

toc_object_entries = False
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "condor-mini"
html_css_files = ["site.css"]
html_js_files = ["recordings.js"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

linkcheck_timeout = 20
linkcheck_workers = 4
