"""Follows a script: a call that goes as the one that was noted gets copies of what came of that.

Each function of NumPy that the call uses goes to the code of its step. From the first difference on everything is
built as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import length_hint
from typing import Any

import numpy as np

from flowgraph.box import Box, Value, concrete_values
from flowgraph.functional.record import Sizes, setting_key
from flowgraph.functional.script import LARGEST_KEY, MISS, Script, Step, UnscriptableError, placed


class Follower:
    """One call that follows a script; `boxes` are those that came up, by their numbers."""

    def __init__(self, script: Script, leaves: Sequence[Box]) -> None:
        self.boxes = list(leaves)
        self._script = script
        self._steps: Iterator[Step] = iter(script.steps)
        self._places: dict[Box, int] = {}
        self._sizes = Sizes()

    def call(
        self,
        build: Callable[..., Any],
        function: Callable[..., Any],
        method: str,
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> Any:
        """The result of a NumPy function on boxes: a copied box if the script has the same call, else a new one."""
        known, how, run = next(self._steps)
        if known is function and how == method:
            made = run(inputs, keywords, self.boxes, self)
            if made is not MISS:
                return made
        trace = concrete_values.current()
        assert trace is not None
        trace.steps, self._steps = None, iter(())
        return build(function, method, inputs, keywords)

    def returns(self, output: Value) -> bool:
        """Whether the call went as the script to its end, and returned the one box that the script did."""
        roots = self._script.roots
        return self._is_at_end() and len(roots) == 1 and roots[0] < len(self.boxes) and output is self.boxes[roots[0]]

    def came_to(self, roots: Sequence[Box]) -> bool:
        """Whether the call went as the script to its end, and returned these boxes as the script did."""
        return self._is_at_end() and self._come(roots, self._script.strangers, self._script.roots)

    def sources(self) -> list[Box]:
        """What gives values to a call that went as the script to its end."""
        return [self.boxes[place] for place in self._script.sources]

    def comes(self, value: Value, keys: Sequence[Any], place: int) -> bool:
        """Whether an argument is the box of this number, and what it reads from outside has these keys."""
        return isinstance(value, Box) and self._come([value], keys, [place])

    def has_key(self, value: Value, key: Any) -> bool:
        """Whether an argument that is no box is the same as another, of which this is the key."""
        if isinstance(value, Box) or (isinstance(value, np.ndarray) and value.nbytes > LARGEST_KEY):
            return False
        return bool(setting_key(value, self._sizes) == key)

    def _is_at_end(self) -> bool:
        return length_hint(self._steps) == 1  # the `END`

    def _come(self, boxes: Sequence[Box], keys: Sequence[Any], numbers: Sequence[int]) -> bool:
        places = self._places
        for box in self.boxes[len(places) :]:
            places[box] = len(places)
        try:
            found = [key for box in boxes for key in placed(box, places, self._sizes)]
        except UnscriptableError:
            return False
        self.boxes += [*places][len(self.boxes) :] if found else []
        return found == list(keys) and [places[box] for box in boxes] == list(numbers)
