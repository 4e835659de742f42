"""The array API standard, 2024.12, on boxes: its functions give arrays that may be assigned to.

A library that computes on any array that follows the standard, as SciPy does where SCIPY_ARRAY_API=1 is set, asks a box
for this namespace. Its functions are those of flowgraph.numpy; they take boxes, arrays and numbers beside each other,
and give a `StandardArray`, which stands for a box.

>>> import numpy as np
>>> from flowgraph.functional import grad
>>> def centred(x):
...     xp = x.__array_namespace__()
...     h = xp.asarray(x, copy=True)
...     h[0] = 0.0
...     return xp.sum((h - xp.mean(h)) ** 2)
>>> grad(centred)(np.array([5.0, 3.0, 0.0]))
array([ 0.,  4., -2.])
"""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

import flowgraph.numpy as _numpy
from flowgraph.box import Box, Constant
from flowgraph.box.attached import attached_to
from flowgraph.box.numpy_dispatch import builder_of, name_of
from flowgraph.box.standing_in import StandIn, without_stand_ins
from flowgraph.boxes.indexing.gather import order_along
from flowgraph.boxes.indexing.scatter import set_at
from flowgraph.boxes.special import gamma_function
from flowgraph.boxes.special.scipy_special import special as _scipy_special
from flowgraph.errors import DtypeError, NoArrayError, ShapeError, UnsupportedError, UsageError

VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", "2025.12")
"""Versions of the standard that may be asked for; where they differ, NumPy's functions follow the newest."""

__array_api_version__ = "2024.12"


@attached_to(Box)
class StandardBox:
    """What the standard asks of an array."""

    def __array_namespace__(self: Any, *, api_version: str | None = None) -> Any:
        """The namespace of functions for boxes, of the array API standard.

        Parameters
        ----------
        api_version : str, optional
            The version of the standard that is needed, such as "2024.12".

        Returns
        -------
        module
            `flowgraph.numpy.array_api`.

        Raises
        ------
        ValueError
            If there is no such version.
        """
        if api_version not in (None, *VERSIONS):
            raise ValueError(f"__array_namespace__: found api_version={api_version!r}, needs one of {VERSIONS}")
        return sys.modules[__name__]


class StandardArray(NDArrayOperatorsMixin, StandIn):
    """An array of the standard: it stands for a box, and for another one after an assignment to its elements.

    What is computed of it are such arrays; what takes boxes takes it as the box for which it stands.

    Parameters
    ----------
    box : Box or array_like
        What it stands for; anything but a box becomes a constant.
    """

    __slots__ = ()

    def __init__(self, box: Any) -> None:
        self.box = box if isinstance(box, Box) else Constant(box)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.box, name)
        return _wrap(value) if isinstance(value, types.MethodType) else _as_array(value)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        (out,) = keywords.pop("out", (None,))
        result = _call(getattr(ufunc, method), inputs, keywords)
        return result if out is None else _assign(out, result)

    def __array_function__(
        self, function: Callable[..., Any], kinds: Sequence[type], args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        return _call(function, args, keywords)

    def __getitem__(self, key: Any) -> Any:
        return _as_array(self.box[without_stand_ins(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        value = without_stand_ins(value)
        own, other = self.dtype, value.dtype if hasattr(value, "dtype") else np.result_type(own_number(value))
        if hasattr(value, "dtype") and not np.can_cast(other, own, "same_kind"):
            raise DtypeError(f"x[...] = value: found a value of dtype {other} for an array of dtype {own}; convert one")
        self.box = set_at(self.box, without_stand_ins(key), value)

    def __iter__(self) -> Iterator[Any]:
        return map(_as_array, iter(self.box))

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The namespace of the standard."""
        return self.box.__array_namespace__(api_version=api_version)

    def __repr__(self) -> str:
        return f"StandardArray({self.box!r})"


def own_number(value: Any) -> Any:
    """A number of Python as it is; anything else as an array."""
    return value if type(value) in (bool, int, float, complex) else np.asarray(value)


def _ask_box(name: str) -> Callable[..., Any]:
    """Make the special method of Python that asks the box."""

    @functools.wraps(getattr(Box, name))
    def ask(self: StandardArray, *arguments: Any, **keywords: Any) -> Any:
        return getattr(self.box, name)(*arguments, **keywords)

    return ask


def _read_box(name: str) -> property:
    """Make the attribute that the box has under that name."""
    return property(lambda self: _as_array(getattr(self.box, name)))


for _name in ("__bool__", "__float__", "__int__", "__index__", "__complex__", "__len__", "__array__", "__format__",
              "__str__", "__contains__", "__round__", "__dlpack__", "__dlpack_device__"):  # fmt: skip
    setattr(StandardArray, _name, _ask_box(_name))
for _name in ("dtype", "shape", "ndim", "size", "device", "T", "mT", "real", "imag"):
    # xarray asks the class for them, as isinstance does for a typing.Protocol, and so does not see __getattr__
    setattr(StandardArray, _name, _read_box(_name))


def _assign(out: Any, result: Any) -> Any:
    """Let the array of `x += y` stand for the sum from here on; return it."""
    box = result.box
    if not isinstance(out, StandardArray):
        raise UsageError(f"out=: found a {type(out).__name__}, needs an array of this namespace")
    if not np.can_cast(box.dtype, out.dtype, "same_kind"):
        raise DtypeError(f"x += y and its like: found {box.dtype} for an array of dtype {out.dtype}; convert x before")
    if box.shape != out.shape:
        raise ShapeError(f"x += y and its like: found the shape {box.shape} for an array of shape {out.shape}")
    out.box = box if box.dtype == out.dtype else box.astype(out.dtype)
    return out


def _as_array(value: Any) -> Any:
    """What a function returned, with arrays of the standard for boxes, arrays and numbers of NumPy."""
    if isinstance(value, Box):
        return StandardArray(value) if len(value.outputs) == 1 else tuple(map(_as_array, value))
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return StandardArray(value)
    if isinstance(value, tuple):
        parts = map(_as_array, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return list(map(_as_array, value)) if type(value) is list else value


def _call(function: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """A function of NumPy on boxes; where it refuses them, of the numbers of those that are not differentiated."""
    args, keywords = without_stand_ins(list(args)), without_stand_ins(dict(keywords))
    try:
        return _as_array(function(*args, **keywords))
    except (UnsupportedError, UsageError) as refused:  # no box stands for it, or it needs the numbers of an argument
        with contextlib.suppress(UnsupportedError, UsageError):
            return _as_array(function(*_in_numbers(args), **_in_numbers(keywords)))
        raise refused


def _in_numbers(value: Any) -> Any:
    """A value with the numbers of each box that is not differentiated and has some."""
    if isinstance(value, Box):
        with contextlib.suppress(NoArrayError):
            return np.asarray(value)
        return value
    if type(value) is dict:
        return {name: _in_numbers(part) for name, part in value.items()}
    return type(value)(map(_in_numbers, value)) if type(value) in (list, tuple) else value


def _wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function take arrays of the standard and give such."""

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        return _call(function, args, keywords)

    return call


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """The array of the standard for a box, an array, a number or lists of such.

    Parameters
    ----------
    obj : array_like or Box
        Numbers, arrays and boxes.
    dtype : dtype, optional
        The dtype of the result.
    device : str, optional
        "cpu".
    copy : bool, optional
        Whether a later assignment leaves `obj` as it is; without it, an array of the standard is returned itself.

    Returns
    -------
    StandardArray
        The array.
    """
    if device not in (None, "cpu"):
        raise UsageError(f"asarray: found device={device!r}, needs 'cpu', where NumPy computes")
    if isinstance(obj, StandardArray) and not copy and dtype in (None, obj.dtype):
        return obj
    if copy is False and not isinstance(obj, StandardArray | Box):
        raise ValueError("asarray: found copy=False, but numbers are copied into boxes, which never change")
    return _as_array(_numpy.asarray(without_stand_ins(obj), dtype))


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """The array in another dtype; itself where it has it and `copy` is False.

    Parameters
    ----------
    x : array
        The array.
    dtype : dtype
        The dtype of the result.
    copy : bool
        Whether a later assignment to the result leaves `x` as it is.
    device : str, optional
        "cpu".

    Returns
    -------
    StandardArray
        The array in that dtype.
    """
    return asarray(x, dtype=dtype, copy=copy, device=device)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether a dtype, or that of an array, is cast to another one by the rules of promotion.

    Parameters
    ----------
    from_ : dtype or array
        What is cast.
    to : dtype
        To what.

    Returns
    -------
    bool
        Whether it is.
    """
    return np.can_cast(from_ if isinstance(from_, type) else getattr(from_, "dtype", from_), to)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """The array with what is below `min` or above `max` replaced by these.

    Parameters
    ----------
    x : array
        The array.
    min, max : array or number, optional
        The bounds; none where left out.

    Returns
    -------
    StandardArray
        An array of the common shape.
    """
    return _call(_numpy.clip, (x, min, max), {})


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The places of the elements in the order of their values, equal ones in their own order.

    Parameters
    ----------
    x : array
        What is sorted.
    axis : int
        Along which axis.
    descending : bool
        The largest first.
    stable : bool
        Whether equal elements have to keep their order.

    Returns
    -------
    StandardArray
        Whole numbers, in an array of the shape of `x`.
    """
    return _call(order_along, (x,), {"axis": axis, "descending": descending})


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in the order of their values.

    Parameters
    ----------
    x : array
        What is sorted.
    axis : int
        Along which axis.
    descending : bool
        The largest first.
    stable : bool
        Whether equal elements have to keep their order.

    Returns
    -------
    StandardArray
        An array of the shape of `x`.
    """
    ordered = _call(_numpy.sort, (x,), {"axis": axis, "stable": stable})
    return _call(_numpy.flip, (ordered,), {"axis": axis}) if descending else ordered


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """The array of the standard for an array of another library.

    Parameters
    ----------
    x : array
        An array that has `__dlpack__`.
    device : str, optional
        "cpu".
    copy : bool, optional
        The numbers are copied, unless it is False, which is refused.

    Returns
    -------
    StandardArray
        A constant.
    """
    return asarray(x if isinstance(x, StandIn | Box) else np.from_dlpack(x), device=device, copy=copy)


def _namespace(module: Any, name: str) -> Any:
    """A part of the namespace, with the functions of a module of NumPy."""
    part = types.ModuleType(f"{__name__}.{name}", module.__doc__)

    def find(function: str) -> Any:
        found = _adapt(getattr(module, function))
        setattr(part, function, found)
        return found

    vars(part)["__getattr__"] = find
    return part


def _adapt(value: Any) -> Any:
    """Make a function of NumPy one of the standard; dtypes, constants and modules stay as they are."""
    return _wrap(value) if callable(value) and not isinstance(value, type) else value


def _frequencies(name: str) -> Callable[..., Any]:
    """The function of numpy.fft, with the dtype that the standard lets it take."""
    function = getattr(_numpy.fft, name)

    def frequencies(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
        return asarray(function(n, d), dtype=dtype, device=device)

    frequencies.__name__, frequencies.__doc__ = name, function.__doc__
    return frequencies


linalg = _namespace(_numpy.linalg, "linalg")
fft = _namespace(_numpy.fft, "fft")
vars(fft).update({name: _frequencies(name) for name in ("fftfreq", "rfftfreq")})


_OF_BOXES: dict[str, Callable[..., Any]] = {
    "sinc": np.sinc, "multigammaln": gamma_function.multigammaln, "fdtr": gamma_function.fdtr,
    "fdtrc": gamma_function.fdtrc,
}  # fmt: skip
"""Functions of scipy.special that are made of boxes, and of which none bears the name."""


class _Special(types.ModuleType):
    """The functions of scipy.special for which there is a box: SciPy takes them from here for these arrays."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        function = getattr(_scipy_special(), name)
        if name in _OF_BOXES:
            return _wrap(_OF_BOXES[name])
        ufunc = getattr(function, "__wrapped__", function)  # SciPy's own dispatch would come back here
        if not isinstance(ufunc, np.ufunc) or not (builder_of(ufunc) or builder_of(name_of(ufunc))):
            raise AttributeError(f"{self.__name__}: no box stands for {name}")
        found = _wrap(ufunc)
        setattr(self, name, found)
        return found


special = _Special(f"{__name__}.special")


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__array_namespace_info__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_numpy, name)
    found = globals()[name] = value if name in _OF_DTYPES else _adapt(value)
    return found


_OF_DTYPES = frozenset({"__array_namespace_info__", "finfo", "iinfo", "isdtype", "errstate"})
"""What is no function of arrays."""


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_numpy)})
