"""Integers and floats at their edges: through Numba and JAX every ufunc and reduction gives NumPy's numbers."""

import numpy as np
import pytest

import flowgraph as fg

UFUNCS = [f for name in dir(np) if isinstance(f := getattr(np, name), np.ufunc) and f.nout == 1]
OTHERS = (
    np.cumsum, np.cumprod, np.sum, np.prod, np.max, np.min, np.mean, np.argmax, np.argmin, np.any, np.all, np.sinc,
    np.i0, np.sort, np.count_nonzero, np.nan_to_num,
)  # fmt: skip
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


def functions_of(dtype):
    """Boxes of every function that NumPy has for pairs of such numbers, with what NumPy gives, by name."""
    first, second = (part.ravel() for part in np.meshgrid(edges(dtype), edges(dtype)))
    x, y = (fg.Input(name, shape=first.shape, dtype=dtype) for name in "xy")
    found = {}
    for function in (*UFUNCS, *OTHERS):
        two = isinstance(function, np.ufunc) and function.nin == 2
        try:
            with np.errstate(all="ignore"):
                needed = function(first, second) if two else function(first)
            box = function(x, y) if two else function(x)
        except (TypeError, ValueError):  # of what NumPy has not for this dtype
            continue
        if isinstance(box, fg.Box) and function.__name__ not in LEFT_OPEN:
            found[function.__name__] = box, needed
    return found, {"x": first, "y": second}


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("backend", ["numba", "jax"])
def test_every_function_gives_the_numbers_of_numpy(backend, dtype):
    pytest.importorskip(backend)
    functions, feeds = functions_of(np.dtype(dtype))
    step = fg.compile([box for box, _ in functions.values()], backend=backend)
    with np.errstate(all="ignore"):
        values = step({name: feed for name, feed in feeds.items() if name in {leaf.name for leaf in step.graph.inputs}})
    for (name, (_, needed)), value in zip(functions.items(), values, strict=True):
        assert value.dtype == needed.dtype, name
        rough = {2: 2e-3, 4: 1e-5}.get(needed.dtype.itemsize, 1e-10) if needed.dtype.kind == "f" else 0
        np.testing.assert_allclose(value, needed, rtol=rough, atol=rough, err_msg=name)
