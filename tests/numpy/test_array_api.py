"""The array API standard: each function of the namespace against NumPy's, and what is asked of a box."""

import operator
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import DtypeError, FlowgraphError, ShapeError, UnsupportedError, UsageError
from flowgraph.functional import grad, jacobian, value_and_grad, vmap
from flowgraph.numpy import array_api as xp
from tests.releases import is_older

UNARY = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_invert", "ceil", "conj", "cos", "cosh",
    "exp", "expm1", "floor", "imag", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "logical_not",
    "negative", "positive", "real", "reciprocal", "round", "sign", "signbit", "sin", "sinh", "sqrt", "square",
    "tan", "tanh", "trunc",
]  # fmt: skip
BINARY = [
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "copysign", "divide", "equal", "floor_divide", "greater", "greater_equal", "hypot", "less", "less_equal",
    "logaddexp", "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "nextafter",
    "not_equal", "pow", "remainder", "subtract",
]  # fmt: skip
REDUCED = [
    "all", "any", "argmax", "argmin", "count_nonzero", "cumulative_prod", "cumulative_sum", "max", "mean", "min",
    "prod", "std", "sum", "var",
]  # fmt: skip

FOURIER = [
    "fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fftn", "ifftn", "rfftn", "irfftn", "fftshift", "ifftshift",
]  # fmt: skip


def axis_of(rng, a):
    """An axis of an array, from the front or from the back."""
    return int(rng.integers(-a.ndim, a.ndim))


def of_axis(name, **keywords):
    """A call along an axis that is drawn."""
    return lambda xp, rng, a, b, *_: getattr(xp, name)(a, axis=axis_of(rng, a), **keywords)


CALLS = {
    **{name: lambda xp, rng, a, *_, name=name: getattr(xp, name)(a) for name in UNARY},
    **{name: lambda xp, rng, a, b, *_, name=name: getattr(xp, name)(a, b) for name in BINARY},
    **{name: of_axis(name) for name in REDUCED},
    **{f"{name}, keepdims": of_axis(name, keepdims=True) for name in ("all", "max", "mean", "sum", "var", "argmax")},
    "argsort": of_axis("argsort", stable=True),
    "astype": lambda xp, rng, a, *_: xp.astype(a, xp.float32),
    "broadcast_arrays": lambda xp, rng, a, b, *_: xp.broadcast_arrays(a, b),
    "broadcast_to": lambda xp, rng, a, *_: xp.broadcast_to(a, (2, *a.shape)),
    "clip": lambda xp, rng, a, b, *_: xp.clip(a, b, b + 1),
    "concat": lambda xp, rng, a, b, *_: xp.concat([a, a], axis=axis_of(rng, a)),
    "concat, flat": lambda xp, rng, a, b, *_: xp.concat([a, b], axis=None),
    "diff": of_axis("diff"),
    "expand_dims": lambda xp, rng, a, *_: xp.expand_dims(a, axis=axis_of(rng, a)),
    "flip": of_axis("flip"),
    "isin": lambda xp, rng, a, b, *_: xp.isin(a, b),
    "matmul": lambda xp, rng, a, b, m, *_: xp.matmul(m, xp.matrix_transpose(m)),
    "matrix_transpose": lambda xp, rng, a, b, m, *_: xp.matrix_transpose(m),
    "meshgrid": lambda xp, rng, a, b, *_: xp.meshgrid(xp.reshape(a, (-1,)), xp.reshape(b, (-1,)), indexing="ij"),
    "moveaxis": lambda xp, rng, a, *_: xp.moveaxis(a, axis_of(rng, a), 0),
    "nonzero": lambda xp, rng, a, *_: xp.nonzero(a),
    "permute_dims": lambda xp, rng, a, *_: xp.permute_dims(a, tuple(int(i) for i in rng.permutation(a.ndim))),
    "repeat": lambda xp, rng, a, *_: xp.repeat(a, 2, axis=axis_of(rng, a)),
    "reshape": lambda xp, rng, a, *_: xp.reshape(a, (-1,)),
    "roll": lambda xp, rng, a, *_: xp.roll(a, 2, axis=axis_of(rng, a)),
    "searchsorted": lambda xp, rng, a, b, *_: xp.searchsorted(xp.sort(xp.reshape(a, (-1,))), b),
    "sort": of_axis("sort"),
    "squeeze": lambda xp, rng, a, *_: xp.squeeze(a[None], axis=0),
    "stack": lambda xp, rng, a, *_: xp.stack([a, a + a], axis=axis_of(rng, a)),
    "take": lambda xp, rng, a, *_: xp.take(a, xp.asarray([0, -1, 0]), axis=axis_of(rng, a)),
    "take_along_axis": lambda xp, rng, a, *_: xp.take_along_axis(a, xp.argsort(a, axis=-1, stable=True), axis=-1),
    "tensordot": lambda xp, rng, a, *_: xp.tensordot(a, a, axes=a.ndim),
    "tile": lambda xp, rng, a, *_: xp.tile(a, (2, 1)),
    "tril": lambda xp, rng, a, b, m, *_: xp.tril(m, k=int(rng.integers(-1, 2))),
    "triu": lambda xp, rng, a, b, m, *_: xp.triu(m),
    "unstack": lambda xp, rng, a, *_: xp.unstack(a, axis=axis_of(rng, a)),
    "unique_all": lambda xp, rng, a, *_: tuple(xp.unique_all(a)),
    "unique_counts": lambda xp, rng, a, *_: tuple(xp.unique_counts(a)),
    "unique_inverse": lambda xp, rng, a, *_: tuple(xp.unique_inverse(a)),
    "unique_values": lambda xp, rng, a, *_: xp.sort(xp.unique_values(a)),
    "vecdot": lambda xp, rng, a, *_: xp.vecdot(a, a),
    "where": lambda xp, rng, a, b, *_: xp.where(a > b, a, b),
    "empty_like": lambda xp, rng, a, *_: xp.zeros_like(xp.empty_like(a)),
    "full_like": lambda xp, rng, a, *_: xp.full_like(a, 2),
    "ones_like": lambda xp, rng, a, *_: xp.ones_like(a, dtype=xp.float32),
    "zeros_like": lambda xp, rng, a, *_: xp.zeros_like(a),
    "arange": lambda xp, rng, *_: xp.arange(1, 7, 2),
    "asarray": lambda xp, rng, a, *_: xp.asarray([1, 2.5], dtype=xp.float32),
    "asarray, of arrays": lambda xp, rng, a, *_: xp.asarray(a, dtype=xp.float64, copy=True),
    "empty": lambda xp, rng, *_: xp.zeros_like(xp.empty((2, 3))),
    "eye": lambda xp, rng, *_: xp.eye(3, 4, k=1),
    "from_dlpack": lambda xp, rng, *_: xp.from_dlpack(np.arange(3.0)),
    "full": lambda xp, rng, *_: xp.full((2, 3), 1.5),
    "linspace": lambda xp, rng, *_: xp.linspace(0.0, 2.0, 5, endpoint=False),
    "ones": lambda xp, rng, *_: xp.ones(3, dtype=xp.int64),
    "zeros": lambda xp, rng, *_: xp.zeros((2, 0)),
    "can_cast": lambda xp, rng, a, *_: np.asarray(xp.can_cast(a.dtype, xp.float64)),
    "isdtype": lambda xp, rng, a, *_: np.asarray(xp.isdtype(a.dtype, "real floating")),
    "result_type": lambda xp, rng, a, b, *_: xp.zeros(1, dtype=xp.result_type(a, b, 1.0)),
    "finfo": lambda xp, rng, a, *_: np.asarray(xp.finfo(xp.float32).eps),
    "linalg.cholesky": lambda xp, rng, a, b, m, s: xp.linalg.cholesky(s),
    "linalg.cross": lambda xp, rng, a, b, m, s: xp.linalg.cross(s, 2 * s + 1),
    "linalg.det": lambda xp, rng, a, b, m, s: xp.linalg.det(s),
    "linalg.diagonal": lambda xp, rng, a, b, m, s: xp.linalg.diagonal(m),
    "linalg.eigvalsh": lambda xp, rng, a, b, m, s: xp.linalg.eigvalsh(s),
    "linalg.inv": lambda xp, rng, a, b, m, s: xp.linalg.inv(s),
    "linalg.matmul": lambda xp, rng, a, b, m, s: xp.linalg.matmul(s, s),
    "linalg.matrix_norm": lambda xp, rng, a, b, m, s: xp.linalg.matrix_norm(m),
    "linalg.matrix_power": lambda xp, rng, a, b, m, s: xp.linalg.matrix_power(s, 3),
    "linalg.outer": lambda xp, rng, a, b, m, s: xp.linalg.outer(s[0], m[0]),
    "linalg.slogdet": lambda xp, rng, a, b, m, s: tuple(xp.linalg.slogdet(s)),
    "linalg.solve": lambda xp, rng, a, b, m, s: xp.linalg.solve(s, s[0]),
    "linalg.svdvals": lambda xp, rng, a, b, m, s: xp.linalg.svdvals(m),
    "linalg.trace": lambda xp, rng, a, b, m, s: xp.linalg.trace(m),
    "linalg.vector_norm": lambda xp, rng, a, b, m, s: xp.linalg.vector_norm(m, axis=-1),
    **{f"fft.{name}": lambda xp, rng, a, *_, name=name: getattr(xp.fft, name)(a) for name in FOURIER},
    "fft.fftfreq": lambda xp, rng, *_: xp.fft.fftfreq(5, d=0.5),
    "fft.rfftfreq": lambda xp, rng, *_: xp.fft.rfftfreq(5, d=0.5),
}
"""A call of each function of the standard, of arrays a and b that broadcast, a matrix m and a square one s."""

OF_WHOLE = {"bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor"}
"""Functions of whole numbers and booleans alone."""


def arrays_of(rng, whole):
    """The arrays of a call: of one of NumPy's dtypes, of up to three axes."""
    dtype = rng.choice(["i8", "i4", "?"] if whole else ["f8", "f8", "f4", "i8"])
    shape = tuple(int(n) for n in rng.integers(1, 4, size=rng.integers(1, 4)))
    a, b = rng.uniform(-2, 2, shape), rng.uniform(-2, 2, shape[-1:] if rng.integers(2) else shape)
    a, b = (np.abs(x) * 2 if whole else x for x in (a, b))
    m, s = rng.uniform(-1, 1, (2, 3)), rng.uniform(-0.3, 0.3, (3, 3))
    s = s + s.T + 2 * np.eye(3)
    return *(x.astype(dtype) for x in (a, b)), m, s


def in_a_call(f, *arrays):
    """What a function returns in a call, of arrays that are not differentiated: arrays of NumPy."""
    kept = []

    def call(x):
        kept.append(numbers(f(*map(xp.asarray, arrays))))
        return np.sum(x)

    grad(call)(1.0)
    return kept[0]


def numbers(result):
    """A result with arrays of NumPy in place of arrays of the standard, which it must have wherever there is one."""
    if isinstance(result, list | tuple):
        return [numbers(part) for part in result]
    assert isinstance(result, xp.StandardArray | np.ndarray), type(result)
    return np.asarray(result)


def assert_same(found, needed):
    """The same values, shapes and dtypes, in lists too."""
    if isinstance(needed, list | tuple):
        assert len(found) == len(needed)
        for one, other in zip(found, needed, strict=True):
            assert_same(one, other)
        return
    needed = np.asarray(needed)
    assert (found.shape, found.dtype) == (needed.shape, needed.dtype)
    np.testing.assert_allclose(found, needed, rtol=1e-5 if needed.dtype.itemsize <= 4 else 1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_function_of_the_standard_gives_what_numpy_gives(name, seed):
    arrays = arrays_of(np.random.default_rng(seed), name in OF_WHOLE)
    call = CALLS[name]
    with np.errstate(all="ignore"):
        try:
            needed = call(np, np.random.default_rng(seed), *arrays)
        except (TypeError, ValueError, np.linalg.LinAlgError):
            with pytest.raises((TypeError, ValueError, FlowgraphError)):
                in_a_call(lambda *a: call(xp, np.random.default_rng(seed), *a), *arrays)
            return
        found = in_a_call(lambda *a: call(xp, np.random.default_rng(seed), *a), *arrays)
    assert_same(found, needed)


OPERATORS = [
    "add", "and_", "eq", "floordiv", "ge", "gt", "le", "lshift", "lt", "matmul", "mod", "mul", "ne", "or_", "pow",
    "rshift", "sub", "truediv", "xor",
]  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("side", ["array, array", "array, number", "number, array", "box, array", "numpy, array"])
def test_an_operator_of_the_standard_gives_what_numpy_gives(name, side):
    of_whole = name in ("and_", "lshift", "or_", "rshift", "xor")
    a, b = (np.array([3, 1, 2]), np.array([1, 2, 5])) if of_whole else (np.array([0.5, 2, 3]), np.array([2.0, 2, 1.5]))
    number = 2 if of_whole else 2.5
    f = getattr(operator, name)
    if name == "matmul" and "number" in side:
        return
    needed = f(number if side == "number, array" else a, number if side == "array, number" else b)

    def call(one, other):
        made = {"number": number, "box": np.positive(one.box), "numpy": a}
        left, right = side.split(", ")
        return xp.asarray(f(made.get(left, one), made.get(right, other)))

    assert_same(in_a_call(call, a, b), needed)
    if not of_whole and name not in ("eq", "ge", "gt", "le", "lt", "ne", "floordiv"):
        assert np.all(np.isfinite(grad(lambda x: xp.sum(f(xp.asarray(x), xp.asarray(b))))(a)))


def test_an_array_of_the_standard_is_assigned_to_and_its_box_is_not():
    def f(x):
        h = xp.asarray(x, copy=True)
        again, same = xp.asarray(h, copy=True), xp.asarray(h)
        h[0] = 10.0
        h[h < 2.5] = x[2]
        h += 1.0
        h *= h
        assert same is h
        assert [float(number) for number in np.asarray(fg.stop_gradient(again.box))] == [1, 2, 3]
        assert (h.device, h.to_device("cpu").shape) == ("cpu", (3,))
        return xp.sum(h)

    value, slope = value_and_grad(f)(np.array([1.0, 2.0, 3.0]))
    assert value == 11**2 + 4**2 + 4**2
    assert slope.tolist() == [0, 0, 16]


@pytest.mark.parametrize(
    ("write", "error", "text"),
    [
        (lambda x: operator.setitem(x, 0, xp.asarray(1j)), DtypeError, "found a value of dtype complex128"),
        (lambda x: operator.iadd(x, xp.asarray([[1.0, 2.0]])), ShapeError, r"found the shape \(1, 2\)"),
        (lambda x: operator.iadd(xp.astype(x, xp.int64), 0.5), DtypeError, "found float64 for an array of dtype int64"),
        (lambda x: np.add(np.ones(2), x, out=np.ones(2)), UsageError, "found a ndarray, needs an array of this"),
        (lambda x: xp.asarray(x, device="gpu"), UsageError, "found device='gpu'"),
        (lambda x: xp.asarray([1.0], copy=False), ValueError, "found copy=False"),
        (lambda x: x.to_device("cuda"), UsageError, r"found to_device\('cuda'\), but boxes .* backend='jax'"),
        (lambda x: np.from_dlpack(x), UsageError, r"__dlpack(_device)?__\(\) of a box"),
        (lambda x: x.box.__dlpack__(), UsageError, r"__dlpack__\(\) of a box"),
        (lambda x: x.__array_namespace__(api_version="1999.12"), ValueError, "found api_version='1999.12'"),
        (lambda x: xp.nothing, AttributeError, "nothing"),
        (lambda x: xp.special.nothing, AttributeError, "nothing"),
        (lambda x: xp.special.shichi, AttributeError, "no box stands for shichi"),
        (lambda x: xp.special._private, AttributeError, "_private"),
        (lambda x: xp.packbits(x), UnsupportedError, "packbits"),
    ],
)
def test_what_cannot_be_written_or_moved_is_refused(write, error, text):
    with pytest.raises(error, match=text):
        grad(lambda x: write(xp.asarray(x, copy=True)))(np.array([1.0, 2.0]))


def test_what_is_sorted_the_other_way_keeps_the_order_of_equal_elements():
    a = np.array([[2.0, 1, 2, 3, 1], [0.0, 5, 5, 0, 5]])
    order = in_a_call(lambda x: xp.argsort(x, descending=True), a)
    assert order.tolist() == [[3, 0, 2, 1, 4], [1, 2, 4, 0, 3]]
    many = np.arange(100) % 2
    assert in_a_call(lambda x: xp.argsort(x), many).tolist() == np.argsort(many, kind="stable").tolist()
    weights = np.arange(10.0).reshape(2, 5)
    slopes = grad(lambda x: xp.sum(xp.sort(x, axis=1, descending=True) * xp.asarray(weights)))(a[:, ::-1])
    for row, slope, weight in zip(a[:, ::-1], slopes, weights, strict=True):
        assert np.array_equal(np.sort(slope), weight)
        assert np.sum(slope * row) == np.sum(weight * np.sort(row)[::-1])


def test_a_setting_may_be_an_array_whose_numbers_are_known():
    def f(x):
        times = xp.asarray([1, 2, 3])
        return xp.sum(xp.repeat(xp.asarray(x), times))

    assert grad(f)(np.array([1.0, 2.0, 3.0])).tolist() == [1, 2, 3]
    assert in_a_call(lambda x: xp.clip(x, 1.0, max=2.0), np.array([0.0, 3.0])).tolist() == [1, 2]
    assert in_a_call(lambda x: xp.fft.fftfreq(4, d=0.5, dtype=xp.float32) + x, np.float32(0)).dtype == np.float32
    assert xp.can_cast(xp.bool, xp.float64)
    assert not xp.can_cast(xp.asarray([1.0]), xp.int64)


def test_numbers_go_to_other_libraries_where_no_gradient_is_lost():
    def f(x):
        known = xp.asarray([1.5, 2.5])
        assert np.from_dlpack(known).tolist() == [1.5, 2.5]
        assert known.__dlpack_device__() == np.ones(1).__dlpack_device__()
        assert complex(xp.asarray(2 + 1j)) == 2 + 1j
        with pytest.raises(UsageError, match=r"complex\(\) of a box, which is differentiated"):
            complex(xp.asarray(x))
        return xp.asarray(x)

    assert grad(f)(2.0) == 1


def test_a_function_without_a_box_has_numbers_where_nothing_is_differentiated():
    packed = in_a_call(lambda x: xp.packbits(x), np.array([1, 0, 1]))
    assert packed.tolist() == [0b10100000]


def test_the_namespace_says_what_it_has():
    info = xp.__array_namespace_info__()
    assert ([*info.devices()], info.default_device()) == (["cpu"], "cpu")
    assert info.capabilities()["boolean indexing"]
    assert info.dtypes(kind="real floating").keys() == {"float32", "float64"}
    assert info.default_dtypes()["real floating"] == np.float64
    box = fg.Input("x", shape=(2, 3))
    assert box.__array_namespace__() is box.__array_namespace__(api_version="2024.12") is xp
    assert xp.asarray(box).__array_namespace__() is xp
    assert {"asarray", "sum", "linalg"} <= set(dir(xp))
    assert (box.device, box.to_device("cpu"), box.mT.shape) == ("cpu", box, (3, 2))


def test_the_namespace_builds_a_graph_of_boxes():
    x = fg.Input("x", shape=("N", 3))
    h = xp.sum(xp.asarray(x) ** 2, axis=0)
    assert isinstance(h, xp.StandardArray)
    assert "Sum" in repr(h)
    assert [fg.Graph(fg.sum(part.box)).fprop(x=np.ones((2, 3))).outputs[0] for part in h] == [2, 2, 2]
    assert fg.Graph(fg.sum(h)).fprop(x=np.ones((2, 3))).outputs[0] == 6
    assert fg.Graph(fg.mean(fg.set_at(x, 0, h))).fprop(x=np.ones((2, 3))).outputs[0] == 1.5


def test_an_array_of_the_standard_stands_for_its_box_in_every_derivative():
    def f(x):
        h = xp.asarray(x)
        return {"a": xp.stack([h[0] * h[1], h[1] ** 2])}

    x = np.array([2.0, 3.0])
    needed = np.array([[3.0, 2.0], [0.0, 6.0]])
    assert np.array_equal(jacobian(lambda x: f(x)["a"])(x), needed)
    assert np.array_equal(vmap(lambda x: f(x)["a"])(np.stack([x, 2 * x])), [[6, 9], [24, 36]])
    assert np.array_equal(grad(lambda x: np.sum(np.stack(list(f(x)["a"]))))(x), needed.sum(axis=0))
    inner = grad(lambda y: grad(lambda z: xp.sum(xp.asarray(z) ** 3))(xp.asarray(y))[0])
    assert np.array_equal(inner(x), [12, 0])


def test_functions_of_scipy_special_that_are_made_of_boxes():
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed: its values are not known")
    x = np.array([0.3, 1.2, 4.0])
    for name, arguments in (("fdtr", (3.0, 5.0)), ("fdtrc", (3.0, 5.0)), ("sinc", ())):
        found = in_a_call(lambda x, name=name, first=arguments: getattr(xp.special, name)(*first, x), x)
        np.testing.assert_allclose(found, getattr(special, name)(*arguments, x), rtol=1e-13)
    np.testing.assert_allclose(
        in_a_call(lambda x: xp.special.multigammaln(x, 2), x + 1), [special.multigammaln(one, 2) for one in x + 1]
    )


SCIPY = """
from benchmarks import scipy_calls
scipy_calls.main()
"""


def test_calls_of_scipy_are_differentiated_mapped_and_compiled():
    scipy = pytest.importorskip("scipy", reason="SciPy is not installed: its calls are not made")
    if is_older("scipy", "1.18"):
        pytest.skip(
            f"SciPy {scipy.__version__} takes fewer arrays of the standard than 1.18, for which these are counted"
        )
    command = [sys.executable, "-c", SCIPY, "--library", "flowgraph", "--verbose"]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "SCIPY_ARRAY_API": "1"}
    )
    assert ran.returncode == 0, ran.stderr
    *calls, of_grad, of_vmap, of_jit = ran.stdout.splitlines()
    assert "wrong" not in "".join(calls), ran.stdout
    assert of_grad == "flowgraph: 124 of 146 differentiated, 0 wrong"
    assert of_vmap == "flowgraph: 119 of 146 mapped over rows, 0 wrong"
    assert of_jit == "flowgraph: 75 of 146 compiled, 0 wrong"
