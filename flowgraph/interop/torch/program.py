"""A function of arrays as plans, its gradients as such functions, and both as a function of PyTorch's autograd."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from flowgraph.box import Box
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Foreign
from flowgraph.derivatives import gradients, jvp
from flowgraph.derivatives.batching import over_rows
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.steps import replay
from flowgraph.graph.topology import topological_order
from flowgraph.interop.torch.symbolic_sizes import arrays_of, tensor_of
from flowgraph.plan import Plan, compile
from flowgraph.shapes.size import Size

_numbers = itertools.count()


class Pattern(NamedTuple):
    """With respect to which leaves a gradient is wanted, and at which outputs one arrives, by their places."""

    wanted: tuple[int, ...]
    arriving: tuple[int, ...]


class Program:
    """The outputs of a graph as a function of its leaves, all of which are inputs; its plan runs without gradients."""

    def __init__(self, leaves: Sequence[Input], outputs: Sequence[Box]) -> None:
        self.leaves = tuple(leaves)
        self.outputs = tuple(outputs)
        self._gradients: dict[Pattern, Gradient] = {}
        self._differentiable: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._over_rows: dict[tuple[int, ...], Program] = {}
        self._slopes: dict[tuple[int, ...], Slopes] = {}

    @cached_property
    def plan(self) -> Plan:
        """The outputs."""
        return compile(self.outputs, inputs=self.leaves)

    def gradient(self, pattern: Pattern) -> Gradient:
        """The gradients of that pattern, built when they are asked for first."""
        if pattern not in self._gradients:
            self._gradients[pattern] = Gradient(self, pattern)
        return self._gradients[pattern]

    def over_rows(self, places: tuple[int, ...]) -> Program:
        """The outputs for all rows at once, of leaves at these places that have one more axis in front."""
        if places not in self._over_rows:
            count = Size(f"rows{next(_numbers)}")
            leaves = list(self.leaves)
            for place in places:
                leaf = leaves[place]
                leaves[place] = Input(f"{leaf.name} in {count}", shape=(count, *leaf.shape), dtype=leaf.dtype)
            rows: dict[Box, Box] = {self.leaves[place]: leaves[place] for place in places}
            self._over_rows[places] = Program(leaves, over_rows(self.outputs, rows))
        return self._over_rows[places]

    def slopes(self, places: tuple[int, ...]) -> Slopes:
        """The directional derivatives of the outputs along directions for the leaves at these places."""
        if places not in self._slopes:
            self._slopes[places] = Slopes(self, places)
        return self._slopes[places]

    def differentiable(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The positions of outputs with a differentiable path from a wanted leaf."""
        if wanted not in self._differentiable:
            leaves = [self.leaves[place] for place in wanted]
            places = (place for place, box in enumerate(self.outputs) if self._leaves_reached([box], leaves))
            self._differentiable[wanted] = tuple(places)
        return self._differentiable[wanted]

    def positions_reached(self, pattern: Pattern) -> tuple[int, ...]:
        """The positions of wanted leaves with a differentiable path to an output of the pattern."""
        outputs = [self.outputs[place] for place in pattern.arriving]
        leaves = [self.leaves[place] for place in pattern.wanted]
        reached = self._leaves_reached(outputs, leaves)
        return tuple(place for place in pattern.wanted if self.leaves[place] in reached)

    @staticmethod
    def _leaves_reached(outputs: Sequence[Box], leaves: Sequence[Box]) -> set[Box]:
        if not outputs:
            return set()
        graph = Graph(*outputs)
        inside = [leaf for leaf in leaves if leaf in graph]
        return set(inside) - set(graph.cut(tuple(inside)))


class Gradient:
    """The gradients of a program with respect to the leaves at `places`, given what arrives at the outputs.

    `program` computes them from the leaves and what arrives, so that they can be differentiated again. `saving` gives
    the outputs and the values that `sending` reads besides the leaves: the pair computes the outputs only once.
    """

    def __init__(self, program: Program, pattern: Pattern) -> None:
        self.pattern = pattern
        self.places = program.positions_reached(pattern)
        outputs = [program.outputs[place] for place in pattern.arriving]
        number = next(_numbers)
        arriving = [
            Input(f"arriving {number}.{place}", shape=output.shape, dtype=output.dtype)
            for place, output in zip(pattern.arriving, outputs, strict=True)
        ]
        wanted = [program.leaves[place] for place in self.places]
        boxes = gradients(outputs, wanted, arriving) if wanted else []
        self.program = Program((*program.leaves, *arriving), boxes)
        self._before = program

    @cached_property
    def _kept(self) -> list[Box]:
        return kept_values(self._before.outputs, self.program.outputs)

    @cached_property
    def saving(self) -> Program:
        """The outputs, then the values to keep for `sending`."""
        return Program(self._before.leaves, (*self._before.outputs, *self._kept))

    @cached_property
    def sending(self) -> Program:
        """The gradients from the leaves, what arrives, and the values that were kept."""
        number = next(_numbers)
        known: dict[Box, Input] = {
            box: Input(f"kept {number}.{place}", shape=box.shape, dtype=box.dtype)
            for place, box in enumerate(self._kept)
        }
        inputs = (*self.program.leaves, *known.values())
        boxes = topological_order(self.program.outputs)
        slots = {box: slot for slot, box in enumerate(boxes)}
        values = replay(boxes, slots, known) if known else boxes
        return Program(inputs, [values[slots[box]] for box in self.program.outputs])


class Slopes:
    """The directional derivatives of the outputs at `places`, which are differentiable, along some of the leaves.

    `program` computes them from the leaves and the directions; they are zeros where an output depends on other leaves.
    """

    def __init__(self, before: Program, wanted: tuple[int, ...]) -> None:
        number = next(_numbers)
        wrt = [before.leaves[place] for place in wanted]
        along = [Input(f"along {number}.{i}", shape=leaf.shape, dtype=leaf.dtype) for i, leaf in enumerate(wrt)]
        self.places = before.differentiable(tuple(range(len(before.leaves))))
        slopes = [_slope(before.outputs[place], dict(zip(wrt, along, strict=True))) for place in self.places]
        self.program = Program((*before.leaves, *along), slopes)


def _slope(output: Box, along: Mapping[Box, Box]) -> Box:
    graph = Graph(output)
    inside = [box for box in along if box in graph]
    cut = graph.cut(tuple(inside))
    wrt = [box for box in inside if box not in cut]
    return jvp(output, wrt, [along[box] for box in wrt]) if wrt else np.zeros_like(cast(Any, output))


def kept_values(forward: Sequence[Box], backward: Sequence[Box]) -> list[Box]:
    """The boxes of the forward graph that boxes of the backward graph alone read, where an input can stand for them.

    What is no array of a shape that follows from those of the inputs (a box of several outputs, a size that depends on
    values) is computed again from what it reads, and so is what is read for its shape only.
    """
    inside = set(topological_order(forward))
    kept: dict[Box, None] = {}
    again: set[Box] = set()
    waiting = [box for box in topological_order(backward) if box not in inside]
    waiting += [box for box in backward if box in inside]
    for box in waiting:  # grows while it is walked through
        read = [box] if box in inside and box not in again else _children_read(box)
        for child in read:
            if child not in inside or not child.children or child in kept or child in again:
                continue
            if _can_be_kept(child):
                kept[child] = None
            else:
                again.add(child)
                waiting.append(child)
    return list(kept)


def _children_read(box: Box) -> list[Box]:
    """The children whose values a box reads."""
    like = "like" in box.constant_children
    return [
        child
        for name, child in zip(box.names_of_children(), box.children, strict=True)
        if not (like and name == "like")
    ]


def _can_be_kept(box: Box) -> bool:
    return len(box.outputs) == 1 and not any(isinstance(size, Size) and size.unknown for size in box.shape)


def apply(program: Program, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The outputs of a program at these leaves; where a gradient can be asked for, they know how they were made."""
    if not program.outputs:
        return ()
    wanted = tuple(place for place, tensor in enumerate(tensors) if tensor.requires_grad)
    gradient = None
    if wanted and torch.is_grad_enabled():
        gradient = program.gradient(Pattern(wanted, program.differentiable(wanted)))
    outputs: tuple[torch.Tensor, ...] = _ProgramFunction.apply(program, gradient, *tensors)
    return outputs[: len(program.outputs)]


class _ProgramFunction(torch.autograd.Function):
    """forward runs one plan for the outputs and the values that backward, another plan, reads.

    A backward that is differentiated itself (create_graph=True) applies the program of the gradients to the leaves.
    """

    @staticmethod
    def forward(program: Program, gradient: Gradient | None, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        running = program if gradient is None else gradient.saving
        try:
            arrays = arrays_of(tensors)
        except RuntimeError as error:
            raise UsageError(
                f"module: found tensors whose numbers cannot be read ({str(error).splitlines()[0]}), and flowgraph "
                f"computes with NumPy; use torch.func.vmap and jacrev where it was vectorize=True"
            ) from error
        return tuple(map(tensor_of, running.plan(*arrays)))

    @staticmethod
    def setup_context(ctx: Foreign, inputs: Foreign, output: tuple[torch.Tensor, ...]) -> None:
        program, gradient, *tensors = inputs
        ctx.set_materialize_grads(False)
        free = program.differentiable(tuple(range(len(tensors))))
        ctx.mark_non_differentiable(*[tensor for place, tensor in enumerate(output) if place not in free])
        ctx.save_for_backward(*tensors, *output[len(program.outputs) :])
        ctx.save_for_forward(*tensors)
        ctx.program, ctx.gradient, ctx.count = program, gradient, len(output)

    @staticmethod
    def backward(ctx: Foreign, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        program, gradient = ctx.program, ctx.gradient
        count = len(program.leaves)
        leaves, kept = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        arriving = tuple(place for place in gradient.pattern.arriving if grads[place] is not None)
        sent = [grads[place] for place in arriving]
        if torch.is_grad_enabled() or arriving != gradient.pattern.arriving:
            gradient = program.gradient(Pattern(gradient.pattern.wanted, arriving))
            sent_back = apply(gradient.program, (*leaves, *sent))
        else:
            sent_back = apply(gradient.sending, (*leaves, *sent, *kept))
        by_place = dict(zip(gradient.places, sent_back, strict=True))
        return None, None, *(by_place.get(place) for place in range(count))

    @staticmethod
    def jvp(ctx: Foreign, *along: Foreign) -> tuple[torch.Tensor | None, ...]:
        program, tangents = ctx.program, along[2:]
        slopes = program.slopes(tuple(place for place, part in enumerate(tangents) if part is not None))
        parts = apply(slopes.program, (*ctx.saved_tensors, *(part for part in tangents if part is not None)))
        by_place = dict(zip(slopes.places, parts, strict=True))
        return tuple(by_place.get(place) for place in range(ctx.count))

    @staticmethod
    def vmap(
        info: Foreign,
        in_dims: Sequence[int | None],
        program: Program,
        gradient: Gradient | None,
        *tensors: torch.Tensor,
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        """The program for all rows at once, which is a program again."""
        of_tensors = in_dims[2:]
        running = program if gradient is None else gradient.saving
        rows = running.over_rows(tuple(place for place, dim in enumerate(of_tensors) if dim is not None))
        moved = [t if dim is None else t.movedim(dim, 0) for t, dim in zip(tensors, of_tensors, strict=True)]
        outputs = apply(rows, moved)
        return outputs, (0,) * len(outputs)
