"""A picture of every box, on its first example: one at a time for the docs, or all on a page."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Leaf, registry
from flowgraph.errors import UsageError
from flowgraph.example import Example
from flowgraph.graph import Graph
from flowgraph.leaves import Input
from flowgraph.rendering.formulas import plain_formula
from flowgraph.rendering.texts import to_svg

_STYLE = """:root{color-scheme:light dark}
body{margin:24px auto;max-width:1100px;padding:0 16px;font:15px/1.5 Helvetica,Arial,sans-serif}
article{border-top:1px solid #8886;padding:12px 0}h2{font-size:17px;margin:0}p{margin:2px 0 8px}
svg{max-width:100%;height:auto}"""


def box_graph(cls: type[Box]) -> Graph:
    """The graph of one box on inputs named as fprop names its children."""
    if issubclass(cls, Leaf) or cls.examples is None:
        raise UsageError(f"gallery: {cls.__name__} is drawn only inside a graph: it has no example of its own")
    first = cls.examples[0] if cls.examples else Example(((3, 4),) * (len(cls.child_names) + cls.variadic))
    names = list(cls.child_names)
    if cls.variadic:
        last = names.pop()
        names += [f"{last}{i + 1}" for i in range(len(first.children) - len(names))]
    children = [_leaf(name, child) for name, child in zip(names, first.children, strict=True)]
    return Graph(cls(*children, **first.settings).named("a" if "h" in names else "h"))


def box_svg(cls: type[Box], **settings: Any) -> str:
    """The picture of one box; settings as in `render`."""
    return to_svg(box_graph(cls), **({"engine": "builtin"} | settings))


def gallery(path: Any) -> Path:
    """Write a page with every box of flowgraph: its name, what it does, its formulas, its picture."""
    articles = []
    for name, cls in sorted(registry.items()):
        if cls.__module__.startswith("flowgraph.") and not issubclass(cls, Leaf) and cls.examples is not None:
            articles.append(_article(name, cls))
    target = Path(path)
    target.write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>The boxes of flowgraph</title>'
        f"<style>{_STYLE}</style></head><body><h1>The boxes of flowgraph</h1>{''.join(articles)}</body></html>\n",
        encoding="utf-8",
    )
    return target


def _article(name: str, cls: type[Box]) -> str:
    about = (cls.__doc__ or "").strip().partition("\n")[0]
    formulas = [f"h = {plain_formula(cls.formula)}"] if cls.formula else []
    formulas += [f"derivative: {plain_formula(cls.derivative)}"] if cls.derivative else []
    said = " ".join([about, *(f"{formula}." for formula in formulas)])
    return f'<article id="{escape(name)}"><h2>{escape(name)}</h2><p>{escape(said)}</p>{box_svg(cls)}</article>'


def _leaf(name: str, child: Any) -> Box:
    if isinstance(child, tuple):
        return Input(name, shape=child)
    return Constant(np.asarray(child), name=name)
