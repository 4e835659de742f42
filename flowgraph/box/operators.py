"""The operators of a box and its answers to NumPy's protocols: each builds a box, whatever stands on the other side."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from flowgraph.box.numpy_dispatch import call_function, call_ufunc
from flowgraph.box.value import Value

Made = TypeVar("Made")
"""What operators and methods build: `Box`, which its parts do not import, as it is put together from them."""

_NUMBERS = (int, float, bool, complex)


def _operator(ufunc: np.ufunc, name: str, reflected: bool = False) -> Callable[[Any, Any], Any]:
    """NumPy's operator, which asks the other side first; of two boxes, or a box and a number, the box is built at once.

    NumPy would come to the same box, since nobody else has a say in it.
    """
    asking: Callable[[Any, Any], Any] = getattr(NDArrayOperatorsMixin, name)

    def built(self: Any, other: Any) -> Any:
        if isinstance(other, Operators) or type(other) in _NUMBERS:
            return call_ufunc(ufunc, "__call__", (other, self) if reflected else (self, other), {})
        return asking(self, other)

    built.__name__ = name
    return built


class Operators(NDArrayOperatorsMixin, Generic[Made]):
    """NumPy's operators, with the types that they have on boxes; NumPy's own annotations leave the result open."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, keywords)

    def __array_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        return call_function(function, args, keywords)

    if TYPE_CHECKING:

        def __lt__(self, other: Value) -> Made: ...
        def __le__(self, other: Value) -> Made: ...
        def __gt__(self, other: Value) -> Made: ...
        def __ge__(self, other: Value) -> Made: ...
        def __eq__(self, other: Value) -> Made: ...  # type: ignore[override]
        def __ne__(self, other: Value) -> Made: ...  # type: ignore[override]
        def __add__(self, other: Value) -> Made: ...
        def __radd__(self, other: Value) -> Made: ...
        def __sub__(self, other: Value) -> Made: ...
        def __rsub__(self, other: Value) -> Made: ...
        def __mul__(self, other: Value) -> Made: ...
        def __rmul__(self, other: Value) -> Made: ...
        def __matmul__(self, other: Value) -> Made: ...
        def __rmatmul__(self, other: Value) -> Made: ...
        def __truediv__(self, other: Value) -> Made: ...
        def __rtruediv__(self, other: Value) -> Made: ...
        def __floordiv__(self, other: Value) -> Made: ...
        def __rfloordiv__(self, other: Value) -> Made: ...
        def __mod__(self, other: Value) -> Made: ...
        def __rmod__(self, other: Value) -> Made: ...
        def __divmod__(self, other: Value) -> tuple[Made, Made]: ...
        def __rdivmod__(self, other: Value) -> tuple[Made, Made]: ...
        def __pow__(self, other: Value) -> Made: ...
        def __rpow__(self, other: Value) -> Made: ...
        def __lshift__(self, other: Value) -> Made: ...
        def __rlshift__(self, other: Value) -> Made: ...
        def __rshift__(self, other: Value) -> Made: ...
        def __rrshift__(self, other: Value) -> Made: ...
        def __and__(self, other: Value) -> Made: ...
        def __rand__(self, other: Value) -> Made: ...
        def __or__(self, other: Value) -> Made: ...
        def __ror__(self, other: Value) -> Made: ...
        def __xor__(self, other: Value) -> Made: ...
        def __rxor__(self, other: Value) -> Made: ...
        def __neg__(self) -> Made: ...
        def __pos__(self) -> Made: ...
        def __abs__(self) -> Made: ...
        def __invert__(self) -> Made: ...

        __iadd__ = NDArrayOperatorsMixin.__add__
        __isub__ = NDArrayOperatorsMixin.__sub__
        __imul__ = NDArrayOperatorsMixin.__mul__
        __itruediv__ = NDArrayOperatorsMixin.__truediv__
        __imatmul__ = NDArrayOperatorsMixin.__matmul__
        __ipow__ = NDArrayOperatorsMixin.__pow__

    __hash__ = object.__hash__  # two boxes are two nodes, whatever their values


_COMPARING = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
_COMPUTING = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "matmul": np.matmul, "truediv": np.divide, "pow": np.power,
    "floordiv": np.floor_divide, "mod": np.remainder,
}  # fmt: skip

for _name, _ufunc in (_COMPARING | _COMPUTING).items():
    setattr(Operators, f"__{_name}__", _operator(_ufunc, f"__{_name}__"))
for _name, _ufunc in _COMPUTING.items():
    setattr(Operators, f"__r{_name}__", _operator(_ufunc, f"__r{_name}__", reflected=True))
_of_arrays = Operators.__pow__


def _power(self: Operators[Any], other: Value) -> Any:
    """NumPy's operator, which with a plain number is not always np.power."""
    if type(other) in (int, float):
        return call_function(operator.pow, (self, other), {})
    return _of_arrays(self, other)


_power.__name__ = "__pow__"
setattr(Operators, "__pow__", _power)  # noqa: B010 - as above, beside what type checkers see of the class

for _name in ("add", "sub", "mul", "matmul", "truediv", "pow"):
    # loss += penalty rebinds the name to a new box, as boxes are immutable
    setattr(Operators, f"__i{_name}__", getattr(Operators, f"__{_name}__"))
