"""The graph that fprop builds on boxes, and mistakes that can be made in a step of its backward pass.

A step on which nothing is sent back is a path that was dropped; other edits send the derivative of another function, an
operand the other way round, or a gradient that is stored over others to which it should be added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import combinations
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.checking.compare import judge
from flowgraph.checking.point import Direction, Point, generator, random_direction
from flowgraph.checking.target import Array, Target
from flowgraph.checking.targets import Traced, function_target
from flowgraph.graph import Graph
from flowgraph.graph.feeding import array_seeds
from flowgraph.graph.graph import Run
from flowgraph.graph.passes import Edge, Step, sweep

MOST_PAIRED = 12  # places of which two are left out at once: 66 pairs
MOST_OF_A_LINE = 5  # operations of one kind that are looked at one by one, too
MOST_OUTPUTS = 512  # of a gather, each of which is sent back by itself
ROUNDING = 1e-6  # relative to the largest element: of slopes that are measured, and of sums in another order


def agrees(point: Point, child: int, grad: Array, gradient: Array, direction: Direction) -> bool:
    """Whether a gradient by one input has the slope along a direction, within the bars."""
    slopes = point.slopes(direction, depth=6)
    of_all: list[Any] = [gradient if i == child else None for i in point.active]
    return slopes is not None and judge(point, grad, of_all, direction, slopes) is None


FORMULAS: dict[str, Callable[[Array], Array]] = {
    "1 - v²": lambda v: 1 - v * v,
    "v (1 - v)": lambda v: v * (1 - v),
    "exp(v)": np.exp,
    "cos(v)": np.cos,
    "sin(v)": np.sin,
    "1 / v": lambda v: 1 / v,
    "v > 0": lambda v: 1.0 * (v > 0),
    "the value": lambda v: v,
    "1": np.ones_like,
    "1 / (1 + v²)": lambda v: 1 / (1 + v * v),
    "1 / (1 + exp(-v))": lambda v: 1 / (1 + np.exp(-v)),
    "1 / (2 v)": lambda v: 1 / (2 * v),
}
"""Derivatives of activations, of their value or of their input."""
SHOULD_BE = "; it should be "


def other_derivatives(x: Array, h: Array) -> dict[str, Array]:
    """By words, derivatives that may have been used in place of the right one of h by x."""
    places = {"output": h, "input": x}
    return {f"{words} of the {where}": rule(v) for where, v in places.items() for words, rule in FORMULAS.items()}


ANOTHER = "the derivative of another activation"


def words_for_use(derivatives: Mapping[str, Array], right: Array) -> Iterator[tuple[str, str]]:
    """Each derivative with the words for its use in place of the right one, which come first if that has a name."""
    scale = ROUNDING * np.abs(right).max(initial=0.0)
    needed = next((words for words, v in derivatives.items() if np.all(np.abs(v - right) <= scale)), "")
    formula, _, where = needed.rpartition(" of the ")
    for words in derivatives:
        kind = ANOTHER
        if needed and words.rpartition(" of the ")[0] == formula and words != needed:
            kind = "the derivative of the pre-activation" + " as if it were the activation" * (where == "input")
        yield words, f"{kind}: it is {words}" + (f"{SHOULD_BE}{needed}" if needed else "")


class Graphs:
    """The graphs that fprop builds on boxes, one for each form of its inputs; none where it does not run on boxes."""

    def __init__(self, target: Target) -> None:
        self._agree: set[tuple[Graph, int]] = set()
        self._traced: Traced | None = None
        with suppress(Exception):  # whatever reads its source or its settings
            self._traced = function_target(target, {})[1]

    def backward(self, point: Point, child: int) -> Backward | None:
        """The backward pass to one input; None if there is none, or it gives other slopes than those of fprop."""
        if self._traced is None:
            return None
        try:
            run, leaves = self._traced.run(*point.inputs)
            leaf = leaves[child]
            if leaf is None or leaf not in run.graph:
                return None
            backward = Backward(run, leaf, {other for other in leaves if other is not None})
            if (run.graph, child) not in self._agree:
                direction = {child: random_direction(point, child, generator(0))}
                grad = generator(1).normal(size=point.value.shape)
                if not agrees(point, child, grad, backward.gradient(point.arriving(grad)), direction):
                    return None
                self._agree.add((run.graph, child))
        except Exception:  # whatever fprop raises on boxes
            return None
        return backward


class Unknown(Exception):
    """The right gradient cannot be had element by element, or the one that a mistake would give."""


Edits: TypeAlias = dict[int, Step]
"""By slot the steps of a backward pass in which a mistake is made."""


class Backward:
    """The backward pass of the graph of fprop at one test case, to one input."""

    def __init__(self, run: Run, leaf: Box, leaves: set[Box]) -> None:
        self.graph, self.values, self.leaf = run.graph, run._values, leaf
        self.steps = run.graph.bsteps((leaf,))
        slots = run.graph.slots
        self.moving = {slots[other] for other in leaves if other in slots}
        for box in run.graph:
            if any(slots[child] in self.moving for child in box.children):
                self.moving.add(slots[box])
        self.words: dict[str, str] = {}
        self._edits: dict[str, Edits] | None = None

    def gradient(self, arriving: Any, edits: Mapping[int, Step] = MappingProxyType({})) -> Array:
        """The gradient by the leaf, with some of the steps replaced."""
        return self.sweep_from(array_seeds(self.graph, self.values, arriving), self.graph.slots[self.leaf], edits)

    def sweep_from(self, grads: list[Any], slot: int, edits: Mapping[int, Step] = MappingProxyType({})) -> Array:
        """What reaches a box of the gradients that have arrived elsewhere; Unknown where a box refuses one of them."""
        try:
            sweep([edits.get(step.slot, step) for step in self.steps], self.values, grads)
        except Exception as error:  # a gradient of another shape, or one that no loss sends
            raise Unknown from error
        gradient = grads[slot]
        return np.zeros(np.shape(self.values[slot])) if gradient is None else np.array(gradient, dtype=float)

    def edits(self) -> dict[str, Edits]:
        """Mistakes by what they are; one on a line that is run several times is made each time."""
        if self._edits is None:
            named, others = self._activations()
            sites: dict[str, list[tuple[int, Step]]] = {}
            for key, step in (*named, *self._transposed_products(), *self._left_out(), *self._overwritten(), *others):
                sites.setdefault(key, []).append((step.slot, step))
            self._edits = {key: dict(steps) for key, steps in sites.items()}
            left_out = [key for key in self._edits if key.startswith(LEFT_OUT)][:MOST_PAIRED]
            for key, steps in sites.items():
                if key not in self.words and 1 < len(steps) < MOST_OF_A_LINE:  # several of one line, but of no loop
                    for k, step in enumerate(reversed(steps)):
                        self._edits[f"{key} (number {k + 1} of them)"] = dict([step])
            for first, second in combinations(left_out, 2):
                both = {**self._edits[first], **self._edits[second]}
                self._edits[f"{first}, and {second.removeprefix(LEFT_OUT)}"] = both
        return self._edits

    def _activations(self) -> tuple[list[tuple[str, Step]], list[tuple[str, Step]]]:
        """Where a box is a function of another one, element by element: the derivatives of other functions.

        First where the right derivative has a name, then where it has none; `words` get what it is.
        """
        named: list[tuple[str, Step]] = []
        others: list[tuple[str, Step]] = []
        for chain, edge in self._elementwise():
            start, first, end = chain[0], chain[1], chain[-1]
            seeds: list[Any] = [None] * len(self.values)
            x, h = (np.asarray(self.values[slot], dtype=float) for slot in (start, end))
            seeds[end] = np.ones_like(h)
            try:
                right = self.sweep_from(seeds, start)
            except Unknown:
                continue
            step, begin = (next(step for step in self.steps if step.slot == slot) for slot in (end, first))
            where = _place(step.box) if first == end else f"{_place(begin.box)} to {_place(step.box)}"
            derivatives = other_derivatives(x, h)
            for key, words in words_for_use(derivatives, right):
                bprop = partial(_by_slope, derivatives[key])
                key = f"{key} in {_place(step.box)}"
                self.words[key] = f"{words} ({where})"
                into = step._replace(bprop=bprop, edges=((0, start, edge),), arity=1)
                (named if SHOULD_BE in words else others).append((key, into))
        return named, others

    def _elementwise(self) -> Iterator[tuple[list[int], Edge]]:
        """A box and those that are elementwise functions of it alone, to the last one, and an edge into the box."""
        slots, inside = self.graph.slots, set[int]()
        edges = {child: edge for step in self.steps for _, child, edge in step.edges}
        for start in sorted(self.moving.intersection(edges)):
            if start in inside:
                continue
            own = {start: None}  # in their order
            for step in reversed(self.steps):
                read = {slots[child] for child in step.box.children} & self.moving
                if not (read and read <= own.keys() and isinstance(step.box, Elementwise)):
                    continue
                if np.shape(self.values[step.slot]) == np.shape(self.values[start]):
                    own[step.slot] = None
            if len(own) > 1:
                yield [*own], edges[start]
            inside |= own.keys() - {start}

    def _transposed_products(self) -> Iterator[tuple[str, Step]]:
        """Of a product of matrices: the other operand, what arrives, or the result the other way round."""
        for step in self.steps:
            if step.box.signature is None or len(step.box.children) != 2:
                continue
            for position, _, _ in step.edges:
                for what, change in TURNS.items():
                    words = f"{what} is transposed in the gradient of {_child(step, position)}"
                    yield words, _with_part(step, position, partial(change, position))

    def _overwritten(self) -> Iterator[tuple[str, Step]]:
        """Gradients that are stored where they should be added: at repeated indices, or in a loop."""
        own = self.graph.slots[self.leaf]
        arriving = [(step, position) for step in self.steps for position, child, _ in step.edges if child == own]
        groups: dict[str, list[tuple[Step, int]]] = {}
        for step, position in arriving:
            groups.setdefault(_child(step, position), []).append((step, position))
            if len(step.edges) == 1 and not isinstance(step.box, Elementwise):
                words = f"= instead of += at repeated indices (np.add.at) in the gradient of {_child(step, position)}"
                yield words, _with_part(step, position, _last_of_gather)
        for words, places in groups.items():
            for end in ("last", "first") if len(places) > 1 else ():
                kept: list[Array] = []
                for k, (step, position) in enumerate(places):  # the last operation of the loop comes first
                    change = partial(_overwriting, kept, (k, len(places)), end == "first")
                    made = _with_part(step, position, change)
                    yield f"= instead of +=: only the {end} of the gradients of {words} is kept", made

    def _left_out(self) -> Iterator[tuple[str, Step]]:
        """A path on which nothing is sent back, or with the wrong sign."""
        for step in self.steps:
            yield f"{LEFT_OUT}{_place(step.box)}", step._replace(edges=())
        for sign, start in ((0.0, LEFT_OUT), (-1.0, "the sign is wrong of the path through ")):
            for step in self.steps:
                for position, _, _ in step.edges:
                    yield f"{start}{_child(step, position)}", _with_part(step, position, _scaled_by(sign))


LEFT_OUT = "a path is dropped, the one through "
Change: TypeAlias = Callable[..., Any]
"""Of (the right part, the bprop, the incoming gradient, the value, the children) the part that is sent."""


def _place(box: Box) -> str:
    return f"{type(box).__name__} at {box.built_at}"


def _child(step: Step, position: int) -> str:
    """An edge by the name of the child in its box."""
    if len(step.box.children) == 1:
        return _place(step.box)
    return f"{step.box.names_of_children()[position]!r} of {_place(step.box)}"


def _with_part(step: Step, position: int, change: Change) -> Step:
    """The step with another gradient for one child."""

    def bprop(grad: Any, value: Any, *children: Any) -> tuple[Any, ...]:
        parts = list(step.bprop(grad, value, *children))
        parts[position] = change(parts[position], step.bprop, grad, value, *children)
        return tuple(parts)

    return step._replace(bprop=bprop)


def _by_slope(slope: Array, grad: Any, value: Any, *children: Any) -> tuple[Any, ...]:
    return (grad * slope,)


def _scaled_by(factor: float) -> Change:
    return lambda part, *_: factor * part


def _turn_axes(x: Any) -> Any:
    return np.swapaxes(x, -1, -2) if np.ndim(x) > 1 else x


def _other_turned(position: int, part: Array, bprop: Any, grad: Any, value: Any, left: Any, right: Any) -> Any:
    given = (left, _turn_axes(right)) if position == 0 else (_turn_axes(left), right)
    return bprop(grad, value, *given)[position]


TURNS: dict[str, Change] = {
    "the other operand": _other_turned,
    "the incoming gradient": lambda k, part, bprop, grad, value, *both: bprop(_turn_axes(grad), value, *both)[k],
    "the result": lambda k, part, *_: _turn_axes(part),
}


def _last_of_gather(part: Array, bprop: Any, grad: Any, value: Any, *children: Any) -> Any:
    """Each element gets what the last output that reads it sends."""
    grad = np.asarray(grad)
    if grad.size > MOST_OUTPUTS or not np.any(np.asarray(bprop(np.ones_like(grad), value, *children)[0]) > 1):
        return part
    last = np.zeros_like(part)
    for k, g in enumerate(grad.ravel()):
        unit = np.zeros(grad.size)
        unit[k] = 1.0
        sent = bprop(unit.reshape(grad.shape), value, *children)[0]
        last[sent != 0] = g * sent[sent != 0]
    return last


def _overwriting(
    kept: list[Array], place: tuple[int, int], is_over: bool, part: Array, bprop: Any, grad: Any, value: Any, *of: Any
) -> Any:
    """Nothing, until the last step of a loop sends what all have stored, each over or under what is there."""
    read = np.ones(np.shape(part), bool) if len(of) > 1 else np.asarray(bprop(np.ones_like(grad), value, *of)[0]) != 0
    if place[0] == 0:
        kept[:] = [np.zeros_like(part), np.zeros(np.shape(part), bool)]
    stored, taken = kept
    free = read if is_over else read & ~taken
    stored[free] = part[free]
    taken |= read
    return stored if place[0] == place[1] - 1 else np.zeros_like(part)
