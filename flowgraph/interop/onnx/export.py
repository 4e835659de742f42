"""A graph as an ONNX model: opened, checked for what cannot be written, then written box by box."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph import __version__
from flowgraph.box import Box, Constant, Leaf
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.box.opening import inside_of
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.errors import UnsupportedError
from flowgraph.graph import Graph
from flowgraph.graph.topology import topological_order, unique_names
from flowgraph.interop.onnx.node import IR_VERSION, OPSET, WRITTEN, element_type, onnx
from flowgraph.interop.onnx.table import OPERATIONS, PARTS
from flowgraph.plan.passes.inlining import open_composites
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.shapes.size import Shape, Size

LARGEST = 2**31 - 1
"""Bytes that a file of protocol buffers holds at most."""

_SHOWN = 8


def model_of(graph: Graph) -> Any:
    """The ONNX model of a graph, checked by `onnx.checker` in full.

    Inputs, parameters, outputs and boxes keep their names; parameters are initialisers, other arrays Constant nodes.

    Parameters
    ----------
    graph : Graph
        What is written.

    Returns
    -------
    onnx.ModelProto
        The model.

    Raises
    ------
    UnsupportedError
        If a box cannot be written; it is named.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.onnx import model_of
    >>> [node.op_type for node in model_of(fg.Graph(np.tanh(fg.Input("x", shape=("N", 2))))).graph.node]
    ['Tanh']
    """
    package = onnx()
    opened = open_boxes(graph)
    _refuse(opened)
    names = unique_names(dict.fromkeys((*graph.inputs, *opened.boxes)))
    writer = Writer(names.values())
    for box in graph.inputs:
        writer.register(names[box], box.shape, box.dtype)
    values = _write(opened, writer, names)
    outputs = _outputs(opened, writer, values, names)
    parameters = [box for box in opened.boxes if isinstance(box, Parameter)]
    whole = package.helper.make_graph(
        writer.nodes,
        "flowgraph",
        [_info(names[box], box.shape, box.dtype) for box in graph.inputs],
        [_info(name, box.shape, box.dtype) for name, box in zip(outputs, opened.outputs, strict=True)],
        [package.numpy_helper.from_array(np.array(box.value, order="C"), names[box]) for box in parameters],
    )
    model = package.helper.make_model(
        whole,
        opset_imports=[package.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="flowgraph",
        producer_version=__version__,
    )
    try:
        package.checker.check_model(model, full_check=True)
    except package.shape_inference.InferenceError as error:  # of an operation that ONNX has for other dtypes alone
        raise UnsupportedError(
            f"fg.save: ONNX has an operation for other dtypes alone: {error}; convert what it reads, "
            f"box.astype(float), or save the graph as .safetensors"
        ) from error
    return model


def is_exportable(graph: Graph) -> bool:
    """Whether every box of the graph is written as ONNX operations, itself or opened.

    Parameters
    ----------
    graph : Graph
        The graph.

    Returns
    -------
    bool
        Whether `save` writes it.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.onnx import is_exportable
    >>> is_exportable(fg.Graph(np.tanh(fg.Input("x", shape=("N", 2)))))
    True
    """
    try:
        model_of(graph)
    except UnsupportedError:
        return False
    return True


def _refuse(opened: Graph) -> None:
    """Name every box that cannot be written, before anything is."""
    wrong = [box for box in opened.boxes if isinstance(box, Random) or not is_written(box)]
    if wrong:
        listed = "\n  ".join(f"{box.title}: {_why(box)}, built at {box.built_at}" for box in wrong[:_SHOWN])
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise UnsupportedError(
            f"fg.save: {len(wrong)} of {len(opened.boxes)} boxes cannot be written as ONNX:\n  {listed}{more}\n"
            f"save the part of the graph without them, fg.Graph(box), or the whole graph as .safetensors"
        )
    size = sum(box.value.nbytes for box in opened.boxes if isinstance(box, Parameter | Constant))
    if size > LARGEST - 2**20:
        raise UnsupportedError(
            f"fg.save: found {size / 2**30:.1f} GiB of parameters and constants, and an .onnx file holds 2 GiB; "
            f"save it as .safetensors"
        )


def _why(box: Box) -> str:
    foreign = sorted({str(s.dtype) for each in (box, *box.children) for s in each.outputs if s.dtype not in WRITTEN})
    if isinstance(box, Random):
        return "it is drawn anew in every run; save the graph of predictions, which has no dropout"
    if foreign:
        return f"no operation takes {', '.join(foreign)}"
    if OPERATIONS.has(box):
        settings = ", ".join(f"{name}={value!r}" for name, value in box.setting_values().items())
        return f"no operation stands for it with {settings or 'these children'}"
    return "no operation stands for it"


def _write(opened: Graph, writer: Writer, names: dict[Box, str]) -> dict[Box, Any]:
    """The name of the value of every box, a tuple of names for several outputs."""
    values: dict[Box, Any] = {}
    for box in opened.boxes:
        if isinstance(box, Input | Parameter):
            values[box] = names[box]
        elif isinstance(box, Part):
            values[box] = values[box.children[0]][box.index]
        else:
            values[box] = _value(box, writer, names[box], [values[child] for child in box.children])
        if not isinstance(values[box], tuple):
            writer.register(values[box], box.shape, box.dtype)
            continue
        for name, spec in zip(values[box], box.outputs, strict=True):
            writer.register(name, spec.shape, spec.dtype)
    return values


def _value(box: Box, writer: Writer, name: str, children: Sequence[Any]) -> Any:
    start = writer.begin(name)
    if isinstance(box, Constant):
        return writer.finish(start, writer.constant(box.value), name)
    rule = OPERATIONS.of(box)
    assert rule is not None, "what has no rule was refused before"
    try:
        value = rule.function(writer, box, *children)
    except LookupError as missing:
        raise UnsupportedError(
            f"fg.save: {box.title} cannot be written as ONNX: {missing.args[0]}; give the sizes in numbers, or save "
            f"the graph as .safetensors"
        ) from None
    if isinstance(value, tuple):
        return value
    return writer.finish(start, writer.cast(value, box.dtype), name)


def _outputs(opened: Graph, writer: Writer, values: dict[Box, Any], names: dict[Box, str]) -> list[str]:
    """A name for each output: an operation makes it, and no two outputs are one value."""
    taken = {values[box] for box in opened.boxes if isinstance(box, Input | Parameter)}
    result = []
    for box in opened.outputs:
        name = values[box]
        if name in taken:
            start = writer.begin(f"{names[box]}/output")
            name = writer.finish(start, writer.op("Identity", name), writer.name(""))
        taken.add(name)
        result.append(name)
    return result


def _info(name: str, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """Shape and dtype of an input or an output; a size that follows the batch is written by its name."""
    sizes = [None if isinstance(s, Size) and s.unknown else str(s) if isinstance(s, Size) else s for s in shape]
    return onnx().helper.make_tensor_value_info(name, element_type(dtype), sizes)


DEEPEST = 40
"""Boxes inside boxes, after which one is not opened further: it may be made of itself."""


def open_boxes(graph: Graph) -> Graph:
    """The graph with each box without a rule replaced by what its fprop builds on boxes, where that can be written."""
    single = open_composites(graph, lambda box: len(box.outputs) == 1 or is_written(box), symbolic=True)
    return rebuild(single, lambda box, children: _open_to_written(on_children(box, children), DEEPEST))


def is_written(box: Box) -> bool:
    """Whether the box is written as operations: it has a rule, and dtypes that ONNX computes with."""
    if isinstance(box, Leaf):
        return all(spec.dtype in WRITTEN for spec in box.outputs)
    specs = [spec for each in (box, *box.children) for spec in each.outputs]
    return isinstance(box, Part) or (OPERATIONS.of(box) is not None and all(spec.dtype in WRITTEN for spec in specs))


def _open_to_written(box: Box, depth: int) -> Box:
    if isinstance(box, Leaf | Part) or is_written(box) or not depth:
        return box
    inside = _build_parts(box)
    if inside is None:
        return box
    known = set(box.children)
    new: dict[Box, Box] = {child: child for child in box.children}
    for part in topological_order([inside]):
        if part in new:
            continue
        children = [new.get(child, child) for child in part.children]
        new[part] = _open_to_written(on_children(part, children), depth - 1) if part.children else part
        if new[part] not in known and not is_written(new[part]):
            return box  # the box itself is what a user knows, and is named in the error
    return new[inside]


def _build_parts(box: Box) -> Box | None:
    """A replacement for the box with the same shape and dtype; None if its fprop does not run on boxes."""
    rule = PARTS.of(box)
    inside = inside_of(box, None if rule is None else rule.function) if len(box.outputs) == 1 else None
    return None if inside is None else inside[0]


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
        dtype_of_all = np.dtype(dtype) if dtype is not None else self.dtypes[inputs[0]]
        self.dtypes.update(dict.fromkeys(names, dtype_of_all))
        return names if outputs > 1 else names[0]

    def constant(self, value: Foreign, dtype: DTypeLike | None = None) -> str:
        """The name of an array or a number, written once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            base, self._base = self._base, "constant"
            tensor = onnx().numpy_helper.from_array(np.array(array, order="C"), "")
            self._constants[key] = name = self.name("")
            self.nodes.append(onnx().helper.make_node("Constant", [], [name], name=name, value=tensor))
            self.dtypes[name], self._keys[name] = array.dtype, key
            self._base = base
        return self._constants[key]

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

    def finish(self, start: int, made: str, name: str) -> str:
        """Call the value of a box by its name: the operation that made it since `start`, or a copy, gives it that."""
        if not any(made in node.output for node in self.nodes[start:]):
            copied: str = self.op("Identity", made)
            return self.finish(len(self.nodes) - 1, copied, name)
        for node in self.nodes[start:]:
            for field in (node.input, node.output):
                field[:] = [name if entry == made else entry for entry in field]
            if node.name == made:
                node.name = name
        self.dtypes[name] = self.dtypes.pop(made)
        if made in self._keys:
            self._keys[name] = key = self._keys.pop(made)
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
            self._sizes[size] = self._write_size(size)
        return self._sizes[size]

    def shape(self, shape: Shape) -> str:
        """A shape as a row of whole numbers."""
        if not any(isinstance(size, Size) for size in shape):
            return self.ints(*map(int, shape))
        return str(self.op("Concat", *[self.size(size) for size in shape], dtype=np.int64, axis=0))

    def _write_size(self, size: Size) -> str:
        """From the axis of a value, else by the polynomial of its names."""
        if size in self._axes:
            name, axis = self._axes[size]
            return str(self.op("Shape", name, dtype=np.int64, start=axis, end=axis + 1))
        total = self.ints(0)
        for names, factor in size.terms.items():
            term = self.ints(factor)
            for factor_name in names:
                if factor_name not in self._axes:
                    raise LookupError(f"the size {factor_name!r} stands on no axis of a value that is written before")
                term = self.op("Mul", term, self.size(Size(factor_name)))
            total = self.op("Add", total, term)
        return str(self.op("Max", total, self.ints(0)))
