"""Mistakes that people make, and what they read: who, found, needed, a way out that works, their own line."""

import copy
import dataclasses
import pickle
import re
import sys
from contextlib import contextmanager

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional
from flowgraph.training.rules import RULES, find_rule
from tests.registry import unregistered

HERE = re.escape("test_mistakes.py:")
GOOD = np.ones((2, 3))


@contextmanager
def refused(error, *texts):
    """A context that needs an error of the package, which is also this one, with all of these texts."""
    with pytest.raises(fg.FlowgraphError, match="(?s)" + ".*".join(texts)) as caught:
        yield caught
    assert isinstance(caught.value, error)


@pytest.fixture
def x():
    return fg.Input("x", shape=("N", 3))


@pytest.fixture
def W():
    return fg.Parameter(np.ones((2, 2)), name="layer/W")


def test_what_is_no_box_is_not_compiled(x):
    for outputs, texts in [
        (3.0, ("compile: found a float", "needs a box, a list of boxes or a Graph")),
        (None, ("compile: found a NoneType", "needs a box")),
        (np.sin, ("compile: found a function", r"fg\.trace\(f, x=\.\.\.\)")),
        ([x, 3.0], ("compile: found float as an output", "needs boxes")),
    ]:
        with refused(TypeError, *texts):
            fg.compile(outputs)
    with refused(TypeError, "found a list as updates", "W: W - lr"):
        fg.compile(x, [x])


TAKE_A_FUNCTION = {
    "Random": fg.Random, "trace": fg.trace, "checkpoint": fg.checkpoint,
    "scan": lambda f: fg.scan(f, 0.0, np.ones(3)),
    "while_loop, the condition": lambda f: fg.while_loop(f, lambda carry: carry, 0.0),
    "while_loop, the body": lambda f: fg.while_loop(lambda carry: carry > 1, f, 0.0),
    "MLP": lambda f: fg.MLP([2, 2], output=f), "Linear": lambda f: fg.Linear(2, 2, init=f),
    **{name: getattr(functional, name) for name in functional.__all__ if not name.startswith(("flatten", "stop"))},
    "flatten_func": lambda f: functional.flatten_func(f, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("given", [(3,), 3.0, None, GOOD, "tan"], ids=repr)
@pytest.mark.parametrize("name", TAKE_A_FUNCTION)
def test_what_is_no_function_is_refused_where_it_is_given(name, given):
    """Not by Python, in the run that calls it."""
    if given is None and name in ("jit", "custom_vjp"):  # called so they wait for the function, @jit(seed=1)
        return
    with refused(TypeError, "found ", "needs a function"):
        TAKE_A_FUNCTION[name](given)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("clipped", [False, True])
def test_gradients_of_a_rule_are_given_by_parameter(rule, clipped, W):
    used = fg.Clipped(find_rule(rule), norm=1.0) if clipped else find_rule(rule)
    for grads in ([W * 2.0], W * 2.0, {W}, None):
        with refused(TypeError, "of gradients, needs a dict", "fg.gradient"):
            used.of_weights([W]).updates(grads, 0.1)


def test_a_graph_is_called_on_boxes(x):
    with refused(TypeError, "a call without boxes", r"graph\.fprop\(x=\.\.\., y=\.\.\.\)", r"fg\.compile\(graph\)"):
        fg.Graph(x * 2.0)(x=GOOD, y=1)
    with refused(TypeError, r"graph\.fprop\(\.\.\.\)"):
        fg.Graph(x * 2.0)(GOOD)
    with refused(ValueError, "found a ndarray by position", r"x=\.\.\."):
        fg.Graph(x * 2.0).fprop(GOOD)
    graph, other = fg.Graph(x * 2.0), np.tanh(x)
    with refused(ValueError, "found 2 arguments, needs one for each input: x"):
        graph(other, other)
    with refused(ValueError, "found two boxes for the input 'x'"):
        graph(other, x=other)
    with refused(ValueError, "found no input 'y', needs one box for each input: x"):
        graph(y=other)
    with refused(ValueError, "found a box of int64, needs float64", "astype"):
        graph(fg.Input("k", shape=x.shape, dtype=int))
    with refused(ValueError, r"x: found a box of the shape \(2,\), needs"):
        graph(fg.Input("k", shape=(2,)))


def test_elements_of_a_parameter_are_not_assigned(W):
    """Whatever way one writes to the array: the value stays, and the text says how it is changed."""

    def item():
        W.value[0, 0] = 1.0

    def row():
        W.value[0][1] = 1.0

    def plus():
        value = W.value
        value += 1.0

    def minus():
        W.value -= 0.1

    def power():
        value = W.value
        value **= 2

    for write in (item, row, plus, minus, power, lambda: W.value.fill(0.0), lambda: W.value.sort()):
        with refused(ValueError, "Parameter 'layer/W'", "read-only", r"W\.value = \.\.\.", f"built at {HERE}"):
            write()
    np.testing.assert_array_equal(W.value, np.ones((2, 2)))
    with refused(ValueError, r"parameter\.value = \.\.\."):
        fg.Parameter([1.0], name="a b").value[0] = 1.0


def test_the_array_of_a_parameter_is_otherwise_an_array(W):
    """What is computed from it is plain, copies of it can be written to, and it looks and is stored as an array."""
    value = W.value
    assert isinstance(value, np.ndarray)
    for result in (value + 1, 2 * value, value @ value, np.exp(value), np.where(value > 0, value, 0), value == 1,
                   np.mean(value, axis=0), np.concatenate([value, value]), np.linalg.inv(value + np.eye(2)),
                   np.einsum("ij->i", value), np.asarray(value), np.array(value)):  # fmt: skip
        assert type(result) is np.ndarray
    for result in (value.sum(), value[0, 0], np.max(value), np.linalg.norm(value)):
        assert type(result) is np.float64
    assert repr(value) == repr(np.ones((2, 2)))
    assert str(value) == str(np.ones((2, 2)))
    assert type(pickle.loads(pickle.dumps(value))) is np.ndarray
    for own in (value.copy(), copy.deepcopy(value), value.astype(np.float32), np.sort(value), np.zeros_like(value)):
        own[0, 0] = 5.0
        own += 1
        own.fill(2.0)
        own.sort()
        assert np.all(own == 2.0)
    W.value = W.value - 1.0
    np.testing.assert_array_equal(W.value, np.zeros((2, 2)))
    assert type(W.array) is np.ndarray
    assert not W.array.flags.writeable
    assert W.value is W.value


def test_a_plan_that_owns_a_parameter_says_the_same(W):
    fg.compile([], updates={W: W * 0.5})()
    with refused(ValueError, "Parameter 'layer/W'", r"W\.value = \.\.\."):
        W.value[0, 0] = 1.0
    np.testing.assert_array_equal(W.value, np.full((2, 2), 0.5))


def test_runs_and_functions_compute_with_plain_arrays(W):
    """A view with a text would cost each call of NumPy half a microsecond."""
    seen = []

    class Look(fg.Elementwise):
        def fprop(self, a):
            seen.append(type(a))
            return a * 1.0

    box = Look(W)
    seen.clear()
    fg.Graph(box).fprop()
    fg.compile(box)()
    assert {kind for kind in seen if issubclass(kind, np.ndarray)} == {np.ndarray}


def test_attributes(x, W):
    for name, texts in [
        ("meen", ("Input: a box has no 'meen'", "near it: mean", f"built at {HERE}")),
        ("median", (r"use np\.median\(box\)",)), ("grad", (r"run\.bprop\(\)\[box\]", r"fg\.gradient")),
        ("backward", (r"run\.bprop\(\)\[box\]", r"fg\.gradient")), ("eval", (r"fprop\(\.\.\.\)\[box\]",)),
        ("value", (r"fprop\(\.\.\.\)\[box\]",)), ("data", (r"fprop\(\.\.\.\)\[box\]",)),
        ("nothing_like_it", ("use the NumPy function",)),
    ]:  # fmt: skip
        with refused(AttributeError, *texts):
            getattr(x, name)
        assert not hasattr(x, name)
    for name, texts in [
        ("name", ("Input 'x'", r"box\.named", f"built at {HERE}")), ("value", ("an input is fed",)),
        ("grad", ("immutable", r"run\.bprop\(\)")), ("shape", ("immutable", "build another box")),
    ]:  # fmt: skip
        with refused(dataclasses.FrozenInstanceError, *texts):
            setattr(x, name, "z")
    with refused(AttributeError, "LeakyReLU", "found an assignment to 'slope'", "build another box with slope="):
        fg.LeakyReLU(x).slope = 0.2
    with refused(AttributeError, "found del of 'children'", "with_children"):
        del W.children


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "runs").mkdir()
    with refused(FileNotFoundError, "modle.safetensors: there is no such file", "near it: model.safetensors"):
        fg.load(tmp_path / "modle.safetensors")
    with refused(FileNotFoundError, "there is no folder '.*run/a'", "near it: runs"):
        fg.load(tmp_path / "run" / "a" / "model.safetensors")
    with refused(FileNotFoundError, "there is no such file", "look at the path"):
        fg.load(tmp_path / "zzz")


class Sparse:
    """What SciPy's sparse matrices are to NumPy."""

    def toarray(self):
        return GOOD


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("abc", ("found a str", "it holds no numbers")), (None, ("found None", "leave out")),
        (Sparse(), ("found a Sparse", r"\.toarray\(\)")), ([["1", "2", "3"]], ("array of dtype <U1", "'float64'")),
        ([["a", "b", "c"]], ("array of dtype <U1", "it holds no numbers")), (object(), ("found a object",)),
        (GOOD * 1j, ("complex128", r"np\.real or np\.abs")), ([[1.0], [1.0, 2.0]], ("no array",)),
        (np.ones(3), (r"the shape \(3,\), needs \(N, 3\)",)), (np.ones((2, 4)), (r"the shape \(2, 4\)",)),
    ],
)  # fmt: skip
def test_what_is_fed(x, value, texts):
    """In graphs and plans; the advice never is to declare the input with another dtype than numbers."""
    box = x * 2.0
    for run in (lambda: fg.Graph(box).fprop(x=value), lambda: fg.compile(box)(x=value)):
        with refused((TypeError, ValueError), "x: ", *texts, r"built at test_mistakes\.py:") as caught:
            run()
        assert "declare the input with dtype='object'" not in str(caught.value)
        assert "dtype='<U" not in str(caught.value)


def test_a_box_that_is_fed(x):
    with refused(TypeError, r"x: found Tanh, a box", r"run\[box\]", f"built at {HERE}"):
        fg.Graph(x * 2.0).fprop(x=np.tanh(x))


def test_labels_that_are_no_whole_numbers():
    """Floats that are whole become integers; the classes of texts are numbered; the rest was no label."""
    x, labels = fg.Input("x", shape=("N", 3)), fg.Input("labels", shape=("N",), dtype=int)
    graph = fg.Graph(fg.SoftmaxCrossEntropy(x, labels))
    for value, texts in [
        ([0.0, 1.0], ("found dtype float64", "as of class labels", r"\.astype\('int64'\)")),
        ([0.0, 1.5], ("1.5 is no whole number",)), ([0.0, np.nan], ("nan is no whole number",)),
        (["cat", "dog"], (r"np\.unique\(labels, return_inverse=True\)\[1\]",)),
    ]:  # fmt: skip
        with refused(TypeError, "labels: ", *texts, f"built at {HERE}"):
            graph.fprop(x=GOOD, labels=value)
    assert graph.fprop(x=GOOD, labels=np.array([0.0, 1.0]).astype("int64")).outputs[0].shape == (2,)
    names = np.unique(["cat", "dog"], return_inverse=True)[1]
    assert graph.fprop(x=GOOD, labels=names).outputs[0].shape == (2,)


def two_losses():
    w, v = fg.Parameter([1.0, 2.0], name="w"), fg.Parameter(3.0, name="v")
    l1, l2 = fg.sum(w * w).named("l1"), (v * fg.sum(w)).named("l2")
    return w, v, l1, l2, fg.Graph(l1, l2).fprop()


def test_gradients_that_arrive_by_output():
    """A dict of boxes or names says what arrives where; nothing arrives at an output that it leaves out."""
    w, v, l1, l2, run = two_losses()
    listed = run.bprop([1.0, 0.5])
    for grad in ({l1: 1.0, l2: 0.5}, {"l2": 0.5, "l1": 1.0}, (1.0, 0.5)):
        found = run.bprop(grad)
        np.testing.assert_array_equal(found[w], listed[w])
        np.testing.assert_array_equal(found[v], listed[v])
    np.testing.assert_array_equal(run.bprop({l1: 1.0})[w], [2.0, 4.0])
    np.testing.assert_array_equal(run.bprop({l1: 1.0})[v], 0.0)
    np.testing.assert_array_equal(run.bprop({l2: 2.0})[v], 6.0)
    alone = fg.Graph(l1).fprop()
    np.testing.assert_array_equal(alone.bprop({l1: 2.0})[w], [4.0, 8.0])


def test_gradients_that_cannot_arrive():
    w, _, l1, l2, run = two_losses()
    for grad, texts in [
        (l1, ("found Sum 'l1' as grad=", "arrays", r"wrt=\[box, \.\.\.\]")), ([l1, l2], ("found Sum 'l1' as grad=",)),
        ({w: 1.0}, ("found a gradient for Parameter 'w'", "outputs of the graph: l1, l2")),
        ({}, ("found an empty dict", "l1, l2")), ({"l3": 1.0}, ("called 'l3'", "near it: ")),
        (3.0, ("found 1 gradients", r"\[\.\.\., \.\.\.\], or a dict")), ([1.0], ("found 1 gradients",)),
        ({l1: [1.0, 2.0]}, (r"grad= of 'l1' has the shape \(2,\), needs \(\)",)),
    ]:  # fmt: skip
        with refused((TypeError, ValueError, LookupError), *texts):
            run.bprop(grad)
    with refused(TypeError, "found Sum 'l1' as grad="):
        fg.Graph(l1).fprop().bprop(l1)


def test_the_texts_do_not_slow_down_what_looks_for_attributes(x):
    """NumPy and notebooks look for names with an underscore on every array that they meet: no list is searched then."""
    assert "difflib" in sys.modules
    with pytest.raises(AttributeError) as caught:
        x._repr_png_  # noqa: B018
    assert str(caught.value) == "Input: a box has no '_repr_png_'"


def test_autograd_takes_the_array_of_a_parameter(W):
    """It looks for the exact type of an array."""
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp

    z = fg.Parameter([1.0 + 2.0j], name="z")
    np.testing.assert_allclose(
        autograd.grad(lambda w: anp.sum(anp.tanh(w @ w)))(W.value), np.full((2, 2), 4 - 4 * np.tanh(2.0) ** 2)
    )
    np.testing.assert_allclose(autograd.grad(lambda z: anp.sum(anp.abs(z) ** 2))(z.value), [2.0 - 4.0j])


@pytest.mark.parametrize(
    "use",
    [
        lambda x, a: fg.Graph(x * 2.0).fprop(x=a), lambda x, a: fg.compile(x * 2.0)(x=a), lambda x, a: x * a,
        lambda x, a: fg.Constant(a), lambda x, a: fg.Parameter(a), lambda x, a: fg.functional.grad(np.sum)(a),
    ],
)  # fmt: skip
def test_hidden_numbers_are_not_computed_with(use):
    """np.asarray of a masked array brings to light what its owner has hidden, such as -999 for what is missing."""
    x = fg.Input("x", shape=(3,))
    use(x, np.ma.masked_array([1.0, 2.0, 3.0]))
    with refused(TypeError, "masked array that hides 1 of its 3 numbers", r"a\.filled"):
        use(x, np.ma.masked_array([1.0, 2.0, -999.0], mask=[0, 0, 1]))


@pytest.mark.parametrize("parts", [(), (1.0, 1.0), [1.0], 1.0])
@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("slopes", ["", "share"])
def test_a_bprop_of_another_count_is_named_where_np_where_takes_its_branch_in_part(slopes, parts, taken):
    with unregistered():
        body = {"fprop": lambda self, a: a * 1.0, "bprop": lambda *_: parts, "slopes": slopes}
        cls = type("Miscounts", (fg.Elementwise,), body)
        x = fg.Parameter([4.0, -1.0], name="x")
        branch = np.where(x > 0, cls(x), 0.0) if taken else cls(x)
        with refused(fg.FlowgraphError, "Miscounts: bprop returned"):
            fg.Graph(fg.sum(branch)).fprop().bprop()
