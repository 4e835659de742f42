"""Products along axes and running sums and products, right with zeros, as nothing is divided."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Box, Value
from flowgraph.box.axes import Core
from flowgraph.box.inference import Axes, is_of_number, small_shape, try_fprop
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import Interval, example
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.engine.shape_like import reshape_like
from flowgraph.boxes.reduction.sums import Fold, Reduction, by_numpy, in_dtype
from flowgraph.errors import UsageError
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec, same

_ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 3.0, 0.0], [0.5, -1.0, 2.0]])


class Prod(Fold):
    """Product along axes.

    h = Π a        dh/da_i = the product of all others, right where some are 0
    """

    numpy = np.prod
    fprop = by_numpy
    identity = 1
    symbol = "Π"
    formula = r"\prod a"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (*Reduction.examples, example(_ZEROS, axis=1), example(_ZEROS, axis=(0, 1)))

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        grad = self.restore_axes(grad, a)
        if not a.ndim:
            return (grad,)
        for axis in self.axes(a.ndim):
            grad = grad * Others.apply(a, axis=axis)
            a = np.prod(a, axis=axis, keepdims=True)
        return (grad,)


class Others(Box):
    """For each element the product of all others along an axis: the gradient of `Prod`.

    h_i = Π_{j ≠ i} a_j        da_k = Σ_{i ≠ k} grad_i Π_{j ≠ i, k} a_j

    h is a running product from the left times one from the right. For the gradient, row i holds a with a 1 in its
    place i; the products of the others in each row are what is summed.
    """

    public = False
    axis: Annotated[int, Interval(0)] = 0

    symbol = "Π others"
    formula = r"\prod_{j \neq i} a_j"
    derivative = r"\left[\textstyle\sum_{i \neq k} \nabla_{h, i} \prod_{j \neq i, k} a_j\right]_k"
    examples = (example((4,)), example((3, 4), axis=1), example(_ZEROS), example((2, 3, 2), axis=1))

    def fprop(self, a: Value) -> Value:
        a = np.moveaxis(a, self.axis, -1)
        left, right = np.ones_like(a), np.ones_like(a)
        np.cumprod(a[..., :-1], axis=-1, out=left[..., 1:])
        np.cumprod(a[..., :0:-1], axis=-1, out=right[..., -2::-1])
        return np.moveaxis(left * right, -1, self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        row, column = places(a, self.axis)
        rest = Others.apply(np.where(row == column, 1, np.expand_dims(a, self.axis)), axis=self.axis + 1)
        others = np.where(row == column, 0, np.expand_dims(grad, self.axis + 1))
        return (np.sum(others * rest, axis=self.axis),)

    def infer(self, a: Spec) -> Spec:
        """As the child."""
        return a


class Running(Box, abstract=True):
    """A box that adds or multiplies on along one axis, or along all elements in a row for axis=None."""

    axis: int | None = None

    core = Core("axis", line=True)

    @classmethod
    def from_numpy(cls, a: Value, axis: Axes | None = None, *, dtype: DTypeLike | None = None) -> Any:
        """NumPy's call: in another dtype; a number counts as a row of one."""
        a = in_dtype(a, dtype)
        return in_dtype(cls(a, axis=None if is_of_number(a.ndim, axis) else axis), dtype)

    examples: ClassVar[tuple[Any, ...]] = (
        example((4,)),
        example((3, 4)),
        example((3, 4), axis=0),
        example((2, 3, 2), axis=-2),
        example(()),
    )

    def infer(self, a: Spec) -> Spec:
        """The shape of the child, or one axis of all its elements."""
        ndim = len(a.shape)
        if self.axis is not None and not (isinstance(self.axis, int | np.integer) and -ndim <= self.axis < ndim):
            raise self.shape_error(f"axis={self.axis!r} does not fit: the child has {ndim} axes")
        trial = try_fprop(self, (Spec(small_shape(ndim), a.dtype),))
        assert isinstance(trial, Spec)
        return Spec((product(a.shape),) if self.axis is None else a.shape, trial.dtype)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One per element of the child."""
        return product(shapes[0])


class CumSum(Running):
    """Sum of an element and all before it; of all after it for `reverse`.

    h_i = Σ_{j ≤ i} a_j        da_j = Σ_{i ≥ j} grad_i, the running sum from the other end

    Parameters
    ----------
    reverse : bool, default False
        Whether the sum runs from the last element to the first.
    """

    reverse: bool = False

    numpy = np.cumsum
    symbol = "cumsum"
    formula = r"\sum_{j \leq i} a_j"
    remedies = {"fprop": remedies.SUM}
    examples = (*Running.examples, example((3, 4), axis=1, reverse=True))

    def fprop(self, a: Value) -> Value:
        if not self.reverse:
            return np.cumsum(a, axis=self.axis)
        return np.flip(np.cumsum(np.flip(a, self.axis), axis=self.axis), self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        return (reshape_like(CumSum.apply(grad, axis=self.axis, reverse=not self.reverse), a),)


class CumProd(Running):
    """Product of an element and all before it.

    h_i = Π_{j ≤ i} a_j        da_k = Σ_{i ≥ k} grad_i Π_{j ≤ i, j ≠ k} a_j

    Right with zeros: the gradient is the product of all elements before k times what `Recurrence` adds up from the end.
    """

    numpy = np.cumprod
    symbol = "cumprod"
    formula = r"\prod_{j \leq i} a_j"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (*Running.examples, example(_ZEROS, axis=1), example(_ZEROS))

    def fprop(self, a: Value) -> Value:
        return np.cumprod(a, axis=self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        flat = np.reshape(a, (-1,)) if self.axis is None else a
        axis = 0 if self.axis is None else self.axis % a.ndim
        first, rest = _cut(h, axis, slice(0, 1)), _cut(h, axis, slice(0, -1))
        before = np.concatenate([np.ones_like(first), rest], axis=axis)
        later = Recurrence.apply(grad, np.roll(flat, -1, axis=axis), axis=axis, reverse=True)
        return (reshape_like(before * later, a),)


def _cut(a: Value, axis: int, part: slice) -> Any:
    return a[(slice(None),) * axis + (part,)]


class Recurrence(Box):
    """A linear recurrence along an axis: what `CumProd` sends back.

    h_i = x_i + c_i h_{i-1}, for `reverse` h_i = x_i + c_i h_{i+1}; the first of c in that order is not read
    dx = r, the recurrence from the other end, r_i = grad_i + c_{i+1} r_{i+1}; dc_i = r_i h_{i-1}

    It takes log₂ n steps for n elements, each over all of them, as stretches of twice the length are joined.

    Parameters
    ----------
    axis : int, default 0
        The axis, counted from the front.
    reverse : bool, default False
        Whether it runs from the last element to the first.
    """

    public = False
    axis: Annotated[int, Interval(0)] = 0
    reverse: bool = False

    core = Core("axis", line=True)
    symbol = "recurrence"
    examples = (
        example((4,), (4,)),
        example((3, 4), (3, 4), axis=1, reverse=True),
        example(_ZEROS, _ZEROS),
        example((1,), (1,)),
    )

    def fprop(self, x: Value, c: Value) -> Value:
        axis, step = self.axis, 1
        while step < x.shape[axis]:
            here, there = (slice(step, None), slice(None, -step))[:: -1 if self.reverse else 1]
            ends = slice(-step, None) if self.reverse else slice(None, step)
            order = slice(None, None, -1 if self.reverse else 1)
            joined = _cut(x, axis, here) + _cut(c, axis, here) * _cut(x, axis, there)
            x = np.concatenate([_cut(x, axis, ends), joined][order], axis=axis)
            c = np.concatenate([_cut(c, axis, ends), _cut(c, axis, here) * _cut(c, axis, there)][order], axis=axis)
            step *= 2
        return x

    def bprop(self, grad: Value, h: Value, x: Value, c: Value) -> tuple[Value, ...]:
        axis, later = self.axis, np.roll(c, 1 if self.reverse else -1, axis=self.axis)
        r = Recurrence.apply(grad, later, axis=axis, reverse=not self.reverse)
        end = np.zeros_like(_cut(h, axis, slice(0, 1)))
        rest = _cut(h, axis, slice(1, None) if self.reverse else slice(0, -1))
        return r, r * np.concatenate([rest, end] if self.reverse else [end, rest], axis=axis)

    def infer(self, x: Spec, c: Spec) -> Spec:
        """The shape of both children."""
        if len(x.shape) != len(c.shape) or not all(map(same, x.shape, c.shape)):
            raise self.shape_error("needs children of one shape")
        return Spec(x.shape, np.result_type(x.dtype, c.dtype))


def places(a: Value, axis: int) -> tuple[Any, Any]:
    """The indices along an axis as rows, and as columns on a new last axis."""
    numbers = np.cumsum(np.ones_like(a, dtype=int), axis=axis)
    return np.expand_dims(numbers, axis + 1), np.expand_dims(numbers, axis)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Value, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Any:
    """np.cumulative_sum of a box; with the 0 before the first element for `include_initial`."""
    axis = _running_axis(x, axis)
    return _with_initial(np.cumsum(x, axis=axis, dtype=dtype), axis, 0, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Value, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Any:
    """np.cumulative_prod of a box; with the 1 before the first element for `include_initial`."""
    axis = _running_axis(x, axis)
    return _with_initial(np.cumprod(x, axis=axis, dtype=dtype), axis, 1, include_initial)


def _running_axis(x: Value, axis: Any) -> int:
    """The axis of a running total, which one may leave out for a single axis only."""
    if (axis is None and x.ndim > 1) or (np.ndim(axis) and len(axis) != 1):
        raise UsageError(f"np.cumulative_sum, np.cumulative_prod: found {x.ndim} axes and axis={axis}, needs one axis")
    return 0 if axis is None else axis[0] if np.ndim(axis) else axis


def _with_initial(total: Value, axis: int, initial: int, include: bool) -> Any:
    """A running total, after the number that it starts from."""
    if not include:
        return total
    place = axis % total.ndim
    return np.pad(total, [(int(i == place), 0) for i in range(total.ndim)], constant_values=initial)
