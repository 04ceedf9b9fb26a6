"""Sphinx configuration; builds without network."""

import sys
from pathlib import Path

import skconvrelu

# the benchmarks' plots, drawn from the tables beside them; the checkout comes last, so that the installed package is documented
sys.path.append(str(Path(__file__).resolve().parents[1]))
from benchmarks.plots import draw_all

draw_all(Path(__file__).with_name("generated") / "benchmarks")

project = "skconvrelu"
author = copyright = "The skconvrelu developers"
release = version = skconvrelu.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "backreferences_dir": None,
    "show_memory": False,
}
html_theme = "pydata_sphinx_theme"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False}
exclude_patterns = ["_build"]
# classes of other libraries: their inventories are on the network
nitpicky = False
