"""The derivation of a graph's backpropagation as a file: a page with MathML, Markdown, or LaTeX for \\input."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgraph.rendering.derivation import Derivation, Line, derive
from flowgraph.rendering.mathml import mathml
from flowgraph.rendering.notation import text_latex
from flowgraph.rendering.page import html_page
from flowgraph.saving.formats import by_suffix
from flowgraph.saving.replacing import replace_text
from flowgraph.saving.shown import ShownFile

if TYPE_CHECKING:
    from flowgraph.graph import Graph

_BEGIN = r"""% For \input in a document that loads amsmath and amssymb; alone it is a document too.
\expandafter\ifx\csname @nodocument\endcsname\relax
  \def\flowgraphend{}
\else
  \documentclass{article}
  \usepackage[T1]{fontenc}
  \usepackage[margin=2cm,landscape]{geometry}
  \usepackage{amsmath,amssymb}
  \begin{document}
  \def\flowgraphend{\end{document}}
\fi
\begingroup
\allowdisplaybreaks
"""
"""LaTeX lets \\@nodocument be \\relax where a document begins, so the file knows whether it stands inside of one."""

_END = r"""
\endgroup
\flowgraphend
"""


def explain(graph: Graph, path: str | os.PathLike[str], wrt: Iterable[Any] | None = None) -> Path:
    """Write the derivation of the gradients of a graph into a .html, .md or .tex, and return its path."""
    target = Path(path)
    written = by_suffix("explain", target, {".html": _html, ".md": _markdown, ".tex": _tex})
    return ShownFile(replace_text(target, written(derive(graph, wrt))))


def _sections(derivation: Derivation) -> list[tuple[str, list[Line]]]:
    found = [("Given", derivation.given), ("fprop: values, children first", derivation.values)]
    return [*found, ("bprop: gradients, in the reverse order", derivation.gradients)]


def _equation(line: Line) -> str:
    return f"{line.left} {line.relation} {line.right}"


def _html(derivation: Derivation) -> str:
    body = [f"<h1>{escape(derivation.title)}</h1>"]
    for heading, lines in _sections(derivation):
        rows = "".join(map(_row, lines))
        body.append(f"<h2>{heading}</h2>\n<table>\n{rows}</table>")
    if derivation.spared:
        body.append(f"<p>No gradient is needed for {mathml(', '.join(derivation.spared))}.</p>")
    signs = "".join(f"<li>{mathml(sign)}: {escape(meaning)}</li>" for sign, meaning in derivation.signs)
    return html_page(derivation.title, "explain", f"<main>{''.join(body)}<ul>{signs}</ul></main>")


def _row(line: Line) -> str:
    senders = mathml(", ".join(line.senders)) if line.senders else ""
    return (
        f'<tr title="{escape(line.name)}"><td class="left">{mathml(line.left)}</td><td>{mathml(line.relation)}</td>'
        f'<td class="right">{mathml(line.right)}</td><td class="shape">{mathml(line.shape)}</td>'
        f'<td class="what">{escape(line.what)}{senders}</td></tr>\n'
    )


def _markdown(derivation: Derivation) -> str:
    text = [f"# {_plain_markdown(derivation.title)}\n"]
    for heading, lines in _sections(derivation):
        text.append(f"## {heading}\n")
        text += [f"- ${_equation(line)}$   (${line.shape}$; {line.what}{_senders(line)})" for line in lines]
        text.append("")
    if derivation.spared:
        text.append(f"No gradient is needed for ${', '.join(derivation.spared)}$.\n")
    text += [f"- ${sign}$: {meaning}" for sign, meaning in derivation.signs]
    return "\n".join([*text, ""]).replace("<", "&lt;")


def _plain_markdown(text: str) -> str:
    """A text in which no name makes a link, a picture or code."""
    return re.sub(r"([\\`\[\]])", r"\\\1", text)


def _tex(derivation: Derivation) -> str:
    text = [_BEGIN + rf"\section*{{{_upright(derivation.title)}}}"]
    for heading, lines in _sections(derivation):
        rows = [
            rf"{line.left} & {line.relation} {line.right} && {line.shape} && \text{{{line.what}{_senders(line)}}}"
            for line in lines
        ]
        if rows:
            body = " \\\\\n".join(rows)
            text.append(f"\\subsection*{{{heading}}}\n\\begin{{flalign*}}\n{body}\n\\end{{flalign*}}")
    if derivation.spared:
        text.append(f"No gradient is needed for ${', '.join(derivation.spared)}$.")
    signs = "\n".join(rf"\item ${sign}$: {meaning}" for sign, meaning in derivation.signs)
    text.append(f"\\begin{{itemize}}\n{signs}\n\\end{{itemize}}{_END}")
    return re.sub("[^\x00-\x7f]", lambda found: f"U+{ord(found[0]):04X}", "\n\n".join(text))


def _senders(line: Line) -> str:
    return f"${', '.join(line.senders)}$" if line.senders else ""


def _upright(text: str) -> str:
    return text_latex(text).removeprefix(r"\text{").removesuffix("}")
