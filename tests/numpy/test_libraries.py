"""Libraries for any array, on boxes: gradients of their calls by differences of the same calls on arrays of NumPy."""

import functools
import importlib
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from flowgraph.functional import grad
from flowgraph.numpy import array_api as xp

X = np.arange(1.0, 13.0).reshape(3, 4) / 7.3
W = np.cos(np.arange(8.0)).reshape(4, 2)


def assert_differentiated(f, on_numpy=None):
    """The gradient of a sum of squares along one direction, against a central difference."""
    on_numpy = on_numpy or f
    direction, step = np.sin(np.arange(12.0) + 1).reshape(3, 4), 1e-6
    found = np.sum(grad(lambda x: xp.sum(f(x) ** 2))(X) * direction)
    ends = [np.sum(on_numpy(X + sign * step * direction) ** 2) for sign in (1, -1)]
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


def of(library):
    return pytest.importorskip(library, reason=f"{library} is not installed: its calls are not made")


EINOPS = {
    "rearrange": lambda e, x: e.rearrange(x, "a (b c) -> b a c", b=2),
    "mean": lambda e, x: e.reduce(x, "a b -> a", "mean"),
    "max": lambda e, x: e.reduce(x, "a b -> b", "max"),
    "repeat": lambda e, x: e.repeat(x, "a b -> a b c", c=3),
    "pack": lambda e, x: e.pack([x, 2 * x], "* b")[0],
}


@pytest.mark.parametrize("name", EINOPS)
def test_einops(name):
    library = of("einops")
    generic = importlib.import_module("einops.array_api")
    assert_differentiated(lambda x: EINOPS[name](generic, x), lambda x: EINOPS[name](library, x))


@pytest.mark.parametrize("wrapped", [False, True], ids=["boxes", "arrays of the standard"])
def test_opt_einsum(wrapped):
    opt_einsum = of("opt_einsum")
    taken = xp.asarray if wrapped else lambda x: x
    assert_differentiated(lambda x: opt_einsum.contract("ij,ik,jl->kl", taken(x), x, W), lambda x: x.T @ x @ W)
    expression = opt_einsum.contract_expression("ij,jk->ik", X.shape, W.shape)
    assert_differentiated(lambda x: expression(taken(x), W), lambda x: x @ W)


EXTRA = {
    "at.set": lambda m, x: m.at(xp.asarray(x) if not isinstance(x, np.ndarray) else x)[0].set(2.0),
    "at.multiply": lambda m, x: m.at(xp.asarray(x) if not isinstance(x, np.ndarray) else x)[:, 1].multiply(2.0),
    "atleast_nd": lambda m, x: m.atleast_nd(x, ndim=3),
    "cov": lambda m, x: m.cov(x),
    "create_diagonal": lambda m, x: m.create_diagonal(x[0]),
    "kron": lambda m, x: m.kron(x, x),
    "pad": lambda m, x: m.pad(x, 2),
    "sinc": lambda m, x: m.sinc(x),
    "apply_where": lambda m, x: m.apply_where(x > 0.9, x, lambda y: y**2, lambda y: 3 * y),
    "partition": lambda m, x: m.partition(x[0], 2),
}


@pytest.mark.parametrize("name", EXTRA)
def test_array_api_extra(name):
    extra = of("array_api_extra")
    assert_differentiated(lambda x: EXTRA[name](extra, x))


AUTORAY = {
    "tanh": lambda do, x: do("tanh", x),
    "sum": lambda do, x: do("sum", x, axis=0),
    "qr": lambda do, x: do("linalg.qr", do("transpose", x)[:3, :2])[1],
    "svd": lambda do, x: do("linalg.svd", x, full_matrices=False)[1],
    "stack": lambda do, x: do("stack", (x, 2 * x)),
    "where": lambda do, x: do("where", x > 0.9, x, x**2),
}


@pytest.mark.parametrize("name", AUTORAY)
def test_autoray(name):
    autoray = of("autoray")
    assert_differentiated(lambda x: AUTORAY[name](functools.partial(autoray.do, like="numpy"), x))


LABELS = {"a": [0, 0, 1], "b": [0.0, 1.0, 2.0, 4.0]}
XARRAY = {
    "sum": lambda m, x: x.sum("a"),
    "mean": lambda m, x: x.mean("b"),
    "std": lambda m, x: x.std("b", ddof=1),
    "max": lambda m, x: x.max("b"),
    "cumsum": lambda m, x: x.cumsum("b"),
    "sel": lambda m, x: x.sel(b=2.0),
    "isel": lambda m, x: x.isel(a=[2, 0]),
    "an array beside it": lambda m, x: x * m.DataArray(W[:, 0], dims="b"),
    "dot": lambda m, x: m.dot(x, m.DataArray(W[:, 0], dims="b")),
    "transpose": lambda m, x: x.transpose("b", "a") + x.isel(a=0),
    "where": lambda m, x: x.where(x > 0.9, 0.0),
    "concat": lambda m, x: m.concat([x, 2 * x], "a"),
    "diff": lambda m, x: x.diff("b"),
    "shift": lambda m, x: x.shift(b=1, fill_value=0.0),
    "stack": lambda m, x: x.stack(z=("a", "b")),
    "groupby": lambda m, x: x.groupby("a").mean(),
    "integrate": lambda m, x: x.integrate("b"),
    "weighted": lambda m, x: x.weighted(m.DataArray(X[0], dims="b")).mean("b"),
    "Dataset": lambda m, x: m.Dataset({"u": x, "v": x**2}).mean("a")["v"],
}


@pytest.mark.filterwarnings("ignore")  # of what pandas and xarray will change
@pytest.mark.parametrize("name", XARRAY)
def test_xarray(name):
    """A DataArray holds a box as its data; jax.grad gives the same gradient of the same call."""
    xarray, jax = of("xarray"), of("jax")

    def f(x):
        return XARRAY[name](xarray, xarray.DataArray(x, LABELS, ("a", "b"))).data

    assert_differentiated(f)
    with jax.enable_x64(True):
        by_jax = jax.grad(lambda x: jax.numpy.sum(f(x) ** 2))(X)
    np.testing.assert_allclose(grad(lambda x: xp.sum(f(x) ** 2))(X), by_jax, rtol=1e-12)


SKLEARN = """
import warnings

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, pairwise, r2_score
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize

from flowgraph.functional import grad
from flowgraph.numpy import array_api

warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(8, 3))
Y = X[:4] + 0.5
CALLS = {
    "euclidean_distances": lambda xp, x: pairwise.euclidean_distances(x, xp.asarray(Y)),
    "rbf_kernel": lambda xp, x: pairwise.rbf_kernel(x),
    "cosine_similarity": lambda xp, x: pairwise.cosine_similarity(x),
    "polynomial_kernel": lambda xp, x: pairwise.polynomial_kernel(x),
    "Ridge": lambda xp, x: Ridge(solver="svd").fit(xp.asarray(X**2), x[:, 0]).coef_,
    "PCA": lambda xp, x: PCA(2, svd_solver="full").fit(x).explained_variance_,
    "MinMaxScaler": lambda xp, x: MinMaxScaler().fit_transform(x),
    "StandardScaler": lambda xp, x: StandardScaler().fit_transform(x),
    "normalize": lambda xp, x: normalize(x),
    "mean_squared_error": lambda xp, x: mean_squared_error(xp.asarray(X**2), x, multioutput="raw_values"),
    "r2_score": lambda xp, x: r2_score(xp.asarray(X**2), x, multioutput="raw_values"),
}
with sklearn.config_context(array_api_dispatch=True):
    for name, call in CALLS.items():
        direction = np.sin(np.arange(24.0) + 1).reshape(8, 3)
        found = np.sum(grad(lambda x: array_api.sum(call(array_api, array_api.asarray(x)) ** 3))(X) * direction)
        ends = [np.sum(call(np, X + step * direction) ** 3) for step in (1e-6, -1e-6)]
        needed = (ends[0] - ends[1]) / 2e-6
        print(name, "right" if abs(found - needed) < 1e-6 * (1 + abs(needed)) else f"wrong: {found}, needs {needed}")
"""


def test_scikit_learn():
    """By a process of its own: SciPy, which scikit-learn asks, reads the variable when it is imported."""
    of("sklearn")
    if importlib.util.find_spec("sklearn.externals.array_api_compat") is None:  # which it brings since 1.7
        of("array_api_compat")
    ran = subprocess.run(
        [sys.executable, "-c", SKLEARN], capture_output=True, text=True, check=False,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert [line for line in ran.stdout.splitlines() if not line.endswith(" right")] == []
    assert len(ran.stdout.splitlines()) == 11
