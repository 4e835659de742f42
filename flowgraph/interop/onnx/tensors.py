"""The onnx package, imported when a file is written or read; dtypes, tensors, names and limits of files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import SavedFileError, optional
from flowgraph.printable import why_not_a_name
from flowgraph.saving.limits import check_shape, excerpt, reading_foreign

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
