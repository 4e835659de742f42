"""One output of a box that has several."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.vocabulary import Interval
from flowgraph.errors import BoxContractError, UsageError
from flowgraph.shapes.spec import Spec

TUPLES_OF_ONE: set[type[Box]] = set()
"""Classes whose value is a tuple where they have a single output too."""


class Part(Box):
    """Output number `index` of a box whose value is a tuple; `box[index]` and unpacking build it.

    h = whole[index]        the gradient goes to that output, None to the others
    """

    index: Annotated[int, Interval(0)]

    public = False
    symbol = "part"
    slopes = "share"
    arithmetic = False
    examples = None  # its child has several outputs: it is tested with the boxes that have them

    def fprop(self, whole: Value) -> Value:
        if isinstance(whole, np.ndarray):  # of which an element would be taken for an output
            box = self.children[0]
            raise BoxContractError(
                f"{box.title}: fprop returned an array, needs a tuple of {len(box.outputs)}, as the box has as many "
                f"outputs\n  built at {box.built_at}"
            )
        return whole[self.index]

    def bprop(self, grad: Value, h: Value, whole: Value) -> tuple[Value, ...]:
        return (tuple(grad if i == self.index else None for i in range(len(whole))),)

    def infer_from_children(self) -> Spec:
        """Shape and dtype of that output."""
        (whole,) = self.children
        if self.index >= len(whole.outputs) or (len(whole.outputs) == 1 and type(whole) not in TUPLES_OF_ONE):
            raise UsageError(
                f"{self.title}: found {whole.title} with {len(whole.outputs)} outputs, needs a box of several, "
                f"{self.index} among their indices"
            )
        return whole.outputs[self.index]


def part(box: Box, index: object) -> Any:
    """Output `index` of a box of several outputs, counted from the end where negative; a tuple for a slice."""
    count = len(box.outputs)
    if isinstance(index, slice):
        return tuple(Part(box, index=i) for i in range(count)[index])
    if not isinstance(index, int) or not -count <= index < count:
        raise UsageError(f"{box.title}: found the index {index!r}, but it has {count} outputs; take box[0], ...")
    return Part(box, index=index % count)
