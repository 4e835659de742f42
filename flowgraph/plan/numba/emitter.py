"""The back end of Numba: the graph as one compiled function of loops, where NumPy's calls would take longer than it."""

from __future__ import annotations

from typing import ClassVar

from flowgraph.box import Box, Leaf
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.graph import Graph
from flowgraph.plan.binding import Program
from flowgraph.plan.emitter import Emitter, RefusedError, Request
from flowgraph.plan.kinds import Kinds
from flowgraph.plan.new_values import nearest_first, with_new_values
from flowgraph.plan.numba.bind import program
from flowgraph.plan.numba.checks import CHECKS, checked_child
from flowgraph.plan.numba.emit import emit
from flowgraph.plan.numba.loops import find_loops
from flowgraph.plan.numba.machine import has_blas, refuse_dtypes, why_missing
from flowgraph.plan.numba.mixed import MixedEmitter
from flowgraph.plan.numba.places import find_places, is_view
from flowgraph.plan.numba.rewriting import add_products, in_parts
from flowgraph.plan.numba.rules import RULES
from flowgraph.plan.numpy.rules import VIEWS
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import elements, sizes_known
from flowgraph.plan.schedule import Schedule, schedule

OF_NUMPY = frozenset({"pooling", "transpose_layout", "products", "batch_one", "accumulation", "tiling"})
"""Passes that turn a graph into what NumPy is fast at, which loops do not need."""

LARGEST = 1000
"""Boxes that are compiled into one function. A limit of patience: Numba would take minutes for more."""

FEW, LARGE_VALUES = 150, 4096
"""Boxes, and elements of a value in the mean, above which kernels are made of NumPy's plan.

One function saves the half microsecond that each call of NumPy takes to begin, which such arrays take many times over.
Of the 237 boxes of a transformer layer Numba made one function in 6.9 s, kernels in 2.1 s. The function ran in 0.72 of
the time of NumPy's plan, the kernels in 0.80 of it.
"""


class NumbaEmitter:
    """Needs Numba; refuses boxes without a rule for Numba, and sizes that depend on values."""

    name: ClassVar[str] = "numba"
    standalone: ClassVar[bool] = False
    instead: ClassVar[Emitter] = MixedEmitter()

    def why_missing(self) -> str | None:
        """Whether Numba can be imported."""
        return why_missing()

    def has_rule(self, box: Box) -> bool:
        """Whether there is a line for the box."""
        return ufunc_of(box) is not None or VIEWS.has(box) or RULES.has(box)

    def schedule(self, request: Request) -> Schedule:
        """The passes that do not aim at NumPy; outputs, and sums of large products, in memory of their own."""
        parameters = request.store.parameters
        small = simplify(in_parts(request.graph), request.without | OF_NUMPY, len(parameters))
        whole = add_products(_with_own_results(with_new_values(small, parameters)), len(parameters))
        if any(isinstance(box, Barrier) for box in whole.boxes):  # each gradient while its values are there
            whole = Graph(*whole.outputs, along=nearest_first(whole, whole.outputs))
        if len(whole.boxes) > LARGEST:
            raise RefusedError(
                f"the plan has {len(whole.boxes)} boxes, more than the {LARGEST} that are compiled at once"
            )
        if len(whole.boxes) > FEW and sum(map(_elements, whole.boxes)) > LARGE_VALUES * len(whole.boxes):
            raise RefusedError(
                f"the plan has {len(whole.boxes)} boxes of large arrays, of which kernels are compiled sooner"
            )
        refuse_dtypes(whole.boxes)
        updated = dict(zip(parameters, whole.outputs[request.returned :], strict=True))
        return schedule(whole, updated, tiles=False, copied_constants=True)

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """The loops, compiled; what Python runs calls them."""
        graph = schedule.graph
        places = find_places(graph, schedule.kinds)
        kept = graph.outputs[: request.returned]
        labels = [places[checked_child(box)].base for box in graph.boxes if CHECKS.of(box) is not None]
        results = [*kept, *[box for box in labels if not isinstance(box, Leaf)]]
        loops = find_loops(graph, places, {*graph.outputs, *results})
        native = emit(schedule, loops, list(request.leaves), results, has_blas())
        return program(native, request, schedule, places)


def _elements(box: Box) -> int:
    return elements(box) if len(box.outputs) == 1 and sizes_known(box) else 0


def _with_own_results(graph: Graph) -> Graph:
    """The graph whose outputs each fill memory of their own: a copy of what is a leaf or a view."""
    kinds = Kinds(copied_constants=True)
    own = {
        box: Cast(box, to=box.dtype) if isinstance(box, Leaf) or is_view(box, kinds) else box for box in graph.outputs
    }
    return Graph(*[own[box] for box in graph.outputs])
