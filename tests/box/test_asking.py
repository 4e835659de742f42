"""Who asks a box for its numbers is named in the words of the code that does, with the way out for just that call."""

import math

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad

X = np.array([0.2, 0.5, 0.3])
W = np.array([1.0, 2.0, 3.0])

OF_NUMPY = {
    "np.array([x[0], 1.0])": (lambda x: np.array([x[0], 1.0]), "join boxes with np.stack([...])"),
    "np.array(x)": (lambda x: np.array(x), "use the box itself"),
    "np.asarray(x)": (lambda x: np.asarray(x), "use the box itself"),
    "np.full": (lambda x: np.full(3, x[0]), "np.broadcast_to(box, shape)"),
    "np.r_[...]": (lambda x: np.r_[x, x], "np.concatenate([...])"),
    "np.c_[...]": (lambda x: np.c_[x, x], "np.stack([...], axis=1)"),
    "np.vectorize": (lambda x: np.vectorize(lambda t: t * 2)(x), "on the whole box, written with NumPy functions"),
    "np.random.normal(x)": (lambda x: np.random.normal(x), "mean + scale * rng.normal"),  # noqa: NPY002
    "np.arange(x[0])": (lambda x: np.arange(x[0]), "box * np.arange(n)"),
    "np.dot([x[0], 1.0], W[:2])": (lambda x: np.dot([x[0], 1.0], W[:2]), "join boxes with np.stack([...])"),
    "np.ma": (lambda x: np.ma.masked_array(W, [0, 1, 0]) + np.ma.array(x), "np.where(mask, a, b)"),
    "math.sin(x[0])": (lambda x: math.sin(x[0]), "np.sin"),
    "math.atan2(x[0], 1)": (lambda x: math.atan2(x[0], 1), "np.arctan2"),
    "complex(x[0])": (lambda x: complex(x[0]), "the box itself"),
    "x * [x[0], 1.0, 2.0]": (lambda x: x * [x[0], 1.0, 2.0], "join boxes with np.stack"),
}


def of_scipy(name, call, instead):
    def f(x):
        return call(pytest.importorskip("scipy." + name.split()[0].split(".")[1], reason="SciPy is not installed"), x)

    return name, (f, instead)


OF_SCIPY = dict([
    of_scipy("scipy.linalg.expm", lambda m, x: m.expm(np.outer(x, x)), "use np.linalg or flowgraph.scipy.linalg"),
    of_scipy("scipy.stats.norm.logpdf", lambda m, x: m.norm.logpdf(x), "the density with NumPy and scipy.special"),
    of_scipy("scipy.signal.convolve", lambda m, x: m.convolve(x, W), "SciPy takes arrays only"),
    of_scipy("scipy.integrate.quad", lambda m, x: m.quad(lambda t: t * x[0], 0, 1), "a box that calls it in its fprop"),
    of_scipy("scipy.sparse (csr_array.__matmul__)", lambda m, x: m.eye_array(3).tocsr() @ x, "matrix.toarray() @ box"),
    of_scipy("scipy.sparse.dot", lambda m, x: m.eye_array(3).tocsr().dot(x), "matrix.toarray() @ box"),
    of_scipy("scipy.fft.fft", lambda m, x: m.fft(x), "use np.fft"),
    of_scipy("scipy.special.logsumexp", lambda m, x: m.logsumexp(x), "use fg.logsumexp"),
])  # fmt: skip


@pytest.mark.parametrize("name", [*OF_NUMPY, *OF_SCIPY])
def test_the_call_is_named_with_its_way_out_and_no_graph_is_run_in_a_function(name):
    f, instead = {**OF_NUMPY, **OF_SCIPY}[name]
    with pytest.raises(UsageError) as inside:
        grad(f)(X)
    with pytest.raises(UsageError) as outside:
        f(fg.Input("x", shape=(3,)))
    for error in (inside, outside):
        assert f"found {name}" in str(error.value)
        assert instead in str(error.value)
        assert str(error.value).startswith(("Input 'x': ", "Index: ", "Multiply: ", "TensorDot: ", "Outer: "))
    assert "run the graph" not in str(inside.value)
    assert "and it has none before a run" in str(outside.value)
    assert "run the graph: fg.Graph(box).fprop(...)[box]" in str(outside.value)


def test_an_array_at_the_index_of_a_box_names_the_array_and_the_way_out():
    x = fg.Input("x", shape=(3,))
    for call, text in [
        (lambda: W[np.argsort(x)], "found W[np.argsort(x)], which takes the numbers of a box"),
        (lambda: W[np.argsort(x)], "index a box: fg.Constant(W)[box]"),
        (lambda: np.take(W, np.argsort(x)), "np.take(fg.Constant(array), box)"),
        (lambda: [1, 2, 3][np.argmax(x)], "fg.Constant(array)[box]"),
        (lambda: f"{x[0]:.2f}", "print the box itself"),
        (lambda: fg.Constant(1.0) * scipy_matrix(), "give matrix.toarray()"),
    ]:
        with pytest.raises(fg.FlowgraphError) as error:
            call()
        assert text in str(error.value)
    order = np.argsort(x)
    for chosen in (fg.Constant(W)[order], np.take(fg.Constant(W), order)):
        np.testing.assert_array_equal(fg.Graph(chosen).fprop(x=X)[chosen], W[np.argsort(X)])


def scipy_matrix():
    return pytest.importorskip("scipy.sparse", reason="SciPy is not installed").eye_array(3)


def test_code_without_a_source_gets_the_general_way_out():
    space = {"np": np, "W": W, "x": fg.Input("x", shape=(3,))}
    with pytest.raises(UsageError, match=r"found np.asarray\(\) or np.array\(\), which takes the numbers of a box"):
        exec("W[np.argsort(x)]", space)


LABELS = [np.array([0, 2, 1]), np.array([1, 1, 0])]
WHOLE = {
    "one index": lambda x, y: np.sum(x) * W[np.argmax(x)],
    "an order": lambda x, y: np.sum(x * W[np.argsort(x)]),
    "np.take": lambda x, y: np.sum(x * np.take(W, np.argsort(x))),
    "among others": lambda x, y: np.sum(x * np.outer(W, W)[0, np.argsort(x)]),
    "a mask": lambda x, y: np.sum(x) * np.sum(W[x > 0.25]),
    "one-hot": lambda x, y: np.sum(np.eye(3)[y] @ x),
    "one-hot in place": lambda x, y: np.sum(x * one_hot(y)),
    "class weights": lambda x, y: np.sum(W[y] * x**2),
    "an array of it": lambda x, y: np.sum(np.asarray(y, float) * x),
    "a list": lambda x, y: sum(W[int(one)] * x[0] for one in y),
}


def one_hot(y):
    found = np.zeros((3, 3))
    found[np.arange(3), y] = 1
    return found[0]


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_in_a_function_are_numbers(name):
    slope = grad(WHOLE[name])
    points = [X, X[::-1].copy(), np.array([0.4, 0.1, 0.2])]
    for turn in range(18):
        x, y = points[turn // 5 % 3], LABELS[turn // 4 % 2]

        def f(x, y=y):
            return WHOLE[name](x, y)

        found = slope(x, y)
        step = 1e-6 * np.eye(3)
        needed = [(f(x + d) - f(x - d)) / 2e-6 for d in step]
        np.testing.assert_allclose(found, needed, rtol=1e-6, atol=1e-8)


def test_python_rounds_a_box_as_a_number():
    assert grad(lambda x: round(x) + round(x, 1) + x)(1.26) == 1.0


def test_a_parameter_takes_no_masked_array_for_its_value():
    """NumPy's conversion would bring to light the numbers that the mask hides."""
    p, hidden = fg.Parameter([0.0, 0.0], name="p"), np.ma.masked_array([1.0, 2.0], [True, False])
    for take in (lambda: setattr(p, "value", hidden), lambda: fg.Parameter(hidden), lambda: fg.Constant(hidden)):
        with pytest.raises(fg.FlowgraphError, match="hides 1 of its 2 numbers"):
            take()
    assert p.value.tolist() == [0.0, 0.0]
    p.value = np.ma.masked_array([1.0, 2.0])
    assert p.value.tolist() == [1.0, 2.0]
