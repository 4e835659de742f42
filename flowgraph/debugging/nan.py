"""Finds the first NaN or infinity of a run, by going back from a bad number to what it was computed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Elementwise, Value
from flowgraph.debugging.bisect_nonfinite import (
    Place,
    bad_mask,
    bisect_nonfinite,
    element,
    first_bad,
    is_bad,
    unflatten,
)
from flowgraph.debugging.explanation import Element, NanExplanation
from flowgraph.debugging.feeding_elements import elements_read, unbroadcast
from flowgraph.debugging.remedies import ARRIVED, remedy
from flowgraph.debugging.vjp_contribution import vjp_contribution
from flowgraph.graph.passes import Step, sweep
from flowgraph.graph.where_masking import mask_untaken

if TYPE_CHECKING:
    from flowgraph.graph import Graph

Seeds = Callable[[Any], list[Any]]
MOST_FED = 12
"""Values that are shown below the box that made the bad number: as many as a screen has room for."""


class Bad(NamedTuple):
    """A bad number: an element of the value of the box in a slot, or of its gradient."""

    phase: str
    slot: int
    place: Place


def explain_nan(graph: Graph, values: list[Any], seeds: Seeds, key: Any, grad: Value) -> NanExplanation:
    """See `Run.explain_nan`; `seeds` makes the gradients that arrive at the outputs."""
    search = Search(graph, values, seeds)
    boxes = graph.outputs if key is None else (graph.box(key),)
    start = search.bad_value(boxes) or search.bad_gradient(None if key is None else boxes, grad)
    note = ""
    if start is None and key is None:
        start = search.bad_value(graph.boxes)
        note = "it reaches neither an output nor a gradient"
    if start is None:
        where = "in this run" if key is None else f"in {graph.names[boxes[0]]!r}"
        found = "value" if search.grads is None else "value or gradient"
        note = f"no {found} {where} is NaN or infinite"
        return NanExplanation(None, "", "", None, None, None, "none", (), 0, "", note)
    return search.explain(start, note)


class Search:
    """One search in one run: its values, and the gradients of one bprop."""

    def __init__(self, graph: Graph, values: list[Any], seeds: Seeds) -> None:
        self.graph = graph
        self.values = values
        self.seeds = seeds
        self.senders: dict[int, dict[Step, None]] = defaultdict(dict)
        self.grads: list[Any] | None = None

    def bad_value(self, boxes: Iterable[Box]) -> Bad | None:
        """The first of the boxes whose value is bad; one with a NaN goes before one with an infinity."""
        found = [(slot, place) for slot in map(self.graph.slots.__getitem__, boxes) if (place := self._first(slot))]
        found.sort(key=lambda bad: not np.isnan(element(self.values[bad[0]], bad[1])))
        return Bad("fprop", *found[0]) if found else None

    def bad_gradient(self, wanted: Sequence[Box] | None, grad: Value) -> Bad | None:
        """The first of the boxes, or of the parameters (the inputs where there are none), whose gradient is bad."""
        graph = self.graph
        boxes = wanted or graph.parameters or [box for box in graph.inputs if box.dtype.kind in "fc"]
        cut = set(graph.cut(tuple(boxes)))
        reached = tuple(box for box in boxes if box not in cut)
        outputs = [box for box in graph.outputs if len(box.outputs) == 1 and box.dtype.kind in "fc"]
        if not reached or len(outputs) != len(graph.outputs):
            return None
        steps = graph.bsteps(reached)
        for step in steps:
            for _, child in step.wanted:
                self.senders[child][step] = None
        ones = tuple(np.ones_like(self.values[graph.slots[box]]) for box in outputs)
        self.grads = self.seeds(grad if grad is not None else ones[0] if len(ones) == 1 else ones)
        with np.errstate(all="ignore"):
            sweep(mask_untaken(steps, self.grads), self.values, self.grads)
        for box in reached:
            place = first_bad(self.grads[graph.slots[box]])
            if place is not None:
                return Bad("bprop", graph.slots[box], place)
        return None

    def explain(self, start: Bad, note: str) -> NanExplanation:
        """Follow a non-finite number back to the first one, and record the path."""
        trail = [start]
        before, maker = self._before(start)
        while before is not None:
            trail.append(before)
            before, maker = self._before(before)
        first = trail[-1]
        below = self.graph.boxes[first.slot]
        box = below if maker is None else maker.box
        if maker is not None:
            read, fed, hidden = self._read_in_bprop(maker, first)
        elif first.phase == "bprop":
            read, fed, hidden = [], [], False
        else:
            read, fed = self._read(first.slot, first.place), self._fed(first.slot, first.place)
            hidden = start.phase == "bprop" and not is_bad(self._outputs())
        spread = [self._element(*bad) for bad in reversed(trail)]
        value = spread[0].value
        arrived = first.phase == "bprop" and maker is None
        advice = ARRIVED if arrived else remedy(box, first.phase, value, [one.value for one in read], hidden)
        return NanExplanation(
            box=box, name=self.graph.names[box], phase=first.phase, child=None if maker is None else below,
            index=first.place.at, value=value, kind=spread[0].kind, chain=(*fed, *spread), origin=len(fed),
            remedy=advice, note=note,
        )  # fmt: skip

    def _before(self, bad: Bad) -> tuple[Bad | None, Step | None]:
        """What made a number bad, or None and, in bprop, the step that made it of good ones."""
        if bad.phase == "bprop":
            return self._before_gradient(bad)
        box = self.graph.boxes[bad.slot]
        slots = [self.graph.slots[child] for child in box.children]
        found = bisect_nonfinite(box.fprop, [self.values[slot] for slot in slots], bad.place) if slots else None
        return (None if found is None else Bad("fprop", slots[found.argument], found.place)), None

    def _before_gradient(self, bad: Bad) -> tuple[Bad | None, Step | None]:
        for step in self.senders[bad.slot]:
            if self._grad(step.slot) is None:
                continue
            slots = [step.slot, *(self.graph.slots[child] for child in step.box.children)]
            sent = partial(vjp_contribution, step, bad.slot)
            arguments = [self._grad(step.slot), *(self.values[slot] for slot in slots)]
            with np.errstate(all="ignore"):
                if np.isfinite(element(sent(*arguments), bad.place)):
                    continue
            found = bisect_nonfinite(sent, arguments, bad.place)
            if found is None:
                return None, step
            if found.argument == 0:
                return Bad("bprop", step.slot, found.place), None
            return Bad("fprop", slots[found.argument - 1], found.place), None
        return None, None

    def _read(self, slot: int, place: Place | None) -> list[Element]:
        """The elements from which a box computed an element: one of each child, or all where it reads more than one."""
        slots = [self.graph.slots[child] for child in self.graph.boxes[slot].children]
        if place is None:
            return [self._element("fprop", child, None) for child in slots]
        found = elements_read(self.graph.boxes[slot], place, [self.values[child] for child in slots])
        return [self._element("fprop", slots[position], there) for position, there in found]

    def _fed(self, slot: int, place: Place) -> list[Element]:
        """The elements from which an element was computed, recursively while each is a single element."""
        known: dict[tuple[int, Place | None], Element] = {}
        queue: list[tuple[int, Place | None]] = [(slot, place)]
        while queue and len(known) < MOST_FED:
            at, there = queue.pop(0)
            for one in self._read(at, there) if there is not None else []:
                key = (self.graph.slots[one.box], None if one.index is None else Place(one.part, one.index))
                if key not in known:
                    known[key] = one
                    queue.append(key)
        return [one for _, one in sorted(known.items(), key=lambda item: item[0][0])]

    def _read_in_bprop(self, step: Step, bad: Bad) -> tuple[list[Element], list[Element], bool]:
        """The inputs of a bprop: values of the children, its own value, the incoming gradient and whether that is 0."""
        place = self._place_of(step, bad)
        read = self._read(step.slot, place)
        own = [self._element("fprop", step.slot, place), self._element("bprop", step.slot, place)]
        return read, [*read, *own], place is not None and bool(own[1].value == 0)

    def _grad(self, slot: int) -> Any:
        assert self.grads is not None
        return self.grads[slot]

    def _place_of(self, step: Step, bad: Bad) -> Place | None:
        """The element of the box at which the gradient of an element of a child went bad."""
        if not isinstance(step.box, Elementwise):
            return None
        with np.errstate(all="ignore"):
            parts = step.bprop(self._grad(step.slot), self.values[step.slot], *step.read(self.values))
        shape = np.shape(self.values[step.slot])
        for position, child in step.wanted:
            if child != bad.slot or parts[position] is None:
                continue
            for flat in np.flatnonzero(np.broadcast_to(bad_mask(np.asarray(parts[position])), shape)):
                index = unflatten(int(flat), shape)
                if unbroadcast(index, np.shape(self.values[child])) == bad.place.at:
                    return Place(None, index)
        return None

    def _element(self, phase: str, slot: int, place: Place | None) -> Element:
        box = self.graph.boxes[slot]
        value = self.values[slot] if phase == "fprop" else self._grad(slot)
        if place is None:
            return Element(box, self.graph.names[box], phase, None, None, value)
        return Element(box, self.graph.names[box], phase, place.part, place.at, element(value, place))

    def _first(self, slot: int) -> Place | None:
        return first_bad(self.values[slot])

    def _outputs(self) -> tuple[Any, ...]:
        return tuple(self.values[self.graph.slots[box]] for box in self.graph.outputs)
