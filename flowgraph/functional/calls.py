"""A derivative of a function, as a function: called on boxes, derived once for each graph, then run as a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Value, concrete_values
from flowgraph.box.leaves import Input
from flowgraph.box.random_draws import Seed, seed_of_run
from flowgraph.derivatives.backward_graph import Fallback
from flowgraph.errors import UsageError
from flowgraph.functional.arguments import argument_names, called, check_arguments, name_of, native, read_argnums
from flowgraph.functional.compiled import computed
from flowgraph.functional.jit import Jitted
from flowgraph.functional.programs import Kind, Program, programs_of, values_of
from flowgraph.functional.record import Captured, read_record
from flowgraph.functional.replay import Recorder, Replay
from flowgraph.functional.transforms import FIRST_ORDER, Subject, as_boxes
from flowgraph.loops.containers import Open, arrays_of, flatten, mapped, paths

_ONLY_ARRAYS = frozenset({np.ndarray})

_NUMBERS = (int, str, bool, type(None), bytes, type(...), range)


class Call(NamedTuple):
    """The arguments of a derivative: arrays, and the containers and other arguments around them."""

    args: tuple[Any, ...]
    keywords: dict[str, Any]
    structure: Hashable
    arrays: list[Any]
    statics: list[Any]
    shapes: Hashable


class Derived:
    """The function that computes a derivative of another.

    In each call the function is called, on boxes. Of these only the structure is kept: for calls that build the same
    boxes, with other arrays and numbers, the steps are made once. A first derivative is computed in numbers, by a
    forward and a backward pass, until its graph has run so often that it is derived and becomes a plan; nothing is kept
    of the first call of a kind.
    """

    def __init__(
        self, f: Callable[..., Any], argnums: Any, transform: Callable[[Subject], Any], vector: bool,
        fallback: Fallback | None, seed: Seed = None,
    ) -> None:  # fmt: skip
        if not callable(f):
            raise UsageError(f"{transform.__name__}: found a {type(f).__name__}, needs a function")
        functools.update_wrapper(self, f, updated=())
        self.__name__ = f"{transform.__name__}_{getattr(f, '__name__', 'f')}"
        self._f, self._transform = f, transform
        self._argnums = tuple(argnums) if isinstance(argnums, list) else argnums
        self._vector, self._fallback = vector, fallback
        self._seed = None if seed is None else seed_of_run(seed, transform.__name__)
        self._programs = programs_of(f)
        self._in_numbers = transform in FIRST_ORDER and fallback is None
        self._key = transform, fallback, vector, repr(self._argnums)
        self._jitted: Jitted | None = None

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """The derivative at these arguments."""
        if isinstance(self._f, Jitted):
            if self._jitted is None:
                cls, (_, *settings) = self.__reduce__()
                self._jitted = self._f.derived((cls, repr(settings)), lambda f: cls(f, *settings))
            return self._jitted(*args, **keywords)
        if self._vector and args and type(args[-1]) is int:
            args = (*args[:-1], float(args[-1]))
        leaves: list[Any] = []
        statics = Open[Any]()
        structure = flatten((args, keywords), leaves, statics)
        only_arrays = _ONLY_ARRAYS.issuperset(map(type, leaves))
        if concrete_values.current() is not None or (not only_arrays and any(isinstance(leaf, Box) for leaf in leaves)):
            return self._on_boxes(args, keywords)
        arrays = [leaf if type(leaf) is np.ndarray and leaf.dtype.isnative else native(leaf) for leaf in leaves]
        shapes = tuple([(a.shape, a.dtype) for a in arrays])
        return self._on_arrays(Call(args, keywords, structure, arrays, statics, shapes))

    def __reduce__(self) -> Any:
        """Pickled and copied without its graphs."""
        return Derived, (self._f, self._argnums, self._transform, self._vector, self._fallback, self._seed)

    def __repr__(self) -> str:
        return f"<{self._transform.__name__} of {name_of(self._f)}>"

    def _on_arrays(self, call: Call) -> Any:
        """Call the function on boxes, and run the graph of its derivative that is kept, or compute it in numbers."""
        key = self._key, call.structure, call.shapes
        kind = self._programs.kinds.get(key) or self._new_kind(key, call)
        leaves, latest = kind.leaves(), kind.latest
        trace = concrete_values.Trace(dict(zip(leaves, call.arrays, strict=True)), Captured, self._seed)
        if latest is not None and latest.recording is not None:
            trace.steps = replay = Replay(latest.recording, leaves)
            return self._followed(call, kind, latest, replay, trace, leaves)
        is_first = latest is None and self._in_numbers and self._programs.is_new(hash(key))
        if not is_first and (latest is None or not latest.noted):
            trace.steps = Recorder(leaves)
        with concrete_values.traced(trace):
            subject = self._subject(*kind.arguments(leaves, call.statics))
        if is_first:
            return computed(self._transform, subject, trace)
        return self._run(call, kind, subject, trace, leaves)

    def _followed(
        self, call: Call, kind: Kind, latest: Program, replay: Replay, trace: concrete_values.Trace,
        leaves: Sequence[Box],
    ) -> Any:  # fmt: skip
        """The derivative by the latest program of the kind, if the call goes as its recording; else as any other."""
        if type(self) is not Derived:  # which calls the function in a way of its own
            with concrete_values.traced(trace):
                subject = self._subject(*kind.arguments(leaves, call.statics))
            return self._run(call, kind, subject, trace, leaves, replay)
        with concrete_values.traced(trace):
            args, keywords = kind.arguments(leaves, call.statics)
            output = self._called(args[:-1] if self._vector else args, keywords)
        if replay.returns(output):
            values = values_of(replay.sources(), trace)
            if latest.accepts(values):
                kind.missed = 0
                return latest.runs(call.arrays, values)
        with concrete_values.traced(trace):
            _, vector, by = self._parted(args)
            subject = Subject(self._f, as_boxes(output), by, vector, self._fallback)
        return self._run(call, kind, subject, trace, leaves, replay)

    def _run(
        self, call: Call, kind: Kind, subject: Subject, trace: concrete_values.Trace, leaves: Sequence[Box],
        replay: Replay | None = None,
    ) -> Any:  # fmt: skip
        """The derivative by the program for what a call built, if one is kept, found or made; else in numbers."""
        frame, roots = self._frame(call, subject, leaves)
        latest, fitting = kind.latest, None
        if replay is not None and latest is not None and latest.frame == frame and replay.came_to(roots):
            values = values_of(replay.sources(), trace)
            fitting = (latest, values) if latest.accepts(values) else None
        fitting = fitting or self._found(call, kind, subject, trace, leaves, frame, roots)
        if fitting is None:
            return computed(self._transform, subject, trace)
        program, values = fitting
        self._programs.used(program, kind)
        return program.runs(call.arrays, values)

    def _new_kind(self, key: Hashable, call: Call) -> Kind:
        """The kind of this call, kept for the calls like it."""
        names = _leaf_names(self._f, call.args, call.keywords)
        known = [Input(name, shape=a.shape, dtype=a.dtype) for name, a in zip(names, call.arrays, strict=True)]
        kind = Kind(call.structure, known)
        self._programs.met(key, kind)
        return kind

    def _frame(self, call: Call, subject: Subject, leaves: Sequence[Box]) -> tuple[tuple[Any, ...], list[Box]]:
        """What the derivative depends on besides boxes, and the boxes that the function returned.

        These are the transform and the containers. The shapes of all arguments belong to it, also of those that nothing
        of the result reads, since a recording is replayed with all of them.
        """
        roots: list[Any] = []
        wanted: list[Any] = []
        containers = [flatten(subject.output, roots), *[flatten(part, wanted) for part in (subject.by, subject.vector)]]
        numbers = {leaf: number for number, leaf in enumerate(leaves)}
        leading = tuple([numbers[leaf] for leaf in wanted])
        return (self._transform, self._fallback, *containers, leading, call.shapes), roots

    def _found(
        self, call: Call, kind: Kind, subject: Subject, trace: concrete_values.Trace, leaves: Sequence[Box],
        frame: tuple[Any, ...], roots: Sequence[Box],
    ) -> tuple[Program, list[Any]] | None:  # fmt: skip
        """The program for the boxes that a call built, found or made, and its values; None to compute in numbers."""
        if self._in_numbers and not kind.is_looked_for():
            return None
        record = read_record(roots, leaves)
        values = values_of(record.sources, trace)
        room = self._programs.room
        made = functools.partial(Program, record, values, subject, self._transform, frame, room, self._in_numbers)
        key = frame, record.key
        try:
            program = None if record.calls_back else self._programs.find(key, values)
            is_kept = not record.calls_back
        except TypeError:  # what the function returned holds something that cannot be hashed
            is_kept = False
        if not is_kept:
            return None if self._in_numbers else (made(), values)
        if program is None:
            self._programs.note(self._f, self._transform.__name__, self._numbers(call))
            if self._in_numbers and kind.latest is not None and self._programs.is_new(hash(key)):
                return None
            program = made()
            self._programs.add(key, call.shapes, program)
        if isinstance(trace.steps, Recorder):
            program.take(trace.steps.recording(roots, record.sources))
        return program, values

    def _on_boxes(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Boxes in, boxes out: a derivative inside a function that is traced itself, or of boxes that a user built."""
        own = self._own_places(args)
        args = [mapped(_own_box, arg) if place in own else arg for place, arg in enumerate(args)]
        trace = concrete_values.current()
        if self._seed is None:
            return self._transform(self._subject(args, keywords))
        if trace is None:
            raise UsageError(
                f"{self._transform.__name__} of {name_of(self._f)}: found seed= and boxes as arguments, whose graph "
                f"draws when it runs; give the seed to its fprop(seed=...), or arrays as arguments"
            )
        with trace.seeded(self._seed):
            subject = self._subject(args, keywords)
        return self._transform(subject)

    def _own_places(self, args: Sequence[Any]) -> Container[int]:
        """The places of the arguments that become boxes: those that are differentiated, and the vector."""
        count = len(args) - self._vector
        return {*read_argnums(self._f, self._argnums, args[:count]), *range(count, len(args))}

    def _subject(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Subject:
        """The result of the function on boxes, and the boxes to differentiate by."""
        args, vector, by = self._parted(args)
        return Subject(self._f, as_boxes(self._called(args, keywords)), by, vector, self._fallback)

    def _parted(self, args: Sequence[Any]) -> tuple[Sequence[Any], Any, Any]:
        """The arguments of the function, the vector, and the container of boxes to differentiate by."""
        vector = None
        if self._vector:
            if not args:
                raise UsageError(f"{self._transform.__name__} of {name_of(self._f)}: needs the vector as last argument")
            *args, vector = args
        places = read_argnums(self._f, self._argnums, args)
        check_arguments(self._f, places, args)
        several = isinstance(self._argnums, tuple)
        by = tuple([args[place] for place in places]) if several else args[places[0]]
        return args, vector, by

    def _called(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """The result of the function on boxes."""
        return called(self._f, args, keywords)

    def _numbers(self, call: Call) -> dict[str, Any]:
        """The arguments that are no arrays, by name."""
        named = [*zip(argument_names(self._f, len(call.args)), call.args, strict=True), *call.keywords.items()]
        by_path = {path: leaf for name, value in named for path, leaf in paths(value, name)}
        return {path: leaf for path, leaf in by_path.items() if type(leaf) in _NUMBERS}


def _own_box(leaf: Value) -> Any:
    """A separate box for an argument, so that only its own uses are differentiated."""
    return np.positive(leaf) if isinstance(leaf, Box) else Constant(leaf)


def _leaf_names(f: Callable[..., Any], args: Sequence[Any], keywords: dict[str, Any]) -> list[str]:
    """The name of each array as one writes it, for pictures and errors."""
    named = [*zip(argument_names(f, len(args)), args, strict=True), *keywords.items()]
    return [path for name, value in named for path, leaf in paths(value, name) for _ in arrays_of(leaf)]
