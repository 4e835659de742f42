"""The compiled functions of one plan, one per set of input shapes, and how the inputs of a call are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter, new_lock
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.boxes.indexing.index import IndexAdd
from flowgraph.boxes.indexing.scatter import SetAt
from flowgraph.errors import FeedError, FlowgraphError, PlanError
from flowgraph.graph import Graph, feeding
from flowgraph.graph.graph import Run
from flowgraph.graph.topology import debugging
from flowgraph.plan.backends import Backend, Specialised
from flowgraph.plan.passes.inlining import concrete_leaves
from flowgraph.plan.store import Store

# Debug mode of plans: their values are compared with those of the graph.

ULPS = 256
"""Units in the last place of the largest number on the way: sums are added up in another order than in the graph.

A bound that no right plan meets, not a tuned one: `python -m benchmarks fuzz` holds plans against the rounding of each
element.
"""


class Expected:
    """What the graph computes from the values that the parameters have now."""

    def __init__(self, graph: Graph, feeds: Mapping[Any, Any], seed: Seed) -> None:
        with np.errstate(all="ignore"):
            self.run: Run = graph.fprop({key: value for key, value in feeds.items() if key in graph}, seed=seed)
        floats = [np.asarray(self.run[box]) for box in graph if len(box.outputs) == 1 and box.dtype.kind in "fc"]
        self.largest = max((_largest(value) for value in floats), default=0.0)
        self.precision = max((float(np.finfo(value.dtype).eps) for value in floats), default=0.0)

    def compare(self, boxes: Sequence[Box], values: Sequence[Any], new: Mapping[Parameter, Box]) -> None:
        """Refuse values of outputs, and of parameters after the step, that are not those of the graph."""
        for box, value in zip(boxes, values, strict=True):
            self._compare(f"the output {self.run.graph.names[box]!r}", value, self.run[box], box)
        for parameter, box in new.items():
            self._compare(f"the new value of {parameter.title}", parameter.value, self.run[box], box, changed=True)

    def _compare(self, what: str, found: Any, expected: Any, box: Box, changed: bool = False) -> None:
        parts = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
        for value, right in parts:
            difference = self._difference(np.asarray(value), np.asarray(right), changed)
            if difference is not None:
                raise PlanError(
                    f"plan: {what} differs from that of the graph: {difference}; needs the same numbers. "
                    f"Compile without some passes (without=[...]) to see which one is at fault, and report it"
                    f"\n  built at {box.built_at}"
                )

    def _difference(self, value: Any, expected: Any, changed: bool) -> str | None:
        if value.shape != expected.shape or value.dtype != expected.dtype:
            return f"{value.shape} {value.dtype}, not {expected.shape} {expected.dtype}"
        if expected.dtype.kind not in "fc":
            return None if np.array_equal(value, expected) else f"{value.ravel()[:3]}, not {expected.ravel()[:3]}"
        if not np.array_equal(np.isnan(value), np.isnan(expected)):
            return "NaN in other places"
        infinite = np.isinf(expected)
        # A factor of a change stands where it costs least: what overflows in the graph need not in the plan.
        if not changed and not np.array_equal(value[infinite], expected[infinite], equal_nan=True):
            return "another number in the place of an infinity"
        with np.errstate(all="ignore"):
            apart = np.abs(value - expected)[np.isfinite(expected)]
        bound = ULPS * self.precision * max(self.largest, 1e-300)
        if apart.size and not float(apart.max()) <= bound:
            return f"by {float(apart.max()):.3g}, where rounding explains {bound:.3g}"
        return None


def _largest(value: Any) -> float:
    finite = np.abs(value[np.isfinite(value)])
    return float(finite.max()) if finite.size else 0.0


# Conversion of the arguments of a call to arrays and numbers of the inputs.

KEYWORDS: dict[str, Any] = {"seed": None, "prepare": False}
"""The keywords of every call, with their defaults; an input of such a name takes what is given by that keyword."""

MISSING: Any = type("missing", (), {"__repr__": lambda self: "missing"})()


class Read(NamedTuple):
    """The inputs of a call in their order, its keywords, and in debug mode what looks at its results."""

    values: Sequence[Any]
    seed: Any
    prepare: bool
    compare: Callable[[Sequence[Any]], None] | None


class Inputs:
    """The inputs of a plan in their order, and their names."""

    def __init__(self, inputs: Sequence[Box], graph: Graph, store: Store) -> None:
        self.boxes = tuple(inputs)
        self.names = [box.name or (graph.names[box] if box in graph else str(box.name)) for box in inputs]
        self._graph = graph
        self._store = store

    def read_call(
        self, given: Sequence[Any], named: Sequence[Any], unknown: Mapping[str, Any], seed: Seed, prepare: bool
    ) -> Read:
        """A call with a dict, with what has to be converted or refused, of debug mode, or one that only compiles.

        `named` are values by the place of their input, MISSING where there is none.
        """
        by_name = self._by_name(given, named, unknown)
        left = feeding.keywords_left({"seed": seed, "prepare": prepare}, KEYWORDS, self.names, by_name)
        values = self._values(by_name)
        if left["prepare"] or not debugging():
            return Read(values, left["seed"], left["prepare"], None)
        seed = seed_of_run(left["seed"], "plan")
        return Read(values, seed, False, self._compute_expected(values, seed))

    def _by_name(self, given: Sequence[Any], named: Sequence[Any], unknown: Mapping[str, Any]) -> dict[str, Any]:
        """What is given by position, in a dict and by name, all by the names of the inputs."""
        values = {name: value for name, value in zip(self.names, named, strict=True) if value is not MISSING}
        first = given[0] if given else next(iter(values.values()), None)
        feeds: Mapping[Any, Any] = {}
        if isinstance(first, Mapping):
            feeds, given = first, given[1:]
            values = {name: value for name, value in values.items() if value is not feeds}
        if len(given) > len(self.boxes):
            raise FeedError(f"plan: found {len(given)} arrays, needs {len(self.boxes)}: {', '.join(self.names)}")
        of_feeds = {key if isinstance(key, str) else str(key.name): value for key, value in feeds.items()}
        by_place = dict(zip(self.names, given, strict=False))
        for name in by_place.keys() & (values.keys() | unknown.keys()):
            raise FeedError(f"plan: found the input {name!r} by position and by name, needs it once")
        named_too = {**by_place, **values, **unknown}
        for name in of_feeds.keys() & named_too.keys():
            raise FeedError(f"plan: found the input {name!r} in the dict and by itself, needs it once")
        return {**of_feeds, **named_too}

    def _values(self, named: dict[str, Any]) -> list[Any]:
        """The inputs in their order, as arrays and numbers of their dtypes."""
        for name in named:
            if name not in self.names:
                raise FeedError(f"plan: found {name!r}, which is none of its inputs {', '.join(self.names)}")
        values = []
        for name, box in zip(self.names, self.boxes, strict=True):
            value = named.get(name, MISSING)
            if value is MISSING:
                raise FeedError(f"plan: needs the input {name!r}; it is called with {', '.join(self.names)}")
            values.append(value if is_plain(box, value) else feeding.read_array(name, box, value))
        return values

    def _compute_expected(self, values: Sequence[Any], seed: Seed) -> Callable[[Sequence[Any]], None]:
        """What holds the results of a call, and the new values of parameters, against the graph."""
        expected = Expected(self._graph, dict(zip(self.names, values, strict=True)), seed)
        count = len(self._graph.outputs) - len(self._store.parameters)
        boxes, new = self._graph.outputs[:count], self._graph.outputs[count:]
        updated = dict(zip(self._store.parameters, new, strict=True))
        return lambda results: expected.compare(boxes, results, updated)


def is_plain(box: Box, value: object) -> bool:
    """Whether a function of a plan takes this for an input: an array, or a number, of its dtype."""
    if not box.shape:
        return type(value) is box.dtype.type
    return type(value) is np.ndarray and value.dtype == box.dtype and value.ndim == len(box.shape)


# The compiled functions of one plan, one per set of input shapes.

LARGEST_CACHE = 16
"""Sets of shapes for which a plan keeps its function; the one compiled first makes room. Every one holds buffers of its
own: more than a training with its evaluation asks for, few enough that data of all lengths do not fill the memory."""


class Variants:
    """Functions by the shapes of the inputs, made when they are asked for; `last` is the one that ran last."""

    def __init__(self, graph: Graph, store: Store, inputs: Inputs, backend: Backend, without: frozenset[str]) -> None:
        self.graph = graph
        self.store = store
        self.inputs = inputs
        self.backend = backend
        self.without = without
        updated = set(store.parameters)
        self.reads = tuple(p for p in graph.parameters if isinstance(p, Parameter) and p not in updated)
        self.takes_more = bool(graph.randoms or self.reads)
        self.changes_rows = any(isinstance(box, IndexAdd | SetAt) for box in graph.boxes)
        self.known: dict[Any, Specialised] = {}
        self.last: Specialised | None = None
        self._compiling = new_lock()
        self._of_all_shapes: Specialised | None = None

    def latest(self) -> Specialised:
        """The function that ran last; where none has, the only one that there can be."""
        if self.last is None and self.backend.standalone:
            with self._compiling:
                return self._standalone()
        if self.last is None:
            shapes = tuple([box.shape for box in self.inputs.boxes])
            if not all(isinstance(size, int) for shape in shapes for size in shape):
                names = ", ".join(self.inputs.names)
                raise PlanError(
                    f"plan: its source and its graph follow the shapes of the inputs, and {names} have sizes "
                    f"with names; run it once, or compile it for arrays with plan.prepare(x=..., ...)"
                )
            self.last = self.function_for(shapes)
        return self.last

    def prepare(self, values: Sequence[Any]) -> None:
        """Compile for inputs of the shapes of these, without running."""
        self.last = self.function_for(tuple([value.shape for value in values]))

    def function_for(self, shapes: tuple[Any, ...]) -> Specialised:
        """The function for inputs of these shapes, compiled if it is not known."""
        known = self.known.get(shapes)
        if known is not None:
            return known
        with self._compiling:
            if shapes in self.known:
                return self.known[shapes]
            given = dict(zip(self.inputs.boxes, shapes, strict=True))
            for name, box, shape in zip(self.inputs.names, self.inputs.boxes, shapes, strict=True):
                feeding.read_array(name, box, np.broadcast_to(np.zeros((), box.dtype), shape))
            sizes = feeding.bind_sizes(self.graph, {box: given[box] for box in self.graph.inputs})
            try:
                function = self._make_program(given, sizes)
            except Exception as error:
                self.explain(error, [np.zeros(shape, box.dtype)[()] for box, shape in given.items()])
                raise
            function.shapes = shapes
            while len(self.known) >= LARGEST_CACHE:
                del self.known[next(iter(self.known))]
            self.known[shapes] = function
            return function

    def _make_program(self, given: Mapping[Box, Any], sizes: Mapping[str, int]) -> Specialised:
        if self.backend.standalone:
            return self._standalone().of_sizes(sizes)
        leaves = {**{box: box for box in self.inputs.boxes}, **concrete_leaves(self.graph, given, sizes)}
        return self.backend.specialise_graph(self.graph, self.store, leaves, self.reads, self.without)

    def explain(self, error: Exception, values: Sequence[Any]) -> None:
        """Raise what the graph raises for these values, which names the box, in place of an error of NumPy's."""
        if isinstance(error, FlowgraphError):
            return
        fed = {box: value for box, value in zip(self.inputs.boxes, values, strict=True) if box in self.graph}
        try:
            self.graph.fprop(fed)
        except FlowgraphError as named:
            raise named from error
        except Exception:  # of a user's own fprop, or one that the user asked NumPy for
            return

    def _standalone(self) -> Specialised:
        """The function for inputs of all shapes."""
        if self._of_all_shapes is None:
            leaves: dict[Box, Box] = {box: box for box in (*self.inputs.boxes, *self.graph.randoms)}
            self._of_all_shapes = self.backend.specialise_graph(
                self.graph, self.store, leaves, self.reads, self.without
            )
        return self._of_all_shapes

    def more(self, function: Specialised, seed: Seed) -> list[Any]:
        """What the function takes beside the inputs: random draws, and parameters that it only reads."""
        if self.graph.randoms or seed is not None:
            seed = seed_of_run(seed, "plan")
        drawn = [
            function.leaves[leaf].value_for(seed, number, function.sizes)[()]
            for number, leaf in enumerate(self.graph.randoms)
        ]
        return drawn + [parameter.array[()] for parameter in self.reads]
