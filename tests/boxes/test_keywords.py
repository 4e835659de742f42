"""Keywords and methods of NumPy give on boxes what they give on arrays."""

import inspect

import numpy as np
import pytest
import scipy.special

import flowgraph as fg
from flowgraph.box import numpy_dispatch
from tests.boxes.numpy_calls import assert_as_numpy

X = np.array([[0.3, 1.2, -0.7], [2.1, -1.4, 0.6]])
INTO_SINGLES = {"dtype": np.float32}


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.tanh(x, out=None, where=True, order="K", subok=True, casting="same_kind"),
        lambda x: np.tanh(x, dtype=np.float64),
        lambda x: np.tanh(x, **INTO_SINGLES),
        lambda x: np.multiply([1, 2, 3], x, **INTO_SINGLES),
        lambda x: np.modf(x, **INTO_SINGLES),
        lambda x: scipy.special.expit(x, dtype=np.float64),
        lambda x: np.broadcast_to(x, (2, 2, 3), subok=False),
        lambda x: np.matmul(x, x, axes=[(0, 1), (1, 0), (1, 0)]),
        lambda x: np.vecdot(x, x[0], axis=-1, keepdims=True),
        lambda x: np.linalg.vecdot(x, x**2, axis=0),
        lambda x: np.vecdot(x, x, axes=[0, 0, ()]),
        lambda x: np.matvec(x, x[:, 0], axes=[(1, 0), 0, 0]),
        lambda x: np.pad(x[0], (1, 2), constant_values=x[1, 0]),
        lambda x: np.pad(x, (1, 2), constant_values=(x[1, 0], 2.0)),
        lambda x: x.sum(0, None, None, True),
        lambda x: x.var(0, None, None, 1),
        lambda x: x.argsort(axis=0, kind="stable"),
        lambda x: x.ravel("F"),
        lambda x: x.flatten(order="F"),
        lambda x: x.reshape(3, 2, order="F"),
        lambda x: x.compress([True, False, True], axis=1),
        lambda x: x.take([4, -1], axis=1, mode="wrap"),
        lambda x: x.take([4, -1], axis=1, mode="clip"),
        lambda x: x.clip(min=0.0, max=1.0),
        lambda x: ((1 + 2j) * x).real,
        lambda x: ((1 + 2j) * x).imag,
        lambda x: np.piecewise(x, [x < 0], [lambda v, k, b: k * v * v + b, lambda v, k, b: b], 3.0, b=2.0),
        lambda x: np.linalg.qr(x, "raw"),
        lambda x: np.linalg.qr(np.stack([x.T, x.T**2]), "raw"),
        lambda x: np.einsum("ij,ij->i", x, x, order="K", casting="safe", dtype=float),
    ],
)
def test_a_call_gives_on_boxes_what_it_gives_on_arrays(call):
    assert_as_numpy(call, X)


def test_a_function_of_scipy_is_called_by_its_name():
    with pytest.raises(fg.FlowgraphError, match=r"scipy\.special\.expit: found out="):
        scipy.special.expit(fg.Input("x", shape=(3,)), out=np.zeros(3))


UFUNCS = {one.__name__: one for one in numpy_dispatch.implemented() if isinstance(one, np.ufunc)}


def _takes_out(function):
    try:
        return "out" in inspect.signature(function).parameters
    except ValueError:  # before NumPy 2.3 some functions of C, such as np.where, told no signature
        return False


OTHERS = {
    one.__name__: one
    for one in numpy_dispatch.implemented()
    if callable(one) and not isinstance(one, np.ufunc) and _takes_out(one)
}


@pytest.mark.parametrize("keyword", ["out", "where", "sig"])
@pytest.mark.parametrize("name", UFUNCS)
def test_what_a_ufunc_takes_and_boxes_do_not_is_refused_by_its_name(name, keyword):
    ufunc = UFUNCS[name]
    x = fg.Input("x", shape=(3, 3), dtype=next((t for t in "di" if _has_loop(ufunc, t)), "d"))
    out = np.zeros((3, 3)) if ufunc.nout == 1 else (np.zeros((3, 3)), None)
    given = {"out": out, "where": np.eye(3) > 0, "sig": "d" * ufunc.nin + "->" + "d" * ufunc.nout}
    if keyword == "where" and ufunc.signature is not None:
        pytest.skip("generalised ufuncs have no where=")
    with pytest.raises(fg.FlowgraphError, match=rf"{name}: found {keyword if keyword != 'sig' else 'sig(nature)?'}="):
        ufunc(*[x] * ufunc.nin, **{keyword: given[keyword]})


def _has_loop(ufunc, kind):
    return any(one.startswith(kind) for one in ufunc.types)


@pytest.mark.parametrize("name", OTHERS)
def test_an_array_to_write_into_is_refused_by_its_name(name):
    function, x = OTHERS[name], fg.Input("x", shape=(3, 3))
    needed = [
        one for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.POSITIONAL_ONLY)
    ]  # fmt: skip
    arguments = [[x, x] if one.name == "arrays" else OF_NAME.get(one.name, x) for one in needed] or [x, x]
    with pytest.raises(fg.FlowgraphError, match=r"found out="):
        function(*arguments, out=np.zeros((3, 3)))


OF_NAME = {"indices": [0], "choices": [X, X], "q": 0.5, "condition": [True, False], "shape": (3,)}


@pytest.mark.parametrize("order", ["A", "K"])
def test_an_order_of_memory_is_refused_since_it_would_not_be_numpys(order):
    with pytest.raises(fg.FlowgraphError, match="boxes have no memory order"):
        np.ravel(fg.Input("x", shape=(3, 2)), order)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: np.matmul(x, x.T, keepdims=True), "found keepdims=, needs operands with the same core axes"),
        (lambda x: np.matmul(x, x.T, axes=[0, 1]), "needs as many axes as"),
        (lambda x: np.vecdot(x, 2.0), "needs vectors, found a number"),
        (lambda x: np.pad(x, 1, "edge", stat_length=2), "found stat_length=, which mode='edge' does not take"),
        (lambda x: np.pad(x[:0], 1, "mean"), "an empty axis"),
        (lambda x: np.pad(x, 1, "around"), "found mode='around'"),
    ],
)
def test_what_numpy_refuses(call, text):
    with pytest.raises(fg.FlowgraphError, match=text):
        call(fg.Input("x", shape=(3, 2)))


def test_the_normal_distribution_of_a_complex_number_is_refused():
    with pytest.raises(fg.FlowgraphError, match="found complex numbers, needs real ones"):
        scipy.special.ndtr(fg.Input("z", shape=(3,), dtype=complex))
