"""The graph of a derivative, ready to run on the arguments of a call and on what its function took from elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, concrete_values
from flowgraph.box.leaves import Parameter, Random
from flowgraph.functional.arguments import name_of
from flowgraph.functional.captured import twin_of
from flowgraph.functional.containers import mapped
from flowgraph.functional.in_numbers import FirstOrder
from flowgraph.functional.planned import Derivation, Planned
from flowgraph.functional.record import Record
from flowgraph.functional.script import Script
from flowgraph.functional.transforms import Subject

_PARTS = ("output", "by", "vector")
"""What a subject has of boxes."""


class Program:
    """The derivative of one traced call, for all calls with the same record key.

    It keeps twins of the boxes of that call, and none of their values: with them a first derivative is computed in
    numbers, until a plan of its graph pays. `frame` is all that follows from beside boxes: the kind of derivative and
    the containers. `runs` gives the derivative for the arguments and sources of a call. A later call may follow the
    `script` of one that was `noted`.
    """

    def __init__(
        self, record: Record, values: Sequence[Any], subject: Subject, transform: Callable[[Subject], Any],
        frame: tuple[Any, ...], room: deque[Planned], in_numbers: bool,
    ) -> None:  # fmt: skip
        self.frame = frame
        self.script: Script | None = None
        self.noted = False
        twins = _twins(record, [None] * len(values))
        boxes, sources = ([twins[one] for one in listed] for listed in (record.boxes, record.sources))
        self._record = record._replace(boxes=boxes, sources=sources)
        self._subject = _on(twins, subject)._replace(f=_stand_in(subject.f))
        self._transform = transform
        numbers = FirstOrder(transform, self._subject, record.arguments, _numbered(sources)) if in_numbers else None
        fixed = {i: values[i] for i, one in enumerate(sources) if not one.shape and not isinstance(one, Random)}
        self.runs = Planned(numbers or self._derived(values), self._derived, fixed, room)

    def take(self, script: Script | None) -> None:
        """Keep the script of a call, if there is none yet."""
        self.script, self.noted = self.script or script, True

    def accepts(self, values: Sequence[Any]) -> bool:
        """Whether the derivation, if there is one, would build the same graph for these values of the sources."""
        derivation = self.runs.derivation
        return derivation is None or derivation.accepts(values)

    def _derived(self, values: Sequence[Any]) -> Derivation:
        """The graph of the derivative, derived on twins that note what is read of these values of the sources."""
        twins = _twins(self._record, values)
        with concrete_values.traced(None):
            result = self._transform(_on(twins, self._subject))
        return Derivation(result, self._record.arguments, [twins[source] for source in self._record.sources])


def values_of(sources: Sequence[Any], trace: concrete_values.Trace) -> list[Any]:
    """The values of constants and parameters, and what random leaves draw in this call."""
    values = []
    for box in sources:
        value = box.held if isinstance(box, Constant) else trace.value_of(box)
        values.append(value if value.ndim else value[()])
    return values


def _twins(record: Record, values: Sequence[Any]) -> dict[Box, Box]:
    """Copies of the boxes on the same arguments, with constants of these values that note what is read of them."""
    known = dict(zip(record.sources, values, strict=True))
    twins: dict[Box, Box] = {}
    for box in record.boxes:
        if box.children:
            twins[box] = box._twin(children=tuple([twins[child] for child in box.children]))
        elif isinstance(box, Constant | Parameter):
            value = known[box]
            twins[box] = twin_of(box, None if value is None else np.asarray(value))
        else:
            twins[box] = box
    return twins


def _on(twins: Mapping[Box, Box], subject: Subject) -> Subject:
    """A subject of twins."""
    own = {part: mapped(lambda leaf: twins.get(leaf, leaf), getattr(subject, part)) for part in _PARTS}
    return subject._replace(**own)


def _numbered(sources: Sequence[Box]) -> dict[Box, int]:
    return {source: i for i, source in enumerate(sources)}


def _stand_in(f: Callable[..., Any]) -> Callable[..., Any]:
    """What errors call by the same name as a function that may go, with all that it holds."""

    def stand_in() -> None: ...

    stand_in.__qualname__ = name_of(f)
    return stand_in
