"""Reads a file as a graph: the model is validated first, then its operations are converted in order."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Box, Constant
from flowgraph.box.inference import bounded_trials
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import current_scope, reopen_scope
from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import SavedFileError
from flowgraph.graph import Graph
from flowgraph.interop.onnx.node import (
    MOST_MADE,
    Attributes,
    Node,
    array_of,
    as_constant,
    check_texts,
    checked_name,
    content_of,
    dtype_of,
    onnx,
    scope_of_parts,
)
from flowgraph.interop.onnx.table import ML, READERS, Reader
from flowgraph.printable import printable
from flowgraph.saving.limits import (
    MOST_TRIED,
    RunMemory,
    check_made,
    check_shape,
    excerpt,
    read_within,
    reading_foreign,
)
from flowgraph.shapes.size import Size

OPSETS: Mapping[str, tuple[int, int]] = {"": (1, 28), ML: (1, 5)}
"""The operator sets that are read, by domain; what older ones have in attributes of their own is refused by name."""

MOST_NODES = 200_000


def graph_of_file(
    path: str | os.PathLike[str], known: Mapping[str, Any] | None = None, max_bytes: int | None = None
) -> Graph:
    """The graph of an .onnx file."""
    model = _model_in(path, max_bytes)
    try:
        return graph_of_model(model, Path(path).parent, known, max_bytes=max_bytes)
    except SavedFileError as error:
        raise SavedFileError(f"{path}: {excerpt(error)}") from None


def _model_in(path: str | os.PathLike[str], max_bytes: int | None = None) -> Foreign:
    content = read_within(path, "an .onnx file", SavedFileError, max_bytes)
    model = onnx().ModelProto()
    with reading_foreign(f"{path}: no ONNX model, or a damaged one", SavedFileError):
        model.ParseFromString(content)
    return model


def module_titles(path: str | os.PathLike[str]) -> dict[str, str]:
    """What the modules are of which PyTorch has written down the names and classes: "0 · Linear", by their scopes."""
    titles: dict[str, str] = {}
    for node in _model_in(path).graph.node:
        kinds = _module_names(node, "class_hierarchy")
        for (_, parts), kind in zip(_module_paths(_module_names(node, "name_scopes")), kinds, strict=False):
            if parts:
                title = f"{parts[-1]} · {kind.rpartition('.')[2]}"
                titles.setdefault(scope_of_parts(parts)[:-1], printable(title))
    return titles


def _module_names(node: Foreign, what: str) -> list[str]:
    """Names that PyTorch noted of the modules around a node, from the outside in; none where it has not."""
    notes = (entry.value for entry in node.metadata_props if entry.key == f"pkg.torch.onnx.{what}")
    return re.findall(r"'([^']*)'", next((note for note in notes if len(note) < 4096), ""))[:-1]


def _module_paths(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Modules, each of which is written with all those around it, and the parts of their paths."""
    parts: list[str] = []
    before = ""
    for name in names:
        if name:
            parts = [*parts, name.removeprefix(f"{before}.") if before else name]
            before = name
        yield name, parts


def graph_of_model(
    model: Foreign, folder: Path | None = None, known: Mapping[str, Any] | None = None, *, max_bytes: int | None = None
) -> Graph:
    """The graph of a model that is in memory.

    Parameters
    ----------
    model, folder : onnx.ModelProto and Path, optional
        The model, and where arrays lie that it keeps in other files.
    known : mapping of str to array_like, optional
        Values of inputs on which shapes depend.
    max_bytes : int, optional
        The most bytes that the values may take for one example; by default 4 GiB, and for what is made when the model
        is read 200 MB for each MB of it.

    Returns
    -------
    Graph

    Raises
    ------
    SavedFileError
        If the model is damaged, or there is no reader for an operation.

    Examples
    --------
    >>> import flowgraph as fg, flowgraph.interop.onnx as onnx
    >>> onnx.graph_of_model(onnx.model_of(fg.Graph(fg.Input("x") + 1.0))).inputs
    (<Input 'x': () float64>,)
    """
    if not model.HasField("graph") or not model.graph.output:
        raise SavedFileError("found no graph in it; needs an ONNX model")
    if model.functions:
        raise SavedFileError(
            f"found {len(model.functions)} functions of its own; inline them with "
            f"onnx.inliner.inline_local_functions(model)"
        )
    if len(model.graph.node) > MOST_NODES:
        raise SavedFileError(f"found {len(model.graph.node)} operations, and at most {MOST_NODES} are read")
    check_texts(model)
    reader = ModelReader(_versions(model), folder, dict(known or {}), Room(model.ByteSize(), max_bytes))
    with bounded_trials(MOST_TRIED):
        return reader.graph(model.graph)


def _versions(model: Foreign) -> dict[str, int]:
    """The version of each operator set that the model imports."""
    versions = {("" if entry.domain == "ai.onnx" else entry.domain): entry.version for entry in model.opset_import}
    for domain, (low, high) in OPSETS.items():
        version = versions.get(domain)
        if version is not None and not low <= version <= high:
            raise SavedFileError(
                f"its operator set {domain or 'ai.onnx'} has version {version}, and {low} to {high} are read; convert "
                f"it with onnx.version_converter, or export it with such an opset"
            )
    return versions


class Room(RunMemory):
    """What a model of so many bytes may take: when it is read, and in a run on one example."""

    def __init__(self, size: int, max_bytes: int | None) -> None:
        super().__init__(max_bytes)
        self._size = size
        self._made = 0

    def make(self, count: int) -> None:
        """Refuse so many bytes more of arrays that are made when the model is read, where they are too many."""
        self._made += count
        check_made("its constants", self._made, self._size, SavedFileError, self.max_bytes)


class ModelReader:
    """The boxes of a model by the names of their values."""

    def __init__(self, versions: Mapping[str, int], folder: Path | None, known: dict[str, Any], room: Room) -> None:
        self.room = room
        self.versions = versions
        self.folder = folder
        self.known = known
        self.values: dict[str, Box] = {}
        self.arrays: dict[str, Any] = {}
        self.contents: dict[Box, Any] = {}
        self.axes: dict[Size, tuple[Box, int]] = {}
        self.scopes: dict[str, str] = {}

    def graph(self, proto: Foreign) -> Graph:
        """The graph: inputs, initialisers, operations, outputs."""
        if proto.sparse_initializer:
            raise SavedFileError("found a sparse initializer, needs dense ones")
        self.arrays = {tensor.name: tensor for tensor in proto.initializer}
        for node in proto.node:
            self._scope_of(node)
        for info in proto.input:
            if info.name not in self.arrays:
                self._take(info.name, self._input(info))
        wrong = self.known.keys() - {info.name for info in proto.input}
        if wrong:
            raise SavedFileError(f"found known={sorted(wrong)}, which are no inputs of the model")
        for place, node in enumerate(proto.node):
            self._read_operation(node, place)
        graph = Graph(*[self._output(info) for info in proto.output])
        given = [self.values[info.name] for info in proto.input if info.name not in self.arrays]
        return Graph(*graph.outputs, along=[box for box in given if box in graph])

    def _input(self, info: Foreign) -> Box:
        if not info.type.HasField("tensor_type"):
            raise SavedFileError(f"the input {excerpt(info.name)!r} is no tensor; needs one")
        kind = info.type.tensor_type
        dtype = dtype_of(kind.elem_type, f"the input {excerpt(info.name)!r}")
        if info.name in self.known:
            return Constant(np.asarray(self.known[info.name], dtype), name=checked_name(info.name))
        if not kind.HasField("shape"):
            raise SavedFileError(f"the input {excerpt(info.name)!r} has no shape; export the model with one")
        shape = tuple(self._size(info.name, axis, dim) for axis, dim in enumerate(kind.shape.dim))
        check_shape(shape)
        box = Input(checked_name(info.name), shape=shape, dtype=dtype)
        for axis, size in enumerate(box.shape):
            if isinstance(size, Size):
                self.axes.setdefault(size, (box, axis))
        return box

    def _size(self, name: str, axis: int, dim: Foreign) -> Any:
        """A number, or a name: that of the file where it can be one, else one made of the input and the axis."""
        if dim.HasField("dim_value"):
            return dim.dim_value
        given = dim.dim_param if dim.HasField("dim_param") else ""
        if given.isidentifier():
            return Size(given)
        base = re.sub(r"\W", "_", given or ("N" if axis == 0 else f"{name}_{axis}"), flags=re.ASCII)
        base = base if base.isidentifier() else f"_{base}"
        if given or base not in self.axes:
            return Size(base[:64])
        return Size(f"{base}_{name}"[:64] if f"{base}_{name}".isidentifier() else f"{base}_{len(self.axes)}")

    def _take(self, name: str, box: Box) -> None:
        if name in self.values:
            raise SavedFileError(f"two values are called {excerpt(name)!r}")
        self.values[name] = box

    def value(self, name: str) -> Box | None:
        """The box of a value; initialisers become parameters, or constants where they are no floats or one number."""
        if not name:
            return None
        if name not in self.values:
            if name not in self.arrays:
                raise SavedFileError(f"it reads {excerpt(name)!r}, which nothing before it makes")
            array = array_of(self.arrays[name], self.folder)
            kind = Parameter if array.dtype.kind == "f" and array.ndim else Constant
            box: Box = kind(array, name=checked_name(name))
            box._place(box.name, self._scope_of_parameter(name))
            self.values[name] = box
        return self.values[name]

    def _read_operation(self, proto: Foreign, place: int) -> None:
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        who = f"operation {place}, {excerpt(proto.op_type)!r} of {excerpt(domain) or 'ai.onnx'}"
        who += f" {self.versions.get(domain, '(not imported)')}"
        who += f", {excerpt(proto.name)!r}" if proto.name else ""
        rule = READERS.get((domain, proto.op_type))
        if rule is None or domain not in self.versions:
            raise SavedFileError(f"{who}: there is no box for this operation in flowgraph")
        try:
            with reading_foreign("it does not fit what it reads", SavedFileError):
                node = self._node(proto, domain)
                with reopen_scope(self._scope_of(proto)):
                    boxes = self._build_boxes(node, rule)
                for name, box in zip(proto.output, boxes, strict=False):
                    if name:
                        if box.name is None and box not in set(node.inputs):  # a new one is called as in the file
                            box._place(current_scope() + checked_name(name), self._scope_of(proto))
                        self._take(name, box)
        except SavedFileError as error:
            raise SavedFileError(f"{who}: {excerpt(error)}") from None

    def _node(self, proto: Foreign, domain: str) -> Node:
        helper = onnx().helper
        attributes = {}
        for attribute in proto.attribute:
            value = helper.get_attribute_value(attribute)
            if isinstance(value, onnx().TensorProto):
                value = array_of(value, self.folder)
            attributes[attribute.name] = value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
        inputs = tuple(self.value(name) for name in proto.input)
        name = next((text for text in (proto.name, *proto.output) if text), proto.op_type)
        return Node(
            proto.op_type, domain, self.versions[domain], name, Attributes(attributes), inputs,
            sum(bool(output) for output in proto.output), self.contents, self.axes, self.room.make,
        )  # fmt: skip

    def _build_boxes(self, node: Node, rule: Reader) -> tuple[Box, ...]:
        """The boxes of an operation, one per output; values that depend on no input are computed now."""
        result = rule.function(node, *node.inputs)
        unread = set(node.attributes) - node.attributes.asked - rule.idle
        if unread:
            raise node.refuse(f"found {', '.join(sorted(map(excerpt, unread)))}, which no box stands for")
        listed: tuple[Any, ...] = result if isinstance(result, tuple) else (result,)
        boxes = tuple(box if isinstance(box, Box) else Constant(box) for box in listed)
        for box in boxes:
            self.room.hold(box.outputs)
            for axis, size in enumerate(box.shape if len(box.outputs) == 1 else ()):
                if isinstance(size, Size):
                    self.axes.setdefault(size, (box, axis))
            if isinstance(box, Constant) and not any(box is given for given in node.inputs):
                self.room.make(box.value.nbytes)
        known = content_of(node)
        if known is not None:
            constant = as_constant(known, boxes[0].dtype)
            if constant is None:
                self.contents[boxes[0]] = known
            return (boxes[0] if constant is None else constant, *boxes[1:])
        if rule.light and all(box is None or isinstance(box, Constant) for box in node.inputs):
            return tuple(map(self._fold_constant, boxes))
        return boxes

    def _fold_constant(self, box: Box) -> Box:
        """The value of a box that depends on constants only, where it is small."""
        sizes = [size for size in box.shape if isinstance(size, int)]
        if not box.children or len(sizes) != len(box.shape) or np.prod(sizes, dtype=float) > MOST_MADE:
            return box
        self.room.make(math.prod(sizes) * box.dtype.itemsize)
        with np.errstate(all="ignore"):
            return Constant(Graph(box).fprop()[box])

    def _output(self, info: Foreign) -> Box:
        box = self.value(info.name)
        if box is None:
            raise SavedFileError("an output has no name")
        kind = info.type.tensor_type
        if info.type.HasField("tensor_type") and kind.elem_type:
            dtype = dtype_of(kind.elem_type, f"the output {excerpt(info.name)!r}")
            rank = len(kind.shape.dim) if kind.HasField("shape") else len(box.shape)
            if dtype != box.dtype or rank != len(box.shape):
                raise SavedFileError(
                    f"the output {excerpt(info.name)!r} is said to be of {dtype} with {rank} axes, and its operations "
                    f"give {box.dtype} with {len(box.shape)}"
                )
        return box

    def _scope_of(self, proto: Foreign) -> str:
        """The scope of a node: the modules that PyTorch wrote down, else the path of its name."""
        path = [part for part in proto.name.split("/")[:-1] if part]
        for name, path in _module_paths(_module_names(proto, "name_scopes")):
            if name:
                self.scopes.setdefault(name, scope_of_parts(path))
        return current_scope() + scope_of_parts(path)

    def _scope_of_parameter(self, name: str) -> str:
        """That of the module whose name stands before its own, else the path of its name."""
        module = name.rpartition(".")[0]
        if module in self.scopes:
            return current_scope() + self.scopes[module]
        return current_scope() + scope_of_parts([part for part in name.split("/")[:-1] if part])
