"""What fits no function of NumPy on boxes is refused on the line that writes it, with what is needed."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, IndexingError, ShapeError, UnsupportedError, UsageError

FOLLOWS = fg.Input("n", shape=("N", 3))
XP, FP = np.array([-1.0, -0.3, 0.5, 2.0]), np.array([0.3, -1.2, 2.0, 0.7])

REFUSED = [
    # indexing/choosing
    (lambda x: np.choose(x, [x, x]), DtypeError, "numbers of dtype float64, needs integers"),
    (lambda x: np.choose(x > 0, []), DtypeError, "one choice or more"),
    (lambda x: np.choose(x > 0, [x, x], mode="any"), UsageError, "mode='any', needs 'raise', 'wrap' or 'clip'"),
    (lambda x: np.select([x > 0], [x, x]), UsageError, "found 1 conditions for 2 choices"),
    (lambda x: np.select([x], [x]), DtypeError, "condition of dtype float64, needs booleans"),
    (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), UsageError, "found 3 functions for 1 conditions"),
    (lambda x: np.piecewise(x, x[0] > 0, [1]), ShapeError, r"condition of shape \(3,\), needs that"),
    (lambda x: np.piecewise(x, [x > 0, x[:1] > 0], [1, 2]), ShapeError, r"condition of shape \(1, 3\), needs that"),
    # indexing/interpolation
    (lambda x: np.interp(x, XP, FP[:2]), ShapeError, "needs xp and fp with one axis each and of the same length"),
    (lambda x: np.interp(x, XP, FP, period=0), UsageError, "period=0, needs a number other than 0"),
    (lambda x: np.interp(x, XP, FP * 1j), UnsupportedError, "complex numbers, needs real ones"),
    (lambda x: fg.Interp(x, XP, FP * 1j), DtypeError, "complex numbers, needs real ones"),
    # indexing/taking
    (lambda x: np.take(x, [7]), IndexingError, "the index 7 lies outside an axis of 6"),
    (lambda x: np.take(x, [7], mode="any"), UsageError, "mode='any', needs one of raise, wrap, clip"),
    (lambda x: np.take(x, [0.5]), IndexingError, "an index of dtype float64"),
    (lambda x: np.take_along_axis(x, np.array([0]), 1), ShapeError, "needs integers with 2 axes"),
    (lambda x: np.take_along_axis(x, x, 1), ShapeError, "needs integers"),
    (lambda x: np.take_along_axis(x, np.zeros((4, 1), int), 1), ShapeError, "other than 1 do not broadcast"),
    (
        lambda x: np.delete(x, fg.Input("k", dtype=int), 0),
        UsageError,
        "as places, needs numbers known before a run",
    ),
    (lambda x: np.sort(x, order="f"), UnsupportedError, "order="),
    (lambda x: np.argsort(x, axis=2), ShapeError, "axis = "),
    # linear_algebra/diagonal
    (lambda x: np.diagonal(x[0]), ShapeError, r"axis = \(0, 1\) does not fit"),
    (lambda x: np.diagonal(x, 0, 1, 1), ShapeError, "repeated axis"),
    (lambda x: np.diag(np.expand_dims(x, 0)), ShapeError, "found 3 axes, needs a vector"),
    (lambda x: np.tril(x[0, 0]), ShapeError, "found 0 axes, needs matrices"),
    (lambda x: fg.boxes.OnDiagonal(x[0], x), ShapeError, r"the diagonals are \(2,\)"),
    # linear_algebra/einsum
    (lambda x: np.einsum("ij,jk->ik", x), UsageError, "found 1 operands for the subscripts"),
    (lambda x: np.einsum("ijk->i", x), ShapeError, "do not name the axes"),
    (lambda x: np.einsum("ijk...->i", x), UsageError, "name more axes than the operands have"),
    (lambda x: np.einsum("i...->i", x), UsageError, "needs the '...' of the operands"),
    (lambda x: np.einsum("ij->k", x), UsageError, "from the operands"),
    (lambda x: np.einsum("ij->ii", x), UsageError, "once each"),
    (lambda x: np.einsum("i1->i", x), UsageError, "needs letters"),
    (lambda x: np.einsum("ij,jk->ik", x, x), ShapeError, "the label 'j' has the sizes 3 and 2"),
    (lambda x: fg.Einsum(x, subscripts="...->..."), UsageError, "np.einsum understands the other forms"),
    # linear_algebra/linear_algebra
    (lambda x: x @ x, ShapeError, r"(?s)child 'right' has k = 2 but child 'left' has k = 3.*signature \(m\?,k\)"),
    (lambda x: x @ np.ones(2), ShapeError, "has k = 2"),
    (lambda x: np.matmul(x, 2.0), ShapeError, "child 'right' has 0 axes but needs at least 1"),
    (lambda x: fg.Affine(x, np.ones((3, 4)), np.ones((1, 4))), ShapeError, "needs a matrix W and a vector b"),
    (lambda x: fg.AddMatMul(np.ones((2, 3, 4)), x, np.ones((3, 4))), ShapeError, "needs three matrices"),
    (lambda x: fg.Affine(x, np.ones((3, 4)), np.ones(3)), ShapeError, "child 'b' has n = 3"),
    (lambda x: np.tensordot(x, x, 1), ShapeError, "axis 1 of a has the size 3, axis 0 of b has 2"),
    (lambda x: np.tensordot(x, x, ((0, 1), (0,))), ShapeError, "2 axes of a and 1 of b"),
    (lambda x: np.tensordot(x, x, (0, 0, 0)), UsageError, "needs a number, or the axes of a and those of b"),
    (lambda x: np.dot(x, x), ShapeError, "has k = 2"),
    # numpy_api/differences
    (lambda x: np.diff(x, n=-1), UsageError, "found n=-1, needs a number of times from 0"),
    (lambda x: np.ediff1d(x.astype(int), to_end=0.5), UsageError, "float64, which is not cast to int64"),
    (lambda x: np.gradient(x, edge_order=3), UsageError, "edge_order=3, needs 1 or 2"),
    (lambda x: np.gradient(x, 1.0, 2.0, 3.0), UsageError, "found 3 spacings for 2 axes"),
    (lambda x: np.gradient(x, [0.0, 1.0], axis=1), ShapeError, r"places of shape \(2,\), needs \(3,\)"),
    (lambda x: np.gradient(x, axis=0, edge_order=2), ShapeError, "found an axis of 2, needs 3 for edge_order=2"),
    # numpy_api/editing
    (lambda x: np.insert(x, 4, 0.0, axis=0), IndexingError, "found the places 4 on an axis of 2"),
    (lambda x: np.insert(x, [4, 0], 0.0, axis=0), IndexingError, r"the places \[4, 0\] on an axis of 2"),
    (lambda x: np.insert(x, fg.Input("k", dtype=int), 0.0), UsageError, "as places, needs numbers known"),
    (lambda x: np.insert(FOLLOWS, [1, 2], x[0], axis=0), UsageError, "found 2 places on an axis of N, needs one"),
    (lambda x: np.insert(FOLLOWS, slice(2), x[0], axis=0), UsageError, "needs places known before a run"),
    (lambda x: np.delete(x, 4, axis=0), IndexingError, r"np\.delete: index 4 is out of bounds"),
    (lambda x: np.delete(FOLLOWS, [1, 2], axis=0), UsageError, "needs a place or a slice, or use a mask"),
    (lambda x: np.trim_zeros(x, "x"), UsageError, "trim='x', needs 'f' for the front"),
    (lambda x: np.meshgrid(x, x, indexing="yx"), UsageError, "indexing='yx', needs 'xy' or 'ij'"),
    (lambda x: np.resize(x, (2, -1)), UsageError, r"new_shape=\(2, -1\), needs numbers from 0"),
    (lambda x: np.partition(x, 3), UsageError, "kth=3 on an axis of 3"),
    (lambda x: np.partition(x, 0.5), UsageError, "kth=0.5"),
    (lambda x: np.insert(x, 0, np.ones(5), axis=1), ShapeError, "do not broadcast"),
    # numpy_api/polynomial
    (lambda x: np.polyval(x, 2.0), ShapeError, "coefficients with 2 axes, needs one"),
    (np.vander, ShapeError, "with 2 axes, needs one"),
    (lambda x: np.polyder(x[0], -1), UsageError, r"np\.polyder: found m=-1, needs a number of times from 0"),
    (lambda x: np.polyint(x[0], 3, [1.0, 2.0]), UsageError, "found 2 constants for 3 integrals"),
    (lambda x: np.polyadd(fg.Input("p", shape=("N",)), x[0]), UsageError, "found N and 3 coefficients"),
    # reduction/quantile
    (lambda x: np.quantile(x, 1.5), UsageError, "q=1.5, needs a number from 0 to 1"),
    (lambda x: np.percentile(x, [101]), UsageError, "needs a number from 0 to 1"),
    (lambda x: np.quantile(x, 0.5, method="best"), UsageError, "method='best', needs 'inverted_cdf', 'ave"),
    (lambda x: np.quantile(x, 0.5, weights=np.ones((2, 3))), UsageError, "needs method='inverted_cdf'"),
    (lambda x: np.median(x, axis=2), ShapeError, "axis = 2 does not fit"),
    (lambda x: np.median(x, None, np.ones(3)), fg.FlowgraphError, "found out=, which boxes do not take"),
    # reduction/weighting
    (lambda x: np.average(x, weights=[1, 2]), ShapeError, r"weights of shape \(2,\) .* or axis= for weights"),
    (lambda x: np.average(x, axis=1, weights=[1, 2]), ShapeError, r"along the axes \(1,\).*needs \(3,\)"),
    (lambda x: np.average(x, axis=0, weights=[1, -1]), UsageError, "weights whose sum is 0"),
    (lambda x: np.cov(x, ddof=0.5), UsageError, "ddof=0.5, needs an integer"),
    (lambda x: np.cov(x, aweights=[1, 2]), ShapeError, r"aweights of shape \(2,\), needs \(3,\)"),
    (lambda x: np.cov(x, aweights=[1, -2, 1]), UsageError, "needs numbers from 0$"),
    (lambda x: np.cov(x, fweights=[1, 0.5, 1]), UsageError, "needs numbers from 0, whole ones"),
    (lambda x: np.cov(x[None]), ShapeError, "needs one or two axes"),
    # shape/arrangement
    (lambda x: np.transpose(x, (0,)), ShapeError, "names 1 axes, needs all 2"),
    (lambda x: np.swapaxes(x, 0, 2), ShapeError, r"axis = \(2,\) does not fit"),
    (lambda x: np.moveaxis(x, 0, (0, 1)), UsageError, "found 1 axes to move to 2 places"),
    (lambda x: np.flip(x, 2), ShapeError, "axis = 2 does not fit"),
    (lambda x: np.roll(x, 1, 2), ShapeError, "axis = 2 does not fit"),
    (lambda x: fg.Roll(x, shift=1.5), UsageError, "found shift=1.5, needs a whole number or a tuple"),
    (lambda x: np.roll(x, (1, 2, 3), (0, 1)), UsageError, "an integer per axis"),
    (lambda x: np.fliplr(x[0]), ShapeError, "axis = 1 does not fit"),
    (lambda x: np.matrix_transpose(x[0]), ShapeError, "needs two axes, found 1"),
    # shape/joining
    (lambda x: np.concatenate([x, x.T]), ShapeError, r"'arrays\[1\]' has the shape \(3, 2\), needs \(2, 3\) but"),
    (lambda x: np.concatenate([x, x[0]]), ShapeError, "but for axis 0"),
    (
        lambda x: np.concatenate([x[0, 0], x[0, 0]]),
        ShapeError,
        "needs one array or more, each with one axis or more",
    ),
    (lambda x: np.concatenate([x, x], dtype=int), UsageError, "'same_kind' has no cast to"),
    (lambda x: np.concatenate([x, x], out=np.ones(4)), UnsupportedError, "boxes are immutable"),
    (lambda x: np.stack([x, x.T]), ShapeError, r"needs \(2, 3\)\n"),
    (lambda x: fg.Stack(), ShapeError, "one array or more"),
    (lambda x: fg.SplitLike(x, x), ShapeError, "two or more"),
    (lambda x: fg.SplitLike(x, x, x), ShapeError, "the parts are 4 long in all, the axis 2"),
    (
        lambda x: np.split(x, 2, axis=1),
        ShapeError,
        "an axis of size 3 cannot be divided into 2 equal sections; use np.array_split",
    ),
    (lambda x: fg.Split(x, at=1), UsageError, "a number of sections from 2"),
    (lambda x: fg.Split(x, at=(2, 1)), UsageError, "ascending places"),
    (lambda x: fg.Split(x, at=(1, -1)), UsageError, "all counted from the front"),
    (lambda x: np.vsplit(x[0], 1), ShapeError, "found 1 axes, needs 2"),
    (lambda x: fg.Unstack(x[:1]), ShapeError, "axis 0 has the size 1, needs a number from 2"),
    (lambda x: np.pad(x, 1, mode="around"), UnsupportedError, "mode='around'"),
    (lambda x: np.pad(x, 1, mode="edge", reflect_type="odd"), UsageError, "reflect_type="),
    (lambda x: np.pad(x, -1), UsageError, "needs numbers from 0; cut with a slice"),
    (lambda x: fg.Pad(x, pad_width=((1, 1),)), ShapeError, "1 pairs for 2 axes"),
    (lambda x: np.repeat(x, x), UsageError, "integers known before a run"),
    # shape/shape
    (lambda x: np.reshape(x, (7, 3)), ShapeError, r"'x' \(2, 3\) does not fit into \(7, 3\)"),
    (lambda x: np.reshape(x, (-1, 4)), ShapeError, r"does not fit into \(-1, 4\)"),
    (lambda x: np.reshape(x, (-1, -1)), ShapeError, "does not fit"),
    (lambda x: np.reshape(x, (-2, 3)), ShapeError, "does not fit"),
    (lambda x: np.reshape(x, 6, order="A"), UnsupportedError, "order='A'"),
    (lambda x: fg.Reshape(x, to=(5,)), ShapeError, r"6 elements do not fit into \(5,\)"),
    (lambda x: np.squeeze(x, 0), ShapeError, "axis 0 has the size 2"),
    (lambda x: np.broadcast_to(x, (3, 2)), ShapeError, r"does not broadcast to \(3, 2\)"),
    (lambda x: np.broadcast_to(x, (3,)), ShapeError, "does not broadcast"),
    (lambda x: fg.BroadcastTo(x, to=(-1, 2, 3)), ShapeError, "does not broadcast"),
    (lambda x: np.broadcast_to(x, (fg.Size("N"), 2, 3)), ShapeError, "the size N .* does not follow from"),
    (lambda x: np.broadcast_arrays(x, np.ones((4, 5))), ShapeError, "two arrays or more, of shapes that broad"),
    (lambda x: np.broadcast_to(x, (2, 3), subok=True), UnsupportedError, "subok="),
]


@pytest.mark.parametrize(("build", "error", "text"), REFUSED)
def test_what_does_not_fit_is_refused_where_it_is_written(build, error, text):
    with pytest.raises(error, match=text):
        build(fg.Parameter(np.ones((2, 3)), name="x"))
