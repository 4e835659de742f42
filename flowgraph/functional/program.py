"""The graph of a derivative, ready to run on the arguments of a call and on what its function took from elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant, concrete_values
from flowgraph.box.leaves import Parameter
from flowgraph.functional.captured import Captured, twin_of
from flowgraph.functional.containers import flatten, mapped
from flowgraph.functional.planned import Planned
from flowgraph.functional.record import Record
from flowgraph.functional.script import Script
from flowgraph.functional.transforms import Subject

_PARTS = ("output", "by", "vector")
"""What a subject has of boxes."""


class Program:
    """The graph of one traced call, for all calls with the same record key.

    It is derived on twins of the boxes of that call, so that it keeps none of their values. `frame` is all that the
    derivation follows from beside boxes: its kind and the containers. `runs` gives the derivative for the arguments and
    sources of a call. A later call may follow the `script` of one that was `noted`.
    """

    def __init__(
        self, record: Record, values: Sequence[Any], subject: Subject, transform: Callable[[Subject], Any],
        frame: tuple[Any, ...], room: deque[Planned],
    ) -> None:  # fmt: skip
        twins = _twins(record, values)
        self._places = {twins[source]: i for i, source in enumerate(record.sources)}
        self._arguments = record.arguments
        self.frame = frame
        self.script: Script | None = None
        self.noted = False
        own = {part: mapped(lambda leaf: twins.get(leaf, leaf), getattr(subject, part)) for part in _PARTS}
        with concrete_values.traced(None):
            result = transform(subject._replace(**own))
        outputs: list[Any] = []
        structure = flatten(result, outputs)
        outputs = [one if isinstance(one, Box) else Constant(one) for one in outputs]
        self.runs = Planned(outputs, self._arguments, self._places, values, room, structure)
        settled = [(i, twin.settle()) for twin, i in self._places.items() if isinstance(twin, Captured)]
        self._conditions = [(i, conditions) for i, conditions in settled if conditions]

    def take(self, script: Script | None) -> None:
        """Keep the script of a call, if there is none yet."""
        self.script, self.noted = self.script or script, True

    def accepts(self, values: Sequence[Any]) -> bool:
        """Whether the derivation would build the same graph for these values of the sources."""
        for i, conditions in self._conditions:
            value = np.asarray(values[i])
            if any(predicate(value) != said for predicate, said in conditions):
                return False
        return True


def values_of(sources: Sequence[Any], trace: concrete_values.Trace) -> list[Any]:
    """The values of constants and parameters, and what random leaves draw in this call."""
    values = []
    for box in sources:
        value = box.held if isinstance(box, Constant) else trace.value_of(box)
        values.append(value if value.ndim else value[()])
    return values


def _twins(record: Record, values: Sequence[Any]) -> dict[Box, Box]:
    """Copies of the boxes on the same arguments, with constants that record what is read of them."""
    known = dict(zip(record.sources, values, strict=True))
    twins: dict[Box, Box] = {}
    for box in record.boxes:
        if box.children:
            twins[box] = box._twin(children=tuple([twins[child] for child in box.children]))
        elif isinstance(box, Constant | Parameter):
            twins[box] = twin_of(box, np.asarray(known[box]))
        else:
            twins[box] = box
    return twins
