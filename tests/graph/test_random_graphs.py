"""Whole graphs drawn by Hypothesis: bprop against central differences, the gradient graph, and torch."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.checking.strategies import graphs


def slope(graph, direction):
    """The directional derivative by central differences with Richardson extrapolation, and its error.

    The error is infinite where the slopes on either side differ: at a kink the differences may agree on their mean.
    """

    def value(step):
        moved = {p: p.value + step * d for p, d in direction.items()}
        return float(graph.fprop(moved))

    right, left = ((value(h) - value(0)) / h for h in (1e-5, -1e-5))
    if abs(right - left) > 1e-2 * (abs(right) + abs(left)):
        return right, np.inf
    row = [(value(h) - value(-h)) / (2 * h) for h in (4e-3, 2e-3, 1e-3, 5e-4)]
    best, error = row[-1], np.inf
    for order in range(1, 4):
        before, row = row, [(4**order * b - a) / (4**order - 1) for a, b in pairwise(row)]
        if abs(row[-1] - before[-1]) < error:
            best, error = row[-1], abs(row[-1] - before[-1])
    return best, error


@given(graphs(), st.integers(0, 100))
def test_bprop_against_central_differences(graph, seed):
    rng = np.random.default_rng(seed)
    direction = {p: np.asarray(rng.normal(size=p.shape)) for p in graph.parameters}
    with fg.debug():
        grads = graph.fprop().bprop(unused="zeros")
    analytic = sum(float(np.sum(grads[p] * d)) for p, d in direction.items())
    numeric, error = slope(graph, direction)
    assume(error <= 1e-6 * (1 + abs(numeric)))  # two values may meet at a kink or a jump inside the steps
    size = sum(float(np.sum(np.abs(grads[p] * d))) for p, d in direction.items())
    assert abs(analytic - numeric) <= 10 * error + 1e-8 * (1 + size), f"{graph}\n{analytic} {numeric} ± {error}"


@given(graphs())
def test_an_update_equals_a_new_run(graph):
    parameter = graph.parameters[0]
    new = parameter.value * 1.25
    with np.errstate(all="ignore"):
        updated, fresh = graph.fprop().update({parameter: new}), graph.fprop({parameter: new})
    for box in graph:
        assert np.array_equal(updated[box], fresh[box], equal_nan=True)


def in_torch(torch, graph, leaves):
    """The value of a graph computed by torch from its leaves, or None where torch has no such function."""
    names = {
        "Add": "add", "Subtract": "sub", "Multiply": "mul", "Divide": "div", "Negative": "neg", "Tanh": "tanh",
        "Sigmoid": "sigmoid", "Exp": "exp", "Exp2": "exp2", "Expm1": "expm1", "Log": "log", "Log1p": "log1p",
        "Log2": "log2", "Log10": "log10", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Sinh": "sinh", "Cosh": "cosh",
        "Arctan": "arctan", "Arcsinh": "arcsinh", "Arctan2": "arctan2", "Hypot": "hypot", "Sqrt": "sqrt",
        "Square": "square", "Reciprocal": "reciprocal", "LogAddExp": "logaddexp", "Power": "pow", "MatMul": "matmul",
        "Arcsin": "arcsin", "Arccos": "arccos", "Arctanh": "arctanh", "Positive": "clone", "Sinc": "sinc",
    }  # fmt: skip
    values = {}
    for box in graph:
        children = [values[child] for child in box.children]
        name = type(box).__name__
        if box in leaves:
            values[box] = leaves[box]
        elif name == "Constant":
            values[box] = torch.tensor(np.array(box.value))
        elif name in ("Sum", "Mean", "LogSumExp"):
            axis = tuple(range(box.children[0].ndim)) if box.axis is None else box.axis
            values[box] = getattr(torch, name.lower())(*children, axis, keepdim=box.keepdims)
        elif name == "Transpose":
            axes = box.axes or tuple(reversed(range(children[0].ndim)))
            values[box] = children[0].permute(axes)
        elif name in names:
            values[box] = getattr(torch, names[name])(*children)
        else:
            return None
    return values[graph.outputs[0]]


@given(graphs())
def test_bprop_against_torch(graph):
    torch = pytest.importorskip("torch", reason="torch is not installed; it is an optional peer")
    leaves = {p: torch.tensor(np.array(p.value), requires_grad=True) for p in graph.parameters}
    value = in_torch(torch, graph, leaves)
    if value is None:
        return
    value.backward()
    grads = graph.fprop().bprop(unused="zeros")
    for parameter, leaf in leaves.items():
        np.testing.assert_allclose(grads[parameter], leaf.grad.numpy(), rtol=1e-9, atol=1e-9)
