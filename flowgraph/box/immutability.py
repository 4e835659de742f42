"""Boxes are immutable: errors for assignments, and for attributes that a box does not have."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np

from flowgraph.box.node import Node
from flowgraph.errors import FrozenError, UnknownAttributeError

_ELSEWHERE = {
    **dict.fromkeys(["value", "data"], "values live in a run: fg.Graph(box).fprop(...)[box]"),
    **dict.fromkeys(["grad", "backward"], "gradients come from a run: run.bprop()[box], or as boxes from fg.gradient"),
    "eval": "run the graph: fg.Graph(box).fprop(...)[box]",
}
"""What other packages have on their arrays, and where it is here."""


class Immutable(Node):
    """The attributes of a box: read, never assigned."""

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype") and "outputs" in self.__dict__:
            return getattr(self.spec, name)
        raise UnknownAttributeError(_unknown_attribute(self, name))

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenError(_immutable(self, name, f"an assignment to {name!r}"))

    def __delattr__(self, name: str) -> None:
        raise FrozenError(_immutable(self, name, f"del of {name!r}"))


def _unknown_attribute(box: Node, name: str) -> str:
    """Who was asked, and what stands near the name."""
    text = f"{type(box).__name__}: a box has no {name!r}"
    if name.startswith("_"):  # looked for by NumPy, notebooks and debuggers, which read no text
        return text
    if name in _ELSEWHERE:
        text += f"; {_ELSEWHERE[name]}"
    elif callable(getattr(np, name, None)):
        text += f"; use np.{name}(box)"
    else:
        known = [one for one in (*dir(type(box)), "shape", "dtype") if not one.startswith("_")]
        near = difflib.get_close_matches(name, known, 3)
        text += f"; near it: {', '.join(near)}" if near else "; use the NumPy function for it"
    return text + _line(box)


def _immutable(box: Node, name: str, what: str) -> str:
    """Who was changed, and how another one is made."""
    way_out = {
        "name": "box.named('...') is the same box under another name",
        "children": "box.with_children(...) is the same box on others",
        "value": "an input is fed, graph.fprop(x=...); an fg.Parameter has a value to assign",
        "grad": "gradients are in what run.bprop() returns",
    }.get(name, "build another box")
    if name in box.settings:
        way_out = f"build another box with {name}="
    return f"{box.title}: found {what}, but a box is immutable; {way_out}{_line(box)}"


def _line(box: Node) -> str:
    line = box.__dict__.get("built_at")
    return f"\n  built at {line}" if line else ""
