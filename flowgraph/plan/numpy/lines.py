"""The lines of NumPy that compute boxes, and what they read in place of their children."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.inference import axes_of
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.rounding import Round
from flowgraph.boxes.elementwise.selection import Clip, Maximum, Minimum, Where
from flowgraph.boxes.elementwise.trigonometric import Degrees, Radians
from flowgraph.boxes.engine.passing_on import Barrier
from flowgraph.boxes.indexing.gather import PlacesOfRows
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.indexing.select import Choose
from flowgraph.boxes.linear_algebra.diagonal import Diag, Diagonal
from flowgraph.boxes.linear_algebra.products import AddMatMul, MatMul
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, PlacesOf, check_labels
from flowgraph.boxes.reduction.extremes import AllTrue, AnyTrue, Max, Min
from flowgraph.boxes.reduction.sums import Reduction, Sum
from flowgraph.boxes.shape.arrangement import Transpose
from flowgraph.boxes.shape.joining import Concatenate
from flowgraph.boxes.shape.reshaping import BroadcastTo, Reshape
from flowgraph.plan.blas import accumulator
from flowgraph.plan.numpy.rules import (
    FILLS,
    NUMBERS,
    VIEWS,
    Fill,
    Value,
    View,
    Writes,
    call_for,
    keeps_or_zero,
    number_for,
    rule_for,
    ufunc_of,
    view_for,
)
from flowgraph.plan.rebuild import elements, owner_of, shape_of, sizes_known, without_graph
from flowgraph.plan.rebuild import number_of as constant_number
from flowgraph.shapes.indexing import ARRAY

# What lines read in place of their children: labels as places in the scores, flat buffers, numbers as literals.


def write_refusal(writer: Writes, box: PlaceOf, label: str, texts: Sequence[str]) -> str:
    """The lines that refuse the only label, if it is outside the classes; what is no index reads NumPy's own number."""
    writer.line(box, f"if not 0 <= {label} < {shape_of(box.children[1])[-1]}:", comment=False)
    writer.line(box, f"    {_check(writer, box)}({texts[0]})", comment=False)
    return f"intp({label})"


def place_by_name(writer: Writes, box: Index, texts: Sequence[str]) -> list[str]:
    """An index that is the place of the only label is read as Python's number."""
    return [texts[0], writer.source.names[box.children[1]]] if ARRAY in box.index else list(texts)


def row_access(writer: Writes, box: Index, texts: Sequence[str]) -> list[str]:
    """An array and the text that takes rows of it: `take` is 3 times faster, where the array is known to lie in rows.

    Of another array it would copy all rows first. It does not know 64 bits without a sign.
    """
    a, rows = box.children
    in_rows = a in writer.plan.updated or isinstance(rows, PlacesOfRows)
    signed = np.can_cast(rows.dtype, np.intp)
    return [texts[0], f".take({texts[1]}, 0)" if in_rows and signed else f"[{texts[1]}]"]


def is_single_place(box: Box) -> bool:
    """Whether the value is the place of a single label, in the shape of a row."""
    return isinstance(box, Reshape) and isinstance(box.children[0], PlaceOf)


def flat_name(buffer: str) -> str:
    """The name of a buffer's view without axes but one."""
    return f"{buffer}_flat"


def texts_of_minus(writer: Writes, box: MinusAt, texts: Sequence[str], out: str) -> list[str]:
    """The place of a single label, and the number that goes there, as Python's numbers; the buffer without axes."""
    a, places, amount = texts
    if is_single_place(box.children[1]):
        number = box.children[2]
        places = writer.source.names[box.children[1].children[0]]
        amount = literal_of(number) or writer.numbers.get(number, amount)
    writer.source.taken.used.add(flat_name(out))
    writer.source.bind(flat_name(out), flat_in, out)
    return [a, places, amount]


def bind_accumulator(writer: Writes, box: AddMatMul, texts: Sequence[str], out: str) -> list[str]:
    """What adds a product to the buffer."""
    writer.source.bind(f"add_product_{out}", accumulator_in, out)
    return list(texts)


def flat_in(memory: Any, name: str) -> Array:
    """A named buffer without axes but one."""
    return memory[name].reshape(-1)  # type: ignore[no-any-return]


def accumulator_in(memory: Any, name: str) -> Callable[[Array, Array], None]:
    """What adds products to a named buffer."""
    return accumulator(memory[name])


def multiples(memory: Any, count: int, step: int) -> Array:
    """0, step, 2 step ..., so many."""
    return np.arange(count) * step


def label_check(memory: Any, box: Box, classes: int) -> Callable[[Array], None]:
    """What refuses labels in the name of a box."""
    return lambda labels: check_labels(box, labels, classes)


def literal_of(box: Box) -> str | None:
    """A number that is written as it is, with the digits that its dtype needs; None for what needs a name."""
    if not isinstance(box, Constant) or box.shape != () or box.dtype.kind not in "biuf":
        return None
    if box.dtype == np.longdouble or not np.isfinite(box.value):
        return None
    number: Any = box.value[()]
    if box.dtype.kind == "f":
        return repr(float(np.format_float_scientific(number)))
    return repr(number.item())


def texts_of_places(writer: Writes, box: PlacesOf, labels: str) -> list[str]:
    """The labels, and the names of the places where the rows begin, of what a class adds, of what refuses a label."""
    classes, count = shape_of(box.children[1])[-1], shape_of(box)[0]
    row, column = (1, count) if box.columns else (classes, 1)
    rows = writer.source.bind_new("rows", multiples, count, row)
    of_class = writer.source.bind_new("of_class", multiples, classes, column)
    return [labels, rows, of_class, _check(writer, box)]


def _check(writer: Writes, box: PlaceOf | PlacesOf) -> str:
    """The name of what refuses a label outside the classes, in the name of the user's box."""
    classes, owner = shape_of(box.children[1])[-1], owner_of(box)
    name: str = writer.source.bind_new("check_labels", label_check, without_graph(owner), classes)
    return name


# How a box is written as a line of NumPy: one that fills a buffer, one that views a value, or a call of its fprop.


CALLED: frozenset[type[Box]] = frozenset({AllTrue, AnyTrue, Choose, Clip, Diag, Diagonal, Round})
"""Boxes whose fprop, one call of NumPy, takes less time than lines of what they are made of: 0.1 to 0.9 of it (`python
-m benchmarks boxes`). Round is one of them since its last quotient gives the digits of a decimal number, and a product
with the reciprocal does not."""

OPENED: frozenset[type[Box]] = frozenset({Degrees, Radians})
"""Boxes whose ufunc takes more time than lines of what they are made of, in which NumPy has vector instructions."""


def is_written(box: Box) -> bool:
    """Whether a line computes the box, and not lines of what it is made of."""
    if type(box) in OPENED:
        return False
    written = ufunc_of(box) is not None or FILLS.has(box) or VIEWS.has(box) or NUMBERS.has(box)
    return written or (type(box) in CALLED and not _is_one_line(box))


def _is_one_line(box: Box) -> bool:
    """Whether what the box is made of is one ufunc, in 0.3 to 0.7 of the time: a limit on one side, a whole number."""
    if box.dtype not in (np.float32, np.float64):
        return False
    one_limit = isinstance(box, Clip) and (np.isinf(box.low) or np.isinf(box.high))
    return one_limit or (isinstance(box, Round) and box.decimals == 0)


def fill_of(box: Box) -> Fill | None:
    """How to fill a buffer with the value of the box, None where NumPy has no such call."""
    if len(box.outputs) != 1 or box.shape == ():
        return None
    if ufunc_of(box) is not None:
        return _ufunc_fill(len(box.children))
    return FILLS.of(box)


@functools.cache
def _ufunc_fill(children: int) -> Fill:
    return Fill(_call_ufunc, tuple(range(children)))


def view_of(box: Box, child: np.ndarray[Any, Any]) -> View | None:
    """How to view a child as the value of the box; None where the elements would have to be copied."""
    view = None if box.shape == () else VIEWS.of(box)
    return view if view is not None and view.fits(box, child) else None


def number_of(box: Box) -> Value | None:
    """The expression for a box whose value is one number, computed from numbers, None if there is none."""
    return _UFUNC_NUMBER if ufunc_of(box) is not None else NUMBERS.of(box)


def _number_by_ufunc(box: Box, names: Sequence[str]) -> str:
    ufunc = ufunc_of(box)
    assert ufunc is not None
    sign = _OPERATORS.get(ufunc)
    if sign is not None and len(names) == 2:
        return f"{names[0]} {sign} {names[1]}"
    return f"-{names[0]}" if ufunc is np.negative else f"{ufunc.__name__}({', '.join(names)})"


_UFUNC_NUMBER = Value(_number_by_ufunc)


@number_for(MatMul)
def _inner_product(box: MatMul, names: Sequence[str]) -> str:
    return f"{names[0]}.dot({names[1]})"


@number_for(Sum, Max, Min)
def _reduced_number(box: Reduction, names: Sequence[str]) -> str:
    if not isinstance(box, Sum) and _is_short_row(box.children[0]) and names[0].isidentifier():
        return f"{names[0]}[{names[0]}.{'argmax' if isinstance(box, Max) else 'argmin'}()]"
    return f"{_REDUCERS[type(box)]}.reduce({names[0]}, axis=None)"


@number_for(PlaceOf, after=write_refusal)
def _place(box: PlaceOf, names: Sequence[str]) -> str:
    return f"{names[0]}.item()"


@number_for(
    Index,
    operands=lambda writer, box, texts, out: place_by_name(writer, box, texts),
    when=lambda box: ARRAY not in box.index or isinstance(box.children[1], PlaceOf),
)
def _element(box: Index, names: Sequence[str]) -> str:
    return f"{names[0]}[{names[1]}]" if ARRAY in box.index else _pick_element(box, names[0])


@number_for(Reshape)
def _only_element(box: Reshape, names: Sequence[str]) -> str:
    return f"{names[0]}.reshape(())[()]"


def _is_short_row(box: Box) -> bool:
    """Whether the place of an extreme is found in less time than NumPy takes to begin a reduction; NaN comes first."""
    return box.ndim == 1 and box.dtype.kind in "iuf" and sizes_known(box) and elements(box) <= _SHORT


_SHORT = (
    4096  # argmax takes 0.40 of the time of a reduction of so many, 0.99 at 65,536: `python -m benchmarks thresholds`
)
_OPERATORS: dict[Any, str] = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_REDUCERS: dict[type[Box], str] = {Sum: "add", Max: "maximum", Min: "minimum"}


def _call_ufunc(box: Box, names: Sequence[str], out: str) -> list[str]:
    ufunc = ufunc_of(box)
    assert ufunc is not None
    limited = _clip(box, names, out)
    if limited is not None:
        return [limited]
    place = f"out={out}" if ufunc in (np.maximum, np.minimum) else out  # which warn of a third argument by position
    return [f"{ufunc.__name__}({', '.join(names)}, {place})"]


def _clip(box: Box, names: Sequence[str], out: str) -> str | None:
    """A long array limited on one side by a number: NumPy's clip is vectorised, maximum with a number is not."""
    if type(box) not in (Maximum, Minimum) or box.dtype not in (np.float32, np.float64) or elements(box) < _LONG:
        return None
    for a, c in ((0, 1), (1, 0)):
        limit = constant_number(box.children[c])
        if limit is not None and not np.isnan(limit) and box.children[a].shape == box.shape:
            low, high = (names[c], "inf") if isinstance(box, Maximum) else ("-inf", names[c])
            return f"{names[a]}.clip({low}, {high}, {out})"
    return None


_LONG = 4096
"""Numbers from which clip, whose way into NumPy is longer, is faster than maximum: 4,096 in 0.8 of the time, 65,536 in
a third of it for float32 and half for float64."""


@rule_for(MatMul)
def _matmul(box: MatMul, names: Sequence[str], out: str) -> list[str]:
    if any(child.ndim > 2 or elements(child) == 1 for child in box.children):  # dot takes 0 · NaN of one element for 0
        return [f"matmul({names[0]}, {names[1]}, {out})"]
    return [f"{names[0]}.dot({names[1]}, {out})"]


@rule_for(AddMatMul, in_place=(0,), operands=bind_accumulator)
def _add_product(box: AddMatMul, names: Sequence[str], out: str) -> list[str]:
    c, left, right = names
    first = [] if c == out else [f"copyto({out}, {c})"]
    return [*first, f"add_product_{out}({left}, {right})", out]


@rule_for(Sum, Max, Min)
def _reduce(box: Reduction, names: Sequence[str], out: str) -> list[str]:
    axes = box.axes(box.children[0].ndim)
    axis = axes[0] if len(axes) == 1 else axes
    keep = ", keepdims=True" if box.keepdims else ""
    return [f"{_REDUCERS[type(box)]}.reduce({names[0]}, axis={axis}{keep}, out={out})"]


@rule_for(Where, in_place=(2,))
def _where(box: Where, names: Sequence[str], out: str) -> list[str]:
    mask, yes, no = names
    if keeps_or_zero(box):
        return [f"keep_where({mask}, {yes}, {out})"]
    first = [] if no == out else [f"copyto({out}, {no})"]
    holds = mask if box.children[0].dtype == bool else f"{mask} != 0"
    return [*first, f"copyto({out}, {yes}, where={holds})", out]


@rule_for(Cast)
def _cast(box: Cast, names: Sequence[str], out: str) -> list[str]:
    return [f'copyto({out}, {names[0]}, casting="unsafe")', out]


@rule_for(Concatenate)
def _concatenate(box: Concatenate, names: Sequence[str], out: str) -> list[str]:
    return [f"concatenate(({', '.join(names)},), axis={int(box.axis)}, out={out})"]


@rule_for(PlacesOf, operands=lambda writer, box, texts, out: texts_of_places(writer, box, texts[0]))
def _places(box: PlacesOf, names: Sequence[str], out: str) -> list[str]:
    """The smallest and the largest label are looked at, found by their places, and then the places are added up."""
    labels, rows, of_class, check = names
    child = box.children[0]
    row = labels if child.shape == box.shape else f"{labels}.reshape({box.shape[0]})"
    low = f"{row}[{row}.argmin()] < 0 or " if child.dtype.kind == "i" else ""
    refusal = [f"if {low}{row}[{row}.argmax()] >= {box.children[1].shape[-1]}:", f"    {check}({labels})"]
    return [*(refusal if elements(child) else []), f"add({rows}, {of_class}[{row}], {out})"]


def _has_one_place(box: MinusAt) -> bool:
    return is_single_place(box.children[1])


@rule_for(
    MinusAt,
    in_place=(0,),
    operands=texts_of_minus,
    takes_numbers=_has_one_place,
    when=lambda box: isinstance(box.children[1], PlacesOf) or _has_one_place(box),
)
def _minus_at(box: MinusAt, names: Sequence[str], out: str) -> list[str]:
    """One number less at each place; another array of places may name one twice, which this line would not see."""
    a, places, amount = names
    first = [] if a == out else [f"copyto({out}, {a})"]
    return [*first, f"{flat_name(out)}[{places}] -= {amount}", out]


@rule_for(Reshape)
def _lines_of_copy(box: Reshape, names: Sequence[str], out: str) -> list[str]:
    child = box.children[0]
    return [f"copyto({out}.reshape({tuple_text(shape_of(child))}), {names[0]})", out]


@view_for(Barrier, suffix=lambda box: "again")
def _behind(box: Barrier, name: str) -> str:
    return name


@number_for(Barrier)
def _number_behind(box: Barrier, names: Sequence[str]) -> str:
    return names[0]


@view_for(Transpose, suffix=lambda box: "T")
def _text_of_transpose(box: Transpose, name: str) -> str:
    return f"{name}.T" if box.axes is None else f"{name}.transpose({tuple_text(axes_of(box, box.axes, box.ndim))})"


def _kind_of_shape(box: Reshape) -> str:
    if len(box.shape) == 2 and 1 in box.shape:
        return "row" if box.shape[0] == 1 else "column"
    return "flat" if len(box.shape) == 1 else "reshaped"


def shares_memory(box: Box, child: np.ndarray[Any, Any]) -> bool:
    """Whether a reshape of an array that lies so in memory is a view of it."""
    try:
        child.reshape(shape_of(box), copy=False)
    except ValueError:
        return False
    return True


@view_for(Reshape, suffix=_kind_of_shape, fits=shares_memory)
def _text_of_reshape(box: Reshape, name: str) -> str:
    if box.ndim == 2 and 1 in box.shape and box.shape == box.children[0].shape[::-1]:
        return f"{name}.T"  # the quicker way to the same view
    return f"{name}.reshape({tuple_text(shape_of(box))})"


@view_for(BroadcastTo, suffix=lambda box: "repeated")
def _text_of_broadcast(box: BroadcastTo, name: str) -> str:
    return f"broadcast_to({name}, {tuple_text(shape_of(box))})"


@view_for(Index, suffix=lambda box: "part", fits=lambda box, child: ARRAY not in box.index)
def _text_of_index(box: Index, name: str) -> str:
    parts = [index_text(part) for part in box.index]
    return f"{name}[{', '.join(parts) or '...'}]"


def _pick_element(box: Index, name: str) -> str:
    """One element as a number: with an ellipsis NumPy gives a view without axes, which would change with the array."""
    return _text_of_index(box, name) + ("[()]" if Ellipsis in box.index or not box.index else "")


def tuple_text(numbers: Sequence[int]) -> str:
    """A tuple of whole numbers as Python has it."""
    return f"({', '.join(str(int(number)) for number in numbers)}{',' if len(numbers) == 1 else ''})"


def index_text(part: Any) -> str:
    """A part of an index without arrays as Python has it."""
    if isinstance(part, slice):
        ends = [("" if end is None else str(int(end))) for end in (part.start, part.stop)]
        return ":".join(ends) + ("" if part.step is None else f":{int(part.step)}")
    return "..." if part is Ellipsis else "None" if part is None else str(int(part))


@call_for(
    Index,
    operands=lambda writer, box, texts, out: row_access(writer, box, texts),
    when=lambda box: box.index == (ARRAY,) and box.children[1].dtype.kind in "iu" and bool(box.shape),
)
def _text_of_lookup(box: Index, names: Sequence[str]) -> str:
    return "".join(names)
