"""What a NumPy user does with an array and may do with a box: operators, methods, indexing, and clear refusals."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from flowgraph.box.attached import Attribute
from flowgraph.box.node import Node, current
from flowgraph.box.numpy_dispatch import call_function, call_ufunc
from flowgraph.box.tape import UNDER_JIT
from flowgraph.box.vocabulary import Value
from flowgraph.errors import NoArrayError, UsageError
from flowgraph.shapes.size import Shape, Size, product

Made = TypeVar("Made")
"""What operators and methods build: `Box`, which its parts do not import, as it is put together from them."""

_NUMBERS = (int, float, bool, complex)


def _operator(ufunc: np.ufunc, name: str, reflected: bool = False) -> Callable[[Any, Any], Any]:
    """NumPy's operator, which asks the other side first; of two boxes, or a box and a number, the box is built at once.

    NumPy would build the same box, as no other type takes part in its dispatch.
    """
    asking: Callable[[Any, Any], Any] = getattr(NDArrayOperatorsMixin, name)

    def build_box(self: Any, other: Any) -> Any:
        if isinstance(other, Operators) or type(other) in _NUMBERS:
            return call_ufunc(ufunc, "__call__", (other, self) if reflected else (self, other), {})
        return asking(self, other)

    build_box.__name__ = name
    return build_box


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


_AS_A_NUMBER = "work with the box itself, which computes as a number does, with np.sin in place of math.sin"
_AS_AN_ARRAY = (
    "import flowgraph.numpy as np, or np.stack([...]); index an array by fg.Constant(array)[box]; "
    "sparse: np.matmul(matrix, box); see docs/functions.md, 'What does not take boxes'"
)
_RUN = "fg.Graph(box).fprop(...)[box]"
_JIT = "loop with fg.scan or fg.while_loop; or name the argument that decides in static_argnums or static_argnames"


class ArrayMethods(Node, Operators[Made]):
    """The array interface of a box; every method is the NumPy function of its name.

    Where Python or NumPy asks for numbers, `bool(box)` or `np.asarray(box)`, a box answers while a function is traced.
    """

    shape: Shape
    dtype: np.dtype[Any]

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

    @Attribute
    def device(self) -> str:
        """Where the values are computed, as the array API standard asks: always "cpu"."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: None = None) -> Made:
        """The box itself: its values are computed by NumPy, on "cpu".

        Parameters
        ----------
        device : str
            "cpu".
        stream : None, optional
            There are no streams on it.

        Returns
        -------
        Box
            The same object.

        Raises
        ------
        UsageError
            For any other device.
        """
        if device != "cpu" or stream is not None:
            raise UsageError(
                f"{self.title}: found to_device({device!r}), but boxes are computed by NumPy on 'cpu'; compile the "
                f"graph for another one, fg.compile(..., backend='jax')"
            )
        return cast(Made, self)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """The numbers of a box that carries no gradient, in a call, for another library; else refused."""
        value = self._answer(np.array, "__dlpack__()", _AS_AN_ARRAY, _RUN, "fc", NoArrayError)
        return value.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> Any:
        return self._answer(np.array, "__dlpack_device__()", _AS_AN_ARRAY, _RUN, "fc", NoArrayError).__dlpack_device__()

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
        # a generator, so that what is refused is said by the first element: of iter() NumPy hides a TypeError
        yield from (self[i] for i in range(len(self)))

    def __round__(self, ndigits: int | None = None) -> Made:
        return self._made_by(np.round, ndigits or 0)

    def item(self, *place: Any) -> NoReturn:
        """Refuse: a box has no value before a run.

        Parameters
        ----------
        *place : int
            Not read.

        Raises
        ------
        UsageError
            In every call; the message says how to run the graph.
        """
        self._refuse("item()", _AS_A_NUMBER, "fg.Graph(box).fprop(...)[box].item()")

    def tolist(self) -> NoReturn:
        """Refuse: a box has no value before a run.

        Raises
        ------
        UsageError
            In every call; the message says how to run the graph.
        """
        self._refuse(
            "tolist()", "iterate over the box itself: [part for part in box]", "fg.Graph(box).fprop(...)[box].tolist()"
        )

    def __contains__(self, value: object) -> NoReturn:
        self._refuse("in", "build np.any(box == value), or look at the value of a run")

    def __bool__(self) -> bool:
        answer: bool = self._answer(
            bool,
            "bool() (an `if`, `and`, `or` or `not`)",
            "choose with np.where(condition, a, b), combine with & | ~, and compare boxes themselves with `is`",
        )
        return answer

    def __float__(self) -> float:
        return float(self._answer(float, "float()", _AS_A_NUMBER, "float(fg.Graph(box).fprop(...))", "fc"))

    def __int__(self) -> int:
        return int(self._answer(int, "int()", _AS_A_NUMBER, "int(fg.Graph(box).fprop(...)[box])"))

    def __complex__(self) -> complex:
        return complex(self._answer(complex, "complex()", _AS_A_NUMBER, "complex(fg.Graph(box).fprop(...)[box])", "fc"))

    def __index__(self) -> int:
        way_out = "index with the box itself: other_box[box], fg.Constant(array)[box] or np.take(other_box, box)"
        if self.dtype.kind not in "iu":
            self._refuse("an integer index", way_out)
        return operator.index(self._answer(operator.index, "an integer index", way_out))

    def __format__(self, spec: str) -> str:
        value = self._number()
        if value is not None:
            return format(value.item() if spec and value.size == 1 else value, spec)
        if spec:
            self._refuse(f"a number to print as {spec!r}", "print the box itself, or the result of the function")
        return str(self)

    def __str__(self) -> str:
        value = self._number()
        return repr(self) if value is None else str(value)

    def __repr__(self) -> str:
        value = self._number()
        text = super().__repr__()
        return text if value is None else f"{text[:-1]} = {np.array2string(np.asarray(value), threshold=20)}>"

    def _number(self) -> Any:
        """The value of the box in a call that computes it; None in a graph, and of a box with several outputs."""
        tape = current()
        if tape is None or "computed" not in self.__dict__ or len(self.outputs) > 1:
            return None
        return tape.value_of(self)

    def __array__(self, dtype: DTypeLike | None = None, copy: Any = None) -> Any:
        """The numbers of a box that carries no gradient, in a call that computes them; else refused.

        Those of the box, or what is asked for: np.int64(box) rounds to zero as box.astype(int) does. Objects are
        numbers with all of their digits, so they lose a gradient as floats do.
        """
        if len(self.outputs) > 1:
            self._refuse("np.asarray()", _AS_AN_ARRAY, error=NoArrayError)
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        differentiable = "fc" if wanted.kind in "fcO" else ""
        value = self._answer(np.array, "np.asarray()", _AS_AN_ARRAY, _RUN, differentiable, NoArrayError)
        return value if dtype is None else value.astype(dtype)

    def _answer(
        self, kind: Callable[[Any], Any], what: str, way_out: str, run: str = _RUN, differentiable: str = "",
        error: type[UsageError] = UsageError,
    ) -> Any:  # fmt: skip
        """The value of the box in a call that computes it, converted by `kind`; refused anywhere else.

        Refused too where the box has one of the `differentiable` kinds of dtypes and a gradient would be lost. Of a
        function that is called once for many examples, the answer that is the same for all of them.
        """
        trace = current()
        value, lost = None, False
        if trace is not None:
            value = trace.value_of(self)
            lost = trace.at_once and self.dtype.kind in differentiable and trace.is_differentiated(self)
            if value is None and not lost:
                over, axes = trace.over_examples(self)
                value = _one_for_all(trace.value_of(over), axes, kind)
        if value is None or lost:
            self._refuse(what, way_out, run, error, lost)
        return kind(value)

    def _refuse(
        self, what: str, way_out: str, run: str = _RUN, error: type[UsageError] = UsageError, lost: bool = False,
    ) -> NoReturn:  # fmt: skip
        """Refuse what needs numbers; `run` is how to ask the run of a graph, outside of a function that is traced.

        `lost` says that there may be numbers, which would carry no gradient.
        """
        trace = current()
        if trace is None or not trace.runs:
            why, more = "which has no value before a run", f"or run the graph: {run}"
        elif trace.for_all:
            why, more = f"which {UNDER_JIT}", _JIT
        else:
            why, more = "which is differentiated, and as numbers it would carry no gradient", ""
            leaf = trace.unknown(self)
            if leaf is not None and "example_of" in leaf.__dict__:
                if not lost:
                    why = f"which is not the same in all examples of {leaf.example_of}, called once for all of them"
            elif leaf is not None:
                why, way_out = f"which reads {leaf.title} from outside of the function", "give it as an argument"
        refusal = error(f"{self.title}: found {what} of a box, {why}; {way_out}" + (f"; {more}" if more else ""))
        if trace is not None:
            trace.refused = refusal
        raise refusal


def _one_for_all(value: Any, axes: int, kind: Callable[[Any], Any]) -> Any:
    """What a value over all examples, in the first axes, is in each; None where they differ or there is none."""
    if value is None or not axes:
        return value
    examples = value.reshape(-1, *value.shape[axes:])
    if kind is bool and examples.size == len(examples):
        examples = examples.astype(bool)
    if not len(examples):
        return None
    rows = np.ascontiguousarray(examples).reshape(len(examples), -1).view(np.uint8)
    return examples[0] if (rows == rows[0]).all() else None
