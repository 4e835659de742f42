"""What stands for a NumPy function on arrays of JAX: that of `jax.numpy` by the same name, in NumPy's dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from flowgraph.box.vocabulary import Value

_MODULES = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}
_SCALARS = (bool, int, float, complex)

Twin = Callable[..., Any]
_twins: dict[Callable[..., Any], Twin] = {}


class NoTwinError(Exception):
    """What a fprop asks for that JAX does not have, or that no traced array gives; who calls it names the box."""


def twin_for(*functions: Callable[..., Any]) -> Callable[[Twin], Twin]:
    """Register what stands for NumPy functions, in place of the one of the same name; it is given arrays of JAX."""

    def register(twin: Twin) -> Twin:
        for function in functions:
            _twins[function] = twin
        return twin

    return register


def call_function(function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The value of a NumPy function on arrays of JAX."""
    name = getattr(function, "__name__", str(function))
    twin = _twins.get(function)
    if twin is None:
        twin = getattr(_MODULES.get(str(getattr(function, "__module__", ""))), name, None)
    if twin is None:
        raise NoTwinError(f"it calls {getattr(function, '__module__', '')}.{name}, which JAX does not have")
    if keywords.get("out") is not None:
        raise NoTwinError(f"it calls np.{name} with out=, and arrays of JAX are not written to")
    given = {key: value for key, value in keywords.items() if not _says_nothing(key, value)}
    return twin(*args, **given)


def _says_nothing(name: str, value: Value) -> bool:
    """Whether an argument of NumPy's says what holds in JAX anyway."""
    return value is np._NoValue or (name in ("out", "subok", "order", "like") and value in (None, False, "K", "C"))


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The value of a ufunc on arrays of JAX, computed in the dtype in which NumPy computes it."""
    twin = _twin_of_ufunc(ufunc)
    unknown = [name for name in keywords if name not in ("dtype", "axis", "keepdims", "casting")]
    if unknown:
        raise NoTwinError(f"it calls {ufunc.__name__} with {unknown[0]}=, which JAX does not have")
    if method != "__call__":
        of_method = getattr(twin, method, None) if isinstance(twin, jnp.ufunc) else None
        if of_method is None or method == "at":
            raise NoTwinError(f"it calls {ufunc.__name__}.{method}, which JAX does not have")
        return of_method(*inputs, **keywords)
    if "axis" in keywords or "keepdims" in keywords:
        raise NoTwinError(f"it calls {ufunc.__name__} with axis=, which JAX does not have")
    return twin(*in_dtypes_of(ufunc, inputs, keywords.get("dtype")))


def in_dtypes_of(ufunc: np.ufunc, inputs: Sequence[Any], dtype: Value = None) -> list[Any]:
    """The inputs in the dtypes in which NumPy would compute with them; those of JAX promote in another way."""
    arrays = [one if type(one) in _SCALARS else jnp.asarray(one) for one in inputs]
    kinds = [type(one) if type(one) in _SCALARS else np.dtype(one.dtype) for one in arrays]
    outputs = (np.dtype(dtype),) * ufunc.nout
    wanted: dict[str, Any] = {} if dtype is None else {"signature": (*(None,) * ufunc.nin, *outputs)}
    loop = ufunc.resolve_dtypes((*kinds, *(None,) * ufunc.nout), **wanted)
    return [jnp.asarray(one, jax.dtypes.canonicalize_dtype(to)) for one, to in zip(arrays, loop, strict=False)]


def _twin_of_ufunc(ufunc: np.ufunc) -> Any:
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        twin = _twins.get(ufunc) or getattr(jnp, name, None)
    else:
        twin = _twins.get(ufunc) or getattr(jax.scipy.special, name, None)
        name = f"scipy.special.{name}"
    if twin is None:
        raise NoTwinError(f"it calls {name}, which JAX does not have")
    return twin


def _sized(function: Twin) -> Twin:
    """A Fourier transform for which a size of -1 is that of the axis, as it is for NumPy."""

    def transformed(a: Value, s: Any = None, axes: Any = None, norm: Any = None, **_: Any) -> Any:
        if s is not None:
            s = [a.shape[axis] if size == -1 else size for size, axis in zip(s, axes, strict=True)]
        return function(a, s, axes, norm)

    return transformed


for _name in ("fftn", "ifftn", "rfftn", "irfftn"):
    twin_for(getattr(np.fft, _name))(_sized(getattr(jnp.fft, _name)))


@twin_for(np.split, np.array_split)
def _split(a: Value, sections: Any, axis: int = 0) -> Any:
    """Cut where NumPy cuts: also at places from the back, and beyond the end."""
    parts = np.array_split(np.arange(a.shape[axis]), sections)
    starts = [int(part[0]) if part.size else 0 for part in parts]
    return tuple(
        [jax.lax.slice_in_dim(a, at, at + part.size, axis=axis) for at, part in zip(starts, parts, strict=True)]
    )


@twin_for(np.ldexp)
def _ldexp(a: Value, exponents: Value) -> Any:
    return jnp.ldexp(*jnp.broadcast_arrays(a, exponents))


@twin_for(np.argsort)
def _argsort(a: Value, axis: Any = -1, kind: Any = None, order: Any = None, **_: Any) -> Any:
    return jnp.argsort(a, axis=axis, stable=True)


@twin_for(np.lib.stride_tricks.sliding_window_view)
def _windows(a: Value, window_shape: Any, axis: Any = None, **_: Any) -> Any:
    sizes = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axes = tuple(range(a.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(one % a.ndim for one in axes)
    for one, size in zip(axes, sizes, strict=True):
        places = np.arange(a.shape[one] - size + 1)[:, None] + np.arange(size)
        a = jnp.moveaxis(jnp.take(a, places, axis=one), one + 1, -1)
    return a
