"""A graph as a function of arguments: box by box, by a forward and a backward pass in numbers, or compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, Value, concrete_values
from flowgraph.box.arrays import again
from flowgraph.box.leaves import Input, Random
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.derivatives.backward_graph import Fallback, seed_of
from flowgraph.functional.record import refuse_stranger
from flowgraph.functional.transforms import Subject
from flowgraph.graph import Graph
from flowgraph.graph.passes import Edge, Fstep, Step, forward, guarded, reader, seeds_of, sweep
from flowgraph.graph.steps import CachedSteps, backward_steps, forward_steps, refuse_lost
from flowgraph.graph.topology import Topology
from flowgraph.graph.where_masking import mask_untaken
from flowgraph.loops.containers import flatten, rebuild, text_of
from flowgraph.plan.backends import Backend, BackendName, Specialised
from flowgraph.plan.store import Store


class Leaves:
    """The values of the leaves of a graph in a list with a place for every box: of arguments, sources and constants."""

    def __init__(self, graph: Topology, arguments: Mapping[Box, int], sources: Mapping[Box, int]) -> None:
        self._fed = [(arguments[box], graph.slots[box]) for box in graph.inputs]
        self._read = [(sources[box], slot) for box, slot in graph.slots.items() if box in sources]
        self._constants = [
            box.value[()] if isinstance(box, Constant) and box not in sources else None for box in graph.boxes
        ]

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The list for the arguments and sources of one call."""
        slots = self._constants.copy()
        for i, slot in self._fed:
            slots[slot] = arrays[i]
        for i, slot in self._read:
            slots[slot] = values[i]
        return slots


class Evaluation:
    """The steps from arguments and sources to some boxes."""

    def __init__(self, outputs: Sequence[Box], arguments: Mapping[Box, int], sources: Mapping[Box, int]) -> None:
        self.graph = graph = Graph(*outputs)
        self._leaves = Leaves(graph, arguments, sources)
        self._outputs = [graph.slots[box] for box in outputs]
        self._steps = graph.fsteps(frozenset(self._outputs))

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """The outputs, of the arguments and of the values of the sources."""
        slots = self._leaves(arrays, values)
        forward(self.graph, self._steps, slots)
        return [slots[slot] for slot in self._outputs]


MOST_IDLE, IDLE_BYTES = 4, 1 << 22
"""Functions of one plan that wait for a call, and bytes of theirs beyond those of the first: as many threads run it
without making buffers anew."""

_CALL = """\
def call({arguments}):
{guard}    try:
        function = idle.pop()
    except IndexError:
        function = fresh()
    try:
        try:
            {results}= function({taken})
        except underflows as error:
            {results}= again(error, function, {taken})
        return {container}
    finally:
        if len(idle) < most:
            idle.append(function)
"""
"""One call. It takes the function and its buffers for itself, so that calls in several threads, and one inside another,
go on side by side; its results, in their containers, are the caller's own."""


class Compiled:
    """Some boxes as the function of a plan of `arguments` and of `sources`, each by its number.

    Sources by whose numbers there is a value in `fixed` are constants of it. What is fed, parameters too, has a leaf of
    its own in the plan. `call(arrays, values)` runs it once.
    """

    def __init__(
        self, graph: Graph, arguments: Mapping[Box, int], sources: Mapping[Box, int], fixed: Mapping[int, Any],
        structure: Any, backend: BackendName = "numpy",
    ) -> None:  # fmt: skip
        leaves: dict[Box, Box] = {}
        self.takes: list[tuple[bool, int]] = []
        for box in graph.boxes:
            if box in sources and sources[box] in fixed:
                leaves[box] = Constant(fixed[sources[box]])
            elif box in sources or box in arguments:
                leaves[box] = box if isinstance(box, Input | Random) else _as_input(box, sources[box])
                self.takes.append((box in sources, sources[box] if box in sources else arguments[box]))
        self._is_number = [not box.shape for box in leaves.values() if not isinstance(box, Constant)]
        self._store = Store({})
        self.plan: Specialised = Backend(backend).specialised(graph, self._store, leaves, (), frozenset())
        function = self.plan.functions[0]
        owners = {id(owner): owner.nbytes for owner in _owners_in(list(function.__globals__.values()))}
        self.bytes = sum(owners.values())
        self.idle: list[Callable[..., Any]] = [function]
        self._fixed = list(fixed.items())
        self._structure = structure
        self.call = self.written("arrays, values", "", *_BY_NUMBER)

    def written(
        self, arguments: str, guard: str, arrays: Callable[[int], str], values: Callable[[int], str],
        space: Mapping[str, Any] | None = None,
    ) -> Callable[..., Any]:  # fmt: skip
        """A function of these arguments that runs the plan once.

        `guard` are lines before it; `arrays` and `values` write the expressions of an argument and of a source by its
        number, with the names of `space`.
        """
        program = self.plan.program
        taken = "".join(
            f"{values(place) if of_source else arrays(place)}{'[()]' * number}, "
            for (of_source, place), number in zip(self.takes, self._is_number, strict=True)
        )
        names = [f"r{i}" for i in range(len(program.copied))]
        own = [f"{name}.copy()[()]" if copied else name for name, copied in zip(names, program.copied, strict=True)]
        known: dict[str, Any] = {
            "again": again, "underflows": (FloatingPointError, RuntimeWarning), "idle": self.idle, "fresh": self._fresh,
            "most": min(MOST_IDLE, 1 + IDLE_BYTES // max(self.bytes, 1)), **(space or {}),
        }  # fmt: skip
        container = text_of(self._structure, iter(own), known)
        results = "".join(f"{name}, " for name in names)
        text = _CALL.format(arguments=arguments, guard=guard, results=results, taken=taken, container=container)
        exec(compile(text, "<call of a compiled function>", "exec"), known)
        call: Callable[..., Any] = known["call"]
        return call

    def fits(self, values: Sequence[Any]) -> bool:
        """Whether the sources that are constants of the plan have the values that it has for them."""
        return all(values[i] is value or is_bitwise(values[i], value) for i, value in self._fixed)

    def others(self, values: Sequence[Any]) -> list[int]:
        """The numbers of the sources that have other values."""
        return [i for i, value in self._fixed if not is_bitwise(values[i], value)]

    def _fresh(self) -> Callable[..., Any]:
        """The function with buffers of its own."""
        return self.plan.bound()[0]


_BY_NUMBER = (lambda place: f"arrays[{place}]", lambda place: f"values[{place}]")


def _as_input(box: Box, place: int) -> Input:
    """The leaf of the plan for a constant or a parameter, whose value is another one in each call."""
    return Input(box.name or f"captured{place}", shape=box.shape, dtype=box.dtype)


def _owners_in(value: Any) -> list[Any]:
    """The arrays whose memory is that of arrays in nested lists and tuples."""
    if isinstance(value, list | tuple):
        return [owner for item in value for owner in _owners_in(item)]
    owner = None
    while isinstance(value, np.ndarray):
        owner, value = value, value.base
    return [] if owner is None else [owner]


def is_bitwise(value: Any, other: Any) -> bool:
    """Whether two values are the same, bit by bit."""
    return np.asarray(value).tobytes() == np.asarray(other).tobytes()


class InNumbers:
    """The two passes for a transform of `FIRST_ORDER`, ready to run on values of the leaves of its boxes.

    `graph` has the boxes of the forward pass; `structure` are the containers of the result.
    """

    def __init__(self, transform: Callable[[Subject], Any], subject: Subject) -> None:
        with concrete_values.traced(None):
            result = transform(subject._replace(gradients=self._asked))
        self._parts: list[Any] = []
        self.structure = flatten(result, self._parts)
        boxes = [part for part in self._parts if isinstance(part, Box) and part not in self._sent]
        self.graph = CachedSteps(self._outputs, along=[*boxes, *self._seeds])
        self._wrt = [box for box in self._sent.values() if box in self.graph]
        self._fsteps, self._bsteps = _steps(self.graph, self._wrt)

    def _asked(
        self, outputs: Sequence[Box], wrt: Sequence[Box], grads: Sequence[Value], *, fallback: Fallback | None,
        unused: str,
    ) -> list[Any]:  # fmt: skip
        """Note which gradients a transform asks for; a box stands for each in its result."""
        self._outputs = outputs
        self._seeds = [seed_of(output, grad) for output, grad in zip(outputs, grads, strict=True)]
        self._sent = {box._copy_with(): box for box in wrt}
        return list(self._sent)

    def __call__(self, values: list[Any], masked: bool) -> list[Any] | None:
        """The parts of the result; `values` has those of the leaves, and is filled with those of all boxes.

        Where a gradient is NaN, elements that are not taken have to be masked, which reads the values of constants: if
        `masked` does not allow it, there is no result.
        """
        forward(self.graph, self._fsteps, values)
        arriving = [values[self.graph.slots[seed]] for seed in self._seeds]
        seeds = seeds_of(self.graph, zip(self._outputs, arriving, strict=True))
        try:
            grads = self._swept(values, seeds, masked)
        except (FloatingPointError, RuntimeWarning) as error:
            grads = again(error, self._swept, values, seeds, masked)
        return None if grads is None else [self._value(part, values, grads) for part in self._parts]

    def _swept(self, values: Sequence[Any], seeds: Sequence[Any], masked: bool) -> list[Any] | None:
        """The gradients of all boxes, without a warning of a NaN, as functions of NumPy give none."""
        grads = list(seeds)
        sweep(self._bsteps, values, grads)
        arrived = [grads[self.graph.slots[box]] for box in self._wrt]
        if any(grad is not None and np.isnan(grad).any() for grad in arrived):
            if not masked:
                return None
            grads = list(seeds)
            sweep(mask_untaken(self._bsteps, grads), values, grads)
        return grads

    def _value(self, part: Value, values: Sequence[Any], grads: Sequence[Any]) -> Any:
        """The value of a part of the result."""
        if not isinstance(part, Box):
            return part
        box = self._sent.get(part)
        if box is None:
            return values[self.graph.slots[part]]
        grad = grads[self.graph.slots[box]] if box in self.graph else None
        return np.zeros(box.shape, box.dtype) if grad is None else conjugate_if_complex(grad)


def computed(transform: Callable[[Subject], Any], subject: Subject, trace: concrete_values.Trace) -> Any:
    """The result of a transform of `FIRST_ORDER` for one call: arrays of the caller's own, in their containers."""
    passes = InNumbers(transform, subject)
    outputs = passes([None if box.children else _value_of(trace, box) for box in passes.graph.boxes], True)
    assert outputs is not None
    return rebuild(passes.structure, iter([np.array(output)[()] for output in outputs]))


def _value_of(trace: concrete_values.Trace, leaf: Box) -> Any:
    value = trace.value_of(leaf)
    if value is None:
        refuse_stranger(leaf)
    return value


class FirstOrder:
    """The passes for all calls with the same boxes: `arguments` and `sources` number what gives values to leaves."""

    passes = 3
    """A graph of the derivative has about as many times the boxes of the function."""

    def __init__(
        self, transform: Callable[[Subject], Any], subject: Subject, arguments: Mapping[Box, int],
        sources: Mapping[Box, int],
    ) -> None:  # fmt: skip
        self._run = InNumbers(transform, subject)
        self.graph, self.structure = self._run.graph, self._run.structure
        self._leaves = Leaves(self.graph, arguments, sources)

    def __call__(self, arrays: Sequence[Any], values: Sequence[Any]) -> list[Any] | None:
        """The parts of the result; None where a derivation is needed to find the elements that are not taken."""
        return self._run(self._leaves(arrays, values), False)


def _steps(graph: CachedSteps, wrt: Sequence[Box]) -> tuple[Sequence[Fstep], Sequence[Step]]:
    """The steps of both passes, made in one walk: making them takes most of the time of a single call."""
    slots, made = graph.slots, tuple.__new__
    leads = bytearray(len(graph))
    for box in wrt:
        leads[slots[box]] = 1
    plain: dict[type[Box], bool] = {}
    fsteps: list[Fstep] = []
    bsteps: list[Step] = []
    for slot, box in enumerate(graph.boxes):
        if not box.children:
            continue
        places = [slots[child] for child in box.children]
        read = reader(places)
        is_plain = plain.get(type(box))
        if is_plain is None:
            is_plain = plain[type(box)] = _is_plain(type(box))
        fsteps.append(made(Fstep, (slot, box.fprop if is_plain else guarded(box, box.fprop), read, ())))
        wanted = tuple([(i, place) for i, place in enumerate(places) if leads[place]])
        if not wanted:
            continue
        if not is_plain or len(box.outputs) > 1 or box.dtype.kind not in "fc":
            if not box.has_bprop or box.not_implemented_children:  # refused where a gradient arrives, and only there
                return _steps_of_graph(graph, wrt)
            wanted = tuple([(i, place) for i, place in wanted if box.differentiable_wrt[i]])
        if wanted:
            leads[slot] = 1
            in_part = box.takes_needs and len(wanted) < len(places)
            bprop = box.bprop if is_plain and not in_part else _bprop(box, wanted)
            edges = tuple([(i, place, Edge(box, i)) for i, place in wanted])
            bsteps.append(made(Step, (slot, bprop, read, edges, len(places), box)))
    return fsteps, bsteps[::-1]


def _is_plain(cls: type[Box]) -> bool:
    """Whether all boxes of a class of flowgraph's own have a bprop that sends a gradient to every child."""
    sends = cls.has_bprop and cls.constant_children == cls.not_implemented_children == frozenset()
    return sends and cls.built_in


def _steps_of_graph(graph: CachedSteps, wrt: Sequence[Box]) -> tuple[Sequence[Fstep], Sequence[Step]]:
    """The steps as a graph makes them: for boxes whose bprop is to be derived, or has no derivative by some child."""
    refuse_lost(graph, graph.cut(tuple(wrt)))
    reached = [box for box in wrt if box in graph.passed]
    return forward_steps(graph, None, None), backward_steps(graph.boxes, graph.slots, reached, graph.passed)


def _bprop(box: Box, wanted: Sequence[tuple[int, int]]) -> Callable[..., tuple[Any, ...]]:
    bprop = guarded(box, box.bprop)
    if not box.takes_needs or len(wanted) == len(box.children):
        return bprop
    positions = {position for position, _ in wanted}
    return functools.partial(bprop, needs=tuple([i in positions for i in range(len(box.children))]))
