"""Sphinx configuration."""

import django
from django.conf import settings

from paylattice import __version__

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "paylattice.repositories.django"]
)
django.setup()

project = "paylattice"
author = "The paylattice authors"
copyright = "2026, the paylattice authors"  # noqa: A001 - Sphinx's name
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
]
copybutton_prompt_text = "$ "
copybutton_here_doc_delimiter = "EOF"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "paylattice"
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore = [("py:class", "collections.abc.Mapping")]  # the standard library is not linked to

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Returns", "returns_style")]
