"""Arrays as values: copies that nothing changes, those of other libraries, and numbers that underflow."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeGuard
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box.vocabulary import Value
from flowgraph.errors import DtypeError, FeedError, FlowgraphError, ReadOnlyError
from flowgraph.shapes.size import Size, no_number

Array = np.ndarray[Any, Any]


def _title_of(who: object) -> object:
    return who if isinstance(who, str) else getattr(who, "title", who)  # a text has a method of that name


def read_only(value: Any) -> Any:
    """A view that cannot be written to, of each part of a tuple; what is no array stays as it is."""
    if isinstance(value, tuple):
        return tuple(map(read_only, value))
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.setflags(write=False)
    return view


def refuse_masked(who: object, value: object) -> None:
    """Refuse a masked array, whose hidden numbers np.asarray would use; `who` is a box, or what to call it."""
    # NumPy loads numpy.ma when it is asked for; before that no array has a mask
    if "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        hidden = int(np.sum(np.ma.getmaskarray(value)))
        raise DtypeError(
            f"{_title_of(who)}: found a masked array that hides {hidden} of its {value.size} numbers, "
            f"needs a number everywhere; fill it, a.filled(0.0), and give the mask to np.where or as weights"
        )


def read_dtype(who: object, dtype: DTypeLike | None) -> np.dtype[Any]:
    """The dtype in the order of bytes of this machine, as the object that NumPy keeps; plans compare by identity.

    `who`, here and below, is a box, or what to call it.
    """
    try:
        return np.dtype(np.dtype(dtype).newbyteorder("=").str)
    except (TypeError, ValueError, SyntaxError) as error:  # SyntaxError for a text with a comma and no dtype in it
        why = str(error)[:80]
        raise DtypeError(
            f"{_title_of(who)}: found dtype={repr(dtype)[:60]} ({why}), needs a dtype such as float or 'float32'"
        ) from None


def array_of(who: object, value: object, dtype: DTypeLike | None = None) -> Array:
    """The array that NumPy makes of a value; what it makes none of is refused, as is a masked array."""
    refuse_masked(who, value)
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:  # of tensors that require a gradient, too
        if isinstance(error, FlowgraphError):
            raise
        read_dtype(who, dtype)
        raise FeedError(
            f"{_title_of(who)}: found what is no array ({error}), needs numbers, in lists of one length"
        ) from None


def frozen_copy(value: object, dtype: DTypeLike | None = None, who: object = "constant") -> Array:
    """A read-only copy as an array of numbers or booleans."""
    array = np.array(given := array_of(who, value, dtype), read_dtype(who, given.dtype))
    if array.dtype.kind not in "biufc":
        if isinstance(value, Size):
            raise DtypeError(f"constant: {no_number(value)}")
        dense = "; give matrix.toarray(), or multiply, np.matmul(matrix, box)" if hasattr(value, "toarray") else ""
        raise DtypeError(f"constant: found dtype {array.dtype} ({str(value)[:60]}), needs numbers or booleans{dense}")
    array.setflags(write=False)
    return array


_views: WeakValueDictionary[int, ReadOnlyArray] = WeakValueDictionary()
_IN_PLACE = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift"


class ReadOnlyArray(np.ndarray[Any, Any]):
    """A read-only view; results of computations with it are plain arrays, and its copies are writable.

    `owner` says whose value it is, `way_out` how to change that.
    """

    owner: str
    way_out: str

    def __array_finalize__(self, source: object) -> None:
        self.owner = getattr(source, "owner", "")
        self.way_out = getattr(source, "way_out", "")

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            self._refuse("an assignment to elements")
        super().__setitem__(index, value)

    def fill(self, value: object) -> None:
        """`ndarray.fill`, refused where the array is read-only."""
        if not self.flags.writeable:
            self._refuse("fill()")
        super().fill(value)

    def sort(self, *arguments: Any, **settings: Any) -> None:
        """`ndarray.sort`, refused where the array is read-only."""
        if not self.flags.writeable:
            self._refuse("sort()")
        super().sort(*arguments, **settings)

    def __reduce__(self) -> Any:
        return np.asarray(self).__reduce__()

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def _refuse(self, what: str) -> NoReturn:
        raise ReadOnlyError(f"{self.owner}: found {what} of its value, which is read-only; {self.way_out}")


def view_of(array: Array, owner: str, way_out: str) -> ReadOnlyArray:
    """A view of a read-only array; the same one while somebody holds it."""
    view = _views.get(id(array))
    if view is None or view.base is not array:
        view = _views[id(array)] = array.view(ReadOnlyArray)
        view.owner, view.way_out = owner, way_out
        if not _is_known and "autograd.numpy" in sys.modules:
            _make_known()
    return view


_is_known: list[str] = []
"""Packages that dispatch on the exact type of an array, and have been told of this one."""


def _make_known() -> None:
    """Let autograd differentiate by these arrays as by others."""
    boxes = importlib.import_module("autograd.numpy.numpy_boxes")
    spaces = importlib.import_module("autograd.numpy.numpy_vspaces")
    extend = importlib.import_module("autograd.extend")
    boxes.ArrayBox.register(ReadOnlyArray)
    extend.VSpace.register(
        ReadOnlyArray,
        lambda x: spaces.ComplexArrayVSpace(x) if np.iscomplexobj(x) else spaces.ArrayVSpace(x),
    )
    _is_known.append("autograd")


def _in_place(name: str) -> Any:
    """An operator such as +=, which would write to the array."""
    plain = getattr(np.ndarray, name)

    def operate(self: ReadOnlyArray, other: object) -> Any:
        if not self.flags.writeable:
            self._refuse(_SIGNS[name])
        return plain(self, other)

    operate.__name__ = name
    return operate


_SIGNS = dict(
    zip(
        (f"__i{name}__" for name in _IN_PLACE.split()),
        ("+=", "-=", "*=", "/=", "//=", "%=", "**=", "@=", "&=", "|=", "^=", "<<=", ">>="),
        strict=True,
    )
)
for _name in _SIGNS:
    setattr(ReadOnlyArray, _name, _in_place(_name))


class Foreign(ABC):
    """An array of another library that takes part in NumPy's dispatch, whose numbers cannot be looked at.

    `Box.apply` lets it compute the box, and what a fprop refuses is noted, since nothing can be raised for it.
    """

    __slots__ = ()

    @abstractmethod
    def value_of_box(self, box: Any, values: Sequence[Value]) -> Any:
        """The value of a box on these arrays, of which this one is the first of its kind."""

    @abstractmethod
    def note_wrong(self) -> None:
        """Note that values are to be refused where any element of this array of booleans holds."""


def is_foreign(value: Value) -> TypeGuard[Foreign]:
    """Whether a value is such an array.

    >>> import numpy as np
    >>> from flowgraph.box.arrays import is_foreign
    >>> is_foreign(np.ones(2)), is_foreign(1.0)
    (False, False)
    """
    return isinstance(value, Foreign)


# The stable formulas (softmax, softplus, log-sum-exp) underflow where their result is exact, and moving averages of
# gradients do in any long training. What is computed is therefore computed once more without that error where it is
# raised; that costs nothing where it is not, while `np.errstate` around each run would. Division by zero, overflow and
# invalid values are errors for those who asked for them.


def is_underflow(error: BaseException) -> bool:
    """Whether NumPy raised this error since a number underflowed."""
    told = isinstance(error, FloatingPointError | RuntimeWarning) and "underflow" in str(error)
    return told and np.geterr()["under"] != "ignore"


def again(error: BaseException, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a pure function that failed by this error, if that was an underflow; else the error."""
    if not is_underflow(error):
        raise error
    with np.errstate(under="ignore"):
        return function(*arguments)
