"""Configure Sphinx: ``make docs`` builds these pages, offline; warnings are errors."""

import os
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))
os.environ["COLUMNS"] = "88"  # of help texts
os.environ.pop("PUCK_RUNS", None)

from puckrl.cli.parser import make_parser  # noqa: E402  its path was just added
from puckrl.core.version import VERSION  # noqa: E402

project, author, version, release = "puckrl", "the puckrl authors", VERSION, VERSION
project_copyright = "the puckrl authors, MIT license"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_site", "experiments/README.md"]
html_theme = "furo"
html_title = f"puckrl {VERSION}"
html_theme_options = {"navigation_with_keys": True}
html_show_sphinx = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False


class PuckHelp(Directive):
    """Show what ``puck COMMAND --help`` prints."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help as a block."""
        parser = make_parser().commands[self.arguments[0]]
        text = parser.format_help()
        return [nodes.literal_block(text, text, language="text")]


def as_markup(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn a docstring, which is written for people who read code, into markup.

    Indented lines of a module's docstring are an example or a table: they stay as they are.
    """
    before = ""
    for index, line in enumerate(lines):
        if what == "module" and line.startswith("    ") and not before.strip():
            lines[index] = f"::\n\n{line}" if not _in_block(lines[:index]) else line
        before = line
        lines[index] = re.sub(r"(?<![*`\w])\*(?=\w)", r"\\*", lines[index])
    lines[:] = "\n".join(lines).split("\n")


def _in_block(lines: list[str]) -> bool:
    """Return whether the last line that is not blank is indented."""
    full = [line for line in "\n".join(lines).split("\n") if line.strip()]
    return bool(full) and full[-1].startswith(" ")


def setup(app: Sphinx) -> None:
    """Add what these pages need."""
    app.add_directive("puck-help", PuckHelp)
    app.connect("autodoc-process-docstring", as_markup)
