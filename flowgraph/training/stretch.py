"""Small parameters in one stretch of memory, so that an update rule goes over all of them in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.backward import replay
from flowgraph.box import Array, Box
from flowgraph.boxes.shape import Reshape
from flowgraph.graph import Graph
from flowgraph.leaves import Parameter
from flowgraph.naming import reopened
from flowgraph.training.rules import Rule, is_weight

SMALL = 1 << 16
"""Bytes up to which calls of NumPy for each parameter take longer than to copy its gradient beside the others."""


class Stretch:
    """The home of some parameters: `whole`, a parameter that holds their numbers one after another.

    `parts` are the boxes that stand for them in a graph of the whole. A parameter that is assigned a value leaves;
    `take` brings it back, with its value.
    """

    def __init__(self, parameters: Sequence[Parameter], name: str) -> None:
        self.parameters = tuple(parameters)
        ends = np.cumsum([parameter.value.size for parameter in parameters]).tolist()
        self._places = [slice(start, stop) for start, stop in zip([0, *ends], ends, strict=False)]
        # One axis more where all are weights: a rule tells weights from biases by their axes.
        self._lead = (1,) if all(map(is_weight, parameters)) else ()
        with reopened(""):
            self.whole: Any = Parameter(self._join([p.value for p in parameters]), name=name)
        self._flat = self.whole[0] if self._lead else self.whole
        self.parts: dict[Any, Any] = {
            parameter: Reshape(self._flat[place], to=parameter.shape, name=parameter.name)
            for parameter, place in zip(parameters, self._places, strict=True)
        }
        self.complete = False
        self._seen: tuple[Array, list[Array]] | None = None

    def grad(self, grads: Mapping[Parameter, Any]) -> Any:
        """The gradient of the whole, of those of its parts."""
        joined = np.concatenate([np.reshape(grads[parameter], (-1,)) for parameter in self.parameters])
        return np.expand_dims(joined, 0) if self._lead else joined

    def take(self) -> None:
        """Let the parameters live here: the value of one that does not is copied in."""
        self.whole.value = self._join([parameter.value for parameter in self.parameters])
        for place, parameter in enumerate(self.parameters):
            if parameter.home is None or parameter.home[0] is not self:
                parameter.move((self, place))
        self.complete = True

    def value(self, place: int) -> Array:
        """The value of a parameter, read-only: a part of that of the whole, the same array until that changes."""
        whole = self.whole.value
        if self._seen is None or self._seen[0] is not whole:
            flat = whole.reshape(-1)
            shapes = [parameter.shape for parameter in self.parameters]
            self._seen = whole, [flat[cut].reshape(to) for cut, to in zip(self._places, shapes, strict=True)]
        return self._seen[1][place]

    def leave(self, place: int) -> None:
        """A parameter lives elsewhere from now on."""
        self.complete = False

    def _join(self, values: Sequence[Array]) -> Array:
        return np.concatenate([value.reshape(-1) for value in values]).reshape(*self._lead, -1)


def stretches_of(parameters: Sequence[Parameter], rule: Rule, names: Sequence[str]) -> list[Stretch]:
    """Stretches for the small parameters that the rule treats alike; `names` are taken already."""
    groups: dict[Any, list[Parameter]] = {}
    for parameter in parameters:
        if rule.elementwise and parameter.dtype.kind == "f" and parameter.value.nbytes <= SMALL:
            kind = parameter.dtype, rule.spares_biases and is_weight(parameter)
            groups.setdefault(kind, []).append(parameter)
    free = (name for number in range(1, 10**9) if (name := f"theta{number}") not in names)
    return [Stretch(group, next(free)) for group in groups.values() if len(group) > 1]


def on_stretches(boxes: Sequence[Any], stretches: Sequence[Stretch]) -> list[Any]:
    """The boxes with the parts of stretches in place of the parameters."""
    parts: dict[Box, Any] = {parameter: part for stretch in stretches for parameter, part in stretch.parts.items()}
    if not parts:
        return list(boxes)
    graph = Graph(*boxes)
    values = replay(graph.boxes, graph.slots, parts)
    return [values[graph.slots[box]] for box in boxes]
