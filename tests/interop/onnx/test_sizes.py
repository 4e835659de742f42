"""Sizes that follow the batch: computed in a model that is written, followed in a model that is read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

import flowgraph as fg
from flowgraph.errors import SavedFileError
from flowgraph.interop.onnx import graph_of_model, model_of
from tests.interop.onnx.runtime import outputs_of
from tests.interop.onnx.test_hostile import info, model, node


def ints(name, *values):
    return helper.make_node("Constant", [], [name], value_ints=values)


def number(name, value):
    return helper.make_node("Constant", [], [name], value_int=value)


READ = {
    "halves of what is joined": [
        node("Concat", ("x", "x"), ("xx",), axis=0), node("Shape", ("xx",), ("s",)),
        number("two", 2), number("zero", 0),
        node("Gather", ("s", "zero"), ("n",)), node("Div", ("n", "two"), ("half",)), ints("axes", 0), ints("start", 0),
        node("Unsqueeze", ("half", "axes"), ("end",)), node("Slice", ("x", "start", "end", "axes")),
    ],
    "a shape with a size put together": [
        node("Shape", ("x",), ("n",), start=0, end=1), ints("rest", 1, 3),
        node("Concat", ("n", "rest"), ("s",), axis=0),
        node("Reshape", ("x", "s"), ("r",)), ints("one", 1), node("Squeeze", ("r", "one")),
    ],
    "an expansion that keeps what is -1": [
        node("Shape", ("x",), ("s",)), ints("m", -1, -1), node("Equal", ("s", "m"), ("e",)), ints("o", 1, 1),
        node("Where", ("e", "o", "s"), ("t",)), node("Expand", ("x", "t")),
    ],
    "ones of the shape of an input": [
        node("Shape", ("x",), ("s",)), node("ConstantOfShape", ("s",), ("zeros",)), node("Add", ("x", "zeros")),
    ],
    "as many places as rows": [
        node("Shape", ("x",), ("s",)), number("zero", 0), number("one", 1), node("Gather", ("s", "zero"), ("n",)),
        node("Range", ("zero", "n", "one"), ("places",)), node("Gather", ("x", "places")),
    ],
    "a product of sizes": [
        node("Shape", ("x",), ("s",)), node("ReduceProd", ("s",), ("n",), keepdims=1),
        node("Reshape", ("x", "n"), ("r",)), node("Reshape", ("r", "s")),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_size_is_followed_through_a_model(name):
    read = model(READ[name], outputs=[info("y", ("M", 3))])
    graph = graph_of_model(read)
    for count in (1, 4):
        x = np.arange(3.0 * count, dtype=np.float32).reshape(count, 3)
        np.testing.assert_array_equal(graph.fprop(x=x)[graph.outputs[0]], x)
        np.testing.assert_array_equal(outputs_of(read, {"x": x})[0], x)


def test_a_quotient_that_is_no_polynomial_is_known_in_the_run_only():
    halved = model([node("Shape", ("x",), ("n",), start=0, end=1), ints("two", 2), node("Div", ("n", "two"), ("h",)),
                    ints("zero", 0), node("Slice", ("x", "zero", "h", "zero"))])  # fmt: skip
    with pytest.raises(SavedFileError, match=r"'Slice'.*computed in the run"):
        graph_of_model(halved)


def test_the_shape_itself_is_a_value():
    read = model([node("Shape"), node("Size", outputs=("z",))],
                 outputs=[info("y", (2,), TensorProto.INT64), info("z", (), TensorProto.INT64)])  # fmt: skip
    graph = graph_of_model(read)
    run = graph.fprop(x=np.zeros((5, 3), np.float32))
    assert [np.asarray(run[box]).tolist() for box in graph.outputs] == [[5, 3], 15]


def test_sizes_are_computed_in_the_model_that_is_written():
    """A count, a range, and a sum over what is repeated, for every batch."""
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("M",))
    pairs = x[:, :, None] * y
    outputs = [
        np.mean(x, axis=0), np.reshape(pairs, (-1,)), fg.gradient(fg.sum(pairs), [y])[0], x[fg.arange_like(x), 0],
        np.broadcast_to(y, (2, y.shape[0])), np.concatenate([x, x])[1:],
    ]  # fmt: skip
    graph = fg.Graph(*outputs)
    read = model_of(graph)
    for n, m in ((1, 2), (4, 3)):
        feeds = {"x": np.arange(3.0 * n).reshape(n, 3), "y": np.arange(1.0, m + 1)}
        run = graph.fprop(feeds)
        for box, found in zip(graph.outputs, outputs_of(read, feeds), strict=True):
            np.testing.assert_allclose(found, run[box])


@pytest.mark.parametrize(("attributes", "numbers", "wanted"), [
    ({"keys_int64s": [1, 2], "values_floats": [0.5, 1.5]}, [1, 2, 3], [0.5, 1.5, -0.0]),
    ({"keys_int64s": [1, 2], "values_int64s": [7, 8], "default_int64": 9}, [2, 1, 0], [8, 7, 9]),
    ({"keys_floats": [1.0, 3.0], "values_int64s": [7, 8]}, [1.0, 3.0, 2.0], [7, 8, -1]),
])  # fmt: skip
def test_labels_are_looked_up(attributes, numbers, wanted):
    floats = "keys_floats" in attributes
    x = info("x", ("N",), TensorProto.FLOAT if floats else TensorProto.INT64)
    y = info("y", ("N",), TensorProto.FLOAT if "values_floats" in attributes else TensorProto.INT64)
    lookup = model([node("LabelEncoder", domain="ai.onnx.ml", **attributes)], [x], [y], opset=2, domain="ai.onnx.ml")
    lookup.opset_import.append(helper.make_opsetid("", 20))
    graph = graph_of_model(lookup)
    fed = np.array(numbers, np.float32 if floats else np.int64)
    np.testing.assert_array_equal(graph.fprop(x=fed)[graph.outputs[0]], wanted)
    np.testing.assert_array_equal(outputs_of(lookup, {"x": fed})[0], wanted)


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("number", [0.5, 1.0, 2.0, 1.5])
def test_a_size_as_a_float_is_computed_with_as_a_float(name, number):
    """Sizes are followed as polynomials of whole numbers, in which 0.5 would silently be 0."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], start=0, end=1),
        helper.make_node("Cast", ["s"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.FLOAT, [1], [number])),
        helper.make_node(name, ["f", "c"], ["d"]),
        helper.make_node("Mul", ["x", "d"], ["y"]),
    ]
    sides = [[helper.make_tensor_value_info(side, TensorProto.FLOAT, ["N"])] for side in "xy"]
    graph = graph_of_model(helper.make_model(helper.make_graph(nodes, "g", *sides)))
    function = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[name]
    for n in (3, 4):
        np.testing.assert_allclose(graph.fprop(x=np.ones(n, np.float32)).outputs[0], [function(n, number)] * n, 1e-6)


def test_statistics_over_an_axis_without_a_number_are_read_as_they_are_written():
    a = fg.Input("a", shape=("N", 4))
    written = fg.Graph(np.var(a, axis=0), np.std(a, axis=0, ddof=1), np.mean(a, axis=0))
    read, values = graph_of_model(model_of(written)), np.random.default_rng(0).normal(size=(5, 4))
    for one, other in zip(read.fprop(a=values).outputs, written.fprop(a=values).outputs, strict=True):
        np.testing.assert_allclose(one, other)


ENDS = st.none() | st.integers(-2, 2)
PLACES = st.one_of(
    st.builds(slice, ENDS, ENDS, st.sampled_from([None, 1, 2, -1])),
    st.integers(-2, 1),
    st.lists(st.integers(-2, 1), min_size=1, max_size=3),
    st.just([True, False, True]),
)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([("N",), ("N", 3), ("N", "M"), (2, "N"), ("N", 2, "M")]),
    index=st.lists(PLACES, min_size=1, max_size=2),
    write=st.sampled_from([fg.set_at, fg.add_at]),
    by_value=st.booleans(),
)
def test_what_is_written_at_an_index_of_a_named_size_is_read_back(shape, index, write, by_value):
    """Whatever the places: slices whose length follows the batch, numbers, arrays of places."""
    x = fg.Input("x", shape=shape)
    try:
        taken = x[tuple(index[: len(shape)])]
        h = write(x, tuple(index[: len(shape)]), taken * 2.0 if by_value else 7.0)
    except fg.FlowgraphError:
        return
    graph = fg.Graph(h)
    try:
        again = graph_of_model(model_of(graph))
    except LookupError:
        return
    for n, m in ((3, 4), (5, 3)):
        a = np.random.default_rng(n).normal(size=[{"N": n, "M": m}.get(size, size) for size in shape])
        try:
            needed = graph.fprop(x=a)[h]
        except fg.FlowgraphError:
            continue
        np.testing.assert_allclose(again.fprop(x=a)[again.outputs[0]], needed)
