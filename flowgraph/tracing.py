"""The concrete values behind boxes while a function is traced, for Python control flow that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from flowgraph.box import Box

_current: ContextVar[Trace | None] = ContextVar("flowgraph_trace", default=None)


class Trace:
    """One call of a function on boxes, with an array behind each of its leaves.

    A value is computed when it is asked for; `answers` keeps which box was asked, for what, and what it said: for
    values that give the same answers the function builds the same boxes.
    """

    def __init__(self, values: Mapping[Box, Any]) -> None:
        self.answers: list[tuple[Box, Callable[[Any], Any], Any]] = []
        self._values: dict[Box, Any] = dict(values)

    def answer(self, box: Box, kind: Callable[[Any], Any]) -> Any:
        """The value of a box as a bool or an int, None where it reads a leaf from outside that has none."""
        value = self.value_of(box)
        if value is None:
            return None
        said = kind(value)
        self.answers.append((box, kind, said))
        return said

    def value_of(self, box: Box) -> Any:
        """The value of a box, None where it reads a leaf from outside that has none."""
        values = self._values
        stack = [box]
        while stack:
            one = stack[-1]
            missing = [child for child in one.children if child not in values]
            if one in values:
                stack.pop()
            elif missing:
                stack.extend(missing)
            elif one.children:
                values[one] = one.fprop(*[values[child] for child in one.children])
            else:
                value = getattr(one, "value", None)
                if value is None:
                    return None
                values[one] = np.asarray(value)[()]
        return values[box]


def current() -> Trace | None:
    """The trace that is going on, if any."""
    return _current.get()


@contextmanager
def traced(trace: Trace) -> Iterator[Trace]:
    """Let boxes answer from the values of this trace."""
    token = _current.set(trace)
    try:
        yield trace
    finally:
        _current.reset(token)
