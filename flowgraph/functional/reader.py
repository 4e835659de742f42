"""Replays a recorded script of NumPy calls: boxes are copied as long as the calls agree.

The functions of a call are compared with the notes; where they are the same, on boxes that came about in the same way,
what came of them is copied. From the first difference on everything is built as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, frozen_copy
from flowgraph.functional.record import Sizes, setting_key
from flowgraph.functional.script import (
    LARGEST_KEY,
    Free,
    Given,
    Script,
    Several,
    Step,
    UnscriptableError,
    stranger_key,
    unknown,
)


class Reader:
    """Follows a script."""

    def __init__(self, script: Script, leaves: Sequence[Box]) -> None:
        self._script = script
        self._boxes = list(leaves)
        self._places: dict[Box, int] = {leaf: place for place, leaf in enumerate(leaves)}
        self._sizes = Sizes()
        self._next = 0
        self._reading = True

    def call(
        self,
        build: Callable[..., Any],
        function: Callable[..., Any],
        method: str,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:
        """The result of a NumPy function on boxes: a copied box if the script has the same call, else a new one."""
        if not self._reading:
            return build(function, method, inputs, keywords)
        if self._next < len(self._script.steps):
            step = self._script.steps[self._next]
            if step.function is function and step.method == method and self._fits(step, inputs, keywords):
                self._next += 1
                return self._copied(step, inputs)
        self._reading = False
        return build(function, method, inputs, keywords)

    def sources(self, roots: Sequence[Box]) -> list[Box] | None:
        """What gives values to the call, if it went as the script to its end."""
        script = self._script
        if not self._reading or self._next < len(script.steps) or len(roots) != len(script.roots):
            return None
        strangers = iter(script.strangers)
        if any(self._place(root, strangers) != place for root, place in zip(roots, script.roots, strict=True)):
            return None
        return [self._boxes[place] for place in script.sources]

    def _fits(self, step: Step, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
        if len(inputs) != len(step.arguments) or len(keywords) != len(step.keywords):
            return False
        strangers = iter(step.strangers)
        for pattern, value in zip(step.arguments, inputs, strict=True):
            if not self._is(pattern, value, strangers):
                return False
        for (name, pattern), (own, value) in zip(step.keywords, keywords.items(), strict=True):
            if name != own or not self._is(pattern, value, strangers):
                return False
        return True

    def _is(self, pattern: Any, value: Value, strangers: Iterator[Any]) -> bool:
        kind = type(pattern)
        if kind is int:
            return isinstance(value, Box) and self._place(value, strangers) == pattern
        if kind is Free:
            if type(value) is not pattern.kind:
                return False
            return pattern.dtype is None or (value.shape == pattern.shape and value.dtype == pattern.dtype)
        if kind is Several:
            if type(value) is not pattern.kind or len(value) != len(pattern.parts):
                return False
            return all(self._is(part, one, strangers) for part, one in zip(pattern.parts, value, strict=True))
        if isinstance(value, Box) or (isinstance(value, np.ndarray) and value.nbytes > LARGEST_KEY):
            return False
        return bool(setting_key(value, self._sizes) == pattern.key)

    def _place(self, box: Box, strangers: Iterator[Any]) -> int | None:
        """The number of a box in the script, if it agrees with the script."""
        place = self._places.get(box)
        if place is not None:
            return place
        for one in unknown(box, self._places):
            try:
                same = next(strangers, None) == stranger_key(one, self._places, self._sizes)
            except UnscriptableError:
                same = False
            if not same:
                return None
            self._places[one] = len(self._boxes)
            self._boxes.append(one)
        return self._places[box]

    def _copied(self, step: Step, inputs: Sequence[Any]) -> Any:
        boxes = self._boxes
        for cls, state, children, argument in step.copies:
            held = {} if argument is None else {"held": frozen_copy(inputs[argument], state["dtype"])}
            box = cls._of_state(state, children=tuple([boxes[child] for child in children]), **held)
            self._places[box] = len(boxes)
            boxes.append(box)
        return self._result(step.result)

    def _result(self, result: Value) -> Any:
        if type(result) is int:
            return self._boxes[result]
        if type(result) is Given:
            return result.value
        parts = [self._result(part) for part in result.parts]
        return result.kind(*parts) if hasattr(result.kind, "_fields") else result.kind(parts)
