"""The code in a report runs and shows the mistake, whatever the inputs hold and are called."""

import keyword

import numpy as np
import pytest

from flowgraph.checking import check
from flowgraph.checking.reproduce import _identifiers, definition_of, literal

VALUES = [
    np.array([0.1, -2.0]), np.array([[1.5]], np.float32), np.array(2.5), np.array([1, 2]), np.array([3], np.int32),
    np.array([True, False]), np.array([np.nan, np.inf, -np.inf, 1.0]), np.zeros((0, 3)), np.zeros((2, 0), np.float32),
    np.array([1 + 2j]), np.float64(1.5), np.int64(3), 2.5, 3, True, None, "same", (1,), (1, (2.5, None)), ("a", 2),
    float("inf"), -float("inf"), float("nan"), np.float64("inf"), (float("inf"), np.array([1.0])), [1, 2],
    [np.array([0.5]), float("-inf")], slice(1, None), ...,
]  # fmt: skip
TAKEN = ("np", "fprop", "bprop", "grad", "output", "gradients", "move", "step")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_literal_gives_the_value_back(value):
    found = eval(literal(value), {"np": np})
    np.testing.assert_equal(found, value)
    if isinstance(value, np.ndarray):
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
    elif not isinstance(value, np.generic):
        assert type(found) is type(value)


@pytest.mark.parametrize(
    "names",
    [TAKEN, ("a.b", "a_b"), ("x", "x"), ("1a", "é"), ("lambda", "class"), ("a b", "a-b", "a_b_"), ("grad", "grad_")],
)
def test_inputs_have_names_of_their_own(names):
    found = _identifiers(names)
    assert len(set(found)) == len(names)
    assert all(name.isidentifier() and not keyword.iskeyword(name) and name not in TAKEN for name in found)


def test_plain_names_stay():
    assert _identifiers(("x", "weights_2", "é")) == ["x", "weights_2", "é"]


def product(output, step):
    return output * step


def product_wrong(grad, h, output, step):
    return grad * step, 2 * grad * output


def both(a):
    return np.sin(a), np.cos(a).sum()


def both_wrong(grad, h, a):
    return (1.5 * (grad[0] * np.cos(a) - grad[1] * np.sin(a)),)


@pytest.mark.parametrize(
    ("fprop", "bprop", "inputs", "factor"),
    [
        (product, product_wrong, (np.array([[0.5, -2.0]]), np.array([[1.5, 0.5]])), 2),
        (both, both_wrong, (np.array([0.3, 1.2]),), 1.5),
        (both, both_wrong, (np.array(0.3),), 1.5),
    ],
)
def test_the_code_shows_what_the_report_says(fprop, bprop, inputs, factor):
    failure = check(fprop, *inputs, bprop=bprop).failures[0]
    printed = {}
    exec(failure.code, {"print": lambda words, value: printed.setdefault(words.strip(), float(value))})
    assert printed["bprop"] == pytest.approx(failure.analytic, rel=1e-9)
    assert printed["numeric"] == pytest.approx(failure.numeric, rel=1e-4)
    assert printed["bprop"] / printed["numeric"] == pytest.approx(factor, rel=1e-3)


def test_functions_are_imported_written_out_or_named():
    def inner(a):
        return a + 1

    assert definition_of("fprop", np.linalg.norm) == ["from numpy.linalg import norm as fprop"]
    assert definition_of("product", product) == [f"from {__name__} import product"]
    written = definition_of("fprop", inner)
    space = {}
    exec("\n".join(written), space)
    assert space["fprop"](1) == 2
    assert len(definition_of("inner", inner)) == len(written) - 1
    held = 3
    (line,) = definition_of("bprop", lambda a: a + held)
    assert line.startswith("# bprop: your function")
