"""A derivative of a function, as a function: traced once per shapes and dtypes, then run as a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from flowgraph import tracing
from flowgraph.box import Box, Constant
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import argument_names, check_arguments, name_of, read_argnums
from flowgraph.functional.containers import LEAF, flatten, mapped, paths, rebuild
from flowgraph.functional.outside import Outside
from flowgraph.functional.transforms import Subject
from flowgraph.graph import Graph
from flowgraph.leaves import Input

_LARGEST_CACHE = 256
_MOST_BRANCHES = 16


class Derived:
    """The function that computes a derivative of another.

    The function is called on boxes once for each set of shapes, dtypes and other arguments; later calls run the graph
    that came of it. Where the function asked boxes for their values (`if x > 0`), the graph serves the calls in which
    they would answer the same; for other answers the function is called anew.
    """

    def __init__(
        self, f: Callable[..., Any], argnums: Any, transform: Callable[[Subject], Any], vector: bool,
        fallback: str | None,
    ) -> None:  # fmt: skip
        if not callable(f):
            raise UsageError(f"{transform.__name__}: found a {type(f).__name__}, needs a function")
        functools.update_wrapper(self, f, updated=())
        self.__name__ = f"{transform.__name__}_{getattr(f, '__name__', 'f')}"
        self._f, self._argnums, self._transform = f, argnums, transform
        self._vector, self._fallback = vector, fallback
        self._cache: dict[Hashable, list[Evaluation]] = {}
        self._outside = Outside(f)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if self._vector and args and type(args[-1]) is int:
            args = (*args[:-1], float(args[-1]))
        leaves: list[Any] = []
        structure = flatten((args, keywords), leaves)
        if tracing.current() is not None or any(isinstance(leaf, Box) for leaf in leaves):
            return self._on_boxes(args, keywords)
        arrays = [leaf if type(leaf) is np.ndarray and leaf.dtype.isnative else _native(leaf) for leaf in leaves]
        if not self._outside.is_same():
            self._cache.clear()
        try:
            key: Hashable = (structure, tuple([(a.shape, a.dtype) for a in arrays]))
            known = self._cache.get(key)
        except TypeError:  # an argument that is no array and cannot be hashed
            return self._traced(args, keywords, structure, arrays)(arrays)
        if known is None:
            if len(self._cache) >= _LARGEST_CACHE:
                self._cache.clear()
            known = self._cache[key] = []
        for evaluation in known:
            if evaluation.guard is None or evaluation.guard.holds(arrays):
                return evaluation(arrays)
        evaluation = self._traced(args, keywords, structure, arrays)
        known.insert(0, evaluation)
        del known[_MOST_BRANCHES:]
        return evaluation(arrays)

    def __repr__(self) -> str:
        return f"<{self._transform.__name__} of {name_of(self._f)}>"

    def _traced(self, args: Any, keywords: Any, structure: Hashable, arrays: Sequence[Any]) -> Evaluation:
        names = _leaf_names(self._f, args, keywords)
        leaves = [Input(name, shape=a.shape, dtype=a.dtype) for name, a in zip(names, arrays, strict=True)]
        trace = tracing.Trace({leaf: np.asarray(a)[()] for leaf, a in zip(leaves, arrays, strict=True)})
        with tracing.traced(trace):
            boxed, keywords = rebuild(structure, iter(leaves))
            result = self._derive(boxed, keywords)
        self._outside = Outside(self._f)
        guard = Guard(self._f, trace, leaves) if trace.answers else None
        return Evaluation(self._f, result, leaves, guard)

    def _on_boxes(self, args: Any, keywords: Any) -> Any:
        """Boxes in, boxes out: a derivative inside a function that is traced itself, or of boxes that a user built."""
        return self._derive(mapped(_own_box, args), mapped(_own_box, keywords))

    def _derive(self, args: Any, keywords: Any) -> Any:
        vector = None
        if self._vector:
            if not args:
                raise UsageError(f"{self._transform.__name__} of {name_of(self._f)}: needs the vector as last argument")
            *args, vector = args
        places = read_argnums(self._f, self._argnums, args)
        check_arguments(self._f, places, args)
        output = self._called(args, keywords)
        several = isinstance(self._argnums, tuple | list)
        by = tuple(args[place] for place in places) if several else args[places[0]]
        return self._transform(Subject(self._f, output, by, vector, self._fallback))

    def _called(self, args: Any, keywords: Any) -> Any:
        """What the function makes of boxes."""
        try:
            return self._f(*args, **keywords)
        except ValueError as error:  # which NumPy makes of the refusal of a box to be a number
            if not isinstance(error.__cause__, UsageError):
                raise
            raise UsageError(
                f"{name_of(self._f)}: found a box assigned to an element of an array, where it would carry no "
                f"gradient; build the array with np.stack or np.concatenate, or with fg.set_at(array, index, box)"
            ) from error


class Evaluation:
    """The graph of a derivative, ready to run on arrays for its leaves."""

    def __init__(self, f: Callable[..., Any], result: Any, leaves: Sequence[Box], guard: Guard | None = None) -> None:
        self.guard = guard
        outputs: list[Any] = []
        self._structure = flatten(result, outputs)
        outputs = [one if isinstance(one, Box) else Constant(one) for one in outputs]
        graph = Graph(*outputs)
        known = set(leaves)
        strange = [box for box in (*graph.inputs, *graph.randoms) if box not in known]
        if strange:
            raise UsageError(
                f"{name_of(f)}: reads {strange[0].title}, built at {strange[0].built_at}, from outside, which has no "
                f"value here; give it as an argument, or differentiate the graph with fg.gradient"
            )
        self._graph = graph
        self._fed = [(i, graph.slots[leaf]) for i, leaf in enumerate(leaves) if leaf in graph]
        self._parameters = [(box, graph.slots[box]) for box in graph.parameters]
        self._outputs = [graph.slots[box] for box in outputs]
        self._steps = graph.fsteps(frozenset(self._outputs))
        self._values = graph._constants

    def __call__(self, arrays: Sequence[Any]) -> Any:
        values = self._values.copy()
        for i, slot in self._fed:
            values[slot] = arrays[i]
        for box, slot in self._parameters:
            values[slot] = box.array[()]
        self._graph.compute(self._steps, values)
        found = [np.array(values[slot])[()] for slot in self._outputs]
        return found[0] if self._structure is LEAF else rebuild(self._structure, iter(found))


class Guard:
    """The answers that the control flow of a traced function got: its graph serves the arrays that give the same."""

    def __init__(self, f: Callable[..., Any], trace: tracing.Trace, leaves: Sequence[Box]) -> None:
        boxes, self._kinds, answers = zip(*trace.answers, strict=True)
        self._answers = list(answers)
        self._asked = Evaluation(f, boxes, leaves)

    def holds(self, arrays: Sequence[Any]) -> bool:
        """Whether these arrays give the same answers; on another branch a box may have no value at all."""
        try:
            with np.errstate(all="ignore"):
                values = self._asked(arrays)
            return [kind(value) for kind, value in zip(self._kinds, values, strict=True)] == self._answers
        except Exception:
            return False


def _native(leaf: Any) -> Any:
    """A number as an array, in the byte order of this machine, which is that of all results."""
    array = np.asarray(leaf)
    return (array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("=")))[()]


def _own_box(leaf: Any) -> Any:
    """A box of one's own, so that the derivative is by this argument and not by all that reads the same box."""
    return np.positive(leaf) if isinstance(leaf, Box) else Constant(leaf)


def _leaf_names(f: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> list[str]:
    """The name of each array as one writes it, for pictures and errors."""
    named = [*zip(argument_names(f, len(args)), args, strict=True), *keywords.items()]
    leaves: list[str] = []
    for name, value in named:
        for path, leaf in paths(value, name):
            kept: list[Any] = []
            flatten(leaf, kept)
            leaves += [path] * len(kept)
    return leaves
