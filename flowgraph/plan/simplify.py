"""The passes that make a graph smaller without changing what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, registry
from flowgraph.boxes.cast import Cast
from flowgraph.boxes.shape import BroadcastTo
from flowgraph.graph import Graph
from flowgraph.plan import columns, idioms, scalars, shapes, single
from flowgraph.plan.accumulation import accumulate
from flowgraph.plan.builder import Builder
from flowgraph.plan.rebuild import elements, on_children, rebuild, sizes_known
from flowgraph.plan.scales import move_scales
from flowgraph.plan.ufuncs import ufunc_of

PASSES = (
    "common",
    "constants",
    "scalars",
    "shapes",
    "labels",
    "scales",
    "columns",
    "products",
    "single",
    "accumulation",
    "pieces",
)
"""What `fg.compile(..., without=[...])` can leave out."""

_LARGEST_FOLDED = 4096
"""Elements of a constant that is computed when the plan is made; larger ones are not worth their memory."""


def simplify(graph: Graph, without: frozenset[str] = frozenset()) -> Graph:
    """A graph of the same outputs with less to compute: each pass is from graph to graph."""
    graph = reduce(graph, builder(without, gather=True))
    if "scales" not in without:
        graph = move_scales(graph, builder(without, gather=False))
    share = "common" not in without
    if "columns" not in without:
        graph = columns.in_columns(graph, Builder(_for_elementwise(columns.RULES, columns.elementwise), share))
    if "products" not in without:
        graph = reduce(graph, Builder(_for_elementwise(idioms.RULES, idioms.same_axes), share))
    if "single" not in without:
        graph = reduce(graph, Builder(_for_elementwise(single.RULES, single.elementwise), share))
    return graph if "accumulation" in without else accumulate(graph)


def _for_elementwise(rules: Mapping[type[Box], list[Any]], rule: Any) -> dict[type[Box], list[Any]]:
    """The rules, and one more for all that works element by element."""
    return {
        cls: [*rules.get(cls, []), rule] if issubclass(cls, Elementwise) else rules.get(cls, [])
        for cls in registry.values()
    }


def builder(without: frozenset[str], gather: bool) -> Builder:
    """The rules of all passes that are not left out; with or without those that bring factors outwards."""
    rules: dict[type[Box], list[Any]] = {}
    if "constants" not in without:
        for cls in registry.values():
            rules.setdefault(cls, []).append(folded)
    listed_rules = [("scalars", scalars.RULES), ("shapes", shapes.RULES), ("labels", idioms.LABELS)]
    if gather and "scalars" not in without:
        listed_rules += [("scalars", scalars.GATHERING), ("shapes", shapes.GATHERING)]
    for name, some in listed_rules:
        if name not in without:
            for cls, listed in some.items():
                rules.setdefault(cls, []).extend(listed)
    if "shapes" not in without:
        for cls in registry.values():
            rules.setdefault(cls, []).append(shapes.without_repetition)
    return Builder(rules, share="common" not in without)


def reduce(graph: Graph, make: Builder) -> Graph:
    """Each box reduced, children first."""

    def rule(box: Box, children: Sequence[Box]) -> Box:
        return make.reduced(on_children(box, children)) if children else make.shared(box)

    return rebuild(graph, rule)


def folded(make: Builder, box: Box) -> Box | None:
    """What is computed from constants is a constant."""
    if isinstance(box, BroadcastTo) or not all(isinstance(child, Constant) for child in box.children):
        return None
    if (ufunc_of(box) is None and not isinstance(box, Cast)) or not sizes_known(box) or elements(box) > _LARGEST_FOLDED:
        return None
    try:
        with np.errstate(all="raise"):
            value = box.fprop(*[child.value[()] for child in box.children])
            return make.constant(value, box.dtype)
    except FloatingPointError:  # what overflows does so in the run, where NumPy says it
        return None
