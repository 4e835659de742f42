"""One operation of a model that is being read: its attributes, its inputs, and their known values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.indexing.index import lifted
from flowgraph.errors import SavedFileError
from flowgraph.shapes.size import Size

MOST_MADE = 1 << 20
"""Elements of a value that is computed when the file is read."""


class Attributes(dict[str, Any]):
    """The attributes of an operation, and which of them were asked for."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, name: str, default: Foreign = None) -> Any:
        """The attribute, or the default."""
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


@dataclass
class Node:
    """An operation; `version` is that of the operator set that the model imports for its domain."""

    kind: str
    domain: str
    version: int
    name: str
    attributes: Attributes
    inputs: tuple[Box | None, ...]
    outputs: int
    contents: dict[Box, Any]
    axes: dict[str, tuple[Box, int]]
    parameter: Callable[[Any, str], Parameter]

    def get(self, name: str, default: Foreign = None) -> Any:
        """An attribute, or the default where the file leaves it out."""
        return self.attributes.get(name, default)

    def known(self, place: int) -> Any:
        """The value of an input, which must not depend on the inputs of the graph: numbers, or sizes of axes."""
        box = self.inputs[place]
        found = None if box is None else content(box, self.contents)
        if found is None:
            raise SavedFileError(
                f"its input number {place + 1} is computed in the run, and flowgraph needs its value when the file is "
                f"read; give it one, flowgraph.interop.onnx.load(path, known={{name: array}}), or export the model "
                f"with it as a constant"
            )
        return found

    def given(self, place: int) -> bool:
        """Whether the file has an input at this place."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def ints(self, name: str, place: int, default: Foreign = None) -> Any:
        """Whole numbers that older operator sets have as an attribute, newer ones as an input."""
        if name in self.attributes:
            return tuple(int(one) for one in self.attributes[name])
        if self.given(place):
            return tuple(_whole(one) for one in np.ravel(self.known(place)))
        return default

    def number(self, name: str, place: int, default: Foreign = None) -> Any:
        """A number that older operator sets have as an attribute, newer ones as an input."""
        if name in self.attributes:
            return self.attributes[name]
        if not self.given(place):
            return default
        value = np.ravel(self.known(place))
        if value.size != 1:
            raise SavedFileError(f"found {value.size} numbers as its input number {place + 1}, needs one")
        return value[0]

    def axis(self, name: str, default: int, ndim: int) -> int:
        """An axis of an array with so many axes, counted from the front."""
        return self.counted(self.get(name, default), ndim)

    def counted(self, axis: int, ndim: int) -> int:
        """The axis counted from the front; one that the array does not have is refused."""
        if not -ndim <= axis < max(ndim, 1):
            raise SavedFileError(f"found the axis {axis} of an array with {ndim} axes")
        return int(axis) % max(ndim, 1)

    def few(self, count: Foreign) -> int:
        """A number of elements that are made when the file is read."""
        if isinstance(count, Size) or not 0 <= count <= MOST_MADE:
            raise SavedFileError(
                f"found {count} elements to be made when the file is read, needs a number to {MOST_MADE}"
            )
        return int(count)

    def refuse(self, problem: str) -> SavedFileError:
        """The error for an attribute or input for which no box exists."""
        return SavedFileError(f"{problem}; export the model without it")

    def expanded(self, a: Foreign, shape: Sequence[Any]) -> Any:
        """The array repeated to a shape, whose sizes may be those of axes of other boxes."""
        lines = []
        for axis, size in enumerate(shape):
            if isinstance(size, Size):
                if size not in self.axes:
                    raise SavedFileError(f"its value has the size {size}, which is that of no axis of an input")
                box, place = self.axes[size]
                lines.append(lifted(boxes.arange_like(box, place), axis, len(shape)))
        whole = tuple(1 if isinstance(size, Size) else size for size in shape)
        if not lines:
            return np.broadcast_to(a, np.broadcast_shapes(whole, *([a.shape] if _plain(a.shape) else [])))
        like = Constant(np.zeros((), bool))
        return np.broadcast_arrays(a, np.broadcast_to(like, whole), *lines)[0]


def content(box: Box, contents: Mapping[Box, Any]) -> Any:
    """The known value of a box before a run: None, numbers, or an object array with symbolic sizes."""
    if isinstance(box, Constant | Parameter):
        return np.asarray(box.value)
    return contents.get(box)


def _plain(shape: Sequence[Any]) -> bool:
    return not any(isinstance(size, Size) for size in shape)


def _whole(number: Foreign) -> Any:
    return number if isinstance(number, Size) else int(number)
