"""The passes that make a graph smaller without changing what it computes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, registry
from flowgraph.boxes.elementwise.arithmetic import Add, Multiply
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.linear_algebra.products import MatMul
from flowgraph.boxes.neural.pooling import MaxPool
from flowgraph.boxes.reduction.sums import Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.graph import Graph
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes import batch_one, products, rectified_pooling, scalars, shapes, transpose_layout
from flowgraph.plan.passes.products import accumulate
from flowgraph.plan.passes.scales import move_scales
from flowgraph.plan.passes.shapes import join_slices, share_copies
from flowgraph.plan.rebuild import LARGEST_READ, Builder, Own, elements, on_children, rebuild, sizes_known

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

    `own` are boxes that the passes have made: a later pass changes their children where they stand.
    """

    without: frozenset[str]
    updated: int
    own: Own

    @property
    def share(self) -> bool:
        """Whether equal operations on equal children are one box."""
        return "common" not in self.without


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
    # are folded, views of views are one view, signs and factors gather at the outside, where they meet others.
    Pass("", (), lambda graph, how: reduce(graph, builder(how.without), how.own)),
    # The slope of a rectifier over pooling is recognised by the factors that it has now, 0.5 or none.
    Pass("pooling", (MaxPool,), lambda graph, how: reduce(graph, Builder(rectified_pooling.RULES, how.share), how.own)),
    # Factors that have gathered go back to the smallest arrays, in one move each; what gathers them is left out now.
    Pass("scales", (Multiply,), lambda graph, how: move_scales(graph, builder(how.without, True), how.updated)),
    # Only now the ways of NumPy, which hide the algebra from the passes above: `transpose_layout` and `products` in one
    # walk. Of each box the layout comes before products with ones: it says whether sums go over rows or columns.
    # Numbers of one example last: shapes do not change again.
    Pass("", (), lambda graph, how: _ways_of_numpy(graph, how)),
    Pass("batch_one", (), lambda graph, how: _numbers_of_one(graph, how)),
    # At the end what counts how often a value is read: whatever comes later would change the count.
    Pass("common", (Reshape, Transpose), lambda graph, how: share_copies(graph, how.own)),
    Pass("accumulation", (Add, MatMul), lambda graph, how: accumulate(graph, how.own)),
)
"""The passes of `simplify`, each where it stands for the reason beside it.

A back end adds its own behind them. Those of NumPy: the rows of tables, while their gradients are still sums and
products; flat parameters, whose new values are compared as expressions; and last the new values that only change rows,
which are no expressions any more.
"""


def simplify(graph: Graph, without: frozenset[str] = frozenset(), updated: int = 0) -> Graph:
    """A graph of the same outputs with less to compute, by the passes in their order.

    The last `updated` outputs are new values of parameters.
    """
    how = How(without, updated, set())
    for step in ORDER:
        if step.name not in without and has_all(graph, step.needs):
            graph = step.run(graph, how)
    return graph


def has_all(graph: Graph, classes: Iterable[type[Box]]) -> bool:
    """Whether the graph has boxes of each of these classes."""
    present = set(map(type, graph.boxes))
    return all(cls in present or any(issubclass(one, cls) for one in present) for cls in classes)


def _ways_of_numpy(graph: Graph, how: How) -> Graph:
    """The graph in which short rows are columns, and sums are products."""
    names = [name for name in ("transpose_layout", "products") if name not in how.without]
    turned = transpose_layout.scores(graph) if "transpose_layout" in names else frozenset()
    names = [name for name in names if name == "products" or turned]
    return reduce(graph, _late(tuple(names), how), how.own, turned) if names else graph


def _numbers_of_one(graph: Graph, how: How) -> Graph:
    """The graph in which arrays of one element are numbers, if there are some."""
    return reduce(graph, _late(("batch_one",), how), how.own) if any(map(batch_one.is_single, graph.boxes)) else graph


_LATE: dict[str, tuple[dict[type[Box], list[Any]], Any]] = {
    "transpose_layout": (transpose_layout.RULES, transpose_layout.elementwise),
    "products": (products.RULES, products.same_axes),
    "batch_one": (batch_one.RULES, batch_one.elementwise),
}
"""Rules by class, and one more for all that works element by element."""


def _late(names: tuple[str, ...], how: How) -> Builder:
    """The rules of these passes alone."""
    return Builder(_late_rules(names, _classes()), how.share)


@functools.lru_cache(16)
def _late_rules(names: tuple[str, ...], classes: frozenset[type[Box]]) -> dict[type[Box], list[Any]]:
    made: dict[type[Box], list[Any]] = {}
    for rules, of_all in map(_LATE.__getitem__, names):
        for cls in classes:
            made.setdefault(cls, []).extend([*rules.get(cls, []), *[of_all] * issubclass(cls, Elementwise)])
    return made


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
        listed_rules.append(("shapes", shapes.GATHERING))
    for name, some in listed_rules:
        if name not in without:
            for cls, listed in some.items():
                rules.setdefault(cls, []).extend(listed)
    if "shapes" not in without:
        for cls in classes:
            rules.setdefault(cls, []).append(shapes.without_repetition)
    return rules


def reduce(graph: Graph, make: Builder, own: Own, turned: Set[Box] = frozenset()) -> Graph:
    """Each box reduced, children first; products that are `turned` are made as columns."""

    def rule(box: Box, children: Sequence[Box]) -> Box:
        if not children:
            return make.shared(box)
        same = on_children(box, children, own)
        return transpose_layout.in_columns(make, same) if box in turned else make.reduced(same)

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
