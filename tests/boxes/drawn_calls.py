"""Random calls of every function that boxes understand: small arrays of any shape and dtype, right and wrong."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np

DTYPES = (np.float64, np.float64, np.float32, np.float16, np.int64, np.int8, np.uint8, np.bool_, np.complex128)
SHAPES = ((), (1,), (0,), (3,), (4,), (2, 3), (3, 3), (0, 2), (2, 0), (1, 1), (2, 1, 3), (1, 3), (2, 2, 2))
NUMBERS = (-1, 0, 1, 2, 3, -7, 300, 2.5, -0.5, 0.0, True, np.float32(1.5), np.int8(3), 1e10, np.nan)

Call = tuple[list[Any], dict[str, Any]]


class Draw(random.Random):
    """Arrays and arguments of a call."""

    def array(self, shape: Any = None, dtype: Any = None) -> np.ndarray:
        """Normal numbers, whole ones twice as often equal."""
        shape = self.choice(SHAPES) if shape is None else shape
        dtype = np.dtype(self.choice(DTYPES) if dtype is None else dtype)
        values: Any = np.asarray(np.random.default_rng(self.randrange(2**32)).normal(size=shape)) * 2
        if dtype.kind == "c":
            values = values + 1j * values[..., ::-1] if values.ndim else values * (1 + 1j)
        return np.asarray(np.abs(values) if dtype.kind == "u" else values > 0 if dtype.kind == "b" else values).astype(
            dtype
        )

    def axis(self, ndim: int) -> Any:
        """An axis or several, seldom one that does not exist."""
        usual = [None, 0, -1, ndim - 1, 1]
        return self.choice(usual if self.random() < 0.8 else [-ndim, ndim, (0,), (), (0, 1), (0, -1), (1, 0)])

    def one_axis(self, ndim: int) -> int:
        """One axis, seldom one that does not exist."""
        return self.choice([0, -1, ndim - 1, 0, -1, 1, -2])

    def places(self, size: int) -> np.ndarray:
        """Whole numbers from -size up to size, seldom beyond."""
        high = max(size, 1) + (self.random() < 0.1)
        return np.array([self.randrange(-max(size, 1), high) for _ in range(self.randrange(4))], int)

    def maybe(self, **options: Any) -> dict[str, Any]:
        """Some of these arguments, each drawn from its options."""
        return {name: self.choice(values) for name, values in options.items() if self.random() < 0.4}


def call_of(name: str, function: Any, r: Draw) -> Call:
    """Arguments for a call of a function of this name."""
    if name in CALLS:
        return CALLS[name](r)
    if name.startswith("scipy.special"):  # whose dtypes of whole numbers differ from release to release
        dtype = r.choice([np.float64, np.float32])
        shape = r.choice(SHAPES)
        return [r.array(shape, dtype) for _ in range(getattr(function, "nin", 1))], {}
    if isinstance(function, np.ufunc):
        return _of_ufunc(function, r)
    return _of_one_array(function, r)


def with_other_axes(call: Call, r: Draw) -> Call:
    """The same call with more axes, or fewer, of some of its arrays."""

    def changed(one: Any) -> Any:
        if not isinstance(one, np.ndarray) or r.random() < 0.4:
            return one
        ways = [np.stack([one] * r.randrange(1, 4)), np.stack([one, one]), one[None]]
        if one.ndim:
            ways += [one[..., None], one[0] if len(one) else one]
        return r.choice(ways)

    arguments, given = call
    return [changed(one) for one in arguments], {name: changed(one) for name, one in given.items()}


def by_position(function: Any, arguments: list[Any], given: dict[str, Any]) -> Call:
    """The same call with its keywords by their positions, as far as there are any."""
    try:
        parameters = [*inspect.signature(function).parameters.values()][len(arguments) :]
    except ValueError:  # before NumPy 2.4 some functions of C told no signature
        return arguments, given
    while given and parameters and parameters[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        one, *parameters = parameters
        if one.name not in given and one.default is np._NoValue:
            break  # which nobody can write
        arguments = [*arguments, given.pop(one.name, one.default)]
    return arguments, given


def _of_ufunc(function: np.ufunc, r: Draw) -> Call:
    a = r.array()
    if function.nin == 1:
        return [a], {}
    b = r.choice([r.array(), r.array(a.shape), r.array(()), r.choice(NUMBERS), r.choice(NUMBERS)])
    return [a, b] if r.random() < 0.5 or not np.ndim(a) else [b, a], {}


SHIFTS = [0, 1, -2, 7, 1.7, -(2**62), (1, 2), [2**62, 2**62], (1.0, -3), np.int8(-3)]

OPTIONS: dict[str, tuple[Any, ...]] = {
    "keepdims": (True, False), "ddof": (0, 1, 2, 3), "correction": (0, 1), "bias": (True, False),
    "rowvar": (True, False), "initial": (0, 2, 1.5), "decimals": (0, 1, -1), "include_initial": (True, False),
    "norm": ("ortho", "forward", None), "order": ("C", "F"), "compute_uv": (True, False), "hermitian": (False,),
    "UPLO": ("L", "U"),
    "k": (0, 1, -1, 2), "n": (1, 2, 3, 6), "nan": (0.0, 1.5), "posinf": (8.0,), "neginf": (-9.0,), "period": (3.0, 5),
    "discont": (4.0,), "deg": (True, False),
}  # fmt: skip
"""What optional arguments are drawn from, whatever function they belong to."""


def _of_one_array(function: Any, r: Draw) -> Call:
    a = r.array()
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # before NumPy 2.4 some functions of C told no signature
        return [a], {}
    given = r.maybe(**{name: OPTIONS[name] for name in parameters if name in OPTIONS})
    if function.__name__.startswith("nan") and a.dtype.kind == "f":
        a = np.where(r.array(a.shape, bool), np.nan, a).astype(a.dtype)
    if "where" in parameters and a.ndim and r.random() < 0.3:
        mask = r.array(a.shape, bool)
        rows = [mask[:1], mask[0]] if a.shape[0] else [mask[:1]]
        numbers = [mask.astype(float), mask.astype(int).tolist()]
        given["where"] = r.choice([True, 0, 1.5, mask, mask.tolist(), *rows, *numbers])
    if "axis" in parameters and r.random() < 0.8:
        given["axis"] = r.axis(a.ndim)
    return [a], given


def _arrays(r: Draw) -> list[np.ndarray]:
    """Arrays to join, mostly of one shape and dtype."""
    first = r.array()
    same = lambda: r.array(first.shape if r.random() < 0.85 else None, first.dtype if r.random() < 0.7 else None)  # noqa: E731
    return [first, *(same() for _ in range(r.randrange(3)))]


def _join(axis: bool, typed: bool = True) -> Callable[[Draw], Call]:
    def draw(r: Draw) -> Call:
        arrays = _arrays(r)
        into = r.maybe(dtype=INTO, casting=("unsafe", "same_kind")) if typed else {}
        return [arrays], into | r.maybe(axis=(0, -1, 1, arrays[0].ndim, None)) if axis else into

    return draw


def _split(axis: bool) -> Callable[[Draw], Call]:
    def draw(r: Draw) -> Call:
        return [r.array(), r.choice([1, 2, 3, [1], [1, 2], [], [0, 5], 0, [-3, -1], [1, -1], [3, 1]])], r.maybe(
            axis=(0, -1, 1)
        ) if axis else {}

    return draw


def _pair(*shapes: tuple[Any, Any], strict: bool = False, **options: tuple[Any, ...]) -> Callable[[Draw], Call]:
    """Two arrays of shapes that fit, or of any unless `strict`."""

    def draw(r: Draw) -> Call:
        left, right = r.choice(shapes) if r.random() < 0.8 or strict else (None, None)
        return [r.array(left), r.array(right)], r.maybe(**options)

    return draw


def _matrix(**options: tuple[Any, ...]) -> Callable[[Draw], Call]:
    """A matrix or a stack of some, mostly square and regular."""

    def draw(r: Draw) -> Call:
        if r.random() < 0.2:
            return [r.array()], r.maybe(**options)
        shape = r.choice([(3, 3), (2, 2), (1, 1), (0, 0), (2, 3, 3), (0, 2, 2), (3, 2), (2, 3)])
        a = r.array(shape, r.choice([np.float64, np.float32, np.int64, np.complex128]))
        return [a + 4 * np.eye(shape[-1], dtype=a.dtype) if shape[-1] == shape[-2] else a], r.maybe(**options)

    return draw


def _vector(*more: Callable[[Draw], Any], **options: tuple[Any, ...]) -> Callable[[Draw], Call]:
    """A vector, and further arguments."""

    def draw(r: Draw) -> Call:
        first = r.array(r.choice([(0,), (1,), (3,), (4,)]))
        return [first, *(one(r) for one in more)], r.maybe(**options)

    return draw


def _then(*more: Callable[[Draw, np.ndarray], Any], **options: tuple[Any, ...]) -> Callable[[Draw], Call]:
    """An array, and arguments that are drawn with a look at it."""

    def draw(r: Draw) -> Call:
        a = r.array()
        return [a, *(one(r, a) for one in more)], r.maybe(**options)

    return draw


def _quantile(scale: float) -> Callable[[Draw], Call]:
    methods = (
        "linear", "lower", "higher", "midpoint", "nearest", "median_unbiased", "normal_unbiased", "inverted_cdf",
        "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
    )  # fmt: skip

    def draw(r: Draw) -> Call:
        a = r.array(dtype=r.choice([np.float64, np.float64, np.float32, np.int64, None]))
        q = r.choice([0.3, 0.0, 1.0] if not a.size else [0.3, 0.0, 1.0, np.array([0.23, 0.71]), [1.0]])
        given = r.maybe(method=methods, keepdims=(True, False)) | {"axis": r.axis(a.ndim)}
        if a.size and r.random() < 0.2:
            given |= {"method": "inverted_cdf", "weights": np.abs(r.array(a.shape, float)).tolist()}
        return [a, [scale * one for one in q] if isinstance(q, list) else q * scale], given

    return draw


def _average(r: Draw) -> Call:
    a = r.array()
    axis = r.axis(a.ndim)
    weights = r.choice([None, np.abs(r.array(a.shape, float)), np.arange(1.0, 1 + (a.shape[-1] if a.ndim else 1))])
    return [a], {"axis": axis, "weights": weights} | r.maybe(keepdims=(True, False), returned=(True, False))


def _covariance(**options: tuple[Any, ...]) -> Callable[[Draw], Call]:
    def draw(r: Draw) -> Call:
        a = r.array(r.choice([(3,), (4,), (2, 3), (3, 3), (0, 2)]))
        size = a.shape[-1]
        given = (
            r.maybe(**options, fweights=([2] * size,), aweights=(np.arange(1.0, size + 1).tolist(),)) if options else {}
        )
        return [a, *([r.array(a.shape)] if r.random() < 0.3 else [])], given | r.maybe(rowvar=(True, False))

    return draw


def _spaced(r: Draw) -> Call:
    """A grid, with its spacings or its places."""
    a = r.array(r.choice([(4,), (3, 3), (2, 3), (1, 4)]))
    places = [np.cumsum(1 + np.abs(r.array((size,), float))).tolist() for size in a.shape]
    axis = r.choice([0, -1])
    spacing, given = r.choice(
        [([], {}), ([2.0], {}), (places, {}), ([places[axis]], {"axis": axis}), ([0.5], {"axis": 0})]
    )
    return [a, *spacing], given | r.maybe(edge_order=(1, 2))


def _norm(*orders: Any) -> Callable[[Draw], Call]:
    def draw(r: Draw) -> Call:
        a = r.array()
        return [a], r.maybe(ord=orders, keepdims=(True, False)) | r.maybe(axis=(r.axis(a.ndim), -1, (0, 1), (-1, 0)))

    return draw


def _shape_of(r: Draw, a: np.ndarray) -> Any:
    return r.choice([-1, (-1, 1), (1, -1), a.shape[::-1], (a.size,), (*a.shape, 1), (2, -1), (5,), ()])


def _index(r: Draw, a: np.ndarray) -> Any:
    size = a.shape[0] if a.ndim else 0
    return r.choice(
        [0, -1, slice(1, None), slice(None, None, -1), Ellipsis, None, (Ellipsis, 0), (slice(None), 0), r.places(size),
         r.array(a.shape, bool), (), slice(0, 0), (0, None), slice(None, None, 2)]
    )  # fmt: skip


def _take_along(r: Draw) -> Call:
    a = r.array(r.choice([(3,), (2, 3), (2, 1, 3), (1, 1)]))
    axis = r.choice([0, -1, None])
    return [a, np.argsort(a, axis=axis)], {"axis": axis}


def _inserted(r: Draw, a: np.ndarray) -> Any:
    shapes = ((1,), (2,), a.shape[1:], (2, *a.shape[1:]))
    return r.choice([0, 1.5, *map(r.array, shapes)])


def _select(r: Draw) -> Call:
    a = r.array((2, 3), float)
    return [[a > 0, a > 1], r.choice([[a, 2 * a], [a[0], 3]])], r.maybe(default=(0, 7.5, a[:, :1]))


def _piecewise(r: Draw) -> Call:
    a = r.array(dtype=float)
    conditions = [a > 0], [a < 0, a > 1], r.array(a.shape, bool).tolist() if a.ndim == 1 else [a > 0]
    functions = [np.sin, np.cos], [-4.0, np.square, 7], [np.square]
    return [a, *r.choice(list(zip(conditions, functions, strict=True)))], {}


def _near(*options: str) -> Callable[[Draw], Call]:
    """Two arrays that are equal but for a little, with infinities and NaN in them."""
    given = {"rtol": (0.2, 0, 1e-9), "atol": (1.0, 0), "equal_nan": (True, False)}

    def draw(r: Draw) -> Call:
        a, apart = r.array(dtype=r.choice([np.float64, np.float32, np.complex128])), r.array((), float)
        odd = np.where(r.array(a.shape, bool), a, r.choice([np.nan, np.inf, -np.inf, 0.0])).astype(a.dtype)
        with np.errstate(invalid="ignore"):  # of a product with an infinite complex number
            near = np.asarray(odd * (1 + 1e-7 * apart), a.dtype)
        return [odd, r.choice([odd, near, a, r.choice(NUMBERS)])], r.maybe(**{name: given[name] for name in options})

    return draw


def _transform(**options: tuple[Any, ...]) -> Callable[[Draw], Call]:
    def draw(r: Draw) -> Call:
        return [r.array(r.choice([(3,), (2, 3), (4, 1), (2, 2, 2)]))], r.maybe(**options)

    return draw


def _singular_values(r: Draw) -> Call:
    (a,), given = _matrix(full_matrices=(True, False), compute_uv=(True, False))(r)
    if a.ndim > 1 and a.shape[-1] == a.shape[-2] and r.random() < 0.4:
        return [a + np.conj(a).mT], given | {"hermitian": True}
    return [a], given


PLACES = {
    "take": lambda r, a: r.places(a.size),
    "insert": lambda r, a: r.choice([0, -1, 1, 2, [0, 1], [], [2, 0, 0], slice(0, 2), slice(None, None, -2)]),
    "delete": lambda r, a: r.choice([0, -1, 1, 2, [0, 1], [], [2, 0, 0], slice(0, 2), slice(None, None, -2)]),
}
SQUARE = ((3, 3), (3, 3)), ((2, 3), (3, 2)), ((3,), (3,)), ((2, 3, 3), (3,)), ((2, 2, 2), (2, 2)), ((0, 2), (2, 3))
SAME = ((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (3,)), ((), (3,)), ((0,), (0,)), ((2, 0), (2, 0))
SYSTEM = ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 1)), ((1, 1), (1,)), ((0, 0), (0,)), ((0, 0), (0, 2))
COEFFICIENTS = ((3,), (4,)), ((1,), (3,)), ((), (3,))
PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap", "mean", "median", "maximum", "minimum", "linear_ramp")
NORMS, INTO = ("ortho", "forward", "backward"), (int, np.float32)
MODES = {"mode": ("full", "same", "valid", 1)}

CALLS: dict[str, Callable[[Draw], Call]] = {
    **{name: _join(True) for name in ("concatenate", "concat", "stack")},
    **{name: _join(False, name in ("hstack", "vstack")) for name in ("hstack", "vstack", "dstack", "column_stack",
        "block")},
    "linalg.multi_dot": lambda r: (
        [[r.array(r.choice([(2, 3), (3,)])), r.array((3, 1)), r.array((1, 2))][: r.randrange(1, 4)]], {}
    ),
    **{f"fft.{name}": _transform(s=((2, 3), (5,), (-1, 4)), axes=(None, (0, 1), (-1, 0), (0,), (1, -1)), norm=NORMS)
       for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")},
    **{f"fft.{name}": _transform(n=(None, 1, 3, 6), axis=(0, -1, 1), norm=NORMS)
       for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
    **{f"fft.{name}": _transform(axes=(None, 0, (0, -1))) for name in ("fftshift", "ifftshift")},
    **{name: _split(True) for name in ("split", "array_split")},
    **{name: _split(False) for name in ("hsplit", "vsplit", "dsplit")},
    **{name: _pair(*SAME) for name in ("inner", "outer", "vdot", "kron")},
    **{name: _near("rtol", "atol", "equal_nan") for name in ("isclose", "allclose")}, "array_equal": _near("equal_nan"),
    **{name: lambda r: (_near()(r)[0][:1], {}) for name in ("isposinf", "isneginf", "iscomplex", "isreal")},
    **{name: _pair(*SAME) for name in ("broadcast_arrays", "linalg.outer")},
    "meshgrid": _pair(*SAME, ((3,), (2,)), indexing=("xy", "ij"), sparse=(True, False)),
    **{name: lambda r: ([r.array() for _ in range(r.randrange(1, 3))], {}) for name in (
        "atleast_1d", "atleast_2d", "atleast_3d",
    )},
    **{name: _then(dtype=(None, np.float32, np.int64, bool), shape=((2, 2), 3, ())) for name in ("zeros_like",
        "ones_like")},
    **{name: _pair(*SQUARE) for name in ("dot", "matmul", "linalg.matmul", "vecdot", "matvec", "vecmat")},
    **{name: _pair(*COEFFICIENTS, ((0,), (2,)), strict=True) for name in ("polyadd", "polysub")},
    "polymul": _pair(*COEFFICIENTS, strict=True),
    **{name: _pair(((3,), (4,)), ((1,), (3,)), ((5,), (2,)), ((4,), (4,)), **MODES) for name in ("convolve",
        "correlate")},
    **{name: _quantile(1.0) for name in ("quantile", "nanquantile")},
    **{name: _quantile(100.0) for name in ("percentile", "nanpercentile")},
    **{name: _matrix() for name in ("linalg.inv", "linalg.det", "linalg.slogdet")},
    "linalg.pinv": _matrix(rcond=(0.6, 1e-15)), "linalg.cholesky": _matrix(upper=(True, False)),
    **{name: _matrix() for name in ("linalg.eigvals", "linalg.eigvalsh", "linalg.svdvals", "linalg.matrix_rank")},
    "linalg.eig": _matrix(), "linalg.eigh": _matrix(UPLO=("L", "U")),
    "linalg.cond": _matrix(p=(None, 1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc")),
    "linalg.qr": _matrix(mode=("reduced", "complete", "r")),
    "linalg.tensorinv": lambda r: ([r.array((2, 3, 6), float)], r.maybe(ind=(1, 2))),
    "linalg.svd": _singular_values,
    "linalg.matrix_power": lambda r: ([*_matrix()(r)[0], r.choice([0, 1, 2, 3, -1])], {}),
    "linalg.solve": _pair(*SYSTEM), "linalg.lstsq": _pair(*SYSTEM),
    "linalg.tensorsolve": _pair(*SYSTEM[:1], strict=True),
    "linalg.norm": _norm(None, 2, 1, -1, -2, np.inf, -np.inf, 0, 3, 1.5, 0.5, -0.5, "fro", "nuc"),
    "linalg.vector_norm": _norm(2, 1, np.inf, 0, 3, -0.5),
    "linalg.matrix_norm": _matrix(ord=("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    "cross": _pair(((3,), (3,)), ((2, 3), (3,)), ((3, 3), (3, 3)), axis=(0, -1),
        axisc=(0, -1)),
    "linalg.cross": _pair(((3,), (3,)), ((2, 3), (2, 3))),
    "tensordot": _pair(*SQUARE, ((2, 1, 3), (3, 1, 2)), axes=(0, 1, 2, (0, 0), (-1, 0), ([0, 1], [2, 1]), ([2, 0], [0,
        2]))), "linalg.tensordot": _pair(*SQUARE, axes=(0, 1, 2)),
    "linalg.vecdot": _pair(*SAME, axis=(0, -1)), "append": _pair(*SAME, axis=(None, 0, -1)),
    "einsum": lambda r: ([r.choice(["ij,jk", "ij->ji", "ii", "ij,ij->", "...i,i"]), r.array(), r.array()], {}),
    "average": _average, "interp": _vector(lambda r: np.arange(3.0) + 0.1, lambda r: r.array((3,), float),
        left=(-9.0, 1), right=(4,), period=(2.6, -7)),
    "polyval": _vector(lambda r: r.array()), "polyder": _vector(m=(0, 1, 2, 9)),
    "polyint": _vector(m=(0, 1, 2), k=(2.0, [1.0, 3.0])),
    "polyfit": lambda r: (
        [np.arange(5.0), r.array(r.choice([(5,), (5, 2)]), float), r.choice([0, 1, 2])],
        r.maybe(w=([1.0, 2.0, 0.5, 1.0, 3.0],), rcond=(1e-12,)) | r.maybe(cov=(True, "unscaled"), full=(True,)),
    ),
    "poly": _vector(), "roots": _vector(), "vander": _vector(N=(0, 1, 3, None), increasing=(True, False)),
    "trim_zeros": _then(trim=("f", "b", "fb"), axis=(None, 0, -1)),
    "ediff1d": _vector(to_end=(None, 0.0, [1.0, 2.0]), to_begin=(None, 1.0)),
    "searchsorted": lambda r: ([np.arange(3.0), r.array(dtype=float)], r.maybe(side=("left", "right"))),
    "digitize": lambda r: ([r.array(dtype=float), np.arange(3.0)[:: r.choice([1, -1])]], r.maybe(right=(True, False))),
    "linspace": _pair(*SAME, num=(0, 1, 5), endpoint=(True, False), retstep=(True, False), axis=(0, -1), dtype=INTO),
    "logspace": lambda r: ([r.array((3,), float), r.array((3,), float)], r.maybe(num=(0, 1, 5), base=(2.0, 10.0, [2.0,
        3.0, 1.5]), dtype=INTO, axis=(0, -1))),
    "geomspace": lambda r: ([np.abs(r.array((3,), float)) + 1, np.full(3, 9.0)], r.maybe(num=(0, 1, 5),
        endpoint=(True, False), dtype=INTO, axis=(0, -1))),
    "reshape": _then(_shape_of, order=("C", "F")),
    "resize": _then(lambda r, a: r.choice([(2, 2), 3, (0,), (5,), (), (0, 3)])),
    "broadcast_to": _then(lambda r, a: r.choice([a.shape, (2, *a.shape), (3,), (2, 3), (0,), (), (2, -1)])),
    "transpose": lambda r: ([r.array((2, 1, 3))], r.maybe(axes=(None, (0, 2, 1), (-1, 0, 1), (0, 0, 1)))),
    "swapaxes": _then(lambda r, a: r.one_axis(a.ndim), lambda r, a: r.one_axis(a.ndim)),
    "moveaxis": _then(lambda r, a: r.one_axis(a.ndim), lambda r, a: r.one_axis(a.ndim)),
    "rollaxis": _then(lambda r, a: r.one_axis(a.ndim), start=(0, 1, -1, 3)),
    "expand_dims": _then(lambda r, a: r.choice([0, -1, 1, (0, 1), (0, 0), 5, a.ndim])),
    "squeeze": _then(axis=(None, 0, -1, 1, (0, 1), ())), "flip": _then(axis=(None, 0, -1, (0, 1), ())),
    "roll": _then(lambda r, a: r.choice(SHIFTS), axis=(None, 0, -1, (0, 1))),
    "rot90": _then(k=(0, 1, 2, 3, -1), axes=((0, 1), (1, 0), (0, 0), (-1, -2))),
    "repeat": _then(lambda r, a: r.choice([0, 1, 2, [2], [1, 0, 2]]), axis=(None, 0, -1, 1)),
    "tile": _then(lambda r, a: r.choice([1, 2, 0, (2, 1), (1, 2, 1), ()])),
    "pad": _then(lambda r, a: r.choice([0, 1, (1, 2), ((0, 1),), {-1: 1}]), mode=PADDINGS, constant_values=(5, (5, 7)),
                 end_values=(2, (1, 3)), stat_length=(1, 2), reflect_type=("even", "odd")),
    "take": _then(lambda r, a: r.choice([r.places(a.size), 0, [[0, 1], [1, 0]]]), axis=(None, 0, -1), mode=("raise",
        "wrap", "clip")),
    "take_along_axis": _take_along,
    "compress": lambda r: ([[True, False, True], r.array(r.choice([(3,), (3, 3), ()]))], r.maybe(axis=(0, -1))),
    "extract": lambda r: ([(a := r.array()) > 0, a], {}),
    "insert": _then(PLACES["insert"], _inserted, axis=(None, 0, -1)),
    "delete": _then(PLACES["delete"], axis=(None, 0, -1)),
    "choose": lambda r: (
        [np.array([0, 1, r.choice([0, 0, -1, 3])]), [r.array(r.choice([(3,), (2, 3), ()])), r.array((3,)), 2.0]],
        r.maybe(mode=("wrap", "clip")),
    ),
    "select": _select, "piecewise": _piecewise,
    **{name: _then(axis=(0, -1), include_initial=(True,)) for name in ("cumulative_sum", "cumulative_prod")},
    "where": lambda r: ([(a := r.array()) > 0, *r.choice([(a, r.choice([0, 1.5, r.array(a.shape), True])), ()])], {}),
    "clip": _then(lambda r, a: r.choice([None, 0, -0.5, -1]), lambda r, a: r.choice([None, 1, 0.5, 300])),
    "full_like": _then(lambda r, a: r.choice([0, 1.5, 300, -1]), dtype=(None, np.float32, np.int64), shape=((2, 2),
        3)), "astype": _then(lambda r, a: r.choice(DTYPES)),
    "partition": _then(lambda r, a: r.choice([0, 1, -1]), axis=(None, 0, -1)),
    "argpartition": _then(lambda r, a: r.choice([0, 1, -1]), axis=(None, 0, -1)),
    "diff": _then(n=(0, 1, 2, 5), axis=(0, -1, 1), prepend=(0, 1.5), append=(0, 2.5)), "gradient": _spaced,
    "trapezoid": _then(axis=(0, -1, 1), dx=(1.0, 0.5), x=([0.0, 1.0, 3.0], np.arange(3.0) ** 2, np.arange(12.0).reshape(
        2, 2, 3) ** 2, np.arange(3.0).reshape(1, 3, 1, 1))), "unstack": _then(axis=(0, -1, 1)),
    "getitem": _then(_index), "cov": _covariance(ddof=(0, 1, 2), bias=(True, False)), "corrcoef": _covariance(),
    "diagonal": _then(offset=(0, 1, -1, 5), axis1=(0, 1), axis2=(1, -1)), "linalg.diagonal": _matrix(offset=(0, 1, -5)),
    "trace": _then(offset=(0, 1, -1, 5), dtype=(np.float64, np.complex128)), "linalg.trace": _matrix(offset=(0, 1, -5)),
    "operator.getitem": _then(_index), "operator.pow": _then(lambda r, a: r.choice([0, 1, 2, 3, -1, 2.5])),
}  # fmt: skip
