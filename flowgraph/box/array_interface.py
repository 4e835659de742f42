"""What a NumPy user does with an array and may do with a box: operators, methods, indexing, and clear refusals."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, Protocol, cast

import numpy as np

from flowgraph.box.number_conversion import NumberConversion
from flowgraph.box.numpy_dispatch import call_function
from flowgraph.box.operators import Made, Operators
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Size, product


class _Method(Protocol):
    """How type checkers see what `_method` makes: read from a box, it builds one."""

    def __get__(self, box: ArrayMethods[Made], kind: Any = None, /) -> Callable[..., Made]: ...


def _method(function: Callable[..., Any]) -> _Method:
    """The method of a box that calls a function of NumPy on it, with the arguments of that function."""

    def method(self: ArrayMethods[Made], *arguments: Any, **settings: Any) -> Made:
        made: Made = function(self, *arguments, **settings)
        return made

    method.__name__, method.__doc__ = function.__name__, _METHOD.format(name=function.__name__)
    return method


_METHOD = """np.{name} of the box.

Parameters
----------
*arguments, **settings
    Those of `np.{name}` after the array.

Returns
-------
Box
    The box that `np.{name}(box, ...)` builds.
"""


class ArrayMethods(NumberConversion, Operators[Made]):
    """The array interface of a box; every method is the NumPy function of its name."""

    def _made_by(self, function: Callable[..., Any], *arguments: Any, **settings: Any) -> Made:
        """Call a NumPy function on the box; the box that it builds is an array by NumPy's annotations."""
        made: Made = function(self, *arguments, **settings)
        return made

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int | Size:
        """The number of elements: an int, or a `Size` such as 784*N where it depends on a named axis."""
        return product(self.shape)

    @property
    def T(self) -> Made:
        """All axes reversed."""
        return self._made_by(np.transpose)

    @property
    def mT(self) -> Made:
        """The last two axes swapped."""
        return self._made_by(np.swapaxes, -1, -2)

    @property
    def real(self) -> Made:
        """np.real of the box."""
        return self._made_by(np.real)

    @property
    def imag(self) -> Made:
        """np.imag of the box."""
        return self._made_by(np.imag)

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
    searchsorted = _method(np.searchsorted)
    round = _method(np.round)
    clip = _method(np.clip)
    dot = _method(np.dot)
    ravel = _method(np.ravel)
    flatten = _method(np.ravel)
    swapaxes = _method(np.swapaxes)
    squeeze = _method(np.squeeze)
    take = _method(np.take)
    choose = _method(np.choose)
    repeat = _method(np.repeat)
    diagonal = _method(np.diagonal)
    trace = _method(np.trace)
    astype = _method(np.astype)

    def conj(self) -> Made:
        """The complex conjugate; a box of real numbers itself, as the method of an array does, of truth values too.

        Returns
        -------
        Box
            np.conjugate of complex numbers.
        """
        return self._made_by(np.conjugate) if self.dtype.kind == "c" else cast(Made, self)

    conjugate = conj

    def reshape(self, *shape: Any, **settings: Any) -> Made:
        """np.reshape of the box.

        Parameters
        ----------
        *shape : int or tuple of int
            The new shape, as a tuple or one size at a time; one size may be -1.
        **settings
            Those of `np.reshape`, such as `order`.

        Returns
        -------
        Box
            The same elements in that shape.
        """
        return self._made_by(np.reshape, shape[0] if len(shape) == 1 else shape, **settings)

    def transpose(self, *axes: Any) -> Made:
        """np.transpose of the box.

        Parameters
        ----------
        *axes : int or tuple of int
            The order of the axes, as a tuple or one at a time; by default reversed.

        Returns
        -------
        Box
            The same elements with permuted axes.
        """
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else (axes or None)
        return self._made_by(np.transpose, order)

    def compress(self, condition: Any, axis: Any = None) -> Made:
        """np.compress of the box.

        Parameters
        ----------
        condition : array_like of bool, shape (n,)
            Which slices to keep.
        axis : int, optional
            The axis of the slices; by default the box is flattened.

        Returns
        -------
        Box
            The slices that are kept.
        """
        return cast(Made, np.compress(condition, cast(Any, self), axis=axis))

    def nonzero(self) -> tuple[Made, ...]:
        """np.nonzero of the box.

        Returns
        -------
        tuple of Box
            For each axis the indices of the elements that are not zero.
        """
        return cast("tuple[Made, ...]", np.nonzero(cast(Any, self)))

    def copy(self) -> Made:
        """The box itself, which is immutable.

        Returns
        -------
        Box
            The same object.
        """
        return cast(Made, self)

    def __getitem__(self, index: object) -> Made:
        made: Made = call_function(operator.getitem, (self, index), {})
        return made

    def __setitem__(self, index: object, value: object) -> NoReturn:
        raise UsageError(
            f"{self.title}: found an assignment to elements, but a box is immutable; choose elements with "
            f"np.where(mask, new, box), or build a new box with fg.set_at(box, index, new)"
        )

    def __len__(self) -> int:
        if len(self.outputs) != 1:
            return len(self.outputs)
        if not self.shape:
            raise UsageError(f"{self.title}: found len() of a box of shape (), which has no first axis; box.size is 1")
        if not isinstance(self.shape[0], int):
            raise UsageError(
                f"{self.title}: found len(), which is {self.shape[0]} and has no number before a run; use box.shape[0]"
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Made]:
        if len(self.outputs) == 1 and not self.shape:
            raise UsageError(
                f"{self.title}: found iteration over a box of shape (), which has no first axis; use the box itself"
            )
        if len(self.outputs) == 1 and not isinstance(self.shape[0], int):
            raise UsageError(
                f"{self.title}: iteration over an axis of {self.shape[0]}, which has no number before a run; "
                f"work on the whole axis with NumPy functions, or give the input a shape of numbers"
            )
        return (self[i] for i in range(len(self)))

    def __round__(self, ndigits: int | None = None) -> Made:
        return self._made_by(np.round, ndigits or 0)
