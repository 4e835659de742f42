"""Plans through Numba: the simplified graph as one compiled function, where NumPy's calls would take longer than it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from flowgraph.box import Box, Leaf
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.cast import Cast
from flowgraph.graph import Graph
from flowgraph.plan.numba.bind import Bound
from flowgraph.plan.numba.checks import CHECKS, checked_child
from flowgraph.plan.numba.emit import emit
from flowgraph.plan.numba.loops import find_loops
from flowgraph.plan.numba.machine import has_blas, refuse_dtypes, why_missing
from flowgraph.plan.numba.places import find_places, is_view
from flowgraph.plan.numba.refusal import NotNativeError
from flowgraph.plan.numba.rewriting import add_products, in_parts
from flowgraph.plan.numpy.emit import Source
from flowgraph.plan.passes.opening import open_composites
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.schedule import kinds_of, schedule
from flowgraph.plan.specialise import specialise
from flowgraph.plan.specialised import Specialised, with_new_values
from flowgraph.plan.store import Store

OF_NUMPY = frozenset({"columns", "products", "single", "accumulation", "pieces"})
"""Passes that turn a graph into what NumPy is fast at, which loops do not need."""

LARGEST = 1000
"""Boxes that are compiled into one function; Numba would take minutes for more."""


class NativeSpecialised(Specialised):
    """The native function of a plan for one set of shapes."""

    def __init__(
        self, graph: Graph, store: Store, leaves: Mapping[Box, Box], read: Sequence[Parameter], without: frozenset[str]
    ) -> None:
        self.leaves = leaves
        opened = in_parts(open_composites(specialise(graph, leaves)))
        small = simplify(opened, without | OF_NUMPY, len(store.parameters))
        whole = add_products(_with_own_results(with_new_values(small, store.parameters)), len(store.parameters))
        if len(whole.boxes) > LARGEST:
            raise NotNativeError(
                f"the plan has {len(whole.boxes)} boxes, more than the {LARGEST} that are compiled at once"
            )
        refuse_dtypes(whole.boxes)
        count = len(whole.outputs) - len(store.parameters)
        kept = whole.outputs[:count]
        self.graph = whole
        updated = dict(zip(store.parameters, whole.outputs[count:], strict=True))
        self.schedule = schedule(whole, updated, pieces=False, copied_constants=True)
        places = find_places(whole, self.schedule.kinds)
        labels = [places[checked_child(box)].base for box in whole.boxes if type(box) in CHECKS]
        results = [*kept, *[box for box in labels if not isinstance(box, Leaf)]]
        loops = find_loops(whole, places, {*whole.outputs, *results})
        native = emit(self.schedule, loops, list(leaves.values()), results, has_blas())
        bound = Bound(native, self.schedule, places, store, read)
        self.source = Source(text=native.text)
        self.memory: Any = bound
        self.functions = bound.functions(kept)
        self.copied = tuple([bool(box.shape) for box in kept])


def _with_own_results(graph: Graph) -> Graph:
    """The graph whose outputs each fill memory of their own: a copy of what is a leaf or a view."""
    kinds = kinds_of(graph, copied_constants=True)
    own = {
        box: Cast(box, to=box.dtype) if isinstance(box, Leaf) or is_view(box, kinds) else box for box in graph.outputs
    }
    return Graph(*[own[box] for box in graph.outputs])


class Backend:
    """Makes the functions of a plan native, until a graph turns out to be none that Numba compiles."""

    def __init__(self) -> None:
        self.native = True
        missing = why_missing()
        if missing:
            self._refuse(missing)

    def __call__(self, *arguments: Any) -> Specialised:
        if self.native:
            try:
                return NativeSpecialised(*arguments)
            except NotNativeError as reason:
                self._refuse(str(reason))
        return Specialised(*arguments)

    def _refuse(self, reason: str) -> None:
        self.native = False
        warnings.warn(f'compile(backend="numba"): {reason}; NumPy runs this plan', UserWarning, stacklevel=2)
