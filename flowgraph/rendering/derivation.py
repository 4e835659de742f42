"""The backpropagation of one graph as lines of mathematics: values in order, then gradients in the reverse."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from flowgraph.box import Box
from flowgraph.printable import printable
from flowgraph.rendering import kinds
from flowgraph.rendering.boxes_in_symbols import constant_latex
from flowgraph.rendering.derived_lines import GradientLines, value_latex
from flowgraph.rendering.formula_of_box import about, define_operation, name_of_operation
from flowgraph.rendering.formulas import ascii_latex, letters, mathml, split_terms, text_latex
from flowgraph.rendering.kinds import is_number
from flowgraph.rendering.palette import html_page
from flowgraph.rendering.subject import Subject
from flowgraph.saving.replacing import ShownFile, by_suffix, replace_text
from flowgraph.shapes.size import Size

if TYPE_CHECKING:
    from flowgraph.graph import Graph

_SETS = {"f": r"\mathbb{R}", "c": r"\mathbb{C}", "b": r"\{0, 1\}"}


@dataclass(frozen=True)
class Line:
    """One line: its sides and shape in LaTeX, the name of the box, its kind, and the sender of a gradient."""

    left: str
    right: str
    shape: str
    name: str
    what: str
    senders: tuple[str, ...] = ()
    relation: str = "="


@dataclass(frozen=True)
class Derivation:
    """The given leaves, the lines of fprop and of bprop, and the meaning of the symbols."""

    title: str
    given: list[Line]
    values: list[Line]
    gradients: list[Line]
    spared: list[str]
    signs: list[tuple[str, str]]


def derive(graph: Graph, wrt: Iterable[Any] | None = None, letter: Mapping[Box, str] | None = None) -> Derivation:
    """The derivation of the gradients of a graph with respect to `wrt`: its parameters, or inputs if it has none.

    Its boxes are called by their names, or by the `letter` of each.
    """
    writer = _Writer(graph, wrt, letter)
    given = [writer.line_of_leaf(box) for box in graph.boxes if not box.children and not is_number(box)]
    values = [writer.value(box) for box in graph.boxes if box.children]
    gradients = [writer.gradient(box) for box in reversed(graph.boxes) if box in writer.receivers]
    lines = [line.right for line in (*values, *gradients)]
    spared = [line.left for line, box in zip(given, writer.leaves, strict=True) if box not in writer.receivers]
    names = ", ".join(printable(writer.subject.names[box]) for box in graph.outputs[:4])
    return Derivation(f"Backpropagation of {names}", given, values, gradients, spared, writer.signs(lines))


class _Writer:
    """Writes the lines of one graph."""

    def __init__(self, graph: Graph, wrt: Iterable[Any] | None, letter: Mapping[Box, str] | None) -> None:
        self.graph = graph
        self.subject = Subject(graph, "backward")
        wanted = self.subject.receivers if wrt is None else kinds.receivers(graph, [graph.box(key) for key in wrt])
        self.receivers = {box for box in wanted if not is_number(box)}
        self.letter = letters(self.subject) if letter is None else letter
        self.lines = GradientLines(graph, self.receivers, self.letter)
        self.leaves = [box for box in graph.boxes if not box.children and not is_number(box)]

    def line_of_leaf(self, box: Box) -> Line:
        kind = self.subject.kind[box]
        spec = box.outputs[0]
        field = _SETS.get(spec.dtype.kind, r"\mathbb{Z}")
        right = field + (f"^{{{shape_latex(spec.shape)}}}" if spec.shape else "")
        return Line(self.letter[box], right, shape_latex(spec.shape), self._name(box), kind, relation=r"\in")

    def value(self, box: Box) -> Line:
        right = value_latex(box, self.letter)
        return Line(self.letter[box], right, self._shape(box), self._name(box), type(box).__name__)

    def gradient(self, box: Box) -> Line:
        """The gradient of a box: what each box that reads it sends, added up."""
        left = rf"\nabla_{{{self.letter[box]}}}"
        parents = [self.letter[parent] for parent in self.subject.parents[box] if parent in self.receivers]
        senders = (*parents[:3], *[r"\ldots"] * (len(parents) > 3))
        what = "bprop of " if senders else "the gradient to begin with"
        return Line(left, self.lines.gradient(box), self._shape(box), self._name(box), what, senders)

    def signs(self, rights: list[str]) -> list[tuple[str, str]]:
        """The symbols that occur, each with its meaning."""
        text = " ".join(rights)
        output = self.letter[self.graph.outputs[0]]
        known = [
            (rf"\nabla_v = \frac{{\partial {output}}}{{\partial v}}", "the gradient, of the shape of v", True),
            (r"\odot", "a product element by element", r"\odot" in text),
            (r"1_{\ldots}", "1 where the condition holds, else 0, even if divided by 0", "1_{" in text),
            (r"e(y)", "one row per example: 1 at its class, else 0", "e(" in text.replace("e({", "e(")),
            (r"\sigma(a) = \frac{1}{1 + e^{-a}}", "the sigmoid", r"\sigma(" in text),
            (
                r"\textstyle\sum_{\text{axis } k}",
                "the sum over that axis, which stays with length 1",
                r"\text{axis" in text,
            ),
            (r"\bar{v}", "the complex conjugate", r"\overline" in text or r"\bar{" in text),
        ]
        known += [
            (rf"{constant_latex(place)}", f"an array of the shape {array.shape}", constant_latex(place) in text)
            for place, array in enumerate(self.lines.constants)
        ]
        return [*((sign, meaning) for sign, meaning, occurs in known if occurs), *self._words(text)]

    def _words(self, text: str) -> list[tuple[str, str]]:
        """The operations that are said in words: on the letters of their class, and what that says of itself."""
        found = {type(box): box for box in (*self.graph.boxes, *self.lines.operations()) if box.children}
        boxes = [box for box in found.values() if rf"{name_of_operation(box)}(" in text]
        return [(define_operation(box), about(type(box)).rstrip(".").replace("`", "")) for box in boxes]

    def _shape(self, box: Box) -> str:
        return ", ".join(shape_latex(spec.shape) for spec in box.outputs)

    def _name(self, box: Box) -> str:
        return printable(self.subject.names[box])


def shape_latex(shape: Sequence[Any]) -> str:
    """A shape in LaTeX."""
    unknown = [isinstance(size, Size) and size.unknown for size in shape]
    sizes = ["?" if un else str(size).replace("*", r" \cdot ") for un, size in zip(unknown, shape, strict=True)]
    return r" \times ".join(sizes) or r"\text{scalar}"


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
    sections = [("Given", derivation.given), ("fprop: values, children first", derivation.values)]
    return [*sections, ("bprop: gradients, in the reverse order", derivation.gradients)]


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
    return html_page(derivation.title, "explain", f"<main>{''.join(body)}<ul>{signs}</ul></main>", "explain")


def _row(line: Line) -> str:
    """A row of the table; browsers break no formula, so that each term of a sum is one."""
    senders = mathml(", ".join(line.senders)) if line.senders else ""
    first, *others = split_terms(line.right)
    right = "<wbr>".join([mathml(first), *(mathml(f"{{}} {term}") for term in others)])  # {}: its sign has two sides
    return (
        f'<tr title="{escape(line.name)}"><td class="left">{mathml(line.left)}</td><td>{mathml(line.relation)}</td>'
        f'<td class="right">{right}</td><td class="shape">{mathml(line.shape)}</td>'
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
    return re.sub("[^\x00-\x7f]", lambda sign: ascii_latex(sign[0]), normalize("NFC", "\n\n".join(text)))


def _senders(line: Line) -> str:
    return f"${', '.join(line.senders)}$" if line.senders else ""


def _upright(text: str) -> str:
    return text_latex(text).removeprefix(r"\text{").removesuffix("}")
