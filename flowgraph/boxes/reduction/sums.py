"""Sums, means and variances along axes, with what NumPy takes beside them: a mask, a value to start from, a mean."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.base import holds_box, operand, public
from flowgraph.box.inference import Axes, axes_of, is_of_number, small_shape, try_dtypes
from flowgraph.box.vocabulary import example
from flowgraph.boxes.elementwise.complex_numbers import conjugate, real_part
from flowgraph.boxes.elementwise.exponential import finite_or_zero, one_at_zero
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.engine.shape_like import broadcast_like, count, count_like
from flowgraph.boxes.numpy_api.constructors import as_box, as_element, axes_back, one_axis
from flowgraph.errors import DtypeError, UsageError
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec


def in_dtype(a: Value, dtype: DTypeLike | None) -> Any:
    """An array as a box, in another dtype if one is given."""
    a = as_box(a)
    return a if dtype is None else a.astype(dtype)


def in_floats(a: Value, dtype: DTypeLike | None, real: bool = False) -> Any:
    """An array as a box for a mean, which is seldom an integer, or for a variance, which is real."""
    a = as_box(a)
    if dtype is not None and np.dtype(dtype).kind not in ("f" if real else "fc"):
        raise DtypeError(
            f"{a.title}: found dtype={np.dtype(dtype)} for a {'variance' if real else 'mean'}, needs a dtype of "
            f"{'real' if real else 'real or complex'} numbers with fractions; convert the result, .astype(...)"
        )
    return in_dtype(a, dtype)


def mask_of(a: Value, where: Value) -> Box:
    """The mask of a reduction: an array of booleans, or of sequences and numbers whether each is true, as in NumPy."""
    if not (isinstance(where, np.ndarray | np.generic) or holds_box(where)):
        where = np.asarray(where, dtype=bool)
    mask = as_box(where)
    if mask.dtype != bool:
        raise DtypeError(f"{a.title}: found where= of dtype {mask.dtype}, needs booleans; compare, such as where != 0")
    return mask


def mask_elements(a: Value, where: Value, neutral: Any) -> Any:
    """The array with the identity of the reduction in place of the elements outside the mask."""
    if where is None or where is True:
        return a
    mask = mask_of(a, where)
    kept = np.where(mask, a, neutral)
    if kept.shape != a.shape:
        raise a.shape_error(f"found where= of shape {mask.shape}, needs one that broadcasts to the array")
    return kept


def count_where(a: Value, where: Value, axis: Axes | None, keepdims: bool) -> Any:
    """How many elements along the axes the mask keeps."""
    return np.sum(mask_elements(np.ones_like(a, dtype=int), where, 0), axis=axis, keepdims=keepdims)


def append_initial(a: Box, axis: Axes | None, initial: Value) -> tuple[Any, int]:
    """The array with the axes of a reduction made one, and the place of that axis.

    It has a slice more on it, of the value that the reduction starts from.
    """
    if isinstance(initial, Box):
        raise UsageError(f"{a.title}: found {initial.title} as initial=, needs a number; use np.maximum or np.minimum")
    merged, place = one_axis(a, axis) if axis != () else (np.expand_dims(a, -1), a.ndim)
    last = as_element(initial, a.dtype, f"{a.title}: initial=").value[()]
    return np.pad(merged, [(0, int(i == place)) for i in range(merged.ndim)], constant_values=last), place


def squares(a: Value, where: Value, axis: Axes | None, keepdims: bool, mean: Value = None) -> tuple[Any, Any]:
    """The sum of squared deviations from the mean over the mask, and the number of elements."""
    number = count_where(a, where, axis, True)
    if mean is None:
        total = np.sum(mask_elements(a, where, 0), axis=axis, keepdims=True)
        mean = total / one_at_zero(number).astype(total.dtype)
    distance = mask_elements(a - mean, where, 0)
    total = np.sum(np.real(np.conj(distance) * distance), axis=axis, keepdims=keepdims)
    return total, count_where(a, where, axis, keepdims).astype(total.dtype)


def one_of(ddof: Any, correction: Any) -> Any:
    """The degrees of freedom that a mean takes, under either of their names."""
    if correction is None:
        return ddof
    if ddof != 0:
        raise UsageError(f"np.var, np.std: found both ddof={ddof} and correction={correction}, needs one of them")
    return correction


EXAMPLES = (
    example((3, 4)),
    example((3, 4), axis=0),
    example((3, 4), axis=-1, keepdims=True),
    example((2, 3, 4), axis=(0, -1)),
    example((2, 3), axis=(), keepdims=True),
    example((5,), keepdims=True),
    example(()),
)
"""Under what settings every reduction is tested."""


class Reduction(Box, abstract=True):
    """A box that reduces the axes `axis` of its child, all of them for None; `keepdims` leaves them with size 1."""

    axis: Axes | None = None
    keepdims: bool = False

    core = Core("axis")
    of_numbers: ClassVar[bool] = False
    """Whether NumPy takes the axes 0 and -1 for what has none."""

    per_element: ClassVar[int] = 1
    """Floating-point operations per element of the child."""

    examples: ClassVar[tuple[Any, ...]] = EXAMPLES

    def infer(self, a: Spec) -> Spec:
        """The axes that are left; the dtype of a trial on two elements per axis."""
        ndim = len(a.shape)
        axes = self.axes(ndim)
        if self.keepdims:
            shape: Shape = tuple([1 if i in axes else size for i, size in enumerate(a.shape)])
        else:
            shape = tuple([size for i, size in enumerate(a.shape) if i not in axes])
        return Spec(shape, *try_dtypes(self, (ndim, a.dtype), lambda: [Spec(small_shape(ndim), a.dtype)]))

    def axes(self, ndim: int) -> tuple[int, ...]:
        """The axes that are reduced, counted from the front."""
        if self.axis is None or (self.of_numbers and is_of_number(ndim, self.axis)):
            return tuple(range(ndim))
        if type(self.axis) is int and -ndim <= self.axis < ndim:
            return (self.axis % ndim,)
        return axes_of(self, self.axis, ndim)

    def restore_axes(self, reduced: Value, a: Value) -> Any:
        """A reduced array with its axes back, with size 1, so that it broadcasts with the child."""
        if self.keepdims or self.axis is None:
            return reduced
        return np.expand_dims(reduced, self.axes(a.ndim))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """As many per element of the child as the class says."""
        return self.per_element * product(shapes[0])


def by_numpy(self: Reduction, a: Value) -> Value:
    """The fprop of a reduction that is the function of NumPy which its class names."""
    named = type(self).numpy
    function: Any = named[0] if isinstance(named, tuple) else named
    return function(a, axis=self.axis, keepdims=self.keepdims)


class Fold(Reduction, abstract=True):
    """A reduction that takes one element after the other, and may start from a value; `identity` changes nothing."""

    identity: ClassVar[Any] = None
    of_numbers = True

    @classmethod
    def from_numpy(
        cls, a: Value, axis: Axes | None = None, *, keepdims: bool = False, dtype: DTypeLike | None = None,
        initial: Value = None, where: Value = None,
    ) -> Any:  # fmt: skip
        """NumPy's call: in another dtype, from an initial value, of the elements that a mask keeps."""
        if dtype is initial is where is None:
            return cls(a, axis=axis, keepdims=keepdims)
        if cls.identity is None and initial is None and where is not None:
            raise UsageError(
                f"{cls.__name__}: found where= without initial=, the result where no element is selected; give initial="
            )
        a = in_dtype(a, dtype)
        if where is not None:
            chosen = (
                cls.identity if cls.identity is not None else as_element(initial, a.dtype, f"{cls.__name__}: initial=")
            )
            a = mask_elements(a, where, chosen)
        if initial is None or cls.identity is not None:
            h = in_dtype(cls(a, axis=axis, keepdims=keepdims), dtype)
            if initial is None:
                return h
            start = as_element(initial, h.dtype, f"{cls.__name__}: initial=")
            return h * start if cls.identity else h + start
        axis = None if is_of_number(a.ndim, axis) else axis
        longer, place = append_initial(a, axis, initial)
        return axes_back(cls(longer, axis=place), a, axis, keepdims)


class Sum(Fold):
    """Sum along axes.

    h = Σ a        dh/da = 1, repeated along the axes
    """

    numpy = np.sum
    identity = 0
    symbol = "Σ"
    formula = r"\sum a"
    core = Core("axis", summed=True)
    slopes = "share"
    remedies = {"fprop": remedies.SUM}

    def fprop(self, a: Value) -> Value:
        return a.sum(axis=self.axis, keepdims=self.keepdims)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (broadcast_like(self.restore_axes(grad, a), a),)


class Mean(Reduction):
    """Mean along axes.

    h = Σ a / n        dh/da = 1 / n, n = number of elements along the axes

    The mean of nothing is NaN, as in NumPy.
    """

    numpy = np.mean
    symbol = "mean"
    formula = r"\frac{1}{n} \sum a"
    slopes = "share"
    remedies = {"fprop": remedies.MEAN}

    @classmethod
    def from_numpy(
        cls, a: Value, axis: Axes | None = None, *, keepdims: bool = False, dtype: DTypeLike | None = None,
        where: Value = None,
    ) -> Any:  # fmt: skip
        """np.mean: in another dtype, of the elements that a mask keeps."""
        a = in_floats(a, dtype)
        if where is None:
            return cls(a, axis=axis, keepdims=keepdims)
        total = np.sum(mask_elements(a, where, 0), axis=axis, keepdims=keepdims)
        return total / count_where(a, where, axis, keepdims).astype(np.result_type(total.dtype, np.float16))

    def fprop(self, a: Value) -> Value:
        return average(a, self.axis, self.keepdims)

    def parts(self, a: Value) -> Value | None:
        """The sum over the number; NumPy goes other ways for the mean of nothing, of integers and of half precision."""
        number = product(a.shape[axis] for axis in self.axes(a.ndim))
        if not number or a.dtype.kind not in "fc" or a.dtype == np.float16:
            return None
        return np.sum(a, axis=self.axis, keepdims=self.keepdims) / number

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (broadcast_like(self.restore_axes(grad / positive(count_like(a, self.axis)), a), a),)


class LogSumExp(Reduction):
    """Logarithm of a sum of exponentials, without overflow.

    h = ln Σ exp(a)        dh/da = exp(a - h), the softmax of a

    -inf adds nothing; where all numbers are -inf, or there are none, h is -inf and the gradient 0. The gradient is
    divided by its sum, so that the rounding of a large h does not show in it.
    """

    symbol = "logsumexp"
    per_element = 4  # a comparison, a difference, an exponential, a sum
    formula = r"\ln \sum \exp(a)"

    def fprop(self, a: Value) -> Value:
        a = a * 1.0
        largest = finite_or_zero(np.max(a, axis=self.axis, keepdims=True, initial=-np.inf))
        total = np.exp(a - largest).sum(axis=self.axis, keepdims=self.keepdims)
        with np.errstate(divide="ignore"):
            return np.log(total) + (largest if self.keepdims else largest.reshape(total.shape))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        softmax = np.exp(a - self.restore_axes(finite_or_zero(h), a))
        total = np.sum(softmax, axis=self.axis, keepdims=True)
        return (self.restore_axes(grad, a) * (softmax / one_at_zero(total)),)


def average(a: Value, axis: Axes | None, keepdims: bool) -> Any:
    """The mean; of nothing it is 0 / 0, about which `np.errstate` decides, unlike about the warning of np.mean."""
    if count(a.shape, axis):
        return np.mean(a, axis=axis, keepdims=keepdims)
    return np.sum(a, axis=axis, keepdims=keepdims) / 0


def positive(number: Any) -> Any:
    """A number of elements to divide by: an empty axis has no gradient, so it may as well be 1."""
    return max(number, 1) if isinstance(number, int | float) else np.maximum(number, 1)


@public
def sum(a: Value, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """np.sum of a box, an array or a number.

    Parameters
    ----------
    a : box or array_like, any shape
        The numbers.
    axis : int or tuple of int or None, default None
        Axis or axes that are reduced; None for all.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.

    Returns
    -------
    box or ndarray
        A box for a box, else the value, in the unit of `a`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.sum(np.array([[1.0, 3.0], [5.0, 7.0]]), axis=0)
    array([ 6., 10.])
    """
    return Sum.apply(a, axis=axis, keepdims=keepdims)


@public
def mean(a: Value, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """np.mean of a box, an array or a number.

    Parameters
    ----------
    a : box or array_like, any shape
        The numbers.
    axis : int or tuple of int or None, default None
        Axis or axes that are reduced; None for all.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.

    Returns
    -------
    box or ndarray
        A box for a box, else the value, in the unit of `a`.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.mean(np.array([[1.0, 3.0], [5.0, 7.0]]), axis=0)
    array([3., 5.])
    """
    return Mean.apply(a, axis=axis, keepdims=keepdims)


@public
def logsumexp(a: Value, axis: Axes | None = None, keepdims: bool = False) -> Any:
    """ln Σ exp(a) along axes, of a box, an array or a number, without overflow.

    Parameters
    ----------
    a : box or array_like, any shape
        The exponents, in nats.
    axis : int or tuple of int or None, default None
        Axis or axes that are reduced; None for all.
    keepdims : bool, default False
        Whether the reduced axes stay, with size 1.

    Returns
    -------
    box or ndarray
        A box for a box, else the value, in nats.

    Examples
    --------
    >>> import flowgraph as fg
    >>> float(fg.logsumexp([1000.0, 1000.0]).round(3))
    1000.693
    """
    a = operand("logsumexp", a)
    return LogSumExp.apply(a, axis=None if is_of_number(a.ndim, axis) else axis, keepdims=keepdims)


class Var(Reduction):
    """Variance along axes.

    h = Σ |a - mean|² / (n - ddof)        dh/da = 2 (a - mean) / (n - ddof)
    """

    ddof: int | float = 0

    numpy = np.var
    symbol = "var"
    per_element = 4  # the mean, a difference, its square, a sum
    formula = r"\frac{1}{n - ddof} \sum |a - \operatorname{mean} a|^2"
    remedies = {"fprop": remedies.MEAN}
    examples = (*EXAMPLES[:4], example((3, 4), axis=1, ddof=1), example((5,), keepdims=True))

    @classmethod
    def from_numpy(
        cls, a: Value, axis: Axes | None = None, *, ddof: Any = 0, keepdims: bool = False,
        dtype: DTypeLike | None = None, where: Value = None, mean: Value = None, correction: Any = None,
    ) -> Any:  # fmt: skip
        """np.var: in another dtype, of the elements that a mask keeps, around a mean that is known."""
        a, ddof = in_floats(a, dtype, real=True), one_of(ddof, correction)
        if where is None and mean is None:
            return cls(a, axis=axis, ddof=ddof, keepdims=keepdims)
        total, number = squares(a, where, axis, keepdims, mean)
        return total / np.maximum(number - ddof, 0)

    def fprop(self, a: Value) -> Value:
        return spread(a, self.axis, self.ddof, self.keepdims)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        centred = a - np.mean(a, axis=self.axis, keepdims=True)
        freedom = positive(count_like(real_part(a), self.axis) - self.ddof)
        return (self.restore_axes(grad / freedom, a) * (2 * conjugate(centred)),)


class Std(Reduction):
    """Standard deviation along axes.

    h = √(Σ |a - mean|² / (n - ddof))        dh/da = (a - mean) / ((n - ddof) h)

    Where all numbers along the axes are equal there is no derivative; the gradient is 0 there.
    """

    ddof: int | float = 0

    numpy = np.std
    symbol = "std"
    per_element = 4  # the mean, a difference, its square, a sum
    formula = r"\sqrt{\frac{1}{n - ddof} \sum |a - \operatorname{mean} a|^2}"
    remedies = {"fprop": remedies.MEAN, "bprop": remedies.ROOT_SLOPE}
    examples = (*EXAMPLES[:4], example((3, 4), axis=1, ddof=1), example((5,), keepdims=True))

    @classmethod
    def from_numpy(
        cls, a: Value, axis: Axes | None = None, *, ddof: Any = 0, keepdims: bool = False,
        dtype: DTypeLike | None = None, where: Value = None, mean: Value = None, correction: Any = None,
    ) -> Any:  # fmt: skip
        """np.std: in another dtype, of the elements that a mask keeps, around a mean that is known."""
        a, ddof = in_floats(a, dtype, real=True), one_of(ddof, correction)
        if where is None and mean is None:
            return cls(a, axis=axis, ddof=ddof, keepdims=keepdims)
        variance = np.var(a, axis=axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
        return np.where(variance == 0, 0, np.sqrt(one_at_zero(variance)))

    def fprop(self, a: Value) -> Value:
        return np.sqrt(spread(a, self.axis, self.ddof, self.keepdims))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        centred = a - np.mean(a, axis=self.axis, keepdims=True)
        freedom = positive(count_like(real_part(a), self.axis) - self.ddof)
        return (self.restore_axes(grad / (freedom * one_at_zero(h)), a) * conjugate(centred),)


def spread(a: Value, axis: Axes | None, ddof: float, keepdims: bool) -> Any:
    """The variance, of complex numbers that of their distance; an empty one is NaN, as in NumPy."""
    centred = a - average(a, axis, True)
    total = real_part(conjugate(centred) * centred).sum(axis=axis, keepdims=keepdims)
    return total / max(count(a.shape, axis) - ddof, 0)
