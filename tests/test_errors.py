"""What a person meets when something is wrong: every text says who, found, needed, the way out, and the user's line."""

import inspect
import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.settings import kinds_of
from flowgraph.errors import FeedError
from tests.registry import unregister

HERE = re.escape("test_errors.py:")


def inputs():
    return fg.Input("x", shape=("N", 3)), fg.Parameter(np.ones((4, 2)), name="W")


def refused(error, *texts):
    """A context that needs this error with all of these texts."""
    return pytest.raises(error, match="(?s)" + ".*".join(re.escape(t) for t in texts))


def test_a_shape_error_names_both_children_and_the_lines_that_built_them():
    x, W = inputs()
    with fg.scope("layer2"), pytest.raises(fg.ShapeError) as caught:
        fg.MatMul(x, W, name="a")
    text = str(caught.value)
    assert text.splitlines()[0] == "MatMul 'layer2/a': child 'right' has k = 4 but child 'left' has k = 3"
    assert re.search(rf"left  = 'x'  \(N, 3\)  built at {HERE}\d+", text)
    assert re.search(rf"right = 'W'  \(4, 2\)  built at {HERE}\d+", text)
    assert "signature (m?,k),(k,n?)->(m?,n?)" in text


def test_a_shape_error_is_raised_on_the_line_that_builds_the_box():
    x, _ = inputs()
    with refused(fg.ShapeError, "Add: the shapes of the children do not broadcast", "a = 'x'", "(N, 3)", "(4,)"):
        x + np.ones(4)
    with refused(fg.ShapeError, "Add", "'x'", "'y'"):
        x + fg.Input("y", shape=("M", 3))


def test_a_box_has_no_value_before_a_run():
    x, _ = inputs()
    h = np.tanh(x)
    for use, what in [
        (bool, "np.where(condition, a, b)"), (float, "float(fg.Graph(box).fprop(...))"), (int, "run the graph"),
        (complex, "run the graph"), (np.array, "run the graph"), (np.asarray, "run the graph"),
        (lambda b: [1, 2][b], "index with the box itself"), (lambda b: 1.0 in b, "np.any(box == value)"),
    ]:  # fmt: skip
        with refused(fg.FlowgraphError, "Tanh", what):
            use(h)
    with refused(TypeError, "compare boxes themselves with `is`"):
        if h == x:
            pass


def test_len_and_iteration():
    x = fg.Input("x", shape=("N", 3))
    with refused(fg.FlowgraphError, "found len(), which is N and has no number before a run", "box.shape[0]"):
        len(x)
    with refused(fg.FlowgraphError, "iteration over an axis of N", "NumPy functions"):
        list(x)
    with refused(fg.FlowgraphError, "found len() of a box of shape ()"):
        len(fg.Input("s"))
    with refused(fg.FlowgraphError, "iteration over a box of shape ()"):
        list(fg.Input("s"))
    rows = list(fg.Input("y", shape=(2, 3)))
    assert [row.shape for row in rows] == [(3,), (3,)]


def test_assignment_names_the_way_out():
    x, W = inputs()
    with refused(TypeError, "Input 'x'", "immutable", "np.where(mask, new, box)"):
        x[0] = 1.0
    with refused(AttributeError, "Input 'x'", "'name'", "immutable"):
        x.name = "z"
    with refused(AttributeError, "del", "immutable"):
        del x.name
    with refused(AttributeError, "Parameter 'W'", "immutable"):
        W.shape = (8,)
    with refused(AttributeError, "a box has no 'nonsense'"):
        x.nonsense  # noqa: B018

    @unregister
    class Scaled(fg.Elementwise):
        """A setting as an attribute, before there is a box."""

        def __init__(self, a, factor):
            self.factor = factor
            super().__init__(a)

        def fprop(self, a):
            return a * self.factor

    with refused(AttributeError, "Scaled: found an assignment to 'factor'", "factor: float"):
        Scaled(fg.Input("x"), 2.0)


def test_unsupported_numpy():
    x, _ = inputs()
    for call, texts in [
        (lambda: np.add(x, 1, out=np.ones(3)), ("np.add: found out=", "use the box that the call returns")),
        (lambda: np.exp(x, where=np.ones(3, bool)), ("np.exp: found where=", "np.where(mask, result, other)")),
        (lambda: np.clip(x, 0, 1, dtype=np.float32), ("np.clip: found dtype=", "box.astype(dtype)")),
        (lambda: x.item(), ("found item() of a box", "work with the box itself")),
        (lambda: x.tolist(), ("found tolist() of a box",)),
        (lambda: np.sum(x, out=np.ones(())), ("np.sum: found out=", "use the box that the call returns")),
        (lambda: np.sort(x, order=["a"]), ("np.sort: found order=",)),
        (lambda: np.subtract.reduce(x), ("np.subtract.reduce", "np.sum", "fg.add_at")),
        (lambda: np.packbits(x), ("np.packbits: found a box, but no box stands for", "numpy = np.packbits")),
        (lambda: np.gcd(x, 2), ("np.gcd: found a box", "implemented()")),
    ]:  # fmt: skip
        with refused(fg.FlowgraphError, *texts):
            call()


def test_never_an_object_array():
    x, _ = inputs()
    for call in (lambda: np.ones((1, 3)) + x, lambda: np.float32(2) * x, lambda: [1.0, 2.0, 3.0] * x, lambda: 2 / x):
        assert isinstance(call(), fg.Box)


def test_wrong_children_and_settings():
    x, _ = inputs()
    with refused(TypeError, "Tanh: found 2 children, needs 1 (a)"):
        fg.Tanh(x, x)
    with refused(TypeError, "Tanh: found slope=, but its settings are none"):
        fg.Tanh(x, slope=1)
    with refused(TypeError, "name: found ' '"):
        fg.Tanh(x, name=" ")
    with refused(TypeError, "found dtype <U1"):
        fg.Tanh("a")
    with refused(fg.FlowgraphError, "scope: found 'a/b'"), fg.scope("a/b"):
        pass
    with refused(TypeError, "needs the setting index="):
        fg.registry["Part"](x)


def test_a_bprop_that_returns_the_wrong_thing_is_named():
    def declare(bprop, base=fg.Box):
        def fprop(self, a, b):
            return a + b

        return type("Mine", (base,), {"__module__": __name__, "fprop": fprop, "bprop": bprop})

    a, b = (fg.Parameter(np.ones(3, dtype), name=n) for n, dtype in (("a", np.float32), ("b", np.float32)))
    one = np.ones(3, np.float32)
    for returned, texts in [
        (one, ("bprop returned a ndarray, needs a tuple of 2, one per child (a, b)",)),
        ((one,), ("bprop returned 1 gradients, needs a tuple of 2",)),
        ((one, None), ("bprop returned None for child 'b', needs a gradient",)),
        ((one, np.ones((2, 3), np.float32)), ("bprop returned the shape (2, 3) for child 'b', needs (3,)",)),
        ((one, np.ones(3)), ("bprop returned dtype float64 for child 'b', needs float32",)),
        ((one, 1.0), ("bprop returned the shape () for child 'b', needs (3,)",)),
    ]:  # fmt: skip
        box = declare(giving(returned))(a, b)
        with refused(fg.FlowgraphError, "Mine", *texts, "built at test_errors.py:"):
            fg.Graph(box).fprop().bprop(grad=one)
    with refused(fg.FlowgraphError, "Mine", "the shape (4,) for child 'a', needs (3,)"):
        box = declare(lambda self, grad, h, a, b: (np.ones(4, np.float32), grad), fg.Elementwise)(a, b)
        fg.Graph(box).fprop().bprop(grad=one)


def giving(returned):
    return lambda self, grad, h, a, b: returned


def test_an_error_inside_fprop_or_bprop_names_the_box():
    class Fails(fg.Elementwise):
        def fprop(self, a):
            if np.any(a < 0):
                raise ValueError("negative")
            return a

        def bprop(self, grad, h, a):
            raise ZeroDivisionError("mine")

    x = fg.Input("x", shape=(2,))
    graph = fg.Graph(Fails(x, name="f"))
    with pytest.raises(ValueError, match="negative") as caught:
        graph.fprop(x=[-1.0, 1.0])
    assert re.search(rf"in fprop of Fails 'f', built at {HERE}\d+", caught.value.__notes__[0])
    with pytest.raises(ZeroDivisionError) as caught:
        graph.fprop(x=[1.0, 1.0]).bprop(grad=np.ones(2), wrt=[x])
    assert re.search(rf"in bprop of Fails 'f', built at {HERE}\d+", caught.value.__notes__[0])


def test_a_path_that_is_cut_is_named():
    w = fg.Parameter(np.ones(3), name="w")
    v = fg.Parameter(np.ones(()), name="v")
    cut = np.argmax(w, axis=0) * v
    run = fg.Graph(cut).fprop()
    with refused(TypeError, "Parameter 'w': no gradient reaches it", "cut at ArgMax", "int64", "unused='zeros'"):
        run.bprop()
    grads = run.bprop(unused="zeros")
    np.testing.assert_array_equal(grads[w], np.zeros(3))
    with refused(TypeError, "Parameter 'w'", "ArgMax"):
        fg.gradient(cut, [w])
    y = fg.Input("y", shape=(3,), dtype=int)
    with refused(TypeError, "Input 'y': has dtype int64, and only real or complex values have a gradient"):
        fg.Graph(y * v).fprop(y=[1, 2, 3]).bprop(grad=np.ones(3), wrt=[y])
    p = fg.Parameter(np.full(2, 0.5), name="p")
    loss = fg.sum(fg.SoftmaxCrossEntropy(fg.Constant(np.ones((2, 2))) * v, fg.Constant(np.ones((2, 2))) * p))
    with refused(TypeError, "Parameter 'p'", "cut at SoftmaxCrossEntropy", "takes it as a constant child"):
        fg.Graph(loss).fprop().bprop()


def test_the_way_out_is_said_where_there_is_one_and_nothing_where_there_is_none():
    graph = fg.Graph(fg.Parameter(1.0, name="w") * 2)
    with refused(FeedError, "found a int by position, needs inputs by name, or a dict"):
        graph.fprop(3)
    x = fg.Input("x")
    with refused(FeedError, "needs inputs by name, x=..., or a dict"):
        fg.Graph(x * 2).fprop(3)
    random = fg.Graph(fg.Random(lambda rng, shape: rng.normal(size=shape), shape=(2,)) * 2)
    for one in (random, graph):
        with refused(TypeError, "found seed=Gen", "needs an integer from 0, such as int(rng.integers(2**63)), a seq"):
            one.fprop(seed=np.random.default_rng(0))
        with refused(TypeError, "found seed=-1, needs an integer from 0, a sequence"):
            one.fprop(seed=-1)
        with refused(TypeError, "plan: found seed=-1, needs an integer from 0, a sequence"):
            fg.compile(one)(seed=-1)
    step = fg.compile([x * 2])
    assert step(x=1.0, seed=3) == (2.0,)
    with refused(TypeError, "plan: found seed='a', needs an integer from 0, a sequence"):
        step(x=1.0, seed="a")


@pytest.mark.parametrize("cls", [cls for cls in fg.registry.values() if cls.__module__.startswith("flowgraph.boxes")])
def test_a_setting_that_is_missing_or_wrong_is_shown_by_one_that_fits(cls):
    """The default, or one of an example where there is none, or None, which says nothing of what else fits."""
    for name, kind in kinds_of(cls).items():
        default = inspect.signature(cls).parameters[name].default
        fits = [one.settings[name] for one in cls.examples or () if one.settings.get(name) is not None]
        shown = fits[:1] or [None] if default in (None, inspect.Parameter.empty) else [default]
        if kind is None or (shown == [None] and default is not None):
            continue
        children = [fg.Constant(1.0)] * len(cls.child_names)
        with pytest.raises(fg.errors.UsageError, match=re.escape(f", such as {name}={shown[0]!r}")):
            cls(*children, **{**cls.examples[0].settings, name: object()})


def test_a_box_without_a_derivable_bprop_is_named():
    class Opaque(fg.Box):
        def fprop(self, a):
            return np.asarray([float(v) for v in a])

    w = fg.Parameter(np.ones(3), name="w")
    with refused(TypeError, "Opaque", "declares no bprop, and none can be derived", "write a bprop", "built at"):
        fg.Graph(fg.sum(Opaque(w))).fprop().bprop()

    x = fg.Parameter(np.full(3, 2.0), name="x")
    cut = fg.sum(np.where(Opaque(w) > 0, x * x, 0))  # no gradient reaches it
    grads = fg.Graph(cut).fprop().bprop(wrt=[w, x], unused="zeros")
    for found, box, needed in zip(fg.gradients([cut], [w, x], [None], unused="zeros"), (w, x), (0, 4), strict=True):
        np.testing.assert_array_equal(grads[box], np.full(3, needed))
        np.testing.assert_array_equal(fg.Graph(found).fprop()[found], grads[box])

    class NoBox(fg.Box):
        def fprop(self, a):
            return np.ones(3)

    with refused(TypeError, "NoBox", "its fprop returned ndarray when called on boxes"):
        fg.Graph(fg.sum(NoBox(w))).fprop().bprop()


def test_a_nan_is_named():
    w = fg.Parameter([0.0, 4.0], name="w")
    graph = fg.Graph(fg.sum(np.sqrt(w) * 0.0))
    with np.errstate(all="ignore"), pytest.warns(fg.GradientWarning, match=r"(?s)Sqrt.*NaN for child 'a'.*built at"):
        assert np.isnan(graph.fprop().bprop()[w][0])
    with fg.debug(), np.errstate(all="ignore"), refused(fg.FlowgraphError, "Sqrt", "made a NaN"):
        graph.fprop().bprop()


def test_parameters():
    w = fg.Parameter(np.ones(3, np.float32), name="w")
    with refused(ValueError, "Parameter 'w': found a value of shape (2,), needs (3,)"):
        w.value = np.ones(2, np.float32)
    with refused(TypeError, "Parameter 'w': found a value of dtype float64, needs float32", ".astype('float32')"):
        w.value = np.ones(3)
    with refused(TypeError, "found dtype int64, but a parameter has a gradient", "fg.Constant"):
        fg.Parameter(np.arange(3))
    with pytest.raises(ValueError, match="read-only"):
        w.value[0] = 3


def test_graphs():
    x, _ = inputs()
    with refused(TypeError, "Graph: found ndarray as an output, needs boxes"):
        fg.Graph(np.ones(3))
    with refused(TypeError, "Graph: found no output"):
        fg.Graph()
    twin = fg.Input("x")
    with refused(ValueError, "two boxes are called 'x'", "built at", "fg.scope"):
        fg.Graph(fg.sum(x) + twin)
    graph = fg.Graph(np.tanh(x))
    assert graph["tanh"] is graph.outputs[0]
    run = graph.fprop(x=np.ones((1, 3)))
    with refused(TypeError, "float(run)"):
        float(run)
    few = graph.fprop(x=np.ones((1, 3)), keep="outputs")
    for method in (few.bprop, few.update):
        with refused(TypeError, f"{method.__name__}: needs the values of every box", "keep='all'"):
            method()
    with refused(TypeError, "x: its value was not kept"):
        few["x"]
    with refused(ValueError, "update: the sizes change from {'N': 1} to {'N': 2}"):
        run.update(x=np.ones((2, 3)))
