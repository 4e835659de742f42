"""The passes that make a graph smaller without changing what it computes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence, Set
from typing import NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.pooling import MaxPool
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.reshaping import BroadcastTo
from flowgraph.graph import Graph
from flowgraph.plan.numpy.rules import ufunc_of
from flowgraph.plan.passes import idioms, products, scalars, shapes
from flowgraph.plan.passes.products import accumulate
from flowgraph.plan.passes.scales import move_scales
from flowgraph.plan.passes.shapes import join_slices
from flowgraph.plan.rebuild import (
    LARGEST_READ,
    Builder,
    Own,
    RulesByClass,
    RuleSet,
    elements,
    on_children,
    rebuild,
    sizes_known,
)

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


class How(NamedTuple):
    """How a graph is made smaller: without some passes; its last `updated` outputs are new values of parameters.

    `own` are boxes that were made for this plan, and by the passes: their children are changed where they stand.
    """

    without: frozenset[str]
    updated: int
    own: Own


class Pass(NamedTuple):
    """A rewriting of a graph: from graph to graph, of the same outputs.

    It is left out by its name in `without`, and where the graph has no boxes of one of the classes that it `needs`: its
    patterns are made of them.
    """

    name: str
    needs: tuple[type[Box], ...]
    run: Callable[[Graph, How], Graph]


ORDER: tuple[Pass, ...] = (
    # First what needs sums and products as they were written: the rules of all boxes move factors between them.
    # Σ_t x_t W = (Σ_t x_t) W, and sums of arrays that are zero but in a slice, which are joined end to end.
    Pass("repeated", (Sum, MatMul), lambda graph, how: products.sum_before_product(graph, builder(how.without))),
    Pass("slices", (IndexAdd, Add), lambda graph, how: join_slices(graph, builder(how.without))),
    # Then the rules that look at one box and its children, and make a graph smaller whatever else there is: constants
    # are folded, views of views are one view, factors gather at the outside, where they meet others.
    Pass("", (), lambda graph, how: reduce(graph, builder(how.without), how.own)),
    # The slope of a rectifier over pooling is recognised by the factors that it has now, 0.5 or none.
    Pass("pooling", (MaxPool,), lambda graph, how: reduce(graph, builder(how.without, "pooling"), how.own)),
    # Factors that have gathered go back to the smallest arrays, in one move each.
    Pass("scales", (Multiply,), lambda graph, how: move_scales(graph, builder(how.without, "changes"), how.updated)),
    # Only now the ways of NumPy, which hide the algebra from the passes above: `transpose_layout` and `products` in one
    # walk. Of each box the layout comes before products with ones: it says whether sums go over rows or columns.
    # Numbers of one example last: shapes do not change again.
    Pass("", (), lambda graph, how: _ways_of_numpy(graph, how)),
    Pass("batch_one", (), lambda graph, how: _numbers_of_one(graph, how)),
    # At the end what counts how often a value is read: whatever comes later would change the count.
    Pass("accumulation", (Add, MatMul), lambda graph, how: accumulate(graph, how.own)),
)
"""The passes of `simplify`, each where it stands for the reason beside it.

A back end adds its own behind them. Those of NumPy: the rows of tables, while their gradients are still sums and
products; flat parameters, whose new values are compared as expressions; and last the new values that only change rows,
which are no expressions any more.
"""


def simplify(graph: Graph, without: frozenset[str] = frozenset(), updated: int = 0, own: Iterable[Box] = ()) -> Graph:
    """A graph of the same outputs with less to compute, by the passes in their order.

    The last `updated` outputs are new values of parameters; nobody else reads the graph's `own` boxes, which change.
    """
    how = How(without, updated, set(own))
    for step in ORDER:
        if step.name not in without and has_all(graph, step.needs):
            graph = step.run(graph, how)
    return graph


def has_all(graph: Graph, classes: Iterable[type[Box]]) -> bool:
    """Whether the graph has boxes of each of these classes."""
    present = set(map(type, graph.boxes))
    return all(cls in present or any(issubclass(other, cls) for other in present) for cls in classes)


def _ways_of_numpy(graph: Graph, how: How) -> Graph:
    """The graph in which short rows are columns, and sums are products."""
    without = how.without
    turned = idioms.scores(graph) if "transpose_layout" not in without else frozenset()
    if not turned:
        without |= {"transpose_layout"}
    if without >= {"transpose_layout", "products"}:
        return graph
    return reduce(graph, builder(without, "layout"), how.own, turned)


def _numbers_of_one(graph: Graph, how: How) -> Graph:
    """The graph in which arrays of one element are numbers, if there are some."""
    single = any(map(idioms.is_single, graph.boxes))
    return reduce(graph, builder(how.without, "numbers"), how.own) if single else graph


def builder(without: frozenset[str], rules: str = "algebra") -> Builder:
    """The rules of one walk, but for those of the passes that are left out."""
    return Builder(_rules(rules, without), share="common" not in without)


@functools.lru_cache(32)
def _rules(name: str, without: frozenset[str]) -> RulesByClass:
    return RulesByClass([each for each in RULES[name] if each.name not in without])


def reduce(graph: Graph, make: Builder, own: Own, turned: Set[Box] = frozenset()) -> Graph:
    """Each box reduced, children first; products that are `turned` are made as columns."""

    def rule(box: Box, children: Sequence[Box]) -> Box:
        if not children:
            return make.share_box(box)
        same = on_children(box, children, own)
        return idioms.in_columns(make, same) if box in turned else make.reduce_box(same)

    return rebuild(graph, rule)


def fold_constants(make: Builder, box: Box) -> Box | None:
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


CONSTANTS = RuleSet("constants", {Cast: (fold_constants,)}, (fold_constants,))
_OF_BOXES = (
    RuleSet("shapes", shapes.RULES), RuleSet("repeated", products.REPEATED), RuleSet("labels", products.LABELS),
    RuleSet("shapes", {}, (shapes.without_repetition,)),
)  # fmt: skip
RULES: dict[str, tuple[RuleSet, ...]] = {
    "algebra": (CONSTANTS, RuleSet("scalars", scalars.RULES), *_OF_BOXES),
    "changes": (CONSTANTS, RuleSet("scalars", scalars.OF_CHANGES), *_OF_BOXES),
    "pooling": (idioms.POOLING,),
    "layout": (idioms.COLUMNS, RuleSet("products", products.RULES, (products.same_axes,))),
    "numbers": (idioms.OF_ONE,),
}
"""The rules of each walk over a graph."""
