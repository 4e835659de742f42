"""A derivative of a function, as a function: it is called on boxes that compute at once, and the tape is gone over."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Argument
from flowgraph.box.node import FIXED, current, users_instruction
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.box.tape import GraphTrace, Tape, refuse_stranger, run_trace
from flowgraph.derivatives.backward_graph import Fallback, check_fallback
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import argument_names, call_function, check_arguments, name_of, native, read_argnums
from flowgraph.functional.jit import Jitted
from flowgraph.functional.transforms import Subject, as_boxes
from flowgraph.functional.variant import keep_weak
from flowgraph.graph.steps import copy_on, separate_box
from flowgraph.graph.topology import debugging
from flowgraph.loops.containers import arrays_of, flatten, map_leaves, paths, rebuild


class Derived:
    """The function that computes a derivative of another.

    In each call the function is called, on boxes for the arguments that are differentiated by; each box that it builds
    computes its value at once. The backward pass goes over the tape of these boxes, and nothing is kept.
    """

    def __init__(
        self, f: Callable[..., Any], argnums: Any, transform: Callable[[Subject], Any], vector: bool,
        fallback: Fallback | None, seed: Seed = None,
    ) -> None:  # fmt: skip
        if not callable(f):
            raise UsageError(f"{transform.__name__}: found a {type(f).__name__}, needs a function")
        check_fallback(transform.__name__, fallback)
        functools.update_wrapper(self, f, updated=())
        self.__name__ = f"{transform.__name__}_{getattr(f, '__name__', 'f')}"
        self._f, self._transform = f, transform
        self._argnums = tuple(argnums) if isinstance(argnums, list) else argnums
        self._vector, self._fallback = vector, fallback
        self._seed = None if seed is None else seed_of_run(seed, transform.__name__)
        self._jitted: Jitted | None = None

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The derivative at these arguments."""
        if isinstance(self._f, Jitted):
            if self._jitted is None:
                cls, (_, *settings) = self.__reduce__()
                self._jitted = self._f.derive_jitted((cls, repr(settings)), lambda f: cls(f, *settings))
            return self._jitted(*args, **keywords)
        if self._vector and args and type(args[-1]) is int:
            args = (*args[:-1], float(args[-1]))
        if current() is not None or _holds_box((args, keywords)):
            return self._on_boxes(args, keywords)
        tape = Tape(self._seed, debugging())
        boxed = self._box_arguments(args)
        with run_trace(tape):
            return map_leaves(
                functools.partial(_own_array, tape), self._transform(self._subject(boxed, keywords, tape))
            )

    def __reduce__(self) -> Any:
        """Pickled and copied with what it was made of."""
        return Derived, (self._f, self._argnums, self._transform, self._vector, self._fallback, self._seed)

    def __repr__(self) -> str:
        return f"<{self._transform.__name__} of {name_of(self._f)}>"

    def pullback(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Callable[[Any], Any], Any]:
        """The function of a cotangent, by what one call of the function has built, and the value of that call."""
        if isinstance(self._f, Jitted):
            return (lambda vector: self(*args, vector, **keywords)), self._f(*args, **keywords)
        if current() is not None or _holds_box((args, keywords)):
            arguments = _SeparateBoxes()
            on_boxes = self._subject_on_boxes((*args, 0.0), keywords, arguments)
            value = arguments.put_back(on_boxes.output)
            return (lambda vector: arguments.put_back(self._pull_back(on_boxes, vector))), value
        tape = Tape(self._seed, debugging())
        own = read_argnums(self._f, self._argnums, args)
        args = tuple([map_leaves(np.array, arg) if place in own else arg for place, arg in enumerate(args)])
        boxed = self._box_arguments((*args, 0.0))
        with run_trace(tape):
            subject = self._subject(boxed, keywords, tape)
            value = map_leaves(functools.partial(_own_array, tape), subject.output)

        def pull_back(vector: Any) -> Any:
            if _holds_box(vector):
                return self(*args, vector, **keywords)
            return map_leaves(functools.partial(_own_array, tape), self._pull_back(subject, vector))

        return pull_back, value

    def _pull_back(self, subject: Subject, vector: Any) -> Any:
        """What a cotangent gives by the boxes of a call."""
        vector = map_leaves(_native_or_box, float(vector) if type(vector) is int else vector)
        return self._transform(subject._replace(vector=vector))

    def _box_arguments(self, args: Sequence[Any]) -> list[Any]:
        """The arguments of a call: boxes for what it is differentiated by and for the vector, the others as given."""
        own = self._own_places(args)
        here = users_instruction(3)
        count = 0

        def names(place: int) -> str:
            return [
                path for name, value in zip(argument_names(self._f, len(args)), args, strict=True)
                for path, leaf in paths(value, name) for _ in arrays_of(leaf)
            ][place]  # fmt: skip

        def box_leaf(leaf: Any) -> Argument:
            nonlocal count
            if type(leaf) is not np.ndarray or not leaf.dtype.isnative or not leaf.ndim:
                leaf = native(leaf)
            count += 1
            return Argument.of_call(leaf, FIXED, here, names, count - 1)

        result = []
        for place, arg in enumerate(args):
            if place in own:
                arg = map_leaves(box_leaf, arg)
            else:
                count += 1 if type(arg) is np.ndarray else len(arrays_of(arg))
            result.append(arg)
        return result

    def _on_boxes(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Boxes in, boxes out: a derivative inside a function that is called, or of boxes that a user built."""
        arguments = _SeparateBoxes()
        return arguments.put_back(self._transform(self._subject_on_boxes(args, keywords, arguments)))

    def _subject_on_boxes(self, args: Sequence[Any], keywords: Mapping[str, Any], arguments: _SeparateBoxes) -> Subject:
        own = self._own_places(args)
        args = [map_leaves(arguments.box_for, arg) if place in own else arg for place, arg in enumerate(args)]
        trace = current()
        if self._seed is None:
            with run_trace(trace or GraphTrace()):
                return self._subject(args, keywords)
        if trace is None or not trace.runs:
            raise UsageError(
                f"{self._transform.__name__} of {name_of(self._f)}: found seed= and boxes as arguments, whose graph "
                f"draws when it runs; give the seed to its fprop(seed=...), or arrays as arguments"
            )
        with trace.draw_from_seed(self._seed):
            return self._subject(args, keywords)

    def _own_places(self, args: Sequence[Any]) -> Container[int]:
        """The places of the arguments that become boxes: those that are differentiated, and the vector."""
        count = len(args) - self._vector
        if count < 0:
            return ()
        if type(self._argnums) is int and 0 <= self._argnums < count:
            return (self._argnums, count)
        return {*read_argnums(self._f, self._argnums, args[:count]), *range(count, len(args))}

    def _subject(self, args: Sequence[Any], keywords: Mapping[str, Any], tape: Tape | None = None) -> Subject:
        """The result of the function on boxes, and the boxes to differentiate by."""
        vector = None
        if self._vector:
            if not args:
                raise UsageError(f"{self._transform.__name__} of {name_of(self._f)}: needs the vector as last argument")
            *args, vector = args
        places = read_argnums(self._f, self._argnums, args)
        by = tuple([args[place] for place in places]) if isinstance(self._argnums, tuple) else args[places[0]]
        boxes: list[Any] = []
        others: list[Any] = []
        flatten(by, boxes, others)
        if others or not boxes or any([box.dtype.kind not in "fc" for box in boxes]):  # noqa: C419  it is sooner
            check_arguments(self._f, places, args)
        running = tape or current()
        for box in boxes:
            if tape is not None:
                tape.need_gradient(box)
            elif running is not None and running.at_once:
                running.differentiate_by(box)
        return Subject(
            self._f, as_boxes(call_function(self._f, args, keywords)), by, boxes, vector, self._fallback, tape
        )


class _SeparateBoxes:
    """The boxes that stand for the arguments of one call, which nobody wrote: its result reads the arguments instead.

    A box that is computed on a tape is left in place: the tape has recorded its uses, and no graph shows it.
    """

    def __init__(self) -> None:
        self._copies: dict[Box, Box] = {}

    def box_for(self, leaf: Value) -> Any:
        """The box that stands for an argument.

        An array has one too: a constant would stay in the bodies of loops and checkpoints that read it, out of reach
        of the gradient.
        """
        leaf = leaf if isinstance(leaf, Box) else Constant(leaf)
        if leaf.dtype.kind == "b":  # which has no gradient, and no plus
            return leaf
        box = separate_box(leaf)
        if "computed" not in vars(box):
            self._copies[box] = leaf
        return box

    def put_back(self, result: Any) -> Any:
        """The result, which reads the arguments; another result of the same call shares its boxes."""
        if not self._copies:
            return result
        leaves: list[Any] = []
        structure = flatten(result, leaves)
        built = iter(copy_on([leaf for leaf in leaves if isinstance(leaf, Box)], self._copies))
        keep_weak(self._copies)
        return rebuild(structure, iter([next(built) if isinstance(leaf, Box) else leaf for leaf in leaves]))


def _holds_box(value: Value) -> bool:
    """Whether an argument is a box, or a container with one in it."""
    kind = type(value)
    if kind is np.ndarray or kind is float or kind is int:
        return False
    if kind is tuple or kind is list:
        return any(map(_holds_box, value))
    if kind is dict:
        return any(map(_holds_box, value.values()))
    return isinstance(value, Box) or any(isinstance(leaf, Box) for leaf in arrays_of(value))


def _own_array(tape: Tape, part: Any) -> Any:
    """The value of a part of the result, the caller's own."""
    if isinstance(part, Box):
        value = tape.value_of(part)
        if value is None:
            refuse_stranger(tape.unknown(part))
        part = value
    if type(part) is np.ndarray and part.ndim:
        return part.copy()
    return part if type(part) is np.float64 else np.array(part)[()]


def _native_or_box(leaf: Value) -> Any:
    return leaf if isinstance(leaf, Box) else native(leaf)
