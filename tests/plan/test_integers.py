"""Integers and floats at their edges: on every back end each ufunc, product and reduction gives NumPy's numbers."""

import contextlib
import itertools

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan.javascript.node import node_program
from tests.registry import unregister

UFUNCS = [f for name in dir(np) if isinstance(f := getattr(np, name), np.ufunc) and f.nout == 1]
OTHERS = (
    np.cumsum, np.cumprod, np.sum, np.prod, np.max, np.min, np.mean, np.argmax, np.argmin, np.any, np.all, np.sinc,
    np.i0, np.sort, np.count_nonzero, np.nan_to_num,
)  # fmt: skip
PRODUCTS = (
    np.dot, np.inner, np.outer, np.vdot, np.kron, np.convolve, np.correlate,
    lambda x, y: x[:, None] @ y[None], lambda x, y: x @ y,
    lambda x, y: np.einsum("i,i->", x, y), lambda x, y: np.einsum("i,j->ij", x, y), lambda x, y: np.tensordot(x, y, 0),
    lambda x, y: x[None] @ np.stack([y, x], 1) + y[:2], lambda x, y: x * y * x - y, lambda x, y: x + y - x,
    lambda x, y: x**2, lambda x, y: x**3, lambda x, y: x**5 * y, lambda x, y: np.where(x > y, x * y, x) + y,
)  # fmt: skip
"""Functions of two vectors."""

LEFT_OPEN = ("ldexp", "left_shift", "right_shift")
"""What C leaves open for some of the numbers here: exponents and shifts of more than the width."""


def edges(dtype):
    """Numbers of a dtype at which rules end: zeros, ones, both signs, the ends of its range."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "f":
        return np.array([0.0, -0.0, 1, -1, 2.5, -2.5, 0.3, -7, np.inf, -np.inf, np.nan], dtype)
    info = np.iinfo(dtype)
    return np.unique(
        np.array([0, 1, 2, 3, 7, info.max, info.max - 1, info.max // 2 + 1, info.min, -(info.min < 0)], dtype)
    )


def functions_of(numbers, *others):
    """Boxes of every function that NumPy has for pairs of such numbers, with NumPy's values, and the pairs."""
    first, second = (part.ravel() for part in np.meshgrid(numbers, numbers)) if not others else (numbers, *others)
    dtype = first.dtype
    x, y = (fg.Input(name, shape=first.shape, dtype=dtype) for name in "xy")
    found = {}
    for number, function in enumerate((*UFUNCS, *OTHERS, *(PRODUCTS if dtype.kind in "iub" else ()))):
        two = function.nin == 2 if isinstance(function, np.ufunc) else function in PRODUCTS
        try:
            with np.errstate(all="ignore"):
                needed = function(first, second) if two else function(first)
            box = function(x, y) if two else function(x)
        except (TypeError, ValueError):  # of what NumPy has not for this dtype
            continue
        if isinstance(box, fg.Box) and function.__name__ not in LEFT_OPEN:
            found[f"{function.__name__} {number}"] = box, needed
    return found, {"x": first, "y": second}


@unregister
class InSteps(fg.Elementwise):
    """Steps in one fprop whose order shows where each keeps to its dtype."""

    def fprop(self, a, b):
        return (a * a + b) // 3 - np.maximum(a + b, a) // 2

    def bprop(self, grad, h, a, b):
        return grad, grad


@pytest.mark.skipif(node_program() is None, reason="found no Node.js, which runs the modules")
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4"])
def test_each_step_inside_of_a_box_keeps_to_its_dtype_in_javascript(dtype):
    x, y = (fg.Input(name, shape=("N",), dtype=np.dtype(dtype)) for name in "xy")
    feeds = {name: part.ravel() for name, part in zip("xy", np.meshgrid(*[edges(np.dtype(dtype))] * 2), strict=True)}
    graph = fg.Graph(InSteps(x, y))
    found = fg.compile(graph.outputs[0], backend="javascript")(feeds)
    np.testing.assert_array_equal(found, graph.fprop(feeds).outputs[0])


def written_in_javascript(functions):
    """Those of the functions that JavaScript has; C leaves the reciprocal of 0 open too."""
    written = {}
    for name, (box, needed) in functions.items():
        if name.startswith("reciprocal"):
            continue
        with contextlib.suppress(PlanError):
            _ = fg.compile(box, backend="javascript").source
            written[name] = box, needed
    return written


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(
    ("backend", "dtype"),
    [
        *itertools.product(["numba", "jax"], ["?", "i1", "u1", "i2", "i4", "u4", "i8", "u8", "f4", "f8"]),
        *itertools.product(["javascript"], ["?", "i1", "u1", "i2", "u2", "i4", "u4"]),
    ],
)
def test_every_function_gives_the_numbers_of_numpy(backend, dtype):
    functions, feeds = functions_of(edges(np.dtype(dtype)))
    if backend != "javascript":
        pytest.importorskip(backend)
    elif node_program() is None:
        pytest.skip("found no Node.js, which runs the modules")
    else:
        functions = written_in_javascript(functions)
        assert len(functions) > 60
    step = fg.compile([box for box, _ in functions.values()], backend=backend)
    with np.errstate(all="ignore"):
        values = step({name: feed for name, feed in feeds.items() if name in {leaf.name for leaf in step.graph.inputs}})
    for (name, (_, needed)), value in zip(functions.items(), values, strict=True):
        assert value.dtype == needed.dtype, name
        rough = {2: 2e-3, 4: 1e-5}.get(needed.dtype.itemsize, 1e-10) if needed.dtype.kind == "f" else 0
        np.testing.assert_allclose(value, needed, rtol=rough, atol=rough, err_msg=name)


@pytest.mark.skipif(node_program() is None, reason="found no Node.js, which runs the modules")
@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_64_bits_in_javascript_give_the_numbers_of_numpy_or_an_error(dtype):
    """Every function of three numbers each, up to 2**53, in all intermediate results."""
    rng, right = np.random.default_rng(0), 0
    ends = np.array(
        [0, 1, 2, 3, 7, 2**26, 2**31, 2**52, 2**53 - 1, *([-1, -2, 1 - 2**53] if dtype == "i8" else [])], dtype
    )
    beyond_and_back = np.array([2**53 - 1, 2, -5 if dtype == "i8" else 0]).astype(dtype)  # as a sum
    for pair in ([beyond_and_back] * 2, *rng.choice(ends, (3, 2, 3))):
        functions, feeds = functions_of(*pair)
        for name, (box, needed) in functions.items():
            plan = fg.compile(box, backend="javascript")
            with contextlib.suppress(PlanError):
                found = plan({leaf: feeds[leaf.name] for leaf in plan.graph.inputs})
                rough = 1e-10 if needed.dtype.kind == "f" else 0
                np.testing.assert_allclose(found, needed, rtol=rough, atol=rough, err_msg=f"{name} of {feeds}")
                right += 1
    assert right > 100
