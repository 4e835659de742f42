"""How Sphinx makes the site of these pages: `make docs`."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

project = "flowgraph"
author = "the flowgraph authors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "tools.site.extension",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".myst": "markdown"}
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4

autosummary_ignore_module_all = False
autodoc_typehints = "none"  # signatures are long enough without; the texts say what is taken
numpydoc_show_class_members = False
numpydoc_use_plots = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"flowgraph {release}"
html_math_renderer = "mathml"
html_show_copyright = False
html_copy_source = False
