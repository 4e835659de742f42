"""ONNX models as graphs: readers by families of operations, which register themselves."""

from flowgraph.interop.onnx.reading import (
    elementwise,
    indexing,
    linear_algebra,
    neural,
    recurrent,
    reduction,
    shape,
    sklearn,
)
from flowgraph.interop.onnx.reading.model import OPSETS, graph_of_file, graph_of_model
from flowgraph.interop.onnx.reading.rules import reader_for

FAMILIES = (elementwise, indexing, linear_algebra, neural, recurrent, reduction, shape, sklearn)

__all__ = ["OPSETS", "graph_of_file", "graph_of_model", "reader_for"]
