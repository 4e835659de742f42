"""The two passes of the lecture over the steps of a graph: fprop in topological order, bprop in the reverse."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.box.arrays import is_foreign, is_underflow, read_only
from flowgraph.box.results import (
    SETTLED,
    as_values,
    contradiction,
    refuse_failure,
    refuse_unlike,
    refuse_writing,
)
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex, real_part
from flowgraph.boxes.engine.shape_like import sum_like
from flowgraph.errors import (
    BpropError,
    FlowgraphError,
)
from flowgraph.graph.topology import Topology, debugging
from flowgraph.shapes.spec import same, shape_text


class Fstep(NamedTuple):
    """One fprop: the slot of the box, its fprop, the slots of its children, the slots that no later step reads."""

    slot: int
    fprop: Callable[..., Any]
    read: Callable[[Any], Iterable[Any]]
    done: tuple[int, ...]


class Step(NamedTuple):
    """One bprop: the box, its slot, the slots of its children, and an edge to each of those that want a gradient.

    An edge is the position of the child, its slot, and what it takes.
    """

    slot: int
    bprop: Callable[..., tuple[Any, ...]]
    read: Callable[[Any], Iterable[Any]]
    edges: tuple[tuple[int, int, Edge], ...]
    arity: int
    box: Box

    @property
    def wanted(self) -> tuple[tuple[int, int], ...]:
        """The position and the slot of each child that wants a gradient."""
        return tuple((position, child) for position, child, _ in self.edges)


def step_of(
    box: Box, slot: int, bprop: Callable[..., Any], read: Callable[[Any], Any], wanted: Iterable[tuple[int, int]]
) -> Step:
    """The step of a box; `wanted` has the position and the slot of each child that wants a gradient."""
    edges = tuple([(position, child, Edge(box, position)) for position, child in wanted])
    return Step(slot, bprop, read, edges, len(box.children), box)


def guard_values(box: Box, function: Callable[..., Any]) -> Callable[..., Any]:
    """The fprop or bprop of a box on arrays that it cannot write to; boxes of flowgraph's own are tested not to."""
    if box.built_in:
        return function

    def on_read_only(*values: Any, **keywords: Any) -> Any:
        try:
            return function(*map(read_only, values), **keywords)
        except ValueError as error:
            refuse_writing(box, function.__name__, error)
            raise

    return on_read_only


def reader(slots: Sequence[int]) -> Callable[[Any], Iterable[Any]]:
    """What reads these slots of a list of values, in their order."""
    if len(slots) == 1:
        return itemgetter(slice(slots[0], slots[0] + 1))
    return itemgetter(*slots)


def forward(graph: Topology, steps: Sequence[Fstep], values: list[Any]) -> None:
    """Run the steps on the list of values, in place."""
    slot = 0
    try:
        for slot, fprop, read, done in steps:
            value = fprop(*read(values))
            values[slot] = value if type(value) in SETTLED else as_values(value)
            for dead in done:
                values[dead] = None
    except Exception as error:
        if is_underflow(error):
            rest = tuple(itertools.dropwhile(lambda step: step.slot != slot, steps))
            with np.errstate(under="ignore"):
                return forward(graph, rest, values)
        if debugging():
            assert_values(graph, values, {})  # the box that fails may not be the one at fault
        box = graph.boxes[slot]
        refuse_failure(error, box, f"in fprop of {type(box).__name__} {graph.names[box]!r}, built at {box.built_at}")
        raise


def assert_values(graph: Topology, values: Sequence[Any], sizes: dict[str, int]) -> None:
    """Check that each value that is there has the shape and the dtype that its box was built with."""
    for box, value in zip(graph.boxes, values, strict=True):
        differs = None if value is None else contradiction(box, value, sizes)
        if differs is not None:
            refuse_unlike(box, *differs, sizes)


_ARRAY = np.ndarray
_NUMBER = np.float64
"""The type of a part that is taken as it is where the child has that type too: in a graph of numbers a look at its
shape and dtype would be felt (`python -m benchmarks overhead`)."""


def sweep(steps: Iterable[Step], values: Sequence[Any], grads: list[Any]) -> None:
    """Send the gradients in `grads` on, from each box to those of its children that want one.

    The gradient of a box is the sum over its parents of what each sends: dl/dv = sum_p (dp/dv)' dl/dp. Of a complex
    value it is the g with dl = Re Σ g dv, the conjugate of the gradient that a user sees (`turned`).

    Source: Larochelle, Training neural networks, "flow graph", bprop.
    """
    box: Box | None = None
    try:
        for slot, bprop, read, edges, arity, box in steps:
            grad = grads[slot]
            if grad is None:
                continue
            parts = bprop(grad, values[slot], *read(values))
            if type(parts) is not tuple or len(parts) != arity:
                raise wrong_count(box, parts)
            for position, child, edge in edges:
                part, value = parts[position], values[child]
                if type(part) is not _NUMBER or type(value) is not _NUMBER:
                    fits = type(part) is _ARRAY and part.dtype is edge.dtype and part.shape == value.shape
                    part = part if fits else edge.settle_gradient(part, value)
                arrived = grads[child]
                grads[child] = part if arrived is None else accumulate(arrived, part)
    except Exception as error:
        if box is not None and not isinstance(error, FlowgraphError):
            refuse_failure(error, box, f"in bprop of {box.title}, built at {box.built_at}")
        raise


def accumulate(arrived: Value, part: Value) -> Any:
    """The sum of two gradients; of a box with several outputs, output by output."""
    if type(part) is not tuple:
        return arrived + part
    return tuple(
        new if old is None else old if new is None else old + new for old, new in zip(arrived, part, strict=True)
    )


def add_gradient(grads: dict[Any, Any], box: Box, part: Value) -> None:
    """Add to what has arrived at a box so far, where anything has."""
    grads[box] = accumulate(grads[box], part) if box in grads else part


class Edge:
    """What a gradient has to be on its way from a box to one of its children, as their specs decide.

    `dtype` is that of the child: a gradient of that dtype and of the shape of the child's value is taken as it is. What
    else is taken is found out when the first gradient asks for it, and kept: most never do.
    """

    def __init__(self, box: Box, position: int) -> None:
        child = box.children[position].outputs
        self._box, self._position = box, position
        self.dtype = child[0].dtype if len(child) == 1 else None

    def settle_gradient(self, part: Value, value: Value) -> Any:
        """A gradient that bprop returned: checked against the child's value, and summed over broadcast axes."""
        if type(part) is tuple and isinstance(value, tuple | Box):
            return part
        if part is None:
            raise self._wrong("None", "a gradient (None is for children declared in constant_children)")
        if not isinstance(part, Box | np.ndarray | np.generic) and not is_foreign(part):
            part = np.asarray(part)
        if part.shape != value.shape:
            if _broadcasts(self._box) and _is_broadcast(part.shape, value.shape):
                part = sum_like(part, value)
            elif not _fits(part.shape, value.shape):
                raise self._wrong(f"the shape {shape_text(part.shape)}", shape_text(value.shape))
        if part.dtype != value.dtype:
            if part.dtype not in self._wider and not _is_of_other_kind(self._box, part.dtype, value.dtype):
                raise self._wrong(f"dtype {part.dtype}", f"{value.dtype}{self._of_fprop(part.dtype)}")
            part = (part if value.dtype.kind == "c" else real_part(part)).astype(value.dtype)
        return part

    @cached_property
    def _wider(self) -> frozenset[np.dtype[Any]]:
        """The dtypes to which NumPy itself widens a gradient in a box that reads children of different dtypes."""
        box = self._box
        met = [spec.dtype for child in box.children for spec in child.outputs]
        own = [spec.dtype for spec in box.outputs] if len(box.outputs) == 1 else []
        floats = [dtype for dtype in met if dtype.kind in "fc"]
        return frozenset([np.result_type(*dtypes, *own) for dtypes in (met, floats) if len(set(dtypes)) > 1])

    def _of_fprop(self, dtype: np.dtype[Any]) -> str:
        """That it is fprop which widens, so that a gradient of its dtype arrives; nothing where it does not."""
        met = {spec.dtype for child in self._box.children for spec in child.outputs}
        own = {spec.dtype for spec in self._box.outputs}
        if dtype not in own - met:
            return ""
        return (
            f": fprop gives {dtype} for {' and '.join(sorted(map(str, met)))}, so that such a gradient arrives; "
            "let fprop keep the dtype, as Python's numbers do and NumPy's scalars do not"
        )

    def _wrong(self, found: str, needed: str) -> BpropError:
        box = self._box
        return BpropError(
            f"{box.title}: bprop returned {found} for child {box.names_of_children()[self._position]!r}, needs "
            f"{needed}\n  built at {box.built_at}"
        )


def _broadcasts(box: Box) -> bool:
    """Whether a box broadcasts its children, so that the engine sums their gradients back."""
    return isinstance(box, Elementwise) or box.signature is not None


def _is_of_other_kind(box: Box, dtype: np.dtype[Any], needed: np.dtype[Any]) -> bool:
    """Whether one is real and the other complex, of the same precision, in a box with a complex number on one side.

    There are no complex numbers of half precision: what meets float16 there has single precision.
    """
    kinds = {spec.dtype.kind for node in (box, *box.children) for spec in node.outputs}
    precision = np.dtype(np.float32) if needed == np.float16 else needed.type(0).real.dtype
    return "c" in kinds and dtype.kind in "fc" and dtype.type(0).real.dtype == precision


def _is_broadcast(shape: Sequence[Any], needed: Sequence[Any]) -> bool:
    """Whether a shape is what broadcasting makes of another."""
    extra = len(shape) - len(needed)
    return extra >= 0 and all(n == 1 or same(f, n) for f, n in zip(shape[extra:], needed, strict=True))


def _fits(shape: Sequence[Any], needed: Sequence[Any]) -> bool:
    """Whether a shape may be another one, where a size of it is only known in a run."""
    return len(shape) == len(needed) and all(map(same, shape, needed))


def wrong_count(box: Box, parts: Value) -> BpropError:
    """The error for a bprop that returned no tuple of one gradient per child."""
    found = f"{len(parts)} gradients" if isinstance(parts, tuple | list) else f"a {type(parts).__name__}"
    return BpropError(
        f"{box.title}: bprop returned {found}, needs a tuple of {len(box.children)}, "
        f"one per child ({', '.join(box.names_of_children())})\n  built at {box.built_at}"
    )


Sweep = Callable[[Topology, Sequence[Step], Sequence[Any], Sequence[Any], Sequence[Box]], list[Any]]
"""Takes a graph, steps, values, seeds and what is differentiated by, and gives the gradients that the steps send."""


def backward(
    graph: Topology, steps: Sequence[Step], values: Sequence[Any], seeds: Sequence[Any], wrt: tuple[Box, ...],
    sweep: Sweep, every: bool = False,
) -> dict[Box, Any]:  # fmt: skip
    """The gradient by each of `wrt`, zeros where none arrives; with `every` also for the boxes on the way.

    Boxes are visited in reverse topological order, and only those that lead to `wrt`; each sends to its children the
    vector-Jacobian product of what arrived. `values` and `seeds` have a place for every box: the values are arrays, or
    the boxes themselves. `sweep` says how the steps are taken, and with which checks.

    Source: Larochelle, Training neural networks, "flow graph", bprop.
    """
    grads = sweep(graph, steps, values, seeds, wrt)
    gradients = {box: _conjugate_gradient(box, grads[graph.slots[box]]) for box in wrt}
    if every:
        sent = zip(graph.boxes, grads, strict=True)
        gradients |= {
            box: _conjugate_gradient(box, grad) for box, grad in sent if grad is not None and box not in gradients
        }
    zeros = {box: np.zeros_like(values[graph.slots[box]]) for box, grad in gradients.items() if grad is None}
    return {**gradients, **zeros}


def _conjugate_gradient(box: Box, grad: Value) -> Any:
    """The gradient of a box as a user sees it from that of the sweep, and the reverse; the same for a real box."""
    return conjugate_if_complex(grad) if any(spec.dtype.kind == "c" for spec in box.outputs) else grad


def seeds_of(graph: Topology, arriving: Iterable[tuple[Box, Any]]) -> list[Any]:
    """The gradients before the sweep, in a list with a place for every box; what arrives at one box adds up."""
    seeds: list[Any] = [None] * len(graph)
    for box, grad in arriving:
        slot, seed = graph.slots[box], _conjugate_gradient(box, grad)
        seeds[slot] = seed if seeds[slot] is None else seeds[slot] + seed
    return seeds
