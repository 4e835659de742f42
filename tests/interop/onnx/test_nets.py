"""Whole networks: written once, they run for every batch in onnxruntime, and come back as they were."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FileWriteError, UnsupportedError
from flowgraph.interop.onnx import model_of
from tests.interop.onnx.runtime import close, outputs_of, session_of

F32 = np.float32
RNG = np.random.default_rng(0)


def mlp():
    x, y = fg.Input("x", shape=("N", 7), dtype=F32), fg.Input("y", shape=("N",), dtype=int)
    net = fg.MLP([7, 16, 5], hidden="tanh", output="softmax", rng=0, dtype=F32)
    loss = fg.mean(fg.NegativeLogLikelihood(net(x), y)) + 1e-3 * fg.L2(*net.weights)
    return [net(x), loss, *fg.gradient(loss, net.weights)]


def lenet():
    """With the gradients of its filters, which go back through both convolutions."""
    h = fg.Input("images", shape=("N", 1, 12, 12), dtype=F32)
    for name, channels, filters in (("c1", 1, 3), ("c2", 3, 4)):
        with fg.scope(name):
            layer = fg.ConvLayer(channels, filters, (3, 3), padding=1, rng=0, dtype=F32)
            h = fg.MeanPool(np.tanh(layer(h)), size=2)
    with fg.scope("out"):
        h = fg.Linear(36, 10, rng=1, dtype=F32)(np.reshape(h, (h.shape[0], -1)))
    return [fg.softmax(h)]


def recurrent(kind):
    def build():
        x = fg.Input("x", shape=("N", 6, 3), dtype=F32)
        with fg.scope("memory"):
            layer = kind(3, 5, rng=0, dtype=F32)
        return [layer(x), fg.mean(layer(x)[:, -1])]

    return build


def attention():
    x = fg.Input("x", shape=("N", "T", 8), dtype=F32)
    with fg.scope("attention"):
        h = fg.MultiHeadAttention(8, 2, rng=0, dtype=F32)(x)
    with fg.scope("norm"):
        return [fg.LayerNorm(8, dtype=F32)(x + h)]


def embedded():
    words = fg.Input("words", shape=("N", 4), dtype=np.int64)
    h = fg.Embedding(11, 6, rng=0, dtype=F32)(words)
    return [fg.BatchNorm(4, dtype=F32)(h), h]


NETS = {
    "mlp": mlp, "lenet": lenet, "rnn": recurrent(fg.RNN), "lstm": recurrent(fg.LSTM), "gru": recurrent(fg.GRU),
    "attention": attention, "embedded": embedded,
}  # fmt: skip


def drawn(graph, sizes):
    """Arrays for the inputs of a graph, with these sizes."""
    return {
        box.name: RNG.integers(0, 5, [sizes.get(n, n) for n in box.shape]).astype(box.dtype) if box.dtype.kind == "i"
        else RNG.normal(size=[sizes.get(n, n) for n in box.shape]).astype(box.dtype)
        for box in graph.inputs
    }  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_a_network_runs_in_onnxruntime_and_comes_back(name, tmp_path):
    graph = fg.Graph(*NETS[name]())
    path = fg.save(tmp_path / "net.onnx", graph)
    again = fg.load(path)
    for n, t in ((1, 1), (2, 3), (7, 5)):
        feeds = drawn(graph, {"N": n, "T": t})
        run, copy = graph.fprop(feeds), again.fprop(feeds)
        for output, other, found in zip(graph.outputs, again.outputs, outputs_of(str(path), feeds), strict=True):
            assert close(found, np.asarray(run[output]))
            assert close(np.asarray(copy[other]), np.asarray(run[output]))


@pytest.mark.parametrize("name", NETS)
def test_names_scopes_parameters_and_sizes_are_kept(name, tmp_path):
    graph = fg.Graph(*NETS[name]())
    again = fg.load(fg.save(tmp_path / "net.onnx", graph))
    assert [(box.name, box.shape, box.dtype) for box in again.inputs] == [
        (box.name, box.shape, box.dtype) for box in graph.inputs
    ]
    values = {box.name: box.value for box in again.parameters}
    assert values.keys() == {box.name for box in graph.parameters}
    for box in graph.parameters:
        np.testing.assert_array_equal(values[box.name], box.value)
        assert again[box.name].scope == box.scope
    varying = set(graph.inputs) | set(graph.parameters)  # what depends on constants alone is computed when it is read
    for box in graph.boxes:
        varying |= {box} if any(child in varying for child in box.children) else set()
    named = {box.name for box in varying if box.name}
    assert named <= set(again.names.values())


@pytest.mark.parametrize("name", NETS)
def test_written_again_it_is_the_same_file(name):
    graph = fg.Graph(*NETS[name]())
    assert model_of(graph).SerializeToString(deterministic=True) == model_of(graph).SerializeToString(
        deterministic=True
    )


def test_the_batch_has_its_name():
    session = session_of(model_of(fg.Graph(*lenet())))
    assert session.get_inputs()[0].shape == ["N", 1, 12, 12]
    assert session.get_outputs()[0].shape == ["N", 10]


def unwritable():
    a = fg.Input("a", shape=(3, 3))
    return fg.Graph(np.linalg.cholesky(a @ a.T + np.eye(3)).named("factor"))


def test_what_cannot_be_written_is_named_before_anything_is(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"before")
    with pytest.raises(
        UnsupportedError, match=r"1 of \d+ boxes.*\n.*Cholesky 'factor'.*test_nets.py:\d+\n.*safetensors"
    ):
        fg.save(path, unwritable())
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_random_draws_are_refused():
    graph = fg.Graph(fg.Random(lambda g, shape: g.normal(size=shape), shape=(2,), name="noise") * 2)
    with pytest.raises(UnsupportedError, match="Random 'noise': it is drawn anew"):
        model_of(graph)


def test_a_size_that_no_input_has_is_refused_by_name():
    a = fg.Input("a", shape=("N",))
    graph = fg.Graph(np.zeros(3) + fg.sum(a), fg.sum(a[a > 0]))
    assert outputs_of(model_of(graph), {"a": np.array([1.0, -2.0])})[1] == 1.0


def test_a_folder_that_is_not_there_is_an_error_of_ours(tmp_path):
    with pytest.raises(FileWriteError, match=r"net\.onnx"):
        fg.save(tmp_path / "none" / "net.onnx", fg.Graph(fg.Input("x", shape=(2,)) * 2))


def test_an_input_or_a_parameter_may_be_the_output(tmp_path):
    x, w = fg.Input("x", shape=("N",)), fg.Parameter([1.0, 2.0], name="w")
    path = fg.save(tmp_path / "net.onnx", fg.Graph(x, w, x * 2, x))
    found = outputs_of(str(path), {"x": np.array([3.0])})
    assert [one.tolist() for one in found] == [[3.0], [1.0, 2.0], [6.0], [3.0]]
    again = fg.load(path)
    run = again.fprop(x=[3.0])
    assert [run[box].tolist() for box in again.outputs] == [[3.0], [1.0, 2.0], [6.0], [3.0]]


def test_labels_outside_the_classes_are_refused_in_onnxruntime_too():
    logits, y = fg.Input("logits", shape=("N", 3), dtype=F32), fg.Input("y", shape=("N",), dtype=np.int64)
    model = model_of(fg.Graph(fg.SoftmaxCrossEntropy(logits, y)))
    for label in (-1, 3):
        with pytest.raises(Exception, match=r"(?i)out of bounds|index|indices"):
            outputs_of(model, {"logits": np.zeros((1, 3), F32), "y": np.array([label])})
