"""How Sphinx builds the docs: ``make docs``."""

import sys
from pathlib import Path

from lumirage_bids import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "LUMirage"
author = "The LUMirage developers"
release = __version__
html_title = f"LUMirage {__version__}"
html_theme = "furo"
html_static_path: list[str] = []
html_show_sourcelink = False
html_show_copyright = False
exclude_patterns = ["_ext"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "declared"]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"
default_role = "py:obj"
suppress_warnings = ["ref.python"]  # fields of several classes share a name
