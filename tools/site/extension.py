"""What the site of docs/ needs beside its pages, as an extension of Sphinx: generated pages, docstrings, formulas.

Formulas become MathML, which browsers typeset themselves, so that reading the site needs neither MathJax nor a network.
"""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path
from typing import Any

from flowgraph.rendering.formulas import mathml
from flowgraph.saving.replacing import replace_text
from tools.site.api_pages import NAMES, api_pages
from tools.site.command_line_page import command_line_page
from tools.site.copied_pages import copied_pages, led_on_the_site
from tools.site.docstrings import as_rst
from tools.site.errors_page import errors_page

GENERATED = Path("generated")
"""The folder of docs/ in which generated pages stand; git ignores it."""


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls: see "Writing extensions" in its documentation."""
    app.connect("config-inited", _write_pages)  # before Sphinx, and autosummary with it, looks what pages there are
    app.connect("source-read", _lead)
    app.connect("autodoc-process-docstring", _translate, priority=100)  # before numpydoc reads its sections
    app.connect("build-finished", _make_accessible)
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def pages() -> dict[str, str]:
    """The generated pages by the name of their file."""
    return {"errors.rst": errors_page(), "command-line.rst": command_line_page(), **api_pages(), **copied_pages()}


def _write_pages(app: Any, config: Any) -> None:
    """Write the generated pages, and leave alone those that have not changed, which Sphinx need not read again."""
    folder = Path(app.srcdir) / GENERATED
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    shutil.rmtree(folder / NAMES, ignore_errors=True)  # autosummary writes what is needed of it, and removes nothing
    for old in folder.glob("*.*"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        target = folder / name
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def _lead(app: Any, page: str, source: list[str]) -> None:
    """Lead links of pages to generated ones, which the code host does not have."""
    if not page.startswith(f"{GENERATED}/"):
        source[0] = led_on_the_site(source[0], page)


def _translate(app: Any, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """The text of a name; of data without one, not that of its type, dict say, which Sphinx takes for it."""
    is_of_type = what == "data" and lines[:1] == inspect.cleandoc(type(obj).__doc__ or "").splitlines()[:1]
    lines[:] = [] if is_of_type else as_rst(lines)


_MENDED = (
    (r'role="heading"(?![^>]*aria-level)', 'role="heading" aria-level="2"'),
    (r"<pre(?![^>]*tabindex)(?=[ >])", '<pre tabindex="0"'),
    (r'<div class="table-wrapper(?![^>]*tabindex)', '<div tabindex="0" class="table-wrapper'),
    (r'<aside class="sidebar-drawer"', '<aside aria-label="All pages" class="sidebar-drawer"'),
    (r'<aside class="toc-drawer', '<aside aria-label="On this page" class="toc-drawer'),
    (r'<th class="head"><p></p></th>', '<td class="head"></td>'),
)
"""What the theme leaves out: headings without a level, what scrolls and has no focus, parts of a page without names."""


def accessible(page: str) -> str:
    """A page with what the theme leaves out for readers who use the keyboard or a screen reader.

    >>> from tools.site.extension import accessible
    >>> accessible('<p class="caption" role="heading">Guides</p><div class="highlight"><pre>x</pre></div>')
    '<p class="caption" role="heading" aria-level="2">Guides</p><div class="highlight"><pre tabindex="0">x</pre></div>'
    """
    for wrong, right in _MENDED:
        page = re.sub(wrong, right, page)
    if "<h1" in page:
        return page
    return re.sub(r"(<article[^>]*>)", r"\1<h1>Search</h1>", page, count=1)


def _make_accessible(app: Any, failed: Exception | None) -> None:
    """What the theme leaves out, in every page that was written."""
    for path in Path(app.outdir).rglob("*.html") if failed is None and app.builder.name == "html" else ():
        text = path.read_text(encoding="utf-8")
        if (new := accessible(text)) != text:
            replace_text(path, new)


def _inline(translator: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    translator.body.append(mathml(node.astext()))
    raise SkipNode


def _block(translator: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    formula = mathml(node.astext()).replace('display="inline"', 'display="block"', 1)
    translator.body.append(f'<div class="math">{formula}</div>\n')
    raise SkipNode
