"""The passes that make a graph smaller without changing what it computes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, registry
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.neural.pooling import MaxPool
from flowgraph.boxes.shape.reshaping import BroadcastTo
from flowgraph.graph import Graph
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes import batch_one, products, rectified_pooling, scalars, shapes, transpose_layout
from flowgraph.plan.passes.products import accumulate
from flowgraph.plan.passes.scales import move_scales
from flowgraph.plan.passes.shapes import join_slices, share_copies
from flowgraph.plan.rebuild import LARGEST_READ, Builder, elements, on_children, rebuild, sizes_known

PASSES = (
    "common",
    "constants",
    "scalars",
    "shapes",
    "repeated",
    "slices",
    "labels",
    "pooling",
    "scales",
    "transpose_layout",
    "products",
    "batch_one",
    "accumulation",
    "flat_parameters",
    "sparse_rows",
)
"""What `fg.compile(..., without=[...])` can leave out."""


def simplify(graph: Graph, without: frozenset[str] = frozenset(), updated: int = 0) -> Graph:
    """A graph of the same outputs with less to compute: each pass is from graph to graph.

    The last `updated` outputs are new values of parameters.
    """
    share = "common" not in without
    # First what needs sums and products as they were written: the early rules move factors between them.
    if "repeated" not in without:
        graph = products.sum_before_product(graph, builder(without))
    if "slices" not in without:
        graph = join_slices(graph, builder(without))
    # Then the rules that need no others and make a graph smaller, box by box: signs and factors gather at the outside.
    graph = reduce(graph, builder(without))
    # The slope of a rectifier over pooling is recognised by the factors that it has now, 0.5 or none.
    if "pooling" not in without and any(isinstance(box, MaxPool) for box in graph.boxes):
        graph = reduce(graph, Builder(rectified_pooling.RULES, share))
    # Factors that have gathered go back to the smallest arrays, in one move each; what gathers them is left out now.
    if "scales" not in without:
        graph = move_scales(graph, builder(without, of_changes=True), updated)
    # Only now the ways of NumPy, which hide the algebra from the passes above. Layout before products with ones: it
    # says whether sums go over rows or columns. Numbers of one example last: shapes do not change again.
    if "transpose_layout" not in without:
        graph = transpose_layout.transpose_scores(graph, Builder(_late_rules("transpose_layout", _classes()), share))
    if "products" not in without:
        graph = reduce(graph, Builder(_late_rules("products", _classes()), share))
    if "batch_one" not in without and any(map(batch_one.is_single, graph.boxes)):
        graph = reduce(graph, Builder(_late_rules("batch_one", _classes()), share))
    # At the end what counts how often a value is read.
    if share:
        graph = share_copies(graph)
    return graph if "accumulation" in without else accumulate(graph)


_LATE: dict[str, tuple[dict[type[Box], list[Any]], Any]] = {
    "transpose_layout": (transpose_layout.RULES, transpose_layout.elementwise),
    "products": (products.RULES, products.same_axes),
    "batch_one": (batch_one.RULES, batch_one.elementwise),
}
"""Rules by class, and one more for all that works element by element."""


@functools.lru_cache(16)
def _late_rules(name: str, classes: frozenset[type[Box]]) -> dict[type[Box], list[Any]]:
    rules, of_all = _LATE[name]
    return {cls: [*rules.get(cls, []), *[of_all] * issubclass(cls, Elementwise)] for cls in classes}


def builder(without: frozenset[str], of_changes: bool = False) -> Builder:
    """The rules of all passes that are not left out, or those for the changes of parameters."""
    return Builder(_early_rules(without, of_changes, _classes()), share="common" not in without)


def _classes() -> frozenset[type[Box]]:
    """All classes of boxes that there are now: rules are kept for them, and made anew for others."""
    return frozenset(registry.values())


@functools.lru_cache(16)
def _early_rules(
    without: frozenset[str], of_changes: bool, classes: frozenset[type[Box]]
) -> dict[type[Box], list[Any]]:
    rules: dict[type[Box], list[Any]] = {}
    if "constants" not in without:
        for cls in classes:
            rules.setdefault(cls, []).append(folded)
    of_scalars = scalars.OF_CHANGES if of_changes else scalars.RULES
    listed_rules = [("scalars", of_scalars), ("shapes", shapes.RULES), ("repeated", products.REPEATED)]
    listed_rules += [("labels", products.LABELS)]
    if not of_changes and "scalars" not in without:
        listed_rules += [("scalars", scalars.GATHERING), ("shapes", shapes.GATHERING)]
    for name, some in listed_rules:
        if name not in without:
            for cls, listed in some.items():
                rules.setdefault(cls, []).extend(listed)
    if "shapes" not in without:
        for cls in classes:
            rules.setdefault(cls, []).append(shapes.without_repetition)
    return rules


def reduce(graph: Graph, make: Builder) -> Graph:
    """Each box reduced, children first."""

    def rule(box: Box, children: Sequence[Box]) -> Box:
        return make.reduced(on_children(box, children)) if children else make.shared(box)

    return rebuild(graph, rule)


def folded(make: Builder, box: Box) -> Box | None:
    """What is computed from constants is a constant."""
    for child in box.children:
        if not isinstance(child, Constant):
            return None
    if isinstance(box, BroadcastTo):
        return None
    if (ufunc_of(box) is None and not isinstance(box, Cast)) or not sizes_known(box) or elements(box) > LARGEST_READ:
        return None
    try:
        with np.errstate(all="raise"):
            value = box.fprop(*[child.value[()] for child in box.children])
            return make.constant(value, box.dtype)
    except FloatingPointError:  # what overflows does so in the run, where NumPy says it
        return None
