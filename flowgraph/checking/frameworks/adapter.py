"""What a framework's function has in common with a pair of plain functions."""

from __future__ import annotations

import copy
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from flowgraph.box.value import Value
from flowgraph.checking.frameworks.arguments import Arguments
from flowgraph.checking.target import Inputs, is_float_array

KEPT = 16  # runs whose graphs are kept; what is older is run again
REFUSAL = re.compile(
    r"not (yet |currently )?(implemented|supported)|only .* (is|are) supported|can't handle"
    r"|reverse-mode differentiation does not work",
    re.IGNORECASE,
)
Pullback = Callable[[tuple[Any, ...]], Sequence[Any]]


class Adapter(ABC):
    """fprop and bprop on NumPy arrays of a function that a framework differentiates.

    What a run needs for its gradient is kept with the output that it gave, so that a bprop comes from that very run,
    as it does in the framework: a function that keeps state outside of its run is then found out.
    """

    framework: str
    beside: tuple[str, ...] = ()  # what the function reads of its own and no gradient is asked of

    def __init__(self, function: Callable[..., Any], arguments: Arguments, differentiated: tuple[int, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.differentiated = differentiated
        self._runs: deque[tuple[Any, Pullback]] = deque(maxlen=KEPT)
        self._refusals: dict[tuple[Any, ...], str] = {}

    def of_subset(self, differentiated: tuple[int, ...]) -> Self:
        """The same function where only some of the inputs need a gradient."""
        made = copy.copy(self)
        made.differentiated = differentiated
        made._runs, made._refusals = deque(maxlen=KEPT), {}
        return made

    def called(self, leaves: Sequence[Any]) -> Any:
        """The result of the function for these leaves, in the framework's own types."""
        positional, keywords, _ = self.arguments.put_together(leaves)
        return self.function(*positional, **keywords)

    @abstractmethod
    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The float arrays that the function gives, and what pulls a gradient of each back to the differentiated."""

    @abstractmethod
    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """The bprop of bprop: (by grad, None, *by inputs); what goes through the output is in what goes by inputs."""

    def fprop(self, *inputs: Value) -> Value:
        """The outputs as NumPy arrays; how to pull gradients back is kept for bprop."""
        parts, pull = self.run(inputs)
        if not parts:
            raise TypeError(
                f"{self.framework}: the function returned no array of floats, and only floats have gradients; "
                f"return the result that is differentiated"
            )
        output = parts[0] if len(parts) == 1 else tuple(parts)
        self._refused(inputs, parts, pull)
        self._runs.append((output, pull))
        return output

    def many(self, inputs: Inputs, stacks: dict[int, Any]) -> Sequence[Any] | None:
        """The float arrays for stacks of some of the inputs; None where there is no such thing."""
        return None

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients by the framework, None for inputs that are not differentiated."""
        pull = next((pull for known, pull in self._runs if known is output), None)
        if pull is None:
            _, pull = self.run(inputs)
            self._runs.append((output, pull))
        found = pull(grad if isinstance(grad, tuple) else (grad,))
        gradients: list[Any] = [None] * len(inputs)
        for i, g in zip(self.differentiated, found, strict=True):
            gradients[i] = g
        return tuple(gradients)

    def _refused(self, inputs: Inputs, parts: list[Any], pull: Pullback) -> None:
        """A gradient that the framework says it does not have is no mistake: such inputs are outside of the domain."""
        key = tuple((x.shape, x.dtype) if isinstance(x, np.ndarray) else repr(x) for x in inputs)
        if key not in self._refusals:
            self._refusals[key] = ""
            try:
                pull(tuple(np.ones_like(part) for part in parts))
            except Exception as error:
                if isinstance(error, NotImplementedError) or REFUSAL.search(str(error)):
                    self._refusals[key] = str(error)
        if self._refusals[key]:
            raise NotImplementedError(self._refusals[key])


def wide_enough(value: Value) -> Any:
    """No framework but NumPy's own has a type wider than float64, and silence about it would be mistaken for one."""
    if is_float_array(value) and value.dtype.itemsize > 8:
        raise TypeError(f"found dtype {value.dtype}, which the framework does not have; give float64")
    return value
