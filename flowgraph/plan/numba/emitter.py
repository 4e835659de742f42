"""The back end of Numba: the graph as one compiled function of loops, where NumPy's calls would take longer than it."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Array, Box, Constant, Elementwise, Leaf
from flowgraph.box.leaves import Parameter
from flowgraph.boxes.elementwise.arithmetic import Add
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.engine.passing_on import Barrier, Part
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate, SplitLike, Stack
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.graph import Graph
from flowgraph.plan.binding import Binding, Memory, Program, constant
from flowgraph.plan.blas import routine
from flowgraph.plan.emitter import Emitter, RefusedError, Request
from flowgraph.plan.kinds import Kinds
from flowgraph.plan.numba.blocks import LARGE
from flowgraph.plan.numba.compiling import compiled
from flowgraph.plan.numba.emit import emit
from flowgraph.plan.numba.loops import find_loops
from flowgraph.plan.numba.machine import has_blas, refuse_dtypes, why_missing
from flowgraph.plan.numba.mixed import MixedEmitter
from flowgraph.plan.numba.places import Place, addresses_of, find_places, is_view
from flowgraph.plan.numba.rules import CHECKS, RULES, checked_child, refuse
from flowgraph.plan.numba.writing import Native
from flowgraph.plan.numpy.rules import VIEWS
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.rebuild import elements, on_children, rebuild, shape_of, sizes_known
from flowgraph.plan.schedule import Schedule, nearest_first, schedule, with_new_values

# Boxes without a rule for Numba become others, and large products are added to new values by BLAS.


def in_parts(graph: Graph) -> Graph:
    """The graph with a slice for each part that an array is cut into, and stacks as arrays joined."""
    return rebuild(graph, lambda box, children: _rewritten(on_children(box, children)))


def add_products(graph: Graph, updates: int) -> Graph:
    """The graph in which AddMatMul stands for new values, the last outputs, to which a large product is added.

    Only where nobody else reads the new value or its terms: the product is then added in their memory.
    """
    readers = Counter(child for box in graph.boxes for child in box.children)
    readers.update(graph.outputs)
    new = set(graph.outputs[len(graph.outputs) - updates :])

    def rule(box: Box, children: tuple[Box, ...]) -> Box:
        same = on_children(box, children)
        if not isinstance(box, Add) or box not in new or readers[box] > 1:
            return same
        for product, other in (box.children, box.children[::-1]):
            if readers[product] == readers[other] == 1 and _is_large_product(product) and _is_made_here(other, box):
                turned = children if other is box.children[0] else children[::-1]
                return AddMatMul(turned[0], *turned[1].children)
        return same

    return rebuild(graph, rule)


def _is_large_product(box: Box) -> bool:
    if not isinstance(box, MatMul) or any(one.ndim != 2 or one.dtype != box.dtype for one in (box, *box.children)):
        return False
    between = shape_of(box.children[0])[1]
    large = elements(box) * between >= LARGE and min(*shape_of(box), between) > 1
    return large and routine(box.dtype) is not None and all(_is_matrix(child) for child in box.children)


def _is_matrix(box: Box) -> bool:
    """Whether the value lies in rows, or is the transpose of such a value."""
    inner = box.children[0] if isinstance(box, Transpose) else box
    return isinstance(inner, Leaf) or not VIEWS.has(inner)


def _is_made_here(box: Box, like: Box) -> bool:
    return (
        isinstance(box, Elementwise)
        and ufunc_of(box) is not None
        and box.shape == like.shape
        and box.dtype == like.dtype
    )


def _rewritten(box: Box) -> Box:
    if isinstance(box, Part) and isinstance(box.children[0], SplitLike):
        return _slice(box, box.children[0])
    if isinstance(box, Stack) and sizes_known(box):
        shape = list(shape_of(box))
        shape[box.axis % box.ndim] = 1
        joined = [Reshape(child, to=tuple(shape)) for child in box.children]
        if all(child.dtype == box.dtype for child in box.children):
            return joined[0] if len(joined) == 1 else Concatenate(*joined, axis=box.axis % box.ndim)
    return box


def _slice(part: Part, split: SplitLike) -> Box:
    a, *likes = split.children
    if not all(map(sizes_known, split.children)):
        return part
    axis = int(np.lib.array_utils.normalize_axis_index(split.axis, a.ndim))
    ends = list(itertools.accumulate((shape_of(like)[axis] for like in likes), initial=0))
    start, stop = ends[part.index : part.index + 2]
    return Index(a, index=(*[slice(None)] * axis, slice(start, stop)))


# What calls a native function: it hands over the inputs and a table of addresses, and reads what came of it.

_STEP = """\
def step({arguments}):
{lines}    code = native(table, {inputs})
    if code:
        refuse(code, ({inputs}))
    return ({results})
"""

_ARRAY = """\
    if not {name}.flags.carray:
        {name} = array({name}, order="C")
"""
"""An array that is not in rows, or not to be written to, is copied: Numba would compile another function for it."""

_READ = """\
    if {name} is not seen[{place}]:
        take({place}, {name})
"""
"""A parameter that no update changes is copied into the memory when it is another array than before."""


def program(native: Native, request: Request, schedule: Schedule, places: Mapping[Box, Place]) -> Program:
    """The program whose step calls the native function."""
    kept = schedule.graph.outputs[: request.returned]
    inputs = [f"a{place}" for place in range(len(request.leaves))]
    reads = [f"p{place}" for place in range(len(request.reads))]
    copied = [_READ.format(name=name, place=place) for place, name in enumerate(reads)]
    copied += [_ARRAY.format(name=name) for name, box in zip(inputs, request.leaves, strict=True) if box.shape]
    call = _STEP.format(
        arguments=", ".join(inputs + reads),
        lines="".join(copied),
        inputs="".join(f"{name}, " for name in inputs),
        results="".join(f"result{place}{'' if box.shape else '[()]'}, " for place, box in enumerate(kept)),
    )
    bindings = _bindings(native, request, schedule, places)
    bindings += [
        Binding(f"result{place}", functools.partial(_result, native, schedule, box)) for place, box in enumerate(kept)
    ]
    return Program(native.text, call, bindings, native.bytes, tuple([bool(box.shape) for box in kept]))


def _bindings(native: Native, request: Request, schedule: Schedule, places: Mapping[Box, Place]) -> list[Binding]:
    """Constants in their places, and what the step calls."""
    reader = _Reader(native, request.reads)
    checked = _Checked(native, places)
    fixed = [
        Binding(f"fixed{number}", functools.partial(_copied, box, offset))
        for number, (box, offset) in enumerate(native.fixed.items())
        if isinstance(box, Constant)
    ]
    return [
        *fixed,
        Binding("addresses", functools.partial(_addresses, native, list(schedule.updated))),
        Binding("table", lambda memory: memory["addresses"].ctypes.data),
        constant("native", compiled(native)),
        constant("array", np.array),
        constant("seen", reader.seen),
        Binding("take", lambda memory: functools.partial(reader.take, memory)),
        Binding("refuse", lambda memory: functools.partial(checked.refuse, memory)),
    ]


def _copied(box: Constant, offset: int, memory: Memory) -> Array:
    array = memory.array(offset, box)
    np.copyto(array, box.value)
    return array


def _addresses(native: Native, parameters: Sequence[Parameter], memory: Memory) -> Array:
    """The table that a native function is given: where its memory, the parameters and what it calls begin."""
    sides = [side[parameter] for side in (memory.old, memory.new) for parameter in parameters]
    addresses = [array.ctypes.data for array in (memory.arena, *sides)]
    for called in native.called:
        addresses += addresses_of(called)
    return np.array(addresses, np.int64)


def _result(native: Native, schedule: Schedule, box: Box, memory: Memory) -> Array:
    for parameter, new in schedule.updated.items():
        if new is box:
            return memory.new[parameter]
    return memory.array(native.offsets[box], box)


class _Reader:
    """The parameters that are only read; `seen` has the arrays that were copied last."""

    def __init__(self, native: Native, reads: Sequence[Parameter]) -> None:
        self.native = native
        self.reads = reads
        self.seen: list[Any] = [None] * len(reads)

    def take(self, memory: Memory, place: int, value: Any) -> None:
        """Copy a parameter into the memory, if its array is read there."""
        offset = self.native.fixed.get(self.reads[place])
        if offset is not None:
            np.copyto(memory.array(offset, self.reads[place]), value)
        self.seen[place] = value


class _Checked:
    """Says what is wrong with the labels of a box at which a native function stopped."""

    def __init__(self, native: Native, places: Mapping[Box, Place]) -> None:
        self.native = native
        self.places = places

    def refuse(self, memory: Memory, code: int, given: Sequence[Any]) -> None:
        """Raise it."""
        box = self.native.checks[code - 1]
        refuse(box, self._value(checked_child(box), memory, given))

    def _value(self, box: Box, memory: Memory, given: Sequence[Any]) -> Any:
        """A value as an array, through the views that lead to it."""
        base, views = self.places[box].base, []
        while box is not base:
            views.append(box)
            box = box.children[0]
        value = self._whole(box, memory, given)
        for view in reversed(views):
            value = view.fprop(value)
        return np.asarray(value)

    def _whole(self, box: Box, memory: Memory, given: Sequence[Any]) -> Any:
        if isinstance(box, Constant):
            return box.value
        if box in self.native.arguments:
            return given[self.native.arguments[box]]
        if isinstance(box, Parameter):
            return box.value
        return memory.array(self.native.offsets[box], box)


# The back end of Numba: the graph as one compiled function of loops, where NumPy's calls would take longer than it.

OF_NUMPY = frozenset({"pooling", "transpose_layout", "products", "batch_one", "accumulation"})
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
        if request.threads > 1:
            raise RefusedError(f"the plan is computed in {request.threads} threads, which run kernels")
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
        return schedule(whole, updated, copied_constants=True)

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
