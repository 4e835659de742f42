"""Every box that can be written as ONNX: onnxruntime computes its value, and so does the graph that is read back."""

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernelError

import flowgraph as fg
from flowgraph.box import Leaf, registry
from flowgraph.checking.cases import cases, examples_of
from flowgraph.errors import DtypeError, LabelError, SavedFileError, ShapeError, UnsupportedError
from flowgraph.interop.onnx import graph_of_model, is_exportable, model_of
from flowgraph.interop.onnx.table import ENTRIES, OPERATIONS, PARTS
from tests.interop.onnx.runtime import close, outputs_of, quiet
from tools.doors import graph_of

BOXES = {
    name: cls
    for name, cls in sorted(registry.items())
    if cls.__module__.startswith("flowgraph.boxes.") and cls.examples is not None and not issubclass(cls, Leaf)
}
RULED = {*OPERATIONS.by_class, *PARTS.by_class}
"""Read with the module, before an example of a docstring adds a rule for a class of its own."""


def exported(cls, dtype):
    """The examples of a box that can be written: graph, feeds, model."""
    with quiet():
        for case in cases(cls):
            graph, feeds = graph_of(case, dtype)
            if is_exportable(graph):
                yield case, graph, feeds, model_of(graph)


@pytest.mark.parametrize("name", BOXES)
def test_onnxruntime_computes_the_value(name):
    for case, graph, feeds, model in exported(BOXES[name], np.float32):
        with quiet():
            run, found = graph.fprop(feeds), outputs_of(model, feeds)
        for output, value in zip(graph.outputs, found, strict=True):
            assert close(value, run[output]), case


@pytest.mark.parametrize("name", BOXES)
def test_what_is_read_back_computes_the_value(name):
    """In double precision, in which onnxruntime lacks many operations."""
    for case, graph, feeds, model in exported(BOXES[name], np.float64):
        with quiet():
            again = graph_of_model(model)
            run, found = graph.fprop(feeds), again.fprop({box.name: feeds[box.name] for box in again.inputs})
        for output, copy in zip(graph.outputs, again.outputs, strict=True):
            assert close(np.asarray(found[copy]), np.asarray(run[output]), 1e-9), case


def rounded(settings):
    """Settings as the attributes of an operation hold them: in single precision."""
    return {name: float(np.float32(one)) if isinstance(one, float) else one for name, one in settings.items()}


@pytest.mark.parametrize("operation", ENTRIES)
def test_an_entry_of_the_table_is_read_as_the_box_that_it_writes(operation):
    """An attribute under a wrong name, or another operation on one of the two ways, would be another box."""
    written = 0
    for _, graph, _, model in exported(ENTRIES[operation][0], np.float32):
        (box,), (again,) = graph.outputs, graph_of_model(model).outputs
        if operation in {node.op_type for node in model.graph.node}:
            settings = [rounded(one.setting_values()) for one in (box, again)]
            if "axis" in settings[0]:  # the file counts it from the front
                settings[0]["axis"] %= len(box.shape)
            assert (type(again), settings[1]) == (type(box), settings[0])
            written += 1
    assert written or operation.startswith("Bitwise")  # whose examples are of truth, which And, Or, Xor and Not write


EDGES = np.array(
    [np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1, 0.5, -0.5, 2, -3, 88, -104, 1e-7, 1e-20, 1e20, -1e20, 3e38, -1e4],
    np.float32,
)  # fmt: skip


OF_ONE_OR_TWO = [
    name for name, cls in BOXES.items()
    if issubclass(cls, fg.Elementwise) and not cls.variadic and len(cls.child_names) < 3
]  # fmt: skip


@pytest.mark.parametrize("name", OF_ONE_OR_TWO)
def test_infinities_zeros_and_no_numbers_come_out_alike(name):
    """Where what stands for a box could overflow, lose a sign or turn a NaN into a number."""
    cls = BOXES[name]
    pair = [EDGES] if len(cls.child_names) == 1 else [np.repeat(EDGES, len(EDGES)), np.tile(EDGES, len(EDGES))]
    feeds = {f"input{i}": one for i, one in enumerate(pair)}
    for settings in {str(one.settings): one.settings for one in examples_of(cls)}.values():
        with quiet():
            try:
                box = cls(*(fg.Input(key, shape=one.shape, dtype=np.float32) for key, one in feeds.items()), **settings)
                graph = fg.Graph(box)
                if not is_exportable(graph):
                    continue
                value = graph.fprop(feeds)[box]
            except (DtypeError, ShapeError, LabelError):
                continue  # a box of integers, or a loss that takes other targets
            (found,) = outputs_of(model_of(graph), feeds)
            wrong = ~np.isclose(found.astype(float), value.astype(float), 1e-5, 1e-6, equal_nan=True)
        assert not wrong.any(), [[float(one[i]) for one in (*pair, value, found)] for i in np.flatnonzero(wrong)[:5]]


def test_every_rule_writes_an_example_of_its_box_and_most_boxes_are_written():
    """A mistake in what a box is made of would only make it refused."""
    with quiet():
        written = {
            cls
            for cls in {*BOXES.values(), *RULED}
            if any(is_exportable(graph_of(case, np.float32)[0]) for case in cases(cls))
        }
    assert not RULED - written
    assert len(written & {*BOXES.values()}) >= 180


@pytest.mark.parametrize("dtype", ["f2", "i2", "i4", "i8", "u1", "?"])
@pytest.mark.parametrize("build", [
    lambda a, b: np.maximum(a, b), lambda a, b: a == b, lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.stack([a, b]),
    lambda a, b: a[:, ::-1], lambda a, b: np.sum(a, axis=1), lambda a, b: a.astype(np.float32) + b, lambda a, b: a & b,
    lambda a, b: -a, lambda a, b: a << 1, lambda a, b: a ** 2, lambda a, b: np.max(a, axis=0), lambda a, b: fg.relu(a),
    lambda a, b: np.floor(a),
    lambda a, b: a * b, lambda a, b: np.argmax(a.astype(np.float32), axis=0),
])  # fmt: skip
def test_other_dtypes_are_kept(build, dtype):
    """A dtype is written as it is; what onnxruntime has no kernel for, it says."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 2 if dtype == "?" else 5, (3, 4)).astype(dtype) for name in "ab"}
    try:
        box = build(*(fg.Input(name, shape=("N", 4), dtype=dtype) for name in arrays))
    except (TypeError, ShapeError):
        pytest.skip(f"NumPy has no such function of {np.dtype(dtype)}")
    graph = fg.Graph(box)
    arrays = {one.name: arrays[one.name] for one in graph.inputs}
    if not is_exportable(graph):
        with pytest.raises(UnsupportedError, match=r"no operation|ONNX has an operation for other dtypes alone"):
            model_of(graph)
        return
    model, value = model_of(graph), graph.fprop(arrays)[box]
    again = graph_of_model(model)
    assert close(again.fprop(arrays)[again.outputs[0]], value, 1e-3)
    try:
        found = outputs_of(model, arrays)[0]
    except NoKernelError:
        return
    assert close(found, value, 1e-3)


def test_complex_numbers_are_refused_by_name():
    z = fg.Input("z", shape=(2,), dtype=complex)
    with pytest.raises(UnsupportedError, match=r"no operation takes complex128.*\.safetensors|complex128"):
        model_of(fg.Graph(np.conjugate(z * 2)))


def test_errors_are_those_of_files():
    with pytest.raises(SavedFileError, match="no graph in it"):
        graph_of_model(model_of(fg.Graph(fg.Input("x", shape=(2,)) * 2)).__class__())
