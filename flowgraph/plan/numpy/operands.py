"""What lines read in place of their children: labels as places in the scores, flat buffers, numbers as literals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.boxes.indexing.gather import PlacesOfRows
from flowgraph.boxes.indexing.index import Index
from flowgraph.boxes.linear_algebra.products import AddMatMul
from flowgraph.boxes.neural.label import MinusAt, PlaceOf, PlacesOf, check_labels
from flowgraph.boxes.shape.reshaping import Reshape
from flowgraph.plan.blas import accumulator
from flowgraph.plan.numpy.rules import Writes
from flowgraph.plan.provenance import owner_of
from flowgraph.plan.rebuild import shape_of
from flowgraph.shapes.indexing import ARRAY


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
    writer.source.bind(flat_name(out), lambda memory: memory[out].reshape(-1))
    return [a, places, amount]


def bind_accumulator(writer: Writes, box: AddMatMul, texts: Sequence[str], out: str) -> list[str]:
    """What adds a product to the buffer."""
    writer.source.bind(f"add_product_{out}", lambda memory: accumulator(memory[out]))
    return list(texts)


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
    rows = writer.source.bind_new("rows", lambda memory: np.arange(count) * row)
    of_class = writer.source.bind_new("of_class", lambda memory: np.arange(classes) * column)
    return [labels, rows, of_class, _check(writer, box)]


def _check(writer: Writes, box: PlaceOf | PlacesOf) -> str:
    """The name of what refuses a label outside the classes, in the name of the user's box."""
    classes, owner = shape_of(box.children[1])[-1], owner_of(box)
    name: str = writer.source.bind_new("check_labels", lambda _: lambda labels: check_labels(owner, labels, classes))
    return name
