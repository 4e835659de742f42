"""A picture of every box, on its first example: one at a time, on one page, or as the page of the docs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np

from flowgraph.box import Box, Constant, Leaf, registry
from flowgraph.box.example import Example
from flowgraph.box.leaves import Input
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.graph import Graph
from flowgraph.printable import printable
from flowgraph.rendering.builtin import draw_builtin
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.theming import adaptive
from flowgraph.saving.replacing import make_folder, replace_text

_STYLE = """:root{color-scheme:light dark}
body{margin:24px auto;max-width:1100px;padding:0 16px;font:15px/1.5 Helvetica,Arial,sans-serif}
article{border-top:1px solid #8886;padding:12px 0}h2{font-size:17px;margin:0}p{margin:2px 0 8px}
svg{max-width:100%;height:auto}"""

_INTRODUCTION = """# The boxes of flowgraph

Each box with its formula, its derivative and its picture: black arrows for fprop, orange ones for the gradients that
bprop sends. The value of a box is h. Written by `flowgraph gallery docs/gallery.md` from the declarations of the boxes.
"""


def box_graph(cls: type[Box]) -> Graph:
    """The graph of one box on inputs named as fprop names its children."""
    if issubclass(cls, Leaf) or cls.examples is None:
        raise UsageError(f"gallery: {cls.__name__} is drawn only inside a graph: it has no example of its own")
    first = cls.examples[0] if cls.examples else Example(((3, 4),) * (len(cls.child_names) + cls.variadic))
    names = list(cls.child_names)
    if cls.variadic:
        last = names.pop()
        names += [f"{last}{i + 1}" for i in range(len(first.children) - len(names))]
    try:
        box = cls(*map(_input, names, first.children), **first.settings)
    except FlowgraphError:  # it asks for the values of a child when it is built
        box = cls(*map(_given, names, first.children), **first.settings)
    return Graph(box.named("a" if "h" in names else "h"))


def box_svg(cls: type[Box]) -> str:
    """The picture of one box with the gradients that it sends; tooltips and caption are left out."""
    graph = box_graph(cls)
    picture = picture_of(graph, view="both" if Subject(graph).receivers else "forward")
    tiles = tuple(replace(tile, tooltip=tile.tooltip.partition("\n")[0]) for tile in picture.tiles)
    return adaptive(draw_builtin(replace(picture, tiles=tiles, caption=())))


def gallery(path: str | os.PathLike[str]) -> Path:
    """Write every box of flowgraph: one page (.html), or a page of the docs (.md) with the pictures beside it."""
    target = Path(path)
    if target.suffix == ".html":
        articles = "".join(_article(name, cls) for name, cls in _drawn())
        replace_text(
            target,
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>The boxes of flowgraph</title>'
            f"<style>{_STYLE}</style></head><body><h1>The boxes of flowgraph</h1>{articles}</body></html>\n",
        )
    elif target.suffix == ".md":
        _write_docs(target)
    else:
        raise UsageError(f"gallery: found {target.name!r}, needs a name that ends in .html or .md")
    return target


def _drawn() -> Iterator[tuple[str, type[Box]]]:
    for name, cls in sorted(registry.items()):
        if cls.__module__.startswith("flowgraph.boxes.") and not issubclass(cls, Leaf) and cls.examples is not None:
            yield name, cls


def _write_docs(target: Path) -> None:
    """The page, family by family, and its pictures in a folder of the page's name."""
    folder = target.with_suffix("")
    make_folder(folder)
    left = {old.stem for old in folder.glob("*.svg")}
    families: dict[str, list[str]] = {}
    for name, cls in _drawn():
        replace_text(folder / f"{name}.svg", box_svg(cls))
        left.discard(name)
        families.setdefault(cls.__module__.rpartition(".")[2], []).append(_entry(name, cls, folder.name))
    for name in left:
        (folder / f"{name}.svg").unlink()
    sections = [f"## {_heading(family)}\n\n" + "\n".join(entries) for family, entries in sorted(families.items())]
    replace_text(target, _INTRODUCTION + "\n" + "\n".join(sections))


def _heading(family: str) -> str:
    return family.replace("_", " ").capitalize()


def _entry(name: str, cls: type[Box], folder: str) -> str:
    text = f"### {name}\n\n{_about(cls)}\n\n![{name}]({folder}/{name}.svg)\n"
    if cls.formula:
        text += f"\n${'a' if 'h' in cls.child_names else 'h'} = {_safe(cls.formula)}$\n"
    if cls.derivative:
        text += f"\nderivative: ${_safe(cls.derivative)}$\n"
    return text


def _safe(latex: str) -> str:
    """A formula that Markdown takes as it is."""
    return re.sub(r"<\s*", r"\\lt ", latex)


def _about(cls: type[Box]) -> str:
    return (cls.__doc__ or "").strip().partition("\n")[0]


def _article(name: str, cls: type[Box]) -> str:
    formulas = [f"h = {plain_formula(cls.formula)}"] if cls.formula else []
    formulas += [f"derivative: {plain_formula(cls.derivative)}"] if cls.derivative else []
    said = printable(" ".join([_about(cls), *(f"{formula}." for formula in formulas)]))
    return f'<article id="{escape(name)}"><h2>{escape(name)}</h2><p>{escape(said)}</p>{box_svg(cls)}</article>'


def _input(name: str, child: Box) -> Box:
    if isinstance(child, tuple):
        return Input(name, shape=child)
    array = np.asarray(child)
    return Input(name, shape=array.shape, dtype=array.dtype) if array.shape else Constant(array, name=name)


def _given(name: str, child: Box) -> Box:
    return Input(name, shape=child) if isinstance(child, tuple) else Constant(np.asarray(child), name=name)
