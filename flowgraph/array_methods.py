"""What a NumPy user does with an array and may do with a box: operators, methods, indexing, and clear refusals."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph import tracing
from flowgraph.dispatch import call_function
from flowgraph.errors import UsageError
from flowgraph.naming import functions_of
from flowgraph.size import Shape, product

if TYPE_CHECKING:
    from flowgraph.box import Box
    from flowgraph.spec import Spec

_OF_SCIPY = frozenset({"logsumexp", "softmax", "log_softmax", "polygamma"})
"""Functions of scipy.special that are no ufuncs, so that no box can answer for itself."""


class ArrayMethods(NDArrayOperatorsMixin):
    """The array interface of a box; every method is the NumPy function of its name."""

    if TYPE_CHECKING:
        title: str
        outputs: tuple[Spec, ...]

    shape: Shape
    dtype: np.dtype[Any]

    __hash__ = object.__hash__  # two boxes are two nodes, whatever their values

    # loss += penalty rebinds the name to a new box, as boxes are immutable
    __iadd__ = NDArrayOperatorsMixin.__add__
    __isub__ = NDArrayOperatorsMixin.__sub__
    __imul__ = NDArrayOperatorsMixin.__mul__
    __itruediv__ = NDArrayOperatorsMixin.__truediv__
    __imatmul__ = NDArrayOperatorsMixin.__matmul__
    __ipow__ = NDArrayOperatorsMixin.__pow__

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of elements: an int, or a Size where it follows the batch."""
        return product(self.shape)

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return np.transpose(cast(Any, self))

    @property
    def mT(self) -> Any:
        """The last two axes swapped."""
        return np.swapaxes(cast(Any, self), -1, -2)

    @property
    def real(self) -> Any:
        """np.real of the box."""
        return np.real(cast(Any, self))

    @property
    def imag(self) -> Any:
        """np.imag of the box."""
        return np.imag(cast(Any, self))

    def conj(self) -> Any:
        """np.conjugate of the box."""
        return np.conjugate(cast(Any, self))

    def sum(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.sum of the box."""
        return np.sum(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def mean(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.mean of the box."""
        return np.mean(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def prod(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.prod of the box."""
        return np.prod(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def max(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.max of the box."""
        return np.max(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def min(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.min of the box."""
        return np.min(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, **settings: Any) -> Any:
        """np.var of the box."""
        return np.var(cast(Any, self), axis=axis, ddof=ddof, keepdims=keepdims, **settings)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, **settings: Any) -> Any:
        """np.std of the box."""
        return np.std(cast(Any, self), axis=axis, ddof=ddof, keepdims=keepdims, **settings)

    def cumsum(self, axis: Any = None, dtype: Any = None) -> Any:
        """np.cumsum of the box."""
        return np.cumsum(cast(Any, self), axis=axis, dtype=dtype)

    def cumprod(self, axis: Any = None, dtype: Any = None) -> Any:
        """np.cumprod of the box."""
        return np.cumprod(cast(Any, self), axis=axis, dtype=dtype)

    def any(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.any of the box."""
        return np.any(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def all(self, axis: Any = None, keepdims: bool = False, **settings: Any) -> Any:
        """np.all of the box."""
        return np.all(cast(Any, self), axis=axis, keepdims=keepdims, **settings)

    def round(self, decimals: int = 0) -> Any:
        """np.round of the box."""
        return np.round(cast(Any, self), decimals)

    def argmax(self, axis: Any = None) -> Any:
        """np.argmax of the box."""
        return np.argmax(cast(Any, self), axis=axis)

    def argmin(self, axis: Any = None) -> Any:
        """np.argmin of the box."""
        return np.argmin(cast(Any, self), axis=axis)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """np.clip of the box."""
        return np.clip(cast(Any, self), min, max)

    def dot(self, other: Any) -> Any:
        """np.dot of the box."""
        return np.dot(cast(Any, self), other)

    def reshape(self, *shape: Any) -> Any:
        """np.reshape of the box; sizes may be given one by one."""
        return np.reshape(cast(Any, self), shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        """np.ravel of the box."""
        return np.ravel(cast(Any, self))

    def flatten(self) -> Any:
        """np.ravel of the box: a box has no memory that a copy could spare."""
        return np.ravel(cast(Any, self))

    def transpose(self, *axes: Any) -> Any:
        """np.transpose of the box; axes may be given one by one."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else (axes or None)
        return np.transpose(cast(Any, self), order)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """np.swapaxes of the box."""
        return np.swapaxes(cast(Any, self), axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """np.squeeze of the box."""
        return np.squeeze(cast(Any, self), axis=axis)

    def take(self, indices: Any, axis: Any = None) -> Any:
        """np.take of the box."""
        return np.take(cast(Any, self), indices, axis=axis)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """np.repeat of the box."""
        return np.repeat(cast(Any, self), repeats, axis=axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """np.diagonal of the box."""
        return np.diagonal(cast(Any, self), offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        """np.trace of the box."""
        return np.trace(cast(Any, self), offset, axis1, axis2)

    def argsort(self, axis: Any = -1) -> Any:
        """np.argsort of the box."""
        return np.argsort(cast(Any, self), axis=axis)

    def nonzero(self) -> Any:
        """np.nonzero of the box: places whose number is known in a run."""
        return np.nonzero(cast(Any, self))

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        """np.searchsorted in the box."""
        return np.searchsorted(cast(Any, self), v, side, sorter)

    def copy(self) -> Any:
        """The box itself, which nothing changes."""
        return self

    def astype(self, dtype: Any) -> Any:
        """The box converted to a dtype; to integers or booleans no gradient passes."""
        return np.astype(cast(Any, self), dtype)

    def __getitem__(self, index: Any) -> Any:
        return call_function(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise UsageError(
            f"{self.title}: found an assignment to elements, but a box is immutable; choose elements with "
            f"np.where(mask, new, box), or build a new box with fg.set_at(box, index, new)"
        )

    def __len__(self) -> int:
        if len(self.outputs) != 1:
            return len(self.outputs)
        if not self.shape:
            raise UsageError(f"{self.title}: len() of a box without axes")
        if not isinstance(self.shape[0], int):
            raise UsageError(
                f"{self.title}: len() is {self.shape[0]}, which has no number before a run; use box.shape[0]"
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if len(self.outputs) == 1 and not self.shape:
            raise UsageError(f"{self.title}: iteration over a box without axes")
        if len(self.outputs) == 1 and not isinstance(self.shape[0], int):
            raise UsageError(
                f"{self.title}: iteration over an axis of {self.shape[0]}, which has no number before a run; "
                f"work on the whole axis with NumPy functions, or give the input a shape of numbers"
            )
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> NoReturn:
        self._refuse("in", "build np.any(box == value), or look at the value of a run")

    def __bool__(self) -> bool:
        answer: bool = self._answer(
            bool,
            "bool() (an `if`, `and`, `or` or `not`)",
            "choose with np.where(condition, a, b), combine with & | ~, and compare boxes themselves with `is`",
        )
        return answer

    def __float__(self) -> float:
        if tracing.current() is not None and self.dtype.kind in "fc":
            raise UsageError(
                f"{self.title}: found float() of a box in a function that is differentiated; the number would carry no "
                f"gradient; work with the box itself, which compares and computes as a number does"
            )
        return float(self._answer(float, "float()", "run the graph: float(fg.Graph(box).fprop(...))"))

    def __int__(self) -> int:
        return int(self._answer(int, "int()", "run the graph: int(fg.Graph(box).fprop(...)[box])"))

    def __complex__(self) -> NoReturn:
        self._refuse("complex()", "run the graph: fg.Graph(box).fprop(...)[box]")

    def __index__(self) -> int:
        way_out = "index with the box itself: other_box[box], or np.take(other_box, box)"
        if self.dtype.kind not in "iu":
            self._refuse("an integer index", way_out)
        return operator.index(self._answer(operator.index, "an integer index", way_out))

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        for name in _OF_SCIPY & functions_of("scipy"):
            self._refuse(f"scipy.special.{name}, which takes arrays only,", f"use fg.{name}")
        self._refuse(
            "np.asarray() or np.array()",
            "run the graph: fg.Graph(box).fprop(...)[box]; inside fprop and bprop use the values as they come, "
            "and join boxes with np.stack or np.concatenate",
        )

    def _answer(self, kind: Callable[[Any], Any], what: str, way_out: str) -> Any:
        """What the value behind a box says while a function is traced; refused anywhere else."""
        trace = tracing.current()
        answer = None if trace is None else trace.answer(cast("Box", self), kind)
        if answer is None:
            self._refuse(what, way_out)
        return answer

    def _refuse(self, what: str, way_out: str) -> NoReturn:
        raise UsageError(f"{self.title}: found {what} of a box, which has no value before a run; {way_out}")
