"""An array of JAX that answers NumPy's calls, so that the fprop of a box runs on it unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph.box.arrays import Foreign
from flowgraph.box.vocabulary import Value
from flowgraph.plan.jax.functions import NoTwinError, call_function, call_ufunc
from flowgraph.plan.jax.twins import TWINS

_flags: ContextVar[list[Any]] = ContextVar("flowgraph_jax_flags")
"""What is refused, as booleans of JAX, for whoever collects it by `flags`."""


@contextmanager
def flags() -> Iterator[list[Any]]:
    """Collect what the fprops called inside refuse: an array of booleans for each refusal, true where it holds."""
    found: list[Any] = []
    token = _flags.set(found)
    try:
        yield found
    finally:
        _flags.reset(token)


def noted(refused: Sequence[Any]) -> None:
    """Pass what was refused on to whoever collects it around."""
    _flags.get().extend(refused)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Traced, *arguments: Any, **settings: Any) -> Any:
        return function(self, *arguments, **settings)

    method.__name__, method.__doc__ = function.__name__, f"np.{function.__name__} of the array."
    return method


class Traced(NDArrayOperatorsMixin, Foreign):
    """An array of JAX, `value`, under NumPy's protocols: its functions call those of `jax.numpy`, dtypes are NumPy's.

    What needs numbers, `if`, `int()`, `np.asarray`, is refused with a NoTwinError, as there are none while a function
    is traced. Like a NumPy array that is read-only, it is never written to.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Value, **keywords: Any) -> Any:
        return wrapped(call_ufunc(ufunc, method, [unwrapped(one) for one in inputs], keywords))

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        return wrapped(call_function(function, unwrapped(args), unwrapped(keywords)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, as NumPy's."""
        found: np.dtype[Any] = np.dtype(self.value.dtype)
        return found

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
        return Traced(self.value.astype(jax.dtypes.canonicalize_dtype(dtype)))

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
        place = unwrapped(index)
        parts = place if isinstance(place, tuple) else (place,)
        if all(part is None or part is Ellipsis or isinstance(part, int | np.integer | slice) for part in parts):
            return Traced(self.value[place])
        return Traced(self.value.at[place].get(mode="fill"))

    def __setitem__(self, index: Any, value: Value) -> NoReturn:
        raise NoTwinError("it writes into an array")

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (Traced(part) for part in self.value)

    def __bool__(self) -> bool:
        raise NoTwinError("it branches on values (bool() of an array)")

    def __int__(self) -> int:
        raise NoTwinError("it takes a number out of an array (int())")

    __index__ = __int__

    def __float__(self) -> float:
        raise NoTwinError("it takes a number out of an array (float())")

    def __array__(self, dtype: Value = None, copy: Any = None) -> Any:
        raise NoTwinError("it makes a NumPy array of its values")

    def computed(self, box: Any, values: Sequence[Any]) -> Any:
        """What stands for the box in JAX, inside the fprop or bprop of another one."""
        return computed(box, values)

    def note_wrong(self) -> None:
        """Note that values are to be refused where any element of this array of booleans holds."""
        _flags.get().append(self.value)


def computed(box: Any, values: Sequence[Any]) -> Any:
    """The value of a box on arrays: by the rule of its class, else by its fprop."""
    rule = TWINS.of(box)
    if rule is not None:
        return wrapped(rule.value(box, *[unwrapped(value) for value in values]))
    return box.fprop(*[wrapped(value) for value in values])


def unwrapped(value: Value) -> Any:
    """The arrays of JAX in a value, or in tuples, lists and dicts of them."""
    if isinstance(value, Traced):
        return value.value
    if type(value) in (tuple, list):
        return type(value)([unwrapped(part) for part in value])
    if type(value) is dict:
        return {name: unwrapped(part) for name, part in value.items()}
    return value


def wrapped(value: Value) -> Any:
    """What a function of JAX returned, under NumPy's protocols; tuples part by part."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple([wrapped(part) for part in value])
    return Traced(value) if isinstance(value, jax.Array) else value


def constant(value: Value) -> Any:
    """An array of NumPy as it is in JAX, whose numbers a fprop may look at all the same."""
    return value.astype(jax.dtypes.canonicalize_dtype(value.dtype))


def struct_of(shape: Value, dtype: Value) -> Any:
    """Shape and dtype of an array of JAX that is not there yet."""
    make: Any = jax.ShapeDtypeStruct
    return make(shape, jax.dtypes.canonicalize_dtype(dtype))
