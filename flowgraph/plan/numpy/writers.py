"""How a box is written as a line of NumPy: one that fills a buffer, one that views a value, or a call of its fprop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.elementwise.cast import Cast
from flowgraph.boxes.elementwise.selection import Where
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, PlacesOf
from flowgraph.boxes.reduction.extremes import Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.plan.numpy.ufuncs import ufunc_of
from flowgraph.plan.passes.masking import keeps_or_zero
from flowgraph.plan.rebuild import elements, shape_of, sizes_known
from flowgraph.shapes.indexing import ARRAY

Fill = Callable[[Any, Sequence[str], str], list[str]]


class Writing(NamedTuple):
    """How to fill a buffer with the value of a box: the lines, and the children whose buffer it may be."""

    lines: Fill
    in_place: tuple[int, ...] = ()


def is_written(box: Box) -> bool:
    """Whether there is a line for the box, other than a call of its fprop."""
    return ufunc_of(box) is not None or type(box) in FILLS or type(box) in VIEWS or isinstance(box, PlaceOf)


def fill_of(box: Box) -> Writing | None:
    """How to fill a buffer with the value of the box, None where NumPy has no such call."""
    if len(box.outputs) != 1 or box.shape == ():
        return None
    ufunc = ufunc_of(box)
    if ufunc is not None:
        return Writing(_call_ufunc, tuple(range(len(box.children))))
    if isinstance(box, MinusAt) and not isinstance(box.children[1], PlacesOf) and not is_single_place(box.children[1]):
        return None  # a place may be named twice, which the line that is written would not see
    return FILLS.get(type(box))


def scalar_text(box: Box, names: Sequence[str]) -> str | None:
    """The expression for a box whose value is one number, computed from numbers, None if there is none."""
    ufunc = ufunc_of(box)
    if ufunc is not None:
        sign = _OPERATORS.get(ufunc)
        if sign is not None and len(names) == 2:
            return f"{names[0]} {sign} {names[1]}"
        return f"-{names[0]}" if ufunc is np.negative else f"{ufunc.__name__}({', '.join(names)})"
    if isinstance(box, MatMul):
        return f"{names[0]}.dot({names[1]})"
    if isinstance(box, Max | Min) and _is_short_row(box.children[0]) and names[0].isidentifier():
        return f"{names[0]}[{names[0]}.{'argmax' if isinstance(box, Max) else 'argmin'}()]"
    if isinstance(box, Reduction) and type(box) in _REDUCERS:
        return f"{_REDUCERS[type(box)]}.reduce({names[0]}, axis=None)"
    if isinstance(box, PlaceOf):
        return f"{names[0]}.item()"
    if isinstance(box, Index) and (ARRAY not in box.index or isinstance(box.children[1], PlaceOf)):
        return f"{names[0]}[{names[1]}]" if ARRAY in box.index else _picked(box, names[0])
    return f"{names[0]}.reshape(())[()]" if isinstance(box, Reshape) else None


def _is_short_row(box: Box) -> bool:
    """Whether the place of an extreme is found in less time than NumPy takes to begin a reduction; NaN comes first."""
    return box.ndim == 1 and box.dtype.kind in "iuf" and sizes_known(box) and elements(box) <= _SHORT


_SHORT = 4096
_OPERATORS: dict[Any, str] = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_REDUCERS: dict[type[Box], str] = {Sum: "add", Max: "maximum", Min: "minimum"}


def _call_ufunc(box: Box, names: Sequence[str], out: str) -> list[str]:
    ufunc = ufunc_of(box)
    assert ufunc is not None
    place = f"out={out}" if ufunc in (np.maximum, np.minimum) else out  # which warn of a third argument by position
    return [f"{ufunc.__name__}({', '.join(names)}, {place})"]


def _matmul(box: MatMul, names: Sequence[str], out: str) -> list[str]:
    if any(child.ndim > 2 or elements(child) == 1 for child in box.children):  # dot takes 0 · NaN of one element for 0
        return [f"matmul({names[0]}, {names[1]}, {out})"]
    return [f"{names[0]}.dot({names[1]}, {out})"]


def _add_product(box: AddMatMul, names: Sequence[str], out: str) -> list[str]:
    c, left, right = names
    first = [] if c == out else [f"copyto({out}, {c})"]
    return [*first, f"add_product_{out}({left}, {right})"]


def _reduce(box: Reduction, names: Sequence[str], out: str) -> list[str]:
    axes = box.axes(box.children[0].ndim)
    axis = axes[0] if len(axes) == 1 else axes
    keep = ", keepdims=True" if box.keepdims else ""
    return [f"{_REDUCERS[type(box)]}.reduce({names[0]}, axis={axis}{keep}, out={out})"]


def _where(box: Where, names: Sequence[str], out: str) -> list[str]:
    mask, yes, no = names
    if keeps_or_zero(box):
        return [f"keep_where({mask}, {yes}, {out})"]
    if no == out:
        return [f"copyto({out}, {yes}, where={mask})"]
    return [f"copyto({out}, {no})", f"copyto({out}, {yes}, where={mask})"]


def _cast(box: Cast, names: Sequence[str], out: str) -> list[str]:
    return [f'copyto({out}, {names[0]}, casting="unsafe")']


def _concatenate(box: Concatenate, names: Sequence[str], out: str) -> list[str]:
    return [f"concatenate(({', '.join(names)},), axis={int(box.axis)}, out={out})"]


def _places(box: PlacesOf, names: Sequence[str], out: str) -> list[str]:
    """The smallest and the largest label are looked at, found by their places, and then the places are added up."""
    labels, rows, of_class, check = names
    child = box.children[0]
    row = labels if child.shape == box.shape else f"{labels}.reshape({box.shape[0]})"
    low = f"{row}[{row}.argmin()] < 0 or " if child.dtype.kind == "i" else ""
    refusal = [f"if {low}{row}[{row}.argmax()] >= {box.children[1].shape[-1]}:", f"    {check}({labels})"]
    return [*(refusal if elements(child) else []), f"add({rows}, {of_class}[{row}], {out})"]


def is_single_place(box: Box) -> bool:
    """Whether the value is the place of a single label, in the shape of a row."""
    return isinstance(box, Reshape) and isinstance(box.children[0], PlaceOf)


def _minus_at(box: MinusAt, names: Sequence[str], out: str) -> list[str]:
    a, places, amount = names
    first = [] if a == out else [f"copyto({out}, {a})"]
    return [*first, f"{flat_name(out)}[{places}] -= {amount}"]


def _copied(box: Reshape, names: Sequence[str], out: str) -> list[str]:
    child = box.children[0]
    return [f"copyto({out}.reshape({_tuple(shape_of(child))}), {names[0]})"]


def flat_name(buffer: str) -> str:
    """The name of a buffer's view without axes but one."""
    return f"{buffer}_flat"


FILLS: dict[type[Box], Writing] = {
    MatMul: Writing(_matmul),
    AddMatMul: Writing(_add_product, (0,)),
    Sum: Writing(_reduce),
    Max: Writing(_reduce),
    Min: Writing(_reduce),
    Where: Writing(_where, (2,)),
    Cast: Writing(_cast),
    Concatenate: Writing(_concatenate),
    Reshape: Writing(_copied),
    PlacesOf: Writing(_places),
    MinusAt: Writing(_minus_at, (0,)),
}


def _transposed(box: Transpose, name: str) -> str:
    return f"{name}.T" if box.axes is None else f"{name}.transpose({_tuple(box.axes)})"


def _reshaped(box: Reshape, name: str) -> str:
    if box.ndim == 2 and 1 in box.shape and box.shape == box.children[0].shape[::-1]:
        return f"{name}.T"  # the quicker way to the same view
    return f"{name}.reshape({_tuple(shape_of(box))})"


def _repeated(box: BroadcastTo, name: str) -> str:
    return f"broadcast_to({name}, {_tuple(shape_of(box))})"


def _indexed(box: Index, name: str) -> str:
    parts = [_index_text(part) for part in box.index]
    return f"{name}[{', '.join(parts) or '...'}]"


def _picked(box: Index, name: str) -> str:
    """One element as a number: with an ellipsis NumPy gives a view without axes, which would change with the array."""
    return _indexed(box, name) + ("[()]" if Ellipsis in box.index or not box.index else "")


def _tuple(numbers: Sequence[int]) -> str:
    return f"({', '.join(str(int(number)) for number in numbers)}{',' if len(numbers) == 1 else ''})"


def _index_text(part: Any) -> str:
    if isinstance(part, slice):
        ends = [("" if end is None else str(int(end))) for end in (part.start, part.stop)]
        return ":".join(ends) + ("" if part.step is None else f":{int(part.step)}")
    return "..." if part is Ellipsis else "None" if part is None else str(int(part))


VIEWS: dict[type[Box], Callable[[Any, str], str]] = {
    Transpose: _transposed,
    Reshape: _reshaped,
    BroadcastTo: _repeated,
    Index: _indexed,
}


def view_of(box: Box, child: np.ndarray[Any, Any]) -> Callable[[Any, str], str] | None:
    """How to view a child as the value of the box; None where the elements would have to be copied."""
    write = VIEWS.get(type(box))
    if write is None or box.shape == () or (isinstance(box, Index) and ARRAY in box.index):
        return None
    if isinstance(box, Reshape) and child.size and not np.shares_memory(child.reshape(shape_of(box)), child):
        return None
    return write


def call_text(box: Box, names: Sequence[str]) -> str | None:
    """A call that returns the value as a new array, None where only fprop gives it."""
    if isinstance(box, Index) and box.index == (ARRAY,) and box.children[1].dtype.kind in "iu" and box.shape:
        return f"{names[0]}[{names[1]}]"
    return None


def constant_text(box: Constant) -> str | None:
    """A number that is written as it is, with the digits that its dtype needs; None for what needs a name."""
    if box.shape != () or box.dtype.kind not in "biuf" or box.dtype == np.longdouble or not np.isfinite(box.value):
        return None
    number: Any = box.value[()]
    if box.dtype.kind == "f":
        return repr(float(np.format_float_scientific(number)))
    return repr(number.item())
