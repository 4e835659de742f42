"""A model is data: whatever stands in it, it is read or refused with a reason, at once, and nothing else is read."""

import itertools
import os
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import flowgraph as fg
from flowgraph.errors import FlowgraphError, SavedFileError
from flowgraph.interop.onnx import graph_of_model, load, model_of

FLOAT = TensorProto.FLOAT


def info(name, shape=("N", 3), kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs=None, outputs=None, initializers=(), opset=20, domain="", **fields):
    """A model of these operations, unchecked."""
    graph = helper.make_graph(
        nodes, "g", [info("x")] if inputs is None else inputs, [info("y")] if outputs is None else outputs, initializers
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, opset)], ir_version=9, **fields)


def node(kind, inputs=("x",), outputs=("y",), **attributes):
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def ints(*values):
    return node("Constant", (), ("k",), value=numpy_helper.from_array(np.array(values, np.int64)))


BIG = 2**40

HOSTILE = {
    "unknown operation": (model([node("Explode", name="fuse")]), r"operation 0, 'Explode' of ai.onnx 20, 'fuse'"),
    "unknown domain": (model([node("Relu", domain="evil.com")]), r"'Relu' of evil.com \(not imported\)"),
    "too new an opset": (model([node("Relu")], opset=999), r"version 999, and 1 to 28 are read"),
    "no opset": (model([node("Relu")], domain="other"), r"ai.onnx \(not imported\)"),
    "a circle": (model([node("Relu", ("b",), ("a",)), node("Relu", ("a",), ("b",)), node("Add", ("a", "b"))]),
                 "reads 'b', which nothing before it makes"),
    "itself": (model([node("Add", ("x", "y"), ("y",))]), "reads 'y', which nothing before it makes"),
    "twice": (model([node("Relu"), node("Exp")]), "two values are called 'y'"),
    "no output": (model([node("Relu", outputs=("z",))]), "'y', which nothing before it makes"),
    "control characters": (model([node("Relu", outputs=("\x1b[2J",)), node("Exp", ("\x1b[2J",))]), "printable"),
    "line ends": (model([node("Relu")], [info("x\nrm -rf")]), "printable"),
    "a name that turns the text": (model([node("Relu", name="a/b\u202e/c")]), "printable"),
    "a negative size": (model([node("Relu")], [info("x", (-5, 3))]), "size -5"),
    "many axes": (model([node("Relu")], [info("x", (1,) * 70)]), "70 axes"),
    "a huge input": (model([node("Relu")], [info("x", (BIG, BIG))]), "memory|64 bits"),
    "a huge range": (model([ints(0), node("Range", ("k", "b", "o")), node("Add", ("x", "y"), ("z",))][:2],
                           initializers=[numpy_helper.from_array(np.array(v, np.int64), n)
                                         for n, v in (("b", 2**62), ("o", 1))]), "range from 0 to"),
    "a huge constant": (model([ints(BIG, BIG), node("ConstantOfShape", ("k",))]), "memory|64 bits|too large"),
    "a huge expansion": (model([ints(BIG, BIG, 1, 3), node("Expand", ("x", "k"))]), "memory|64 bits"),
    "a huge tile": (model([ints(BIG, BIG), node("Tile", ("x", "k"))]), "memory|64 bits|fit"),
    "a huge padding": (model([ints(BIG, BIG, BIG, BIG), node("Pad", ("x", "k"))]), "memory|64 bits|fit"),
    "a huge one hot": (model([node("Cast", outputs=("i",), to=TensorProto.INT64), ints(BIG),
                              node("Constant", (), ("v",), value_floats=[0.0, 1.0]), node("OneHot", ("i", "k", "v"))]),
                       "1099511627776 elements to be made"),
    "a huge identity": (model([node("EyeLike")], [info("x", (10**6, 10**6))]), "fixed sizes and at most|memory"),
    "a rest that no reshape has": (model([ints(-1, 7), node("Reshape", ("x", "k"))], [info("x", (2, 3))]), "fit"),
    "an axis that is not there": (model([node("Softmax", axis=7)]), "'Softmax'"),
    "an attribute of another type": (model([node("Transpose", perm="no")]), "'Transpose'"),
    "an attribute that changes the meaning": (model([node("Relu", consumed=1)]), "consumed, which no box stands for"),
    "too many inputs": (model([node("Relu", ("x", "x", "x"))]), "'Relu'"),
    "no inputs": (model([node("Add", ())]), "'Add'"),
    "another dtype than is said": (model([node("Shape")]), "is said to be of float32"),
    "strings": (model([node("Identity")], [info("x", kind=TensorProto.STRING)]), "element type string"),
    "an unknown element type": (model([node("Relu")], [info("x", kind=4711)]), "element type 4711"),
    "no graph": (onnx.ModelProto(), "no graph"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_with_the_reason_before_anything_is_made(name, tmp_path):
    hostile, reason = HOSTILE[name]
    path = tmp_path / "net.onnx"
    path.write_bytes(hostile.SerializeToString())
    start = time.process_time()
    with pytest.raises(SavedFileError, match=reason) as caught:
        fg.load(path)
    assert time.process_time() - start < 20  # nothing is unrolled or made of what the file says
    assert str(caught.value).isprintable()
    assert "net.onnx: " in str(caught.value)


def test_a_long_sequence_is_not_unrolled():
    weights = [numpy_helper.from_array(np.zeros(s, np.float32), n) for n, s in (("w", (1, 8, 3)), ("r", (1, 8, 2)))]
    recurrent = model([node("LSTM", ("x", "w", "r"), hidden_size=2)], [info("x", (10**9, 1, 3))], initializers=weights)
    with pytest.raises(SavedFileError, match=r"1000000000 steps"):
        graph_of_model(recurrent)


def test_functions_of_the_file_are_refused():
    bomb = model([node("f", domain="own")])
    bomb.functions.append(helper.make_function("own", "f", ["x"], ["y"], [node("Relu")], bomb.opset_import))
    with pytest.raises(SavedFileError, match="inline_local_functions"):
        graph_of_model(bomb)


def test_a_deep_chain_is_read_without_recursion():
    names = ["x", *(f"h{i}" for i in range(3000)), "y"]
    chain = [node("Relu", (one,), (other,)) for one, other in itertools.pairwise(names)]
    assert len(graph_of_model(model(chain)).boxes) == len(names)


def outside(location, **entries):
    """A model whose weights stand in another file."""
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return model([node("Mul", ("x", "w"))], initializers=[tensor])


def test_data_beside_the_model_is_read(tmp_path):
    (tmp_path / "net.data").write_bytes(b"1234" + np.array([1, 2, 3], np.float32).tobytes())
    path = tmp_path / "net.onnx"
    path.write_bytes(outside("net.data", offset=4, length=12).SerializeToString())
    assert fg.load(path)["w"].value.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("location", "entries"), [
    ("/etc/passwd", {}), ("../secret", {}), ("a/../../secret", {}), ("..", {}), ("", {}), ("sub/secret", {}),
    ("C:\\secret", {}), ("link", {}), ("missing", {}), ("short", {}), ("short", {"offset": 10**12}),
    ("short", {"offset": -4}), ("short", {"length": 10**15}), ("short", {"length": "many"}), (".", {}), ("pipe", {}),
])  # fmt: skip
def test_no_other_file_is_read(location, entries, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(12))
    inside = tmp_path / "models"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "secret").write_bytes(bytes(12))
    (inside / "short").write_bytes(bytes(8))
    os.symlink(tmp_path / "secret", inside / "link")
    os.mkfifo(inside / "pipe")
    path = inside / "net.onnx"
    path.write_bytes(outside(location, **entries).SerializeToString())
    with pytest.raises(SavedFileError, match="the tensor 'w'"):
        fg.load(path)


def test_a_tensor_of_other_bytes_than_its_shape_is_refused():
    for dims in ([10**9, 10**9], [4], [-1], [0, 5]):
        tensor = TensorProto(name="w", data_type=FLOAT, dims=dims, raw_data=bytes(12))
        with pytest.raises(SavedFileError, match=r"'w'|size -1|64 bits"):
            graph_of_model(model([node("Mul", ("x", "w"))], initializers=[tensor]))


@pytest.mark.parametrize("text", [b"tanh", b"Tanh", b"MatMul"])
def test_a_text_that_is_no_utf_8_is_refused(text):
    """Protobuf reads such a text as bytes, or not at all."""
    x, w = fg.Input("x", shape=("N", 2)), fg.Parameter([[1.0], [2.0]], name="w")
    content = model_of(fg.Graph(np.tanh(x @ w))).SerializeToString()
    assert text in content
    damaged = onnx.ModelProto()
    try:
        damaged.ParseFromString(content.replace(text, b"\x80" + text[1:]))
    except Exception:
        return
    with pytest.raises(SavedFileError, match="needs UTF-8"):
        graph_of_model(damaged)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    for content in (b"", b"not a model", bytes(100), b"\xff" * 50):
        path.write_bytes(content)
        with pytest.raises(SavedFileError, match=r"net\.onnx"):
            fg.load(path)
    with pytest.raises(SavedFileError, match="folder"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"near it: net\.onnx"):
        fg.load(tmp_path / "nett.onnx")


def test_an_input_that_must_be_known_is_named_and_can_be_given():
    reshaped = model([node("Reshape", ("x", "s"))], [info("x", (2, 3)), info("s", (1,), TensorProto.INT64)],
                     [info("y", (6,))])  # fmt: skip
    with pytest.raises(SavedFileError, match=r"input number 2 is computed in the run.*known="):
        graph_of_model(reshaped)
    graph = graph_of_model(reshaped, known={"s": [6]})
    assert [box.name for box in graph.inputs] == ["x"]
    with pytest.raises(SavedFileError, match=r"known=\['q'\]"):
        graph_of_model(reshaped, known={"q": [6]})


def number(value, name="k"):
    return numpy_helper.from_array(np.array(value, np.int64), name)


COUNTS = {
    "pieces by a number": (model([node("Split", num_outputs=BIG)]), "1099511627776 pieces"),
    "pieces by sizes": (model([node("Split", ("x", "k"))], initializers=[number([0] * 4000)]), "4000 pieces"),
    "axes of places": (model([node("GatherND", ("x", "k"))], initializers=[number([[0] * 400])]), "400 axes of places"),
    "axes that are put": (model([node("ScatterND", ("x", "k", "x"))], initializers=[number([[0] * 400])]), "400 axes"),
    "axes of batches": (model([node("GatherND", ("x", "k"), batch_dims=BIG)], initializers=[number([[0]])]), "batches"),
    "channels nearby": (model([node("LRN", size=BIG)], [info("x", ("N", 3, 4, 4))]), "1099511627776 channels"),
    "constants in sum": (model([node("OneHot", ("i", "k", "v"), (f"y{i}",)) for i in range(200)], [
        info("i", ("N",), TensorProto.INT64)], [info("y0")],
        [number(1 << 20), numpy_helper.from_array(np.zeros(2), "v")]), "constants: asks for"),
    "values of a run": (model([node("Concat", ("x",) * 3, axis=0)], [info("x", (2**29, 1))], [info("y", (1, 1))]),
                        "the memory of its values"),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_a_number_by_which_much_would_be_made_is_refused_before_it_is(name):
    hostile, reason = COUNTS[name]
    with pytest.raises(SavedFileError, match=reason):
        graph_of_model(hostile)


def test_a_repetition_is_no_operation_for_each_time():
    tiled = model([ints(10**5, 2), node("Tile", ("x", "k"))], outputs=[info("y", ("M", 6))])
    graph = graph_of_model(tiled)
    assert len(graph.boxes) < 10
    found = graph.fprop(x=np.arange(3, dtype=np.float32)[None])[graph.outputs[0]]
    assert np.array_equal(found, np.tile(np.arange(3, dtype=np.float32), (10**5, 2)))


def test_max_bytes_raises_the_limit_of_the_values_of_a_run():
    """Four times 1 GiB of zeros, of which nothing is made here."""
    large = model([node("Relu", (one,), (other,)) for one, other in itertools.pairwise("xabcdy")],
                  [info("x", (2**28, 1))], [info("y", (2**28, 1))])  # fmt: skip
    with pytest.raises(SavedFileError, match="max_bytes= takes more"):
        graph_of_model(large)
    assert graph_of_model(large, max_bytes=1 << 34).outputs[0].shape == (2**28, 1)


def test_what_a_loaded_graph_does_not_take_is_refused_by_an_error_of_ours():
    put = model([node("ScatterND", ("x", "k", "u"))], initializers=[
        number([[7]]), numpy_helper.from_array(np.ones((1, 3), np.float32), "u")])  # fmt: skip
    with pytest.raises(FlowgraphError, match=r"index 7 is out of bounds.* in fprop of SetAt 'y'"):
        graph_of_model(put).fprop(x=np.ones((2, 3), np.float32))
