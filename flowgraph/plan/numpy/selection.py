"""A choice between two arrays without a branch for each element, which a mask of any pattern takes the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.boxes.elementwise.comparison import Equal
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.plan.binding import Memory
from flowgraph.plan.numpy.rules import Writes, keeps_or_zero, rule_for
from flowgraph.plan.numpy.windows import arrays_in, bytes_of
from flowgraph.plan.rebuild import elements, shape_of, sizes_known

MANY = 4096
"""Elements from which it takes less time than `copyto(out, yes, where=mask)`, if half of the mask is true in no order:
a tenth for 500,000 of float32, a third for 20,000. Where nearly all are equal it takes up to twice as long, 0.2 ms for
500,000 (`python -m benchmarks thresholds`); so a comparison for equality, which few elements pass, is copied."""

_WHOLE = {4: np.int32, 8: np.int64}


class Selected:
    """no + mask · (yes - no) of the bits of each number as a whole number, which wraps around without loss."""

    def __init__(self, widened: Array, out: Array) -> None:
        self.whole = widened.dtype
        self.widened, self.out, self.bits = widened, out, out.view(widened.dtype)

    def __call__(self, mask: Array, yes: Array, no: Array) -> Array:
        """Fill the buffer; it may be that of `yes`."""
        bits, other = self.bits, no.view(self.whole)
        np.copyto(self.widened, mask.view(np.int8))
        np.subtract(yes.view(self.whole), other, bits)
        np.multiply(bits, self.widened, bits)
        np.add(bits, other, bits)
        return self.out


def _is_selected(box: Where) -> bool:
    mask, *both = box.children
    return (
        box.dtype in (np.float32, np.float64)
        and all(child.dtype == box.dtype for child in both)
        and mask.dtype.kind == "b"
        and mask.shape == box.shape
        and not isinstance(mask, Equal)
        and not keeps_or_zero(box)
        and sizes_known(box)
        and elements(box) >= MANY
    )


def _shape_and_dtype(box: Box) -> tuple[tuple[int, ...], Any]:
    return shape_of(box), _WHOLE[box.dtype.itemsize]


def _scratch(box: Where) -> int:
    return bytes_of({"widened": _shape_and_dtype(box)})


def _bind(writer: Writes, box: Where, texts: Sequence[str], out: str) -> list[str]:
    """The function that computes the box, and its arguments."""
    data = _shape_and_dtype(box), writer.plan.scratch[box].start, out
    return [writer.source.bind_new("select", selected_in, *data), *texts]


def selected_in(memory: Memory, widened: tuple[tuple[int, ...], type], start: int, out: str) -> Selected:
    """A choice between arrays into a named buffer."""
    return Selected(arrays_in(memory, start, {"widened": widened})["widened"], memory[out])


@rule_for(Where, in_place=(1,), operands=_bind, when=_is_selected, scratch=_scratch)
def _lines_of_call(box: Where, names: Sequence[str], out: str) -> list[str]:
    return [f"{names[0]}({', '.join(names[1:])})"]
