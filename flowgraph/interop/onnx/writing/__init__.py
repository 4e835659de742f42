"""Graphs as ONNX models: rules by families of boxes, and the writer that they add operations to."""

from flowgraph.interop.onnx.writing import elementwise, functions, indexing, linear_algebra, neural, reduction, shape
from flowgraph.interop.onnx.writing.export import is_exportable, model_of
from flowgraph.interop.onnx.writing.rules import parts_for, rule_for

FAMILIES = (elementwise, functions, indexing, linear_algebra, neural, reduction, shape)

__all__ = ["is_exportable", "model_of", "parts_for", "rule_for"]
