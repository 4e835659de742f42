"""TopK of ONNX: the elements and places that ONNX's own evaluator and ONNX Runtime find, of every dtype and number."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import flowgraph as fg
from flowgraph.boxes.indexing.gather import order_along
from flowgraph.errors import SavedFileError
from flowgraph.interop.onnx import graph_of_model, model_of
from flowgraph.interop.onnx.node import element_type
from tests.boxes.indexing.test_order_along import arrays
from tests.interop.onnx.runtime import outputs_of

RUNTIME = "bBilqfd"
"""The dtypes of which ONNX Runtime has TopK."""


def top_k(a, k, shape=None, **attributes):
    """A model of one TopK."""
    dtype = element_type(a.dtype)
    node = helper.make_node("TopK", ["x", "k"], ["values", "places"], **attributes)
    outputs = [helper.make_tensor_value_info(n, t, None) for n, t in (("values", dtype), ("places", TensorProto.INT64))]
    x = helper.make_tensor_value_info("x", dtype, a.shape if shape is None else shape)
    graph = helper.make_graph([node], "g", [x], outputs, [numpy_helper.from_array(np.array([k]), "k")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@functools.cache
def places_nan_as_numpy():
    """If ONNX Runtime takes NaN for the largest, as the reference does; its older releases order it otherwise."""
    found = [
        outputs_of(top_k(a, 3, largest=largest, sorted=1), {"x": a})[1].tolist()
        for a in (np.array([1.0, np.nan, 2.0]), np.array([np.nan, 1.0, 2.0]))
        for largest in (0, 1)
    ]
    return found == [[0, 2, 1], [1, 2, 0], [1, 2, 0], [0, 2, 1]]


@settings(max_examples=100, deadline=None)
@given(a=arrays(), data=st.data(), largest=st.booleans(), in_order=st.booleans(), by_name=st.booleans())
def test_the_elements_are_those_that_onnx_finds(a, data, largest, in_order, by_name):
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    k = data.draw(st.integers(0, a.shape[axis]))
    shape = tuple("NMK"[: a.ndim]) if by_name else a.shape
    model = top_k(a, k, shape, axis=axis, largest=int(largest), sorted=int(in_order))
    values, places = graph_of_model(model).fprop(x=a).outputs
    assert values.dtype == a.dtype
    assert places.dtype == np.int64
    sorted_model = top_k(a, k, axis=axis, largest=int(largest), sorted=1)
    evaluators = [lambda: ReferenceEvaluator(sorted_model).run(None, {"x": a})]
    if a.dtype.char in RUNTIME and (places_nan_as_numpy() or not np.isnan(a).any()):
        evaluators.append(lambda: outputs_of(sorted_model, {"x": a}))
    for evaluate in evaluators:
        needed = evaluate()
        np.testing.assert_array_equal(values, needed[0])
        np.testing.assert_array_equal(places, needed[1])


@pytest.mark.parametrize("k", [-1, 4])
def test_a_number_of_elements_that_there_are_not_is_refused(k):
    with pytest.raises(SavedFileError, match=f"k={k} along an axis of 3 elements, needs 0 to 3"):
        graph_of_model(top_k(np.zeros((2, 3)), k))


@settings(max_examples=40, deadline=None)
@given(a=arrays(), data=st.data(), descending=st.booleans())
def test_an_order_is_written_and_read_back(a, data, descending):
    axis = data.draw(st.integers(-a.ndim, a.ndim - 1))
    x = fg.Input("x", shape=a.shape, dtype=a.dtype)
    order = order_along(x, axis, descending=descending)
    model = model_of(fg.Graph(order))
    needed = fg.Graph(order).fprop(x=a).outputs[0]
    np.testing.assert_array_equal(ReferenceEvaluator(model).run(None, {"x": a})[0], needed)
    np.testing.assert_array_equal(graph_of_model(model).fprop(x=a).outputs[0], needed)
