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
from flowgraph.shapes.spec import Spec

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

    Right with zeros: for the gradient, row k holds a with a 1 in its place k, and takes n² numbers for n elements.
    """

    numpy = np.cumprod
    symbol = "cumprod"
    formula = r"\prod_{j \leq i} a_j"
    derivative = r"\left[\textstyle\sum_{i \geq k} \nabla_{h, i} \prod_{j \leq i, j \neq k} a_j\right]_k"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (*Running.examples, example(_ZEROS, axis=1), example(_ZEROS))

    def fprop(self, a: Value) -> Value:
        return np.cumprod(a, axis=self.axis)

    def bprop(self, grad: Value, h: Value, a: Value) -> tuple[Value, ...]:
        flat = np.reshape(a, (-1,)) if self.axis is None else a
        axis = 0 if self.axis is None else self.axis % a.ndim
        row, column = places(flat, axis)
        rows = np.cumprod(np.where(row == column, 1, np.expand_dims(flat, axis)), axis=axis + 1)
        later = np.where(row <= column, np.expand_dims(grad, axis), 0)
        return (reshape_like(np.sum(later * rows, axis=axis + 1), a),)


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
