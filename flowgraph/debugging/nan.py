"""Finds the first NaN or infinity of a run, by going back from a bad number to what it was computed from."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Elementwise, Leaf, Value
from flowgraph.box.help_text import interval_text
from flowgraph.box.leaves import Parameter
from flowgraph.debugging.elements import (
    Index,
    Place,
    bad_mask,
    bisect_nonfinite,
    element,
    elements_read,
    first_bad,
    is_bad,
    unbroadcast,
    unflatten,
    vjp_contribution,
)
from flowgraph.graph.passes import Step, sweep
from flowgraph.graph.where_masking import mask_untaken

if TYPE_CHECKING:
    from flowgraph.graph import Graph

SHOWN = 14
"""Boxes of a long chain that are shown, its two ends: what fits a screen with the header."""


@dataclass(frozen=True)
class Element:
    """One number on the path: an element of the value of a box (fprop) or of its gradient (bprop)."""

    box: Box
    name: str
    phase: str
    part: int | None
    index: Index | None
    value: Any

    @property
    def kind(self) -> str:
        """nan, inf, or finite; a value that is shown as a whole is finite only if each element is."""
        if np.asarray(self.value).dtype.kind not in "fc":
            return "finite"
        return "nan" if np.isnan(self.value).any() else "inf" if np.isinf(self.value).any() else "finite"

    def __str__(self) -> str:
        of = "gradient of " if self.phase == "bprop" else ""
        part = "" if self.part is None else f" output {self.part}"
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return f"{of}{type(self.box).__name__} {self.name!r}{part}{place} = {_text(self.value)}"


@dataclass(frozen=True)
class NanExplanation:
    """The first non-finite element: an infinity, if the NaN was computed from one.

    `box` made it in its `phase`, "fprop" or "bprop"; `index` is its place in the value of the box or, in bprop, in the
    gradient of `child`. `chain` are the elements that fed it, itself, and those that it made bad, in the order in which
    they were computed. All are None or empty where nothing is bad, and then the explanation is false.
    """

    box: Box | None
    name: str
    phase: str
    child: Box | None
    index: Index | None
    value: Any
    kind: str
    chain: tuple[Element, ...]
    origin: int
    remedy: str
    note: str = ""

    def __bool__(self) -> bool:
        return self.box is not None

    @property
    def fed_by(self) -> tuple[Element, ...]:
        """The elements that fed the bad one."""
        return self.chain[: self.origin]

    @property
    def spread(self) -> tuple[Element, ...]:
        """The elements that it made bad."""
        return self.chain[self.origin + 1 :]

    def __str__(self) -> str:
        if self.box is None:
            return f"explain_nan: {self.note}"
        first = self.chain[self.origin]
        who = f"{type(self.box).__name__} {self.name!r}"
        lines = [f"explain_nan: the first {self.kind} is made by the {self.phase} of {who}"]
        lines += [f"  {first}", f"  built at {self.box.built_at}"]
        lines += [f"  what helps: {self.remedy}"]
        lines += _list_elements("fed by", self.fed_by)
        lines += _list_elements("goes on to", self.spread)
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _list_elements(title: str, elements: tuple[Element, ...]) -> list[str]:
    if not elements:
        return []
    texts = [f"    {element}" for element in elements]
    if len(texts) > SHOWN:
        half = SHOWN // 2
        texts = [*texts[:half], f"    ... {len(texts) - 2 * half} more ...", *texts[-half:]]
    return [f"  {title}", *texts]


def _text(value: Value) -> str:
    array = np.asarray(value)
    if array.shape == ():
        return f"{array[()]:.6g}" if array.dtype.kind in "fc" else str(array[()])
    if array.size == 0:
        return f"no elements, shape {array.shape}"
    if array.dtype.kind not in "fiu":
        return f"{array.dtype} of shape {array.shape}"
    with np.errstate(all="ignore"):
        return f"{np.min(array):.6g} to {np.max(array):.6g}, shape {array.shape}"


Numbers = Sequence[Any]

HIDDEN = (
    "; the output does not show it, as a branch that is not taken or a factor 0 hides it, but 0 * inf is NaN in "
    "the gradient: make the argument safe before the box, np.where(ok, f(np.where(ok, a, 1)), 0)"
)

ARRIVED = (
    "no bprop made it: it was given to bprop as grad=, or finite gradients of several parents add up beyond the "
    "largest number of the dtype; scale the loss down"
)


def remedy(box: Box, phase: str, value: Value, fed: Numbers, hidden: bool) -> str:
    """One line of advice; `fed` are the numbers that the box read there, `hidden` where only the gradient shows it."""
    if isinstance(box, Leaf):
        text = _of_leaf(box)
    else:
        declared = box.remedies.get(phase) or _by_domain(box, phase, value)
        text = declared if isinstance(declared, str) else declared(fed)
    return text + HIDDEN * hidden


def _of_leaf(box: Box) -> str:
    if isinstance(box, Parameter):
        return (
            "the parameter held it before this run, so an earlier update wrote it: a smaller learning rate, a bound on "
            "the norm of the gradient, or explain_nan in the run before"
        )
    return "it was fed in: look at the data, np.isfinite(x).all(), and remove or replace what is missing"


def _by_domain(box: Box, phase: str, value: Value) -> str:
    name = type(box).__name__
    if box.domain:
        bounds = ", ".join(f"{child} in {interval_text(interval)}" for child, interval in box.domain.items())
        return f"{name} is defined for {bounds}: bring its child there, with np.clip, or compute it another way"
    if phase == "bprop":
        return f"the derivative of {name} has no value there: keep its child away from that point, or choose a slope"
    if np.isinf(value):
        return f"{name} overflowed: scale its children down, or use a wider dtype"
    return f"{name} has no value at what it was given: look at what fed it"


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
        what = "value" if search.grads is None else "value or gradient"
        note = f"no {what} {where} is NaN or infinite"
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
        places_of = [(slot, place) for slot in map(self.graph.slots.__getitem__, boxes) if (place := self._first(slot))]
        places_of.sort(key=lambda bad: not np.isnan(element(self.values[bad[0]], bad[1])))
        return Bad("fprop", *places_of[0]) if places_of else None

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
            read, fed = self._origins_of(first.slot, first.place), self._all_origins(first.slot, first.place)
            hidden = start.phase == "bprop" and not is_bad(self._outputs())
        spread = [self._element(*bad) for bad in reversed(trail)]
        value = spread[0].value
        arrived = first.phase == "bprop" and maker is None
        advice = ARRIVED if arrived else remedy(box, first.phase, value, [source.value for source in read], hidden)
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
        culprit = bisect_nonfinite(box.fprop, [self.values[slot] for slot in slots], bad.place) if slots else None
        return (None if culprit is None else Bad("fprop", slots[culprit.argument], culprit.place)), None

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
            culprit = bisect_nonfinite(sent, arguments, bad.place)
            if culprit is None:
                return None, step
            if culprit.argument == 0:
                return Bad("bprop", step.slot, culprit.place), None
            return Bad("fprop", slots[culprit.argument - 1], culprit.place), None
        return None, None

    def _origins_of(self, slot: int, place: Place | None) -> list[Element]:
        """The elements from which a box computed an element: one of each child, or all where it reads more than one."""
        slots = [self.graph.slots[child] for child in self.graph.boxes[slot].children]
        if place is None:
            return [self._element("fprop", child, None) for child in slots]
        elements = elements_read(self.graph.boxes[slot], place, [self.values[child] for child in slots])
        return [self._element("fprop", slots[position], there) for position, there in elements]

    def _all_origins(self, slot: int, place: Place) -> list[Element]:
        """The elements from which an element was computed, recursively while each is a single element."""
        known: dict[tuple[int, Place | None], Element] = {}
        queue: list[tuple[int, Place | None]] = [(slot, place)]
        while queue and len(known) < MOST_FED:
            at, there = queue.pop(0)
            for origin in self._origins_of(at, there) if there is not None else []:
                key = (self.graph.slots[origin.box], None if origin.index is None else Place(origin.part, origin.index))
                if key not in known:
                    known[key] = origin
                    queue.append(key)
        return [origin for _, origin in sorted(known.items(), key=lambda item: item[0][0])]

    def _read_in_bprop(self, step: Step, bad: Bad) -> tuple[list[Element], list[Element], bool]:
        """The inputs of a bprop: values of the children, its own value, the incoming gradient and whether that is 0."""
        place = self._place_of(step, bad)
        read = self._origins_of(step.slot, place)
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
