"""A picture of every box, on its first example: one at a time, on one page, or as the page of the docs."""

from __future__ import annotations

import contextlib
import importlib
import operator
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box, Constant, Leaf, registry
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Example
from flowgraph.errors import FlowgraphError, RenderError, UsageError
from flowgraph.graph import Graph
from flowgraph.markup import inline, text
from flowgraph.printable import printable
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.formulas import mathml, plain_formula
from flowgraph.rendering.function_curve import curves_of, curves_svg
from flowgraph.rendering.palette import adaptive, html_page
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.svg_text import draw_builtin
from flowgraph.saving.replacing import by_suffix, make_folder, replace_text

_INTRODUCTION = """For those who look up a box: each with the code that builds it, its formula, its derivative and
its picture. A function of one number, and a loss, is drawn as its curve, blue, and its derivative,
orange; every other box as a graph, black arrows for fprop, orange ones for the gradients that bprop sends.
The value of a box is h."""

_MADE = "Written by `flowgraph gallery docs/gallery.md` from the declarations of the boxes."


@dataclass(frozen=True)
class Topic:
    """The boxes of one file: its folder, its name, what its docstring says of it, and the boxes by name."""

    folder: str
    name: str
    about: str
    boxes: tuple[tuple[str, type[Box]], ...]


def topics() -> list[Topic]:
    """The boxes of flowgraph that can be drawn, by folder and file, in alphabetical order."""
    by_module: dict[str, list[tuple[str, type[Box]]]] = {}
    for name, cls in sorted(registry.items()):
        if cls.__module__.startswith("flowgraph.boxes.") and not issubclass(cls, Leaf) and cls.examples is not None:
            by_module.setdefault(cls.__module__, []).append((name, cls))
    return [
        Topic(module.split(".")[2], module.split(".")[-1], _first_line(sys.modules[module]), tuple(boxes))
        for module, boxes in sorted(by_module.items())
    ]


def box_graph(cls: type[Box], number: int = 0) -> Graph:
    """The graph of one box, by its example of that number, on inputs named as fprop names its children."""
    if issubclass(cls, Leaf) or cls.examples is None:
        raise UsageError(f"gallery: {cls.__name__} is drawn only inside a graph: it has no example of its own")
    first = cls.examples[number] if cls.examples else Example(((3, 4),) * (len(cls.child_names) + cls.variadic))
    names = list(cls.child_names)
    if cls.variadic:
        last = names.pop()
        names += [f"{last}{i + 1}" for i in range(len(first.children) - len(names))]
    try:
        box = cls(*map(_input, names, first.children), **first.settings)
    except FlowgraphError:  # it asks for the values of a child when it is built
        box = cls(*map(_given, names, first.children), **first.settings)
    return Graph(box.named(_value_name(cls)))


def box_svg(cls: type[Box]) -> str:
    """The picture of one box: its curves where it has some, else the graph with the gradients that it sends.

    Tooltips and caption of the graph are left out.
    """
    name, curves = curves_of(cls)
    if curves:
        return curves_svg(cls.__name__, name, curves, _value_name(cls))
    graph = box_graph(cls)
    picture = picture_of(graph, view="both" if Subject(graph).receivers else "forward")
    tiles = tuple(replace(tile, tooltip=tile.tooltip.partition("\n")[0]) for tile in picture.tiles)
    return adaptive(draw_builtin(replace(picture, tiles=tiles, caption=())))


def gallery(path: str | os.PathLike[str]) -> Path:
    """Write every box of flowgraph: one page (.html), or a page of the docs (.md) with its pictures in a folder."""
    target = Path(path)
    by_suffix("gallery", target, {".html": _write_page, ".md": _write_docs})(target)
    return target


def _write_page(target: Path) -> None:
    """All boxes on one page, with contents and a search."""
    contents, chapters = [], []
    for folder, of_folder in groupby(topics(), key=lambda topic: topic.folder):
        heading = f"<h2>{_heading(folder)}</h2>"
        listed, sections = [heading], [heading]
        for topic in of_folder:
            links = " ".join(f'<a href="#{name}">{name}</a>' for name, _ in topic.boxes)
            listed.append(f'<p><a href="#{_place(topic)}"><b>{_heading(topic.name)}</b></a> {links}</p>')
            head = f"<h3>{_heading(topic.name)}</h3><p>{text(topic.about)}</p>"
            articles = "".join(_article(name, cls) for name, cls in topic.boxes)
            sections.append(f'<section id="{_place(topic)}">{head}{articles}</section>')
        contents.append("".join(listed))
        chapters.append(f'<div class="family">{"".join(sections)}</div>')
    body = (
        f'<header><h1>The boxes of flowgraph</h1><p>{_INTRODUCTION}</p><p class="find"><input id="find" type="search" '
        f'placeholder="find a box: name, formula, code" aria-label="find a box"> <span id="count" aria-live="polite">'
        f"</span></p></header><details><summary>Contents</summary><nav>{''.join(contents)}</nav></details>"
        f"<main>{''.join(chapters)}</main>"
    )
    replace_text(target, html_page("The boxes of flowgraph", "gallery", body, "gallery"))


def _article(name: str, cls: type[Box]) -> str:
    graph = box_graph(cls)
    code = "".join(f"<code>{text(line)}</code>" for line in code_of(graph.outputs[0]))
    formulas = [f"<p>{_value_name(cls)} = {_formula(cls.formula)}</p>"] if cls.formula else []
    formulas += [f"<p>derivative: {_formula(cls.derivative)}</p>"] if cls.derivative else []
    return (
        f'<article id="{escape(name)}"><h4>{escape(name)}</h4><p>{text(_about(cls))}</p>'
        f'<p class="code">{code}</p>{"".join(formulas)}{inline(box_svg(cls), name)}</article>'
    )


def _formula(latex: str) -> str:
    """A formula typeset, or as plain text where what typesets it is not installed."""
    try:
        return mathml(latex)
    except RenderError:
        return text(plain_formula(latex))


def _write_docs(target: Path) -> None:
    """The page, by folder and file, and its pictures in a folder of the page's name."""
    folder = target.with_suffix("")
    make_folder(folder)
    left = {old.stem for old in folder.glob("*.svg")}
    anchors, contents, chapters = _Anchors(), [], []
    anchors.of("The boxes of flowgraph"), anchors.of("Contents")
    family = ""
    for topic in topics():
        if topic.folder != family:
            family = topic.folder
            contents.append(f"\n**[{_heading(family)}](#{anchors.of(_heading(family))})**\n")
            chapters.append(f"## {_heading(family)}\n")
        links = [f"[{_heading(topic.name)}](#{anchors.of(_heading(topic.name))}):"]
        chapters.append(f"### {_heading(topic.name)}\n\n{topic.about}\n")
        for name, cls in topic.boxes:
            replace_text(folder / f"{name}.svg", box_svg(cls))
            left.discard(name)
            links.append(f"[{name}](#{anchors.of(name)})")
            chapters.append(_entry(name, cls, folder.name))
        contents.append(f"- {' '.join(links)}")
    for name in left:
        (folder / f"{name}.svg").unlink()
    listed = "\n".join(contents)
    start = f"# The boxes of flowgraph\n\n{_INTRODUCTION}\n{_MADE}\n\n## Contents\n{listed}\n"
    replace_text(target, start + "\n" + "\n".join(chapters))


class _Anchors:
    """The anchors that GitHub and MyST give to headings: in small letters, the second of a name with -1."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def of(self, heading: str) -> str:
        """The anchor of the next heading."""
        word = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = self.seen.get(word, 0)
        self.seen[word] = count + 1
        return f"{word}-{count}" if count else word


def _place(topic: Topic) -> str:
    return f"{topic.folder}-{topic.name}"


def _heading(family: str) -> str:
    return family.replace("_", " ").capitalize()


def _first_line(module: object) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


def _value_name(cls: type[Box]) -> str:
    """What formulas call the value of a box: h, or a where a child is called h."""
    return "a" if "h" in cls.child_names else "h"


def _entry(name: str, cls: type[Box], folder: str) -> str:
    code = "\n".join(code_of(box_graph(cls).outputs[0]))
    entry = f"#### {name}\n\n{_about(cls)}\n\n```python\n{code}\n```\n\n![{name}]({folder}/{name}.svg)\n"
    if cls.formula:
        entry += f"\n${_value_name(cls)} = {_safe(cls.formula)}$\n"
    if cls.derivative:
        entry += f"\nderivative: ${_safe(cls.derivative)}$\n"
    return entry


def _safe(latex: str) -> str:
    """A formula that Markdown takes as it is."""
    return re.sub(r"<\s*", r"\\lt ", latex)


def _about(cls: type[Box]) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _input(name: str, child: Box) -> Box:
    if isinstance(child, tuple):
        return Input(name, shape=child)
    array = np.asarray(child)
    return Input(name, shape=array.shape, dtype=array.dtype) if array.shape else Constant(array, name=name)


def _given(name: str, child: Box) -> Box:
    return Input(name, shape=child) if isinstance(child, tuple) else Constant(np.asarray(child), name=name)


def code_of(box: Box) -> list[str]:
    """Lines that build a box like this one of its children, the shortest way first: "np.tanh(a)", "fg.Tanh(a)".

    Children stand under the names of their boxes; the class is given every setting, its defaults too. A function of
    NumPy, SciPy or flowgraph is named where it has been called on these children and has built such a box.
    """
    cls = type(box)
    settings = box.setting_values()
    plain = all(_is_default(cls, name, value) for name, value in settings.items())
    names = [child.name or child.symbol for child in box.children]
    lines = [f" {sign} ".join(names) for sign, function in _OPERATORS if _builds(function, box.children, cls)]
    lines += [
        f"{said}({', '.join(names)})" for said, function in _functions(cls)
        if plain and _builds(function, box.children, cls)
    ]  # fmt: skip
    home = "fg" if cls.public else "fg.boxes"
    arguments = [*names, *(f"{name}={_value(value)}" for name, value in settings.items())]
    return [*lines, f"{home}.{cls.__name__}({', '.join(arguments)})"]


def _functions(cls: type[Box]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions that may build a box of a class, with what one writes."""
    declared: tuple[Any, ...] = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for named in declared:
        if isinstance(named, str):
            module, _, name = named.rpartition(".")
            with contextlib.suppress(ImportError, AttributeError):
                yield named, getattr(importlib.import_module(module), name)
            continue
        name = getattr(named, "__name__", "")
        function = getattr(np, name, None)
        if callable(function) and function is named:
            yield f"np.{name}", function
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
    for name in dict.fromkeys((word, word.replace("_", ""))):
        function = getattr(boxes, name, None)
        if callable(function) and not isinstance(function, type) and name in boxes.__all__:
            yield f"fg.{name}", function


def _builds(function: Callable[..., Any], children: Sequence[Box], cls: type[Box]) -> bool:
    """Whether the function makes one box of the class of these children, and nothing besides."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = function(*children)
    except Exception:  # whatever it refuses them with, it is no way to build the box
        return False
    return type(made) is cls and len(made.children) == len(children) and all(map(operator.is_, made.children, children))


def _is_default(cls: type[Box], name: str, value: object) -> bool:
    default = getattr(cls, name, _MISSING)
    return default is value or (type(default) is type(value) and not isinstance(value, np.ndarray) and default == value)


_MISSING = object()

_OPERATORS = (
    ("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", operator.truediv), ("@", operator.matmul),
    ("**", operator.pow), ("//", operator.floordiv), ("%", operator.mod), ("<", operator.lt), ("<=", operator.le),
    (">", operator.gt), (">=", operator.ge), ("&", operator.and_), ("|", operator.or_), ("^", operator.xor),
)  # fmt: skip
"""Python's operators of two operands."""


def _value(value: object) -> str:
    """A setting as code."""
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_value(item)}" for key, item in value.items()) + "}"
    return printable(repr(value))
