"""exp, expm1 and tanh of native plans, held against the same functions in wider arithmetic."""

import importlib.util

import numpy as np
import pytest

import flowgraph as fg
from tests.plan.native_in_python import is_native

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")

ULPS = {"exp": 2, "expm1": 2, "tanh": 3}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 88.7, 88.8, 89.5, -87.4, -103.0, -103.9, -104.5, 709.7, 709.8, -708.5]
EDGES += [-745.0, -745.2, 0.34657, 0.34658, -0.34657, 9.0, 9.1, 19.0, 19.1, 1e30, -1e30, 1e-40, 1e-310, 5e-324]


def of_every_size(dtype):
    """Numbers of every magnitude, and those at the edges."""
    rng = np.random.default_rng(0)
    scales = [1e-30, 1e-8, 1e-4, 1e-2, 0.1, 0.5, 1, 2, 5, 10, 50, 300]
    parts = [scale * rng.normal(size=2000) for scale in scales] + [np.array(EDGES), np.linspace(-2, 2, 4001)]
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_a_few_units_in_the_last_place_and_the_same_at_the_edges(dtype):
    x = fg.Input("x", shape=("N",), dtype=dtype)
    plan = fg.compile([np.exp(x), np.expm1(x), np.tanh(x)], backend="numba")
    given = of_every_size(dtype)
    wide = given.astype(np.longdouble)
    for name, found in zip(ULPS, plan(x=given), strict=True):
        with np.errstate(all="ignore"):
            right = getattr(np, name)(wide)
            rounded = right.astype(dtype)
        finite = np.isfinite(rounded)
        np.testing.assert_array_equal(found[~finite], rounded[~finite], err_msg=name)
        np.testing.assert_array_equal(np.signbit(found[finite]), np.signbit(rounded[finite]), err_msg=name)
        spacing = np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
        errors = np.abs(found[finite] - right[finite]) / spacing
        worst = int(np.argmax(errors))
        assert errors[worst] <= ULPS[name], f"{name}({given[finite][worst]!r}): {float(errors[worst]):.2f} ulp"
    assert is_native(plan)


def test_complex_numbers_have_those_of_numba():
    z = fg.Input("z", shape=(3,), dtype=complex)
    plan = fg.compile([np.exp(z), np.tanh(z)], backend="numba")
    given = np.array([1 + 2j, -0.5j, 3 - 1j])
    for found, right in zip(plan(z=given), (np.exp(given), np.tanh(given)), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-14)
    assert is_native(plan)
