"""A function of arrays as plans: its outputs, and the gradients that it sends back, which are such a function again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from flowgraph.box import Box
from flowgraph.box.leaves import Input
from flowgraph.derivatives import gradients
from flowgraph.graph import Graph
from flowgraph.graph.steps import replay
from flowgraph.graph.topology import topological_order
from flowgraph.interop.torch.kept_values import kept_values
from flowgraph.plan import Plan, compile

_numbers = itertools.count()


class Pattern(NamedTuple):
    """With respect to which leaves a gradient is wanted, and at which outputs one arrives, by their places."""

    wanted: tuple[int, ...]
    arriving: tuple[int, ...]


class Program:
    """The outputs of a graph as a function of its leaves, all of which are inputs."""

    def __init__(self, leaves: Sequence[Input], outputs: Sequence[Box]) -> None:
        self.leaves = tuple(leaves)
        self.outputs = tuple(outputs)
        self._gradients: dict[Pattern, Gradient] = {}
        self._differentiable: dict[tuple[int, ...], tuple[int, ...]] = {}

    @cached_property
    def plan(self) -> Plan:
        """The outputs alone, where no gradient will be asked for."""
        return compile(self.outputs, inputs=self.leaves)

    def gradient(self, pattern: Pattern) -> Gradient:
        """The gradients of that pattern, built when they are asked for first."""
        if pattern not in self._gradients:
            self._gradients[pattern] = Gradient(self, pattern)
        return self._gradients[pattern]

    def differentiable(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The positions of outputs with a differentiable path from a wanted leaf."""
        if wanted not in self._differentiable:
            leaves = [self.leaves[place] for place in wanted]
            found = (place for place, box in enumerate(self.outputs) if self._reached([box], leaves))
            self._differentiable[wanted] = tuple(found)
        return self._differentiable[wanted]

    def reached(self, pattern: Pattern) -> tuple[int, ...]:
        """The positions of wanted leaves with a differentiable path to an output of the pattern."""
        outputs = [self.outputs[place] for place in pattern.arriving]
        leaves = [self.leaves[place] for place in pattern.wanted]
        found = self._reached(outputs, leaves)
        return tuple(place for place in pattern.wanted if self.leaves[place] in found)

    @staticmethod
    def _reached(outputs: Sequence[Box], leaves: Sequence[Box]) -> set[Box]:
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
        self.places = program.reached(pattern)
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
    def saving(self) -> Plan:
        """The outputs, then the values to keep for `sending`."""
        return compile((*self._before.outputs, *self._kept), inputs=self._before.leaves)

    @cached_property
    def sending(self) -> Plan:
        """The gradients from the leaves, what arrives, and the values that were kept."""
        number = next(_numbers)
        known: dict[Any, Any] = {
            box: Input(f"kept {number}.{place}", shape=box.shape, dtype=box.dtype)
            for place, box in enumerate(self._kept)
        }
        inputs = (*self.program.leaves, *known.values())
        boxes = topological_order(self.program.outputs)
        slots = {box: slot for slot, box in enumerate(boxes)}
        values = replay(boxes, slots, known) if known else boxes
        return compile([values[slots[box]] for box in self.program.outputs], inputs=inputs)
