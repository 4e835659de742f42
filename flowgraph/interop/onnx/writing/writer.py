"""The operations, constants and names of an ONNX graph that is being written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box.vocabulary import Foreign
from flowgraph.interop.onnx.package import element_type, onnx
from flowgraph.shapes.size import Shape, Size


class Writer:
    """Adds operations one after the other; every value has a name, and the writer knows its dtype.

    Values of boxes are registered with their shapes, so that a size that follows the batch can be read from one of
    them in the run.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.nodes: list[Any] = []
        self.dtypes: dict[str, np.dtype[Any]] = {}
        self._taken = set(names)
        self._constants: dict[Any, str] = {}
        self._keys: dict[str, Any] = {}
        self._axes: dict[str, tuple[str, int]] = {}
        self._sizes: dict[str, str] = {}
        self._base = ""
        self._counts: dict[str, int] = {}

    def op(
        self, kind: str, *inputs: str, outputs: int = 1, dtype: DTypeLike | None = None, **attributes: Foreign
    ) -> Any:
        """Add an operation; the name of its value, or a list of names for several outputs.

        The dtype of its values is that of its first input unless it is given. Attributes that are None are left out.
        """
        names = [self.name(kind.lower()) for _ in range(outputs)]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(onnx().helper.make_node(kind, list(inputs), names, name=names[0], **given))
        found = np.dtype(dtype) if dtype is not None else self.dtypes[inputs[0]]
        self.dtypes.update(dict.fromkeys(names, found))
        return names if outputs > 1 else names[0]

    def constant(self, value: Foreign, dtype: DTypeLike | None = None) -> str:
        """The name of an array or a number, written once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            base, self._base = self._base, "constant"
            tensor = onnx().numpy_helper.from_array(np.array(array, order="C"), "")
            self._constants[key] = name = self._constant(tensor, array.dtype)
            self._keys[name] = key
            self._base = base
        return self._constants[key]

    def _constant(self, tensor: Foreign, dtype: np.dtype[Any]) -> str:
        name = self.name("")
        node = onnx().helper.make_node("Constant", [], [name], name=name, value=tensor)
        self.nodes.append(node)
        self.dtypes[name] = dtype
        return name

    def ints(self, *values: int) -> str:
        """The name of a row of whole numbers, as axes, starts and shapes are given."""
        return self.constant(np.array(values, np.int64))

    def cast(self, name: str, dtype: DTypeLike) -> str:
        """The value in another dtype; itself where it has it."""
        wanted = np.dtype(dtype)
        if self.dtypes[name] == wanted:
            return name
        return str(self.op("Cast", name, dtype=wanted, to=element_type(wanted)))

    def name(self, suffix: str) -> str:
        """A name that no other value has, made of that of the box that is written."""
        base = f"{self._base}/{suffix}" if suffix else self._base
        name = base
        while not name or name in self._taken:
            self._counts[base] = self._counts.get(base, 0) + 1
            name = f"{base}_{self._counts[base]}"
        self._taken.add(name)
        return name

    def begin(self, base: str) -> int:
        """Name what follows after a box; the number of operations so far."""
        self._base = base
        return len(self.nodes)

    def finish(self, start: int, found: str, name: str) -> str:
        """Call the value of a box by its name: the operation that made it since `start`, or a copy, gives it that."""
        if not any(found in node.output for node in self.nodes[start:]):
            copied: str = self.op("Identity", found)
            return self.finish(len(self.nodes) - 1, copied, name)
        for node in self.nodes[start:]:
            for field in (node.input, node.output):
                field[:] = [name if one == found else one for one in field]
            if node.name == found:
                node.name = name
        self.dtypes[name] = self.dtypes.pop(found)
        if found in self._keys:
            self._keys[name] = key = self._keys.pop(found)
            self._constants[key] = name
        return name

    def register(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> None:
        """Remember where a size that follows the batch can be read."""
        self.dtypes[name] = dtype
        for axis, size in enumerate(shape):
            if isinstance(size, Size):
                self._axes.setdefault(str(size), (name, axis))

    def size(self, size: int | Size) -> str:
        """A size as a row of one whole number."""
        if not isinstance(size, Size):
            return self.ints(size)
        if size not in self._sizes:
            self._sizes[size] = self._read(size)
        return self._sizes[size]

    def shape(self, shape: Shape) -> str:
        """A shape as a row of whole numbers."""
        if not any(isinstance(size, Size) for size in shape):
            return self.ints(*map(int, shape))
        return str(self.op("Concat", *[self.size(size) for size in shape], dtype=np.int64, axis=0))

    def _read(self, size: Size) -> str:
        """From the axis of a value, else by the polynomial of its names."""
        if size in self._axes:
            name, axis = self._axes[size]
            return str(self.op("Shape", name, dtype=np.int64, start=axis, end=axis + 1))
        total = self.ints(0)
        for names, factor in size.terms.items():
            term = self.ints(factor)
            for one in names:
                if one not in self._axes:
                    raise LookupError(f"the size {one!r} stands on no axis of a value that is written before")
                term = self.op("Mul", term, self.size(Size(one)))
            total = self.op("Add", total, term)
        return str(self.op("Max", total, self.ints(0)))
