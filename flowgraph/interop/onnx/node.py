"""One operation of a model that is being read: its attributes, inputs, and their values as far as they are known."""

from __future__ import annotations

import functools
import math
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Array, Box, Constant
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.indexing.index import line_along
from flowgraph.errors import SavedFileError, optional
from flowgraph.printable import why_not_a_name
from flowgraph.saving.limits import check_shape, excerpt, reading_foreign
from flowgraph.shapes.size import Size, divide

OPSET = 20
"""The version of the operator set that is written."""

IR_VERSION = 9
"""The version of the file format that has this operator set."""


def onnx() -> Any:
    """The onnx package."""
    package = optional("onnx", "reading and writing .onnx needs onnx", "onnx")
    import onnx.helper
    import onnx.numpy_helper  # noqa: F401

    return package


def element_type(dtype: np.dtype[Any]) -> int:
    """The number by which ONNX calls a dtype."""
    return int(onnx().helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


WRITTEN = frozenset(map(np.dtype, ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")))
"""Dtypes that arrays in flowgraph and tensors in ONNX have in common; complex numbers have no operations in ONNX."""


def array_of(tensor: Foreign, folder: Path | None) -> Array:
    """The array of a tensor; its dtype, its sizes and the place of its data are looked at first."""
    package = onnx()
    who = f"the tensor {excerpt(tensor.name)!r}"
    dtype = dtype_of(tensor.data_type, who)
    shape = tuple(tensor.dims)
    check_shape(shape)
    if tensor.data_location == package.TensorProto.EXTERNAL:
        return np.frombuffer(_outside(tensor, folder, math.prod(shape) * dtype.itemsize, who), dtype).reshape(shape)
    stored = len(tensor.raw_data) if tensor.HasField("raw_data") else None
    if stored is not None and stored != math.prod(shape) * dtype.itemsize:
        raise SavedFileError(f"{who} holds {stored} bytes, and its shape {list(shape)} of {dtype} asks for others")
    with reading_foreign(f"{who} is malformed", SavedFileError):
        return np.array(package.numpy_helper.to_array(tensor))


def dtype_of(number: int, who: str) -> np.dtype[Any]:
    """The dtype of an element type; one that flowgraph does not compute with is refused."""
    try:
        dtype: np.dtype[Any] = np.dtype(onnx().helper.tensor_dtype_to_np_dtype(number))
    except KeyError:
        dtype = np.dtype(object)
    if dtype not in WRITTEN:
        names = {value: name for name, value in onnx().TensorProto.DataType.items()}
        type_name = names.get(number, str(number)).lower()
        raise SavedFileError(f"{who} has the element type {type_name}, needs float, double, float16, integers or bool")
    return dtype


def _outside(tensor: Foreign, folder: Path | None, needed: int, who: str) -> bytes:
    """The bytes of a tensor in a file of the same folder; other locations are refused."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None or why_not_a_name(location) or Path(location).name != location or "\\" in location:
        raise SavedFileError(
            f"{who} has its data in {excerpt(location)!r}; it is read from a file beside the model only, so move it "
            f"there, or write the model as one file: onnx.save(onnx.load(path), new_path)"
        )
    file = folder / location
    if file.is_symlink() or not file.is_file():
        raise SavedFileError(f"{who} has its data in {location!r}, and there is no such file beside the model")
    try:
        start, length = int(entries.get("offset", "0")), int(entries.get("length", str(needed)))
    except ValueError:
        start = length = -1
    if start < 0 or length != needed or start + length > os.stat(file).st_size:
        raise SavedFileError(f"{who} asks for other bytes of {location!r} than stand there; take another copy")
    with open(file, "rb") as stream:
        stream.seek(start)
        return stream.read(length)


def checked_name(text: str) -> str:
    """The name, if it is one that flowgraph takes."""
    problem = why_not_a_name(text)
    if problem is not None:
        raise SavedFileError(f"found the name {excerpt(repr(text))}, {problem}")
    return text


def scope_of_parts(parts: list[str]) -> str:
    """The scope of a path of modules, of which the outer 32 are kept."""
    return "".join(f"{checked_name(part)}/" for part in parts[:32])


def check_texts(message: Foreign) -> None:
    """Refuse a message of protobuf with a text that is no UTF-8, which some versions of it then read as bytes."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for part in [value] if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value:
            if isinstance(part, bytes):
                raise SavedFileError(f"found {part[:40]!r} as {field.name}, needs UTF-8")
            if field.type == field.TYPE_MESSAGE:
                check_texts(part)


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
    axes: dict[Size, tuple[Box, int]]
    make: Callable[[int], None]

    def get(self, name: str, default: Foreign = None) -> Any:
        """An attribute, or the default where the file leaves it out."""
        return self.attributes.get(name, default)

    @property
    def trains_by_age(self) -> bool:
        """Whether it is an operation of training because operator sets before 7 say so unless `is_test` is 1."""
        return bool(self.version < 7 and not self.get("is_test", 0))

    def value_of_input(self, place: int) -> Any:
        """The value of an input, which must not depend on the inputs of the graph: numbers, or sizes of axes."""
        box = self.inputs[place]
        value = None if box is None else content(box, self.contents)
        if value is None:
            raise SavedFileError(
                f"its input number {place + 1} is computed in the run, and flowgraph needs its value when the file is "
                f"read; give it one, flowgraph.interop.onnx.load(path, known={{name: array}}), or export the model "
                f"with it as a constant"
            )
        return value

    def has_input(self, place: int) -> bool:
        """Whether the file has an input at this place."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def ints(self, name: str, place: int, default: Foreign = None) -> Any:
        """Whole numbers that older operator sets have as an attribute, newer ones as an input."""
        if name in self.attributes:
            return tuple(int(number) for number in self.attributes[name])
        if self.has_input(place):
            return tuple(
                number if isinstance(number, Size) else int(number) for number in np.ravel(self.value_of_input(place))
            )
        return default

    def number(self, name: str, place: int, default: Foreign = None) -> Any:
        """A number that older operator sets have as an attribute, newer ones as an input."""
        if name in self.attributes:
            return self.attributes[name]
        if not self.has_input(place):
            return default
        value = np.ravel(self.value_of_input(place))
        if value.size != 1:
            raise SavedFileError(f"found {value.size} numbers as its input number {place + 1}, needs one")
        return value[0]

    def axis(self, name: str, default: int, ndim: int) -> int:
        """An axis of an array with so many axes, counted from the front."""
        return self.axis_from_front(self.get(name, default), ndim)

    def axis_from_front(self, axis: int, ndim: int) -> int:
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
        self.make(8 * int(count))
        return int(count)

    def at_most(self, count: Foreign, most: int, what: str) -> int:
        """A number of boxes that the operation becomes, which a few bytes of the file could make any."""
        if isinstance(count, Size) or not 0 <= count <= most:
            raise self.refuse(f"found {count} {what}, needs at most {most}")
        return int(count)

    def refuse(self, problem: str) -> SavedFileError:
        """The error for an attribute or input for which no box exists."""
        return SavedFileError(f"{problem}; export the model without it")

    def numbers(self, size: Size) -> Any:
        """0, 1, ... below a size that is that of an axis of a value, or a product of such and of a number."""
        factors: list[Any] = []
        rest: Any = size
        while isinstance(rest, Size):
            known = rest if rest in self.axes else next((one for one in self.axes if divide(rest, one)), None)
            if known is None:
                raise SavedFileError(f"its value has the size {size}, which is that of no axis of a value")
            factors.append(known)
            rest = divide(rest, known)
        if rest == 1 and len(factors) == 1:
            return boxes.arange_like(*self.axes[size])
        whole = self.expand_to(Constant(np.zeros((), bool)), (*factors, rest))
        return boxes.arange_like(np.reshape(whole, (-1,)))

    def expand_to(self, a: Foreign, shape: Sequence[Any]) -> Any:
        """The array repeated to a shape, whose sizes may be those of axes of other boxes."""
        lines = []
        for axis, size in enumerate(shape):
            if isinstance(size, Size):
                lines.append(line_along(self.numbers(size), axis, len(shape)))
        whole = tuple(1 if isinstance(size, Size) else size for size in shape)
        if not lines:
            known = not any(isinstance(size, Size) for size in a.shape)
            return np.broadcast_to(a, np.broadcast_shapes(whole, *([a.shape] if known else [])))
        like = Constant(np.zeros((), bool))
        return np.broadcast_arrays(a, np.broadcast_to(like, whole), *lines)[0]


def content(box: Box, contents: Mapping[Box, Any]) -> Any:
    """The known value of a box before a run: None, numbers, or an object array with symbolic sizes."""
    if isinstance(box, Constant | Parameter):
        return np.asarray(box.value)
    return contents.get(box)


MOST = 4096
"""Elements of a value that is followed."""


def content_of(node: Node) -> Any:
    """The known value of an operation, an array of objects that may contain symbolic sizes; None if unknown."""
    if node.kind == "Shape" and node.inputs[0] is not None:
        sizes = np.empty(len(node.inputs[0].shape), object)
        sizes[:] = node.inputs[0].shape
        return sizes[node.get("start", 0) : node.get("end")]
    rule = FOLLOWED.get(node.kind)
    if rule is None or node.domain or not node.inputs:
        return None
    given = [None if box is None else content(box, node.contents) for box in node.inputs]
    if given[0] is None or not any(box in node.contents for box in node.inputs if box is not None):
        return None
    if any(a is None or a.size > MOST for a, box in zip(given, node.inputs, strict=True) if box is not None):
        return None
    try:
        return np.asarray(rule(node, *[None if a is None else a.astype(object) for a in given]), object)
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return None  # such as a quotient that is no polynomial: its value is known in the run


def as_constant(known: Foreign, dtype: Foreign) -> Constant | None:
    """A constant in place of a value in which no size of an axis is left."""
    if known is None or any(isinstance(size, Size) for size in known.flat):
        return None
    return Constant(known.astype(dtype))


def _quotient(size: Foreign, other: Foreign) -> Any:
    quotient = divide(size, other) if isinstance(size, Size) or isinstance(other, Size) else int(size / other)
    if quotient is None:
        raise ValueError("the quotient of two symbolic sizes is not a polynomial; export the model with fixed sizes")
    return quotient


def _equal(size: Foreign, other: Foreign) -> bool:
    """Sizes are never negative; whether two others agree is not known."""
    if isinstance(size, Size) or isinstance(other, Size):
        if size == other and isinstance(size, Size) and isinstance(other, Size):
            return True
        if min((x for x in (size, other) if not isinstance(x, Size)), default=0) < 0:
            return False
        raise ValueError(
            "whether two symbolic sizes are equal is known only in a run; export the model with fixed sizes"
        )
    return bool(size == other)


def _larger(size: Foreign, other: Foreign) -> Any:
    """Sizes are never negative."""
    sizes = [one for one in (size, other) if isinstance(one, Size)]
    if not sizes:
        return max(size, other)
    if len(sizes) == 1 and min(one for one in (size, other) if not isinstance(one, Size)) <= 0:
        return sizes[0]
    raise ValueError("which of two symbolic sizes is larger is known only in a run; export the model with fixed sizes")


def _each(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def of_two(a: Foreign, b: Foreign) -> Any:
        if isinstance(a, Size) or isinstance(b, Size):
            a, b = _as_whole(a), _as_whole(b)
        return function(a, b)

    return lambda node, a, b: np.frompyfunc(of_two, 2, 1)(a, b)


def _as_whole(number: Foreign) -> Any:
    """A number beside a symbolic size, whose polynomials have whole numbers only."""
    if isinstance(number, Size):
        return number
    if not float(number).is_integer():
        raise ValueError("a symbolic size and a fraction are no polynomial")
    return int(number)


def _slice_array(node: Node, a: Foreign, *_: Foreign) -> Any:
    (start,), (stop,) = node.ints("starts", 1), node.ints("ends", 2)
    step = node.ints("steps", 4, (1,))[0]
    return a[start:stop:step]


FOLLOWED: Mapping[str, Callable[..., Any]] = {
    "Add": _each(lambda a, b: a + b),
    "Sub": _each(lambda a, b: a - b),
    "Mul": _each(lambda a, b: a * b),
    "Div": _each(_quotient),
    "Equal": _each(_equal),
    "Max": _each(_larger),
    "Where": lambda node, condition, a, b: np.where(condition.astype(bool), a, b),
    "Gather": lambda node, a, places: np.take(a, places.astype(int), axis=node.get("axis", 0)),
    "Slice": _slice_array,
    "ReduceProd": lambda node, a, *_: np.reshape(
        np.array(functools.reduce(operator.mul, a.flat, 1), object), (1,) * a.ndim if node.get("keepdims", 1) else ()
    ),
    "Cast": lambda node, a: a,
    "Identity": lambda node, a: a,
    "Concat": lambda node, *arrays: np.concatenate(arrays, axis=node.get("axis")),
    "Unsqueeze": lambda node, a, *_: np.expand_dims(a, node.ints("axes", 1)),
    "Squeeze": lambda node, a, *_: np.squeeze(a, node.ints("axes", 1)),
    "Reshape": lambda node, a, shape: np.reshape(a, [int(size) for size in shape]),
}
