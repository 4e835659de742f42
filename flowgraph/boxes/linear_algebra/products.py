"""Products of vectors and matrices, of stacks of them, and of a chain of matrices."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np

from flowgraph.box import Box, Value, join_boxes
from flowgraph.box.axes import AxisLabels, labels_by_signature
from flowgraph.box.inference import axes_of, axis_of
from flowgraph.box.numpy_dispatch import implements
from flowgraph.box.vocabulary import example
from flowgraph.boxes.elementwise.complex_numbers import conjugate
from flowgraph.boxes.engine import remedies
from flowgraph.boxes.indexing.scatter import add_at
from flowgraph.boxes.numpy_api.constructors import as_box
from flowgraph.errors import ShapeError, UsageError
from flowgraph.shapes.size import Shape, Size, product
from flowgraph.shapes.spec import Spec, same


class MatMul(Box):
    """Matrix product of vectors, matrices and stacks of matrices, as np.matmul.

    h = left right        ∇left = ∇h rightᵀ, ∇right = leftᵀ ∇h

    Source: Larochelle, Training neural networks, "gradient of the weights": ∇W = ∇a hᵀ.
    """

    numpy = (np.matmul, np.linalg.matmul)
    symbol = "@"
    formula = r"left \, right"
    signature = "(m?,k),(k,n?)->(m?,n?)"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (
        example((3, 4), (4, 2)),
        example((4,), (4,)),
        example((4,), (4, 2)),
        example((3, 4), (4,)),
        example((5, 3, 4), (4, 2)),
        example((3, 4), (5, 4, 2)),
        example((5, 1, 3, 4), (2, 4, 6)),
        example((4,), (5, 4, 2)),
        example((5, 3, 4), (4,)),
    )

    @classmethod
    def from_numpy(cls, left: Value, right: Value) -> Any:
        """np.matmul of boxes; on one side may be a sparse matrix of SciPy, which is constant."""
        return (_sparse_product if hasattr(type(left), "tocoo") or hasattr(type(right), "tocoo") else cls)(left, right)

    def fprop(self, left: Value, right: Value) -> Value:
        return left @ right

    def bprop(
        self, grad: Value, h: Value, left: Value, right: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        if left.ndim == 2 and right.ndim == 2:
            return grad @ right.T if needs[0] else None, left.T @ grad if needs[1] else None
        return (
            _gradient_of_left(grad, left, right) if needs[0] else None,
            _gradient_of_right(grad, left, right) if needs[1] else None,
        )

    def axis_labels(self) -> AxisLabels:
        """Rows of left and columns of right are loops; the value is the sum over k."""
        return labels_by_signature(self, "mkn")

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """2 m k n."""
        return 2 * product(shape) * shapes[0][-1]


def _gradient_of_left(grad: Value, left: Value, right: Value) -> Any:
    """∇h rightᵀ, for vectors and stacks; the engine sums over the axes along which `left` was repeated."""
    if right.ndim == 1:
        return np.expand_dims(grad, -1) * right
    if left.ndim == 1:
        return np.squeeze(right @ np.expand_dims(grad, -1), -1)
    return grad @ right.mT


def _gradient_of_right(grad: Value, left: Value, right: Value) -> Any:
    """leftᵀ ∇h, for vectors and stacks; one product sums over the stack where `right` is not stacked."""
    if right.ndim <= 2 and left.ndim > 1:
        rows = tuple(range(left.ndim - 1))
        return np.tensordot(left, grad, (rows, rows))
    if left.ndim == 1:
        return np.expand_dims(grad, -2) * np.expand_dims(left, -1) if right.ndim > 1 else grad * left
    return left.mT @ grad


def _sparse_product(left: Value, right: Value) -> Any:
    """A product with a sparse matrix of SciPy: each of its numbers times a row, added where it stands."""
    if hasattr(type(right), "tocoo"):
        if left.ndim == 1:
            return _sparse_product(right.T, left)
        return np.swapaxes(_sparse_product(right.T, np.swapaxes(left, -1, -2)), -1, -2)
    x, matrix = as_box(right), left.tocoo()
    rows_first: Any = x if x.ndim < 3 else np.moveaxis(cast(Any, x), -2, 0)
    if matrix.ndim != 2 or not x.ndim or not same(matrix.shape[1], rows_first.shape[0]):
        raise x.shape_error(
            f"found a sparse matrix of shape {matrix.shape} in a product, needs one of as many columns as this has rows"
        )
    to, of = (np.asarray(places, np.int64) for places in (matrix.row, matrix.col))
    weighted = np.expand_dims(matrix.data, tuple(range(1, rows_first.ndim))) * rows_first[of]
    zeros = np.zeros((matrix.shape[0], *(1 for _ in rows_first.shape[1:])), weighted.dtype)
    row = rows_first[:1] if matrix.shape[1] else np.sum(rows_first, axis=0, keepdims=True)  # of nothing too
    total = add_at(zeros * np.zeros_like(row), to, weighted)
    return total if x.ndim < 3 else np.moveaxis(total, 0, -2)


class Affine(Box):
    """The pre-activation of a layer: a = b + W h, with the examples in rows.

    a = h W + b        ∇h = ∇a Wᵀ, ∇W = hᵀ ∇a, ∇b = Σ ∇a, both summed over the examples

    Shapes: h (..., k), W (k, n), b (n,), a (..., n).

    Source: Larochelle, Training neural networks, "gradient of the parameters": ∇W = ∇a hᵀ, ∇b = ∇a.
    """

    aliases = ("dense",)
    symbol = "affine"
    formula = r"h W + b"
    signature: ClassVar[Any] = "(k),(k,n),(n)->(n)"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (
        example((3, 4), (4, 2), (2,)),
        example((4,), (4, 2), (2,)),
        example((5, 3, 4), (4, 2), (2,)),
        example((1, 4), (4, 1), (1,)),
    )

    def fprop(self, h: Value, W: Value, b: Value) -> Value:
        return h @ W + b

    def bprop(
        self, grad: Value, a: Value, h: Value, W: Value, b: Value, *, needs: tuple[bool, ...] = (True, True, True)
    ) -> tuple[Value, ...]:
        rows = tuple(range(h.ndim - 1))
        return (
            grad @ W.T if needs[0] else None,
            (h.T @ grad if h.ndim == 2 else _gradient_of_right(grad, h, W)) if needs[1] else None,
            (grad.sum(axis=rows) if rows else grad) if needs[2] else None,
        )

    def infer(self, *specs: Spec) -> Any:
        """By the signature; the weights are one matrix, the biases one vector."""
        _, weights, biases = specs
        if len(weights.shape) != 2 or len(biases.shape) != 1:
            raise self.shape_error("needs a matrix W and a vector b", f"signature {self.signature.text}")
        return self.infer_by(self.signature, *specs)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """2 m k n for the product, m n for the sum."""
        return product(shape) * (2 * shapes[0][-1] + 1)


class AddMatMul(Box):
    """A matrix with a matrix product added to it: the sum of a weight and its change, in one box.

    h = c + left right        ∇c = ∇h, ∇left = ∇h rightᵀ, ∇right = leftᵀ ∇h

    Shapes: c (m, n), left (m, k), right (k, n), h (m, n).
    """

    aliases = ("addmm",)
    symbol = "+ @"
    formula = r"c + left \, right"
    signature: ClassVar[Any] = "(m,n),(m,k),(k,n)->(m,n)"
    examples = (example((3, 2), (3, 4), (4, 2)), example((1, 2), (1, 1), (1, 2)))

    def fprop(self, c: Value, left: Value, right: Value) -> Value:
        return c + left @ right

    def bprop(self, grad: Value, h: Value, c: Value, left: Value, right: Value) -> tuple[Value, ...]:
        return grad, grad @ right.T, left.T @ grad

    def infer(self, *specs: Spec) -> Any:
        """By the signature, of matrices alone: plans write it as one call of BLAS."""
        if any(len(spec.shape) != 2 for spec in specs):
            raise self.shape_error(
                "needs three matrices; c + left @ right takes stacks", f"signature {self.signature.text}"
            )
        return self.infer_by(self.signature, *specs)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """2 m k n for the product, m n for the sum."""
        return product(shape) * (2 * shapes[1][-1] + 1)


class TensorDot(Box):
    """Sum of products over pairs of axes, one of each child; then the axes that are left, those of a first.

    h = Σ a b over axes        each gets the gradient summed with the other over the other's axes that are left
    """

    axes: tuple[tuple[int, ...], tuple[int, ...]]

    symbol = "tensordot"
    remedies = {"fprop": remedies.PRODUCT}
    examples = (
        example((3, 4), (4, 2), axes=((1,), (0,))),
        example((2, 3, 4), (4, 5, 2), axes=((2, 0), (0, 2))),
        example((2, 3, 4), (4, 5, 3), axes=((1, 2), (2, 0))),
        example((3,), (2,), axes=((), ())),
        example((2, 3), (3, 2), axes=((0, 1), (1, 0))),
        example((), (2,), axes=((), ())),
    )
    infers_first = True

    def fprop(self, a: Value, b: Value) -> Value:
        return np.tensordot(a, b, self.axes)

    def bprop(
        self, grad: Value, h: Value, a: Value, b: Value, *, needs: tuple[bool, ...] = (True, True)
    ) -> tuple[Value, ...]:
        of_a, of_b = axes_of(self, self.axes[0], a.ndim), axes_of(self, self.axes[1], b.ndim)
        left_a, left_b = _others(of_a, a.ndim), _others(of_b, b.ndim)
        rows, columns = tuple(range(len(left_a))), tuple(range(len(left_a), grad.ndim))
        da = db = None
        if needs[0]:
            order = (*left_a, *(of_a[of_b.index(axis)] for axis in sorted(of_b)))
            da = _in_order(np.tensordot(grad, b, (columns, left_b)), order)
        if needs[1]:
            order = (*(of_b[of_a.index(axis)] for axis in sorted(of_a)), *left_b)
            db = _in_order(np.tensordot(a, grad, (left_a, rows)), order)
        return da, db

    def infer(self, a: Spec, b: Spec) -> Spec:
        """The axes that are left, those of a first."""
        of_a, of_b = axes_of(self, self.axes[0], len(a.shape)), axes_of(self, self.axes[1], len(b.shape))
        if len(of_a) != len(of_b):
            raise self.shape_error(
                f"axes = {self.axes} has {len(of_a)} axes of a and {len(of_b)} of b, needs as many of both"
            )
        for axis, other in zip(of_a, of_b, strict=True):
            if not same(a.shape[axis], b.shape[other]):
                raise self.shape_error(
                    f"axis {axis} of a has the size {a.shape[axis]}, axis {other} of b has {b.shape[other]}, needs "
                    f"equal sizes"
                )
        left = [a.shape[i] for i in _others(of_a, len(a.shape))] + [b.shape[i] for i in _others(of_b, len(b.shape))]
        return Spec(tuple(left), np.result_type(a.dtype, b.dtype))

    def parts(self, a: Value, b: Value) -> Value:
        """One matrix product, of the axes that are left by the axes that are summed."""
        of_a, of_b = axes_of(self, self.axes[0], a.ndim), axes_of(self, self.axes[1], b.ndim)
        left_a, left_b = _others(of_a, a.ndim), _others(of_b, b.ndim)
        rows, summed, columns = (product(x.shape[i] for i in of) for x, of in ((a, left_a), (a, of_a), (b, left_b)))
        left = np.reshape(np.transpose(a, (*left_a, *of_a)), (rows, summed))
        right = np.reshape(np.transpose(b, (*of_b, *left_b)), (summed, columns))
        return np.reshape(left @ right, self.shape)

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """A product and a sum for each element and each place along the axes."""
        over = axes_of(self, self.axes[0], len(shapes[0]))
        return 2 * product(shape) * product(shapes[0][axis] for axis in over)


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Value, b: Value, axes: Any = 2) -> Any:
    """np.tensordot of boxes."""
    if not isinstance(axes, tuple | list | np.ndarray):
        count = operator.index(axes)
        pair: Any = (range(np.ndim(a) - count, np.ndim(a)), range(count))
    else:
        pair = axes
    if len(pair) != 2:
        raise UsageError(f"np.tensordot: found axes={axes!r}, needs a number, or the axes of a and those of b")
    return TensorDot(a, b, axes=tuple((axis,) if np.ndim(axis) == 0 else tuple(axis) for axis in pair))


@implements(np.dot)
def dot(a: Value, b: Value) -> Any:
    """np.dot of boxes."""
    both = isinstance(a, np.ndarray | Box) and isinstance(b, np.ndarray | Box)
    if both and len(a.shape) and 1 <= len(b.shape) <= 2:
        return MatMul(a, b)
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return join_boxes(a) * join_boxes(b)
    return MatMul.from_numpy(a, b) if np.ndim(b) <= 2 else tensordot(a, b, (-1, -2))


@implements(np.inner)
def inner(a: Value, b: Value, /) -> Any:
    """np.inner of boxes: the sum of products over the last axis of both."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return join_boxes(a) * join_boxes(b)
    return MatMul(a, b) if np.ndim(b) == 1 else tensordot(a, b, (-1, -1))


@implements(np.kron)
def kron(a: Value, b: Value) -> Any:
    """np.kron of boxes: every element of a times the whole of b, in blocks."""
    ndim = max(np.ndim(a), np.ndim(b))
    sides = [np.expand_dims(side, tuple(range(ndim - np.ndim(side)))) for side in (a, b)]
    even, odd = tuple(range(0, 2 * ndim, 2)), tuple(range(1, 2 * ndim, 2))
    blocks = np.expand_dims(sides[0], odd) * np.expand_dims(sides[1], even)
    return np.reshape(blocks, tuple(product(pair) for pair in zip(sides[0].shape, sides[1].shape, strict=True)))


def _others(axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """The axes that are not listed."""
    return tuple(axis for axis in range(ndim) if axis not in axes)


def _in_order(a: Value, axes: Sequence[int]) -> Any:
    """The array whose axis axes[i] is axis i of `a`."""
    if list(axes) == sorted(axes):
        return a
    return np.transpose(a, tuple(axes.index(axis) for axis in range(len(axes))))


@implements(np.linalg.outer)
def linalg_outer(x1: Value, x2: Value, /) -> Any:
    """np.linalg.outer of boxes: vectors only."""
    for x in map(as_box, (x1, x2)):
        if x.ndim != 1:
            raise x.shape_error(f"np.linalg.outer needs one axis, found {x.ndim}; np.outer takes any array in rows")
    return outer(x1, x2)


@implements(np.outer)
def outer(a: Value, b: Value) -> Any:
    """np.outer of boxes: every product of an element of a and one of b."""
    return np.expand_dims(np.ravel(a), 1) * np.ravel(b)


@implements(np.vdot)
def vdot(a: Value, b: Value, /) -> Any:
    """np.vdot of boxes: the sum of all products, conjugate of a first."""
    return MatMul(np.ravel(conjugate(as_box(a))), np.ravel(as_box(b)))


@implements(np.vecdot)
def vecdot(x1: Value, x2: Value, /) -> Any:
    """np.vecdot of boxes: sums of products along the last axis, conjugate of the first."""
    x1, x2 = as_box(x1), as_box(x2)
    if not (x1.ndim and x2.ndim):
        raise (x2 if x1.ndim else x1).shape_error("np.vecdot needs vectors, found a number")
    if not same(x1.shape[-1], x2.shape[-1]):
        raise x2.shape_error(f"np.vecdot: found {x2.shape[-1]} elements along the last axis, needs {x1.shape[-1]}")
    products = conjugate(x1) * x2
    return np.sum(products, axis=-1).astype(products.dtype)


@implements(np.linalg.vecdot)
def linalg_vecdot(x1: Value, x2: Value, /, *, axis: int = -1) -> Any:
    """np.linalg.vecdot of boxes."""
    last: Any = [np.moveaxis(cast(Any, as_box(x)), axis, -1) for x in (x1, x2)]
    return np.vecdot(*last)


@implements(np.cross)
def cross(a: Value, b: Value, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """np.cross of boxes: vectors of 3 elements, as NumPy 2.5 takes them alone."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _elements(a, axisa), _elements(b, axisb)
    products = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(products, axis=axisc)


@implements(np.linalg.cross)
def linalg_cross(x1: Value, x2: Value, /, *, axis: int = -1) -> Any:
    """np.linalg.cross of boxes: vectors of 3 elements along one axis."""
    for x in (x1, x2):
        if not np.ndim(x) or np.shape(x)[axis] != 3:
            raise as_box(x).shape_error(f"np.linalg.cross needs 3 elements along axis {axis}")
    return np.cross(x1, x2, axis=axis)


@implements(np.matvec)
def matvec(x1: Value, x2: Value, /) -> Any:
    """np.matvec of boxes: each matrix of a stack times its vector."""
    _check_axes("np.matvec", (x1, 2), (x2, 1))
    return np.squeeze(np.matmul(x1, np.expand_dims(x2, -1)), -1)


@implements(np.vecmat)
def vecmat(x1: Value, x2: Value, /) -> Any:
    """np.vecmat of boxes: the conjugate of each vector times its matrix."""
    _check_axes("np.vecmat", (x1, 1), (x2, 2))
    return np.squeeze(np.matmul(np.expand_dims(conjugate(as_box(x1)), -2), x2), -2)


def _check_axes(who: str, *sides: tuple[Any, int]) -> None:
    """Refuse a vector in the place of a matrix, and a number in that of a vector."""
    for side, needed in sides:
        if np.ndim(side) < needed:
            raise as_box(side).shape_error(f"{who} needs {needed} axes or more here, found {np.ndim(side)}")


def _elements(a: Value, axis: int) -> list[Any]:
    """The elements of the vectors along an axis."""
    a = as_box(a)
    axis = axis_of(a, axis, a.ndim)
    if a.shape[axis] != 3:
        raise a.shape_error(f"np.cross needs vectors of 3 elements, found {a.shape[axis]} along axis {axis}")
    return [np.take(a, i, axis=axis) for i in range(a.shape[axis])]


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Value) -> Any:
    """np.linalg.multi_dot of boxes; from the left to the right where sizes follow the batch."""
    chain = list(arrays)
    dims = [np.ndim(a) for a in chain]
    if len(chain) < 2 or any(ndim != 2 for ndim in dims[1:-1]) or not {dims[0], dims[-1]} <= {1, 2}:
        raise ShapeError(
            f"np.linalg.multi_dot: found arrays of {dims} axes, needs two or more matrices, or vectors at the ends"
        )
    sizes = [1 if dims[0] == 1 else np.shape(chain[0])[0], *(np.shape(a)[0] for a in chain[1:])]
    sizes.append(1 if dims[-1] == 1 else np.shape(chain[-1])[-1])
    if any(isinstance(size, Size) for size in sizes):
        return functools.reduce(np.matmul, chain)
    cuts = _cuts(sizes)
    wanted = [(0, len(chain) - 1)]
    for first, last in wanted:
        if first < last:
            wanted += [(first, cuts[first, last]), (cuts[first, last] + 1, last)]
    products: dict[tuple[int, int], Any] = {}
    for first, last in reversed(wanted):
        cut = cuts.get((first, last))
        products[first, last] = chain[first] if cut is None else products[first, cut] @ products[cut + 1, last]
    return products[0, len(chain) - 1]


def _cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each part of the chain the place to cut it; matrix i has sizes[i] rows and sizes[i + 1] columns."""
    count = len(sizes) - 1
    costs = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            costs[first, last], cuts[first, last] = min(
                (costs[first, cut] + costs[cut + 1, last] + sizes[first] * sizes[cut + 1] * sizes[last + 1], cut)
                for cut in range(first, last)
            )
    return cuts
