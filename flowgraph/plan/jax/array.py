"""An array of JAX that answers NumPy's calls, so that the fprop of a box runs on it unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph.box.arrays import Foreign
from flowgraph.box.vocabulary import Value
from flowgraph.plan.jax.rules import RULES

# What stands for a NumPy function on arrays of JAX: that of `jax.numpy` by the same name, in NumPy's dtypes.

_MODULES = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}
_SCALARS = (bool, int, float, complex)

Function = Callable[..., Any]
_replacements: dict[Callable[..., Any], Function] = {}


class NotInJaxError(Exception):
    """What a fprop asks for that JAX does not have, or that no traced array gives; who calls it names the box."""


def replacement_for(*functions: Callable[..., Any]) -> Callable[[Function], Function]:
    """Register what stands for NumPy functions, in place of the one of the same name; it is given arrays of JAX."""

    def register(function_of_jax: Function) -> Function:
        for function in functions:
            _replacements[function] = function_of_jax
        return function_of_jax

    return register


def is_replaced(ufunc: np.ufunc, dtypes: Sequence[np.dtype[Any]]) -> bool:
    """Whether something stands for a ufunc of these dtypes that `jax.numpy` has by the same name."""
    return ufunc in _replacements and dtypes[0].kind not in "fc"


def call_function(function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The value of a NumPy function on arrays of JAX."""
    name = getattr(function, "__name__", str(function))
    function_of_jax = _replacements.get(function)
    if function_of_jax is None:
        function_of_jax = getattr(_MODULES.get(str(getattr(function, "__module__", ""))), name, None)
    if function_of_jax is None:
        raise NotInJaxError(f"it calls {getattr(function, '__module__', '')}.{name}, which JAX does not have")
    if keywords.get("out") is not None:
        raise NotInJaxError(f"it calls np.{name} with out=, and arrays of JAX are not written to")
    given = {key: value for key, value in keywords.items() if not _says_nothing(key, value)}
    return function_of_jax(*args, **given)


def _says_nothing(name: str, value: Value) -> bool:
    """Whether an argument of NumPy's says what holds in JAX anyway."""
    return value is np._NoValue or (name in ("out", "subok", "order", "like") and value in (None, False, "K", "C"))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The value of a ufunc on arrays of JAX, computed in the dtype in which NumPy computes it."""
    function_of_jax = _ufunc_of_jax(ufunc)
    unknown = [name for name in keywords if name not in ("dtype", "axis", "keepdims", "casting")]
    if unknown:
        raise NotInJaxError(f"it calls {ufunc.__name__} with {unknown[0]}=, which JAX does not have")
    if method != "__call__":
        of_method = getattr(function_of_jax, method, None) if isinstance(function_of_jax, jnp.ufunc) else None
        if of_method is None or method == "at":
            raise NotInJaxError(f"it calls {ufunc.__name__}.{method}, which JAX does not have")
        return of_method(*inputs, **keywords)
    if "axis" in keywords or "keepdims" in keywords:
        raise NotInJaxError(f"it calls {ufunc.__name__} with axis=, which JAX does not have")
    return function_of_jax(*in_dtypes_of(ufunc, inputs, keywords.get("dtype")))


def in_dtypes_of(ufunc: np.ufunc, inputs: Sequence[Any], dtype: Value) -> list[Any]:
    """The inputs in the dtypes in which NumPy would compute with them; those of JAX promote in another way."""
    arrays = [value if type(value) in _SCALARS else jnp.asarray(value) for value in inputs]
    kinds = [type(array) if type(array) in _SCALARS else np.dtype(array.dtype) for array in arrays]
    outputs = (np.dtype(dtype),) * ufunc.nout
    wanted: dict[str, Any] = {} if dtype is None else {"signature": (*(None,) * ufunc.nin, *outputs)}
    loop = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout), **wanted)
    return [in_dtype(array, jax.dtypes.canonicalize_dtype(to)) for array, to in zip(arrays, loop, strict=False)]


def in_dtype(value: Value, dtype: Value) -> Any:
    """An array in another dtype.

    XLA takes the quotient of a truth value that is made a number, and 0, for 0, where NumPy has a NaN; of a number that
    is chosen by the truth value it does not. The truth value of a complex number is that of its real part in JAX, and
    of both parts in NumPy.
    """
    if hasattr(value, "dtype") and value.dtype.kind == "b" and np.dtype(dtype).kind in "fc":
        return jnp.where(value, jnp.ones((), dtype), jnp.zeros((), dtype))
    if np.dtype(dtype).kind == "b" and np.result_type(value).kind == "c":
        return jnp.not_equal(value, 0)
    return jnp.asarray(value, dtype)


def _ufunc_of_jax(ufunc: np.ufunc) -> Any:
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        function_of_jax = _replacements.get(ufunc) or getattr(jnp, name, None)
    else:
        function_of_jax = _replacements.get(ufunc) or getattr(jax.scipy.special, name, None)
        name = f"scipy.special.{name}"
    if function_of_jax is None:
        raise NotInJaxError(f"it calls {name}, which JAX does not have")
    return function_of_jax


def _with_default_size(function: Function) -> Function:
    """A Fourier transform for which a size of -1 is that of the axis, as it is for NumPy."""

    def transformed(a: Value, s: Any = None, axes: Any = None, norm: Any = None, **_: Any) -> Any:
        if s is not None:
            s = [a.shape[axis] if size == -1 else size for size, axis in zip(s, axes, strict=True)]
        return function(a, s, axes, norm)

    return transformed


for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    replacement_for(getattr(np.fft, _name))(_with_default_size(getattr(jnp.fft, _name)))


@replacement_for(np.split, np.array_split)
def _split(a: Value, sections: Any, axis: int = 0) -> Any:
    """Cut where NumPy cuts: also at places from the back, and beyond the end."""
    parts = np.array_split(np.arange(a.shape[axis]), sections)
    starts = [int(part[0]) if part.size else 0 for part in parts]
    return tuple(
        [jax.lax.slice_in_dim(a, at, at + part.size, axis=axis) for at, part in zip(starts, parts, strict=True)]
    )


@replacement_for(np.ldexp)
def _ldexp(a: Value, exponents: Value) -> Any:
    return jnp.ldexp(*jnp.broadcast_arrays(a, exponents))


# Integers: JAX has another value for a quotient by zero, and computes sums of parts and means of narrow ones in these.


@replacement_for(np.floor_divide)
def _floor_divide(a: Value, b: Value) -> Any:
    if a.dtype.kind == "f":
        return jnp.floor_divide(a, b)
    return jnp.where(b == 0, 0, jnp.floor_divide(a, jnp.where(b == 0, 1, b))).astype(a.dtype)


@replacement_for(np.reciprocal)
def _reciprocal(a: Value) -> Any:
    if a.dtype.kind in "fc":
        return jnp.reciprocal(a)
    with np.errstate(divide="ignore"):
        of_zero = np.reciprocal(np.zeros((), a.dtype))
    stays = a == 1 if a.dtype.kind == "u" else jnp.abs(a) == 1
    return jnp.where(a == 0, of_zero, jnp.where(stays, a, 0)).astype(a.dtype)


@replacement_for(np.power)
def _power(a: Value, b: Value) -> Any:
    """By squares, for each bit of the exponent; JAX reads six of them."""
    if a.dtype.kind in "fc":
        return jnp.power(a, b)
    power, square = jnp.ones_like(a), a
    for bit in range(8 * a.dtype.itemsize):
        power = jnp.where((b >> bit) & 1 == 1, power * square, power)
        square = square * square
    return power


def _in_dtype_of(function: Callable[..., Any]) -> None:
    """A running sum or product of integers is as wide as NumPy's."""
    of_jax = getattr(jnp, function.__name__)

    def running(a: Value, axis: Any = None, dtype: Any = None, **_: Any) -> Any:
        wide = function(np.zeros(1, a.dtype)).dtype if dtype is None else dtype
        return of_jax(a, axis=axis, dtype=jax.dtypes.canonicalize_dtype(wide))

    replacement_for(function)(running)


def _in_floats(function: Callable[..., Any]) -> None:
    """A function of real numbers computes with integers in double precision, as NumPy does."""
    of_jax = getattr(jnp, function.__name__)

    def call_wide(a: Value, *args: Any, **keywords: Any) -> Any:
        wide = a if a.dtype.kind in "fc" else a.astype(jax.dtypes.canonicalize_dtype(float))
        return of_jax(wide, *args, **keywords)

    replacement_for(function)(call_wide)


for _running in (np.cumsum, np.cumprod):
    _in_dtype_of(_running)
for _of_reals in (np.mean, np.i0):
    _in_floats(_of_reals)


@replacement_for(np.sinc)
def _sinc(a: Value) -> Any:
    """By NumPy's quotient, which has no number at an infinity, where JAX 0.11 and later give the limit, 0."""
    angle = np.pi * jnp.where(a == 0, 1e-20, a)
    return jnp.sin(angle) / angle


@replacement_for(np.round)
def _round(a: Value, decimals: int = 0, **_: Any) -> Any:
    if a.dtype.kind in "fc" or decimals >= 0:
        return jnp.round(a, decimals)
    scale = 10.0**-decimals
    return (jnp.rint(a.astype(jax.dtypes.canonicalize_dtype(float)) / scale) * scale).astype(a.dtype)


@replacement_for(np.argsort)
def _argsort(a: Value, axis: Any = -1, kind: Any = None, order: Any = None, **_: Any) -> Any:
    return jnp.argsort(a, axis=axis, stable=True)


@replacement_for(np.lib.stride_tricks.sliding_window_view)
def _windows(a: Value, window_shape: Any, axis: Any = None, **_: Any) -> Any:
    sizes = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axes = tuple(range(a.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(windowed % a.ndim for windowed in axes)
    for windowed, size in zip(axes, sizes, strict=True):
        places = np.arange(a.shape[windowed] - size + 1)[:, None] + np.arange(size)
        a = jnp.moveaxis(jnp.take(a, places, axis=windowed), windowed + 1, -1)
    return a


# An array of JAX that answers NumPy's calls, so that the fprop of a box runs on it unchanged.

_flags: ContextVar[list[Any]] = ContextVar("flowgraph_jax_flags")
"""What is refused, as booleans of JAX, for whoever collects it by `flags`."""


@contextmanager
def flags() -> Iterator[list[Any]]:
    """Collect what the fprops called inside refuse: an array of booleans for each refusal, true where it holds."""
    collected: list[Any] = []
    token = _flags.set(collected)
    try:
        yield collected
    finally:
        _flags.reset(token)


def note_refused(refused: Sequence[Any]) -> None:
    """Pass what was refused on to whoever collects it around."""
    _flags.get().extend(refused)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Traced, *arguments: Any, **settings: Any) -> Any:
        return function(self, *arguments, **settings)

    method.__name__, method.__doc__ = function.__name__, f"np.{function.__name__} of the array."
    return method


class Traced(NDArrayOperatorsMixin, Foreign):
    """An array of JAX, `value`, under NumPy's protocols: its functions call those of `jax.numpy`, dtypes are NumPy's.

    What needs numbers, `if`, `int()`, `np.asarray`, is refused with a NotInJaxError, as there are none while a function
    is traced. Like a NumPy array that is read-only, it is never written to.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Value, **keywords: Any) -> Any:
        return wrap_arrays(call_ufunc(ufunc, method, [unwrap_arrays(value) for value in inputs], keywords))

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        return wrap_arrays(call_function(function, unwrap_arrays(args), unwrap_arrays(keywords)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, as NumPy's."""
        dtype: np.dtype[Any] = np.dtype(self.value.dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.value.shape, dtype=int))

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return Traced(self.value.T)

    @property
    def mT(self) -> Any:
        """The last two axes swapped."""
        return Traced(jnp.swapaxes(self.value, -1, -2))

    @property
    def real(self) -> Any:
        """The real part."""
        return Traced(jnp.real(self.value))

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return Traced(jnp.imag(self.value))

    sum = _method(np.sum)
    mean = _method(np.mean)
    prod = _method(np.prod)
    max = _method(np.max)
    min = _method(np.min)
    var = _method(np.var)
    std = _method(np.std)
    cumsum = _method(np.cumsum)
    cumprod = _method(np.cumprod)
    any = _method(np.any)
    all = _method(np.all)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argsort = _method(np.argsort)
    round = _method(np.round)
    clip = _method(np.clip)
    conj = _method(np.conjugate)
    conjugate = _method(np.conjugate)
    dot = _method(np.dot)
    ravel = _method(np.ravel)
    flatten = _method(np.ravel)
    swapaxes = _method(np.swapaxes)
    squeeze = _method(np.squeeze)
    take = _method(np.take)
    repeat = _method(np.repeat)
    diagonal = _method(np.diagonal)
    trace = _method(np.trace)

    def astype(self, dtype: Value, **settings: Any) -> Any:
        """The array in another dtype, the one that JAX has for it."""
        return Traced(in_dtype(self.value, jax.dtypes.canonicalize_dtype(dtype)))

    def reshape(self, *shape: Value, **settings: Any) -> Any:
        """np.reshape; sizes may be given one by one."""
        return Traced(jnp.reshape(self.value, shape[0] if len(shape) == 1 else shape))

    def transpose(self, *axes: Any) -> Any:
        """np.transpose; axes may be given one by one."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else (axes or None)
        return Traced(jnp.transpose(self.value, order))

    def copy(self) -> Any:
        """The array itself, which nothing changes."""
        return self

    def __getitem__(self, index: Any) -> Any:
        """The elements; those at a place that is none are NaN, where NumPy raises an IndexError."""
        place = unwrap_arrays(index)
        parts = place if isinstance(place, tuple) else (place,)
        if all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts):
            return Traced(self.value[place])
        return Traced(self.value.at[place].get(mode="fill"))

    def __setitem__(self, index: Any, value: Value) -> NoReturn:
        raise NotInJaxError("it writes into an array")

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (Traced(part) for part in self.value)

    def __bool__(self) -> bool:
        raise NotInJaxError("it branches on values (bool() of an array)")

    def __int__(self) -> int:
        raise NotInJaxError("it takes a number out of an array (int())")

    __index__ = __int__

    def __float__(self) -> float:
        raise NotInJaxError("it takes a number out of an array (float())")

    def __array__(self, dtype: Value = None, copy: Any = None) -> Any:
        raise NotInJaxError("it makes a NumPy array of its values")

    def value_of_box(self, box: Any, values: Sequence[Any]) -> Any:
        """What stands for the box in JAX, inside the fprop or bprop of another one."""
        return compute_box(box, values)

    def note_wrong(self) -> None:
        """Note that values are to be refused where any element of this array of booleans holds."""
        _flags.get().append(self.value)


def compute_box(box: Any, values: Sequence[Any]) -> Any:
    """The value of a box on arrays: by the rule of its class, else by its fprop."""
    rule = RULES.of(box)
    if rule is not None:
        return wrap_arrays(rule.value(box, *[unwrap_arrays(value) for value in values]))
    return box.fprop(*[wrap_arrays(value) for value in values])


def unwrap_arrays(value: Value) -> Any:
    """The arrays of JAX in a value, or in tuples, lists and dicts of them."""
    if isinstance(value, Traced):
        return value.value
    if type(value) in (tuple, list):
        return type(value)([unwrap_arrays(part) for part in value])
    if type(value) is dict:
        return {name: unwrap_arrays(part) for name, part in value.items()}
    return value


def wrap_arrays(value: Value) -> Any:
    """What a function of JAX returned, under NumPy's protocols; tuples part by part."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple([wrap_arrays(part) for part in value])
    return Traced(value) if isinstance(value, jax.Array) else value


def constant(value: Value) -> Any:
    """An array of NumPy as it is in JAX, whose numbers a fprop may look at all the same."""
    return value.astype(jax.dtypes.canonicalize_dtype(value.dtype))


def struct_of(shape: Value, dtype: Value) -> Any:
    """Shape and dtype of an array of JAX that is not there yet."""
    make: Any = jax.ShapeDtypeStruct
    return make(shape, jax.dtypes.canonicalize_dtype(dtype))
