"""First derivatives in numbers: one forward and one backward pass over the boxes of a call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, concrete_values
from flowgraph.box.arrays import again
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.derivatives.backward_graph import Fallback, seed_of
from flowgraph.functional.compiled import Leaves
from flowgraph.functional.containers import flatten, rebuild
from flowgraph.functional.record import refuse_stranger
from flowgraph.functional.transforms import Subject
from flowgraph.graph.passes import Edge, Fstep, Step, forward, guarded, reader, seeds_of, sweep
from flowgraph.graph.steps import CachedSteps, backward_steps, forward_steps, refuse_lost
from flowgraph.graph.where_masking import mask_untaken


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
