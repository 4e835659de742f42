"""What asks a box for its numbers is refused with a way out, or answered while a function is traced."""

import math
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad

ROOT = Path(__file__).parents[2]
X = np.array([0.2, 0.5, 0.3])
W = np.array([1.0, 2.0, 3.0])

CALLS = {
    "np.array([x[0], 1.0])": lambda x: np.array([x[0], 1.0]),
    "np.asarray(x)": lambda x: np.asarray(x),
    "np.full": lambda x: np.full(3, x[0]),
    "np.r_": lambda x: np.r_[x, x],
    "np.c_": lambda x: np.c_[x, x],
    "an array of objects": lambda x: np.array(x, dtype=object) * 2,
    "np.vectorize": lambda x: np.vectorize(lambda t: t * 2)(x),
    "np.random.normal": lambda x: np.random.normal(x),  # noqa: NPY002
    "np.arange": lambda x: np.arange(x[0]),
    "np.dot of a list": lambda x: np.dot([x[0], 1.0], W[:2]),
    "np.ma.array": lambda x: np.ma.masked_array(W, [0, 1, 0]) + np.ma.array(x),
    "math.sin": lambda x: math.sin(x[0]),
    "math.atan2": lambda x: math.atan2(x[0], 1),
    "complex": lambda x: complex(x[0]),
}


def of_scipy(module, call):
    return lambda x: call(pytest.importorskip(f"scipy.{module}", reason="SciPy is not installed"), x)


OF_SCIPY = {
    "scipy.linalg": of_scipy("linalg", lambda m, x: m.expm(np.outer(x, x))),
    "scipy.stats": of_scipy("stats", lambda m, x: m.norm.logpdf(x)),
    "scipy.signal": of_scipy("signal", lambda m, x: m.convolve(x, W)),
    "scipy.integrate": of_scipy("integrate", lambda m, x: m.quad(lambda t: t * x[0], 0, 1)),
    "scipy.sparse": of_scipy("sparse", lambda m, x: m.eye_array(3).tocsr() @ x),
    "scipy.fft": of_scipy("fft", lambda m, x: m.fft(x)),
    "scipy.special.logsumexp": of_scipy("special", lambda m, x: m.logsumexp(x)),
}
ASKED = ("np.asarray()", "float()", "complex()")
PAGE, SECTION = "docs/functions.md", "What does not take boxes"


@pytest.mark.parametrize("name", [*CALLS, *OF_SCIPY])
def test_what_asks_for_numbers_is_refused_with_a_way_out_and_no_graph_is_run_in_a_function(name):
    f = {**CALLS, **OF_SCIPY}[name]
    with pytest.raises(UsageError) as inside:
        grad(f)(X)
    with pytest.raises(UsageError) as outside:
        f(fg.Input("x", shape=(3,)))
    for error in (inside, outside):
        assert any(f"found {asked} of a box" in str(error.value) for asked in ASKED)
        assert any(way in str(error.value) for way in (PAGE, "np.sin in place of math.sin"))
        assert str(error.value).startswith(("Input 'x': ", "Index: ", "Multiply: ", "TensorDot: ", "Outer: "))
        assert len(str(error.value).split()) <= 40
    assert "run the graph" not in str(inside.value)
    assert "it would carry no gradient" in str(inside.value)
    assert "run the graph: " in str(outside.value)


def test_the_page_that_the_errors_name_lists_what_asks_and_what_to_write_instead():
    section = (ROOT / PAGE).read_text(encoding="utf-8").split(f"## {SECTION}\n")[1].split("\n## ")[0]
    listed = section.replace("`", "")
    for name in (
        "np.array",
        "np.full",
        "np.r_",
        "np.c_",
        "np.vectorize",
        "np.random",
        "np.arange",
        "np.ma",
        "math.sin",
    ):
        assert name in listed
    for name in ("scipy.special.logsumexp", "softmax", "log_softmax", "polygamma", "scipy.fft", "scipy.linalg"):
        assert name in listed


FROM_OUTSIDE = {
    "alone": lambda rate, x: rate,
    "beside the argument": lambda rate, x: rate * x[0],
    "after what is random": lambda rate, x: fg.Random(lambda rng, shape: rng.normal(size=shape)) + rate,
    "before what is random": lambda rate, x: rate - fg.Random(lambda rng, shape: rng.normal(size=shape)),
}


@pytest.mark.parametrize("read", FROM_OUTSIDE.values(), ids=FROM_OUTSIDE)
def test_a_leaf_from_outside_that_has_no_value_is_named_whatever_else_is_read(read):
    rate = fg.Input("rate", shape=())
    with pytest.raises(UsageError, match="reads Input 'rate' from outside of the function; give it as an argument"):
        grad(lambda x: float(read(rate, x)) * x[0])(X)


def test_an_array_at_the_index_of_a_box_is_told_to_be_a_constant():
    x = fg.Input("x", shape=(3,))
    for call, text in [
        (lambda: W[np.argsort(x)], "found np.asarray() of a box"),
        (lambda: W[np.argsort(x)], "fg.Constant(array)[box]"),
        (lambda: np.take(W, np.argsort(x)), "fg.Constant(array)[box]"),
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


@pytest.mark.parametrize("kind", [bool, int, float, complex])
def test_a_conversion_to_a_number_of_python_is_refused_by_its_name(kind):
    with pytest.raises(UsageError, match=rf"found {kind.__name__}\(\)"):
        kind(fg.Input("x", shape=()))
