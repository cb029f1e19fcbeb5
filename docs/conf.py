"""Configuration of the documentation site: `make docs` builds it into build/docs."""

from __future__ import annotations

import sys
from pathlib import Path

from headwater import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Headwater"
author = "The Headwater authors"
copyright = "The Headwater authors"  # noqa: A001 - the name that Sphinx reads
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "headwater_reference"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["pictures/*"]
templates_path: list[str] = []

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 4


html_theme = "furo"
html_title = "Headwater"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["headwater.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#6cb6ff", "color-brand-content": "#6cb6ff"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

toc_object_entries_show_parents = "hide"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
# Types of other packages and private types are shown without a link; any other missing target is a mistake.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"[\w.]+")]
default_role = "literal"
smartquotes_action = "D"  # dashes only: quotes are often those of JSON
