"""ONNX files: graphs are written as models that other runtimes take, and models of others are read as graphs.

`fg.save` and `fg.load` come here for a path that ends in .onnx.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgraph.graph import Graph
from flowgraph.interop.onnx import elementwise, indexing, neural, reduction, shape, sklearn  # noqa: F401
from flowgraph.interop.onnx.export import is_exportable, model_of
from flowgraph.interop.onnx.model import graph_of_file, graph_of_model
from flowgraph.interop.onnx.model import module_titles as module_titles
from flowgraph.interop.onnx.table import parts_for, reader_for, rule_for
from flowgraph.saving.replacing import replace_file

__all__ = [
    "graph_of_model",
    "is_exportable",
    "load",
    "model_of",
    "parts_for",
    "reader_for",
    "rule_for",
    "save",
]


def save(path: str | os.PathLike[str], graph: Graph) -> Path:
    """Write a graph as an ONNX model; what cannot be written is named, and then nothing is.

    Composite boxes are opened into operations. Inputs, parameters and boxes keep their names and scopes, a size that
    follows the batch its name. The file is replaced as a whole, and the same graph gives the same bytes.

    Parameters
    ----------
    path : str or path
        The file that is written.
    graph : Graph
        What is written.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    UnsupportedError
        If a box cannot be written; it is named, and nothing is.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> x, W = fg.Input("x", shape=("N", 2)), fg.Parameter([[1.0], [-1.0]], name="W")
    >>> path = fg.save(tempfile.mkdtemp() + "/net.onnx", fg.Graph(np.tanh(x @ W)))
    >>> fg.load(path).parameters
    (<Parameter 'W': (2, 1) float64>,)
    """
    return replace_file(path, model_of(graph).SerializeToString(deterministic=True))


def load(
    path: str | os.PathLike[str], known: Mapping[str, Any] | None = None, *, max_bytes: int | None = None
) -> Graph:
    """Read an ONNX model as a graph, its operations as boxes.

    Initialisers of floats become parameters, which training changes; whole numbers, booleans, single numbers and
    the Constant nodes of the file become constants, and so do the running means and variances of BatchNormalization.

    `known` gives values to inputs of the model on which the shape of a value depends, such as the shape of a Reshape:
    flowgraph knows shapes before a run, and such an input is then none of the graph's.

    Parameters
    ----------
    path : str or path
        The file.
    known : mapping of str to array_like, optional
        Values of inputs on which shapes depend.
    max_bytes : int, optional
        The most bytes that the file may have, and that its values may take for one example; by default 4 GiB, and for
        what is made when it is read 200 MB for each MB of the file.

    Returns
    -------
    Graph
        A graph with parameters of its own.

    Raises
    ------
    SavedFileError
        If the file is damaged.
    UnsupportedError
        If there is no reader for an operation.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> from flowgraph.interop.onnx import load, save
    >>> path = save(tempfile.mkdtemp() + "/net.onnx", fg.Graph(np.tanh(fg.Input("x", shape=("N", 2)))))
    >>> load(path).inputs
    (<Input 'x': (N, 2) float64>,)
    """
    return graph_of_file(path, known, max_bytes)
