"""ONNX's own tests of its operations: what is imported agrees with them or is refused by name, and is never wrong."""

import collections
import glob
import os

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from flowgraph.errors import FlowgraphError
from flowgraph.interop.onnx import graph_of_model
from flowgraph.interop.onnx.table import READERS
from tests.interop.onnx.runtime import quiet
from tests.releases import is_older

TOLERANCES = {"float16": (1e-2, 1e-3), "float32": (1e-3, 1e-6), "float64": (1e-3, 1e-7)}
"""Relative and absolute, as the suite's own runner has them."""


def array(value):
    """The array of a value; of a sequence, which no graph here takes, nothing is compared."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.empty(0, object) if isinstance(value, list | dict) or value is None else np.asarray(value)


def model_of(case):
    """The model of a case, which has it in memory or in a folder."""
    return case.model or onnx.load(os.path.join(case.model_dir, "model.onnx"))


def data_of(case):
    """The data sets of a case, which are where its model is."""
    if case.model is not None:
        return [([*map(array, ins)], [*map(array, outs)]) for ins, outs in case.data_sets]
    sets = []
    for folder in sorted(glob.glob(os.path.join(case.model_dir, "test_data_set_*"))):
        files = [sorted(glob.glob(f"{folder}/{kind}_*.pb"), key=lambda f: int(f.rsplit("_", 1)[1][:-3]))
                 for kind in ("input", "output")]  # fmt: skip
        sets.append(tuple([array(onnx.load_tensor(file)) for file in listed] for listed in files))
    return sets


def read(model, feeds):
    """The graph, with the inputs that must be known given: rows of numbers, else all."""
    rows = {name: one for name, one in feeds.items() if one.dtype.kind in "iufb" and one.ndim <= 1 and one.size < 64}
    for known in ({}, dict(list(rows.items())[feeds.keys() <= rows.keys() :]), feeds):
        try:
            return graph_of_model(model, known=known)
        except FlowgraphError as error:
            if "needs its value when the file is read" not in str(error):
                raise
            refused = error
    raise refused


def verdict(case):
    """passed, refused, or what is wrong."""
    model = model_of(case)
    given = {one.name for one in model.graph.initializer}
    names = [one.name for one in model.graph.input if one.name not in given]
    for inputs, outputs in data_of(case):
        feeds = dict(zip(names, inputs, strict=False))
        try:
            graph = read(model, feeds)
            run = graph.fprop({box.name: feeds[box.name] for box in graph.inputs})
        except FlowgraphError:
            return "refused"
        for box, wanted in zip(graph.outputs, outputs, strict=True):
            if not agrees(np.asarray(run[box]), wanted):
                return f"{box.name}: found {run[box]}, needs {wanted}"
    return "passed"


def agrees(found, wanted):
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return False
    if wanted.dtype.kind != "f":
        return np.array_equal(found, wanted)
    relative, absolute = TOLERANCES[wanted.dtype.name]
    return np.allclose(found.astype(float), wanted.astype(float), relative, absolute, equal_nan=True)


def is_read(model):
    """Whether there is a reader of each operation; what a case stores of other types than tensors is not compared."""
    if not all(value.type.HasField("tensor_type") for value in (*model.graph.input, *model.graph.output)):
        return False
    return {("" if n.domain == "ai.onnx" else n.domain, n.op_type) for n in model.graph.node} <= READERS.keys()


IS_OLDER = is_older("onnx", "1.20")
"""Whether the suite is that of a release with fewer cases, one of which wants NaN for a row of zeros, normalised."""


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(("kind", "most"), [
    ("node", 1240), ("pytorch-converted", 70), ("pytorch-operator", 25), ("simple", 3)
])  # fmt: skip
def test_the_suite_of_onnx(kind, most):
    with quiet():
        cases = [case for case in load_model_tests(kind=kind) if is_read(model_of(case))]
        verdicts = {case.name: verdict(case) for case in cases}
    counts = collections.Counter(one if one in ("passed", "refused") else "wrong" for one in verdicts.values())
    known = {"test_l2normalization_axis_0"} if IS_OLDER else set()
    assert not {name: one for name, one in verdicts.items() if one not in ("passed", "refused") and name not in known}
    assert counts["passed"] >= (0.9 * most if IS_OLDER else most), counts
