"""Sphinx configuration; ``make docs`` builds the site."""

import sklearn_backprop

project = "sklearn_backprop"
author = "the sklearn_backprop developers"
copyright = f"2026, {author}"
version = release = sklearn_backprop.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# `name` in a docstring links to that class, method or module where there is one.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# The page of a class shows its methods by autodoc, so numpydoc need not list them.
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_backprop"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
}
html_sidebars = {"**": ["sidebar-nav-bs"]}
html_show_sourcelink = False
