"""fg.save and fg.load: every registered box, whole graphs, names, what cannot be saved, what no longer fits."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.random_draws import Draw, draws
from flowgraph.errors import SavedFileError, UsageError
from flowgraph.saving.archive import read_archive, write_archive
from flowgraph.saving.graph_file import graph_document, read_graph
from flowgraph.testing.declared import differentiable, symbolic
from tests.cases import cases
from tests.registry import unregister
from tests.test_contract import BOXES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "graph.safetensors"


def copied(graph):
    """The graph after a way through its document, without the disk."""
    return read_graph(*graph_document(graph))


def assert_same_graph(one, other):
    assert [one.names[box] for box in one] == [other.names[box] for box in other]
    for box, twin in zip(one, other, strict=True):
        assert type(box) is type(twin)
        assert box.scope == twin.scope
        assert box.name == twin.name
        assert repr(box.setting_values()) == repr(twin.setting_values())
    for a, b in zip(one.fprop().outputs, other.fprop().outputs, strict=True):
        for part, twin in zip(*(v if isinstance(v, tuple) else (v,) for v in (a, b)), strict=True):
            assert part.dtype == twin.dtype
            assert np.array_equal(part, twin, equal_nan=part.dtype.kind in "fc")


@pytest.mark.parametrize("name", BOXES)
def test_every_box_comes_back(name, path):
    boxes = [case.box for case in cases(BOXES[name])]
    outputs = [part for box in boxes for part in (box if len(box.outputs) > 1 else [box])]
    graph = fg.Graph(*outputs)
    assert_same_graph(graph, fg.load(fg.save(path, graph)))


@pytest.mark.parametrize("name", BOXES)
def test_the_gradient_graph_of_every_box_comes_back(name):
    case = next(filter(differentiable, cases(BOXES[name])), None)
    if case is None:
        return
    box, wrt, grads = symbolic(case)
    graph = fg.Graph(*fg.gradients(list(box) if len(box.outputs) > 1 else [box], wrt, grads))
    document, arrays = graph_document(graph)
    again, same = graph_document(read_graph(document, arrays))
    assert again == document
    assert all(np.array_equal(same[key], array, equal_nan=array.dtype.kind in "fc") for key, array in arrays.items())


def network():
    x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
    with fg.scope("net"):
        mlp = fg.MLP([4, 5, 3], rng=0, dropout=0.3)
    a = mlp.logits(x, training=True)
    objective = fg.mean(fg.SoftmaxCrossEntropy(a, y)) + 1e-3 * fg.L2(*mlp.weights)
    kept = x[x[:, 0] > 0.5]
    return fg.Graph(objective, np.reshape(x, (-1,)), fg.sum(kept * kept - kept, axis=1))


def test_a_network_with_dropout_masks_and_named_sizes(path):
    graph = network()
    loaded = fg.load(fg.save(path, graph))
    feeds = {"x": np.random.default_rng(0).random((6, 4)), "y": np.array([0, 1, 2, 0, 1, 2])}
    for seed in (0, 1):
        run, other = graph.fprop(feeds, seed=seed), loaded.fprop(feeds, seed=seed)
        assert all(np.array_equal(a, b) for a, b in zip(run.outputs, other.outputs, strict=True))
    assert [str(box.shape) for box in loaded.inputs] == [str(box.shape) for box in graph.inputs]
    assert {"net/layer1/W", "net/layer2/b"} <= {parameter.name for parameter in loaded.parameters}
    assert loaded["net/layer1/h"].scope == "net/layer1/"


def test_the_same_graph_gives_the_same_bytes(tmp_path):
    one, two = fg.save(tmp_path / "one", network()), fg.save(tmp_path / "two", network())
    again = fg.save(tmp_path / "again", fg.load(one))
    assert one.read_bytes() == two.read_bytes() == again.read_bytes()


def test_parameters_are_found_by_name_in_any_reader(path):
    safetensors = pytest.importorskip("safetensors.numpy")
    graph = network()
    stored = safetensors.load_file(fg.save(path, graph))
    assert all(np.array_equal(stored[parameter.name], parameter.value) for parameter in graph.parameters)


def test_numbers_of_every_kind(path):
    dtypes = ["?", "i1", "u2", "i8", "f2", "f4", "f8", "c8", "c16", ">f8", ">c16"]
    constants = [fg.Constant(np.arange(6).reshape(2, 3).astype(dtype)) for dtype in dtypes]
    odd = [fg.Constant(np.array([np.nan, -np.inf, -0.0])), fg.Constant(np.zeros((0, 3))), fg.Constant(np.float32(2))]
    graph = fg.Graph(*constants, *odd, np.clip(fg.Parameter([1.0], name="p"), -np.inf, 0.5))
    loaded = fg.load(fg.save(path, graph))
    for box, twin in zip(graph.outputs, loaded.outputs, strict=True):
        assert (box.dtype, box.shape) == (twin.dtype, twin.shape)
    for a, b in zip(graph.fprop().outputs, loaded.fprop().outputs, strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_gradient_graph_of_a_box_of_plain_python_comes_back():
    class Opaque(fg.Elementwise):
        """A bprop that does not run on boxes, so that the gradient graph holds a box in a setting."""

        def fprop(self, a):
            return a**3

        def bprop(self, grad, h, a):
            return (np.array([3 * g * v**2 for g, v in zip(grad.flat, a.flat, strict=True)]).reshape(a.shape),)

    w = fg.Parameter([1.0, 2.0], name="w")
    graph = fg.Graph(*fg.gradient(fg.sum(Opaque(w)), [w]))
    loaded = copied(graph)
    assert loaded.fprop().outputs[0].tolist() == [3.0, 12.0]


def test_an_open_scope_does_not_rename_what_is_loaded(path):
    fg.save(path, fg.Graph(fg.Parameter([1.0], name="w") * 2))
    with fg.scope("other"):
        loaded = fg.load(path)
    assert loaded.parameters[0].name == "w"
    assert loaded.outputs[0].scope == ""


def test_a_chain_of_30_000_boxes(path):
    box = fg.Parameter([0.5], name="w")
    for _ in range(30_000):
        box = np.negative(box)
    loaded = fg.load(fg.save(path, fg.Graph(box)))
    assert len(loaded) == 30_001
    assert loaded.fprop().outputs[0] == 0.5


def test_a_draw_of_ones_own(path):
    @dataclass(frozen=True)
    class Noise(Draw):
        scale: float

        def __call__(self, generator, shape):
            return generator.normal(0, self.scale, shape)

    try:
        graph = fg.Graph(fg.Random(Noise(0.5), shape=(3,), name="noise") * 2)
        loaded = fg.load(fg.save(path, graph))
        assert np.array_equal(graph.fprop(seed=4).outputs[0], loaded.fprop(seed=4).outputs[0])
    finally:
        del draws[Noise.key]
    with pytest.raises(SavedFileError, match=r"box 0: its draw '.*Noise' is not registered here; import the module"):
        fg.load(path)


def test_a_draw_that_is_a_function_is_refused(path):
    noise = fg.Random(lambda generator, shape: generator.normal(size=shape), shape=(3,), name="noise")
    with pytest.raises(UsageError, match=r"Random 'noise' with a function as its draw.*save the graph of predictions"):
        fg.save(path, fg.Graph(noise))
    assert not path.exists()


def test_a_setting_that_is_code_is_refused(path):
    class Coded(fg.Elementwise):
        rule: object = None

        def fprop(self, a):
            return a

    with pytest.raises(UsageError, match=r"found function in p.rule, needs numbers, texts"):
        fg.save(path, Coded(fg.Parameter([1.0]), rule=lambda a: a, name="p"))
    unregister(Coded)
    with pytest.raises(UsageError, match=r"Coded .*of a class that is not in fg.registry"):
        fg.save(path, Coded(fg.Parameter([1.0])))


def test_a_class_that_is_not_there(path):
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Parameter([1.0], name="w"))))
    document["boxes"][1]["box"] = "somewhere.Swish"
    write_archive(path, "graph", document, arrays)
    with pytest.raises(SavedFileError, match=r"box 1: its class 'somewhere.Swish' is not registered here; import the"):
        fg.load(path)


def test_a_class_that_has_changed(path):
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Parameter([1.0], name="w"))))
    document["boxes"][1]["outputs"] = [[{"tuple": [7]}, "<f8"]]
    write_archive(path, "graph", document, arrays)
    with pytest.raises(SavedFileError, match=r"Tanh.* gives \(1,\) float64, but \(7,\) float64 was saved; its class"):
        fg.load(path)


def test_the_document_says_what_is_in_the_file(path):
    document, arrays = read_archive(fg.save(path, fg.Graph(fg.Parameter([1.0], name="w")[0])), "graph")
    assert document == {
        "boxes": [
            {"box": "Parameter", "name": "w", "dtype": "<f8", "array": "w"},
            {"box": "Index", "outputs": [[{"tuple": []}, "<f8"]], "children": [0],
             "settings": {"index": {"tuple": [0]}}},
        ],
        "outputs": [1],
    }  # fmt: skip
    assert list(arrays) == ["w"]


def test_a_new_process_reads_a_graph_with_dropout(path):
    fg.save(path, fg.Graph(fg.dropout(fg.Input("x", shape=("N", 2)), 0.5)))
    code = "import sys, flowgraph as fg; print(len(fg.load(sys.argv[1]).randoms))"
    assert subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True).stdout == b"1\n"
