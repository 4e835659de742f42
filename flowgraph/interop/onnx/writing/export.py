"""A graph as an ONNX model: opened, checked for what cannot be written, then written box by box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowgraph import __version__
from flowgraph.box import Box, Constant
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.boxes.engine.passing_on import Part
from flowgraph.errors import UnsupportedError
from flowgraph.graph import Graph
from flowgraph.graph.topology import unique_names
from flowgraph.interop.onnx.package import IR_VERSION, OPSET, WRITTEN, element_type, onnx
from flowgraph.interop.onnx.writing.opening import is_written, open_boxes
from flowgraph.interop.onnx.writing.rules import OPERATIONS
from flowgraph.interop.onnx.writing.writer import Writer
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
    package.checker.check_model(model, full_check=True)
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
    return not _unwritten(open_boxes(graph))


def _refuse(opened: Graph) -> None:
    """Name every box that cannot be written, before anything is."""
    wrong = _unwritten(opened)
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


def _unwritten(opened: Graph) -> list[Box]:
    return [box for box in opened.boxes if isinstance(box, Random) or not is_written(box)]


def _why(box: Box) -> str:
    foreign = sorted({str(s.dtype) for each in (box, *box.children) for s in each.outputs if s.dtype not in WRITTEN})
    if isinstance(box, Random):
        return "it is drawn anew in every run; save the graph of predictions, which has no dropout"
    if foreign:
        return f"no operation takes {', '.join(foreign)}"
    if OPERATIONS.has(box):
        return f"no operation stands for it with {_settings(box)}"
    return "no operation stands for it"


def _settings(box: Box) -> str:
    settings = ", ".join(f"{name}={value!r}" for name, value in box.setting_values().items())
    return settings or "these children"


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
        found = rule.function(writer, box, *children)
    except LookupError as missing:
        raise UnsupportedError(
            f"fg.save: {box.title} cannot be written as ONNX: {missing.args[0]}; give the sizes in numbers, or save "
            f"the graph as .safetensors"
        ) from None
    if isinstance(found, tuple):
        return found
    return writer.finish(start, writer.cast(found, box.dtype), name)


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
