"""Values of the boxes that do what a function of NumPy does, by that function, which defines them.

What has no such function, the boxes that gradients are made of above all, stands here by its definition, element by
element.
"""

import numpy as np


def shape_of(a, to):
    """The sizes of `to`, in which a range stands for the product of these axes of `a`, and -1 for what is left."""
    sizes = [int(np.prod(a.shape[s.start : s.stop])) if isinstance(s, range) else s for s in to]
    return [a.size // -int(np.prod(sizes)) if s == -1 else s for s in sizes]


def broadcast_to(a, to):
    return np.broadcast_to(a, [a.shape[i - len(to) + a.ndim] if s == -1 else s for i, s in enumerate(to)])


def pad(a, pad_width, mode, constant_values):
    return np.pad(a, pad_width or 0, mode, **({"constant_values": constant_values} if mode == "constant" else {}))


def split(a, at, axis, uneven):
    return tuple(np.array_split(a, at, axis))


def split_like(a, *likes, axis):
    return tuple(np.split(a, np.cumsum([like.shape[axis] for like in likes])[:-1], axis))


SHAPES = {
    "Reshape": lambda a, to: np.reshape(a, shape_of(a, to)),
    "ExpandDims": np.expand_dims,
    "Squeeze": np.squeeze,
    "BroadcastTo": broadcast_to,
    "BroadcastArrays": lambda *arrays: tuple(np.broadcast_arrays(*arrays)),
    "Transpose": np.transpose,
    "Flip": np.flip,
    "Roll": np.roll,
    "Pad": pad,
    "Concatenate": lambda *arrays, axis: np.concatenate(arrays, axis),
    "SplitLike": split_like,
    "Stack": lambda *arrays, axis: np.stack(arrays, axis),
    "Split": split,
    "Unstack": lambda a, axis: tuple(np.moveaxis(a, axis, 0)),
    "SumLike": lambda a, like: (
        np.einsum("ij->" + {0: "", 1: "j", 2: "i"}[like.ndim], a).reshape(like.shape) if like.shape != a.shape else a
    ),
    "Barrier": lambda a, *after: a,
    "BroadcastLike": lambda a, like: a + np.zeros(like.shape),
    "ReshapeLike": lambda a, like: np.array(list(a.flat)).reshape(like.shape),
    "CountLike": lambda like, axis: np.ones(like.shape).sum(axis).flat[0],
}


def filled(index, indices):
    """An index, in which arrays stand where it says "array"."""
    arrays = iter(indices)
    return tuple(next(arrays) if isinstance(item, str) else item for item in index)


def index_add(a, like, *indices, index):
    h = np.zeros(like.shape)
    np.add.at(h, filled(index, indices), a)
    return h


def set_at(a, value, *indices, index):
    h = a.copy()
    h[filled(index, indices)] = value
    return h


def add_at_rows(a, change, rows):
    h = a.copy()
    np.add.at(h, rows.ravel(), change.reshape(rows.size, *a.shape[1:]))
    return h


def places_of_rows(rows, at, like):
    names = [int(row) % len(like) for row in np.ravel(rows)]
    last = {row: place for place, row in enumerate(names)}
    return np.array([last.get(int(row) % len(like), len(names)) for row in np.ravel(at)]).reshape(np.shape(at))


def nonzero(a):
    return np.nonzero(a) if a.ndim > 1 else np.nonzero(a)[0]


INDEXING = {
    "PlacesOfRows": places_of_rows,
    "AddAtRows": add_at_rows,
    "SetAt": set_at,
    "Index": lambda a, *indices, index: a[filled(index, indices)],
    "IndexAdd": index_add,
    "ArangeLike": lambda like, axis: np.array(list(range(np.moveaxis(like, axis, 0).shape[0]))),
    "TakeAlongAxis": np.take_along_axis,
    "ArgSort": lambda a, axis: np.argsort(a, axis, kind="stable"),
    "Choose": lambda number, *choices, mode: np.choose(number, choices, mode=mode),
    "SearchSorted": np.searchsorted,
    "Digitize": np.digitize,
    "Nonzero": nonzero,
    "UnitRows": lambda like: np.eye(like.size, dtype=like.dtype).reshape(like.size, *like.shape),
    "RepeatRows": lambda a, rows: np.stack([a] * len(rows)),
    "RowsAs": lambda a, like: np.array(list(a.flat)).reshape(like.shape + a.shape[1:]),
    "Interp": np.interp,
}


def passing(function, passing_over_nan):
    """One function, or another where NaN are passed over."""
    return lambda a, axis, ignore_nan, *rest, **settings: (passing_over_nan if ignore_nan else function)(
        a, *rest, axis=axis, **settings
    )


def running(function):
    def value(a, axis, reverse=False):
        return np.flip(function(np.flip(a, axis), axis), axis) if reverse else function(a, axis)

    return value


def others(a, axis):
    """The product of all other numbers along an axis."""
    parts = [np.delete(a, i, axis).prod(axis) for i in range(a.shape[axis])]
    return np.stack(parts, axis)


def recurrence(x, c, axis, reverse):
    """One element after another along an axis."""
    x, c = (np.moveaxis(a, axis, 0)[:: -1 if reverse else 1] for a in (x, c))
    rows = [x[0]]
    for own, factor in zip(x[1:], c[1:], strict=True):
        rows.append(own + factor * rows[-1])
    return np.moveaxis(np.stack(rows[:: -1 if reverse else 1]), 0, axis)


REDUCTIONS = {
    "Sum": np.sum,
    "Mean": np.mean,
    "Prod": np.prod,
    "Max": np.max,
    "Min": np.min,
    "Var": np.var,
    "Std": np.std,
    "LogSumExp": lambda a, axis, keepdims: np.log(np.sum(np.exp(a), axis, keepdims=keepdims)),
    "ArgMax": np.argmax,
    "ArgMin": np.argmin,
    "NanArgMax": np.nanargmax,
    "NanArgMin": np.nanargmin,
    "AnyTrue": np.any,
    "AllTrue": np.all,
    "CountNonzero": np.count_nonzero,
    "CumSum": running(np.cumsum),
    "CumProd": running(np.cumprod),
    "Others": others,
    "Recurrence": recurrence,
    "Median": passing(np.median, np.nanmedian),
    "Quantile": lambda a, q, **settings: passing(np.quantile, np.nanquantile)(a, q=q, **settings),
}


def on_diagonal(a, like, offset, axis1, axis2):
    h = np.zeros(like.shape)
    stack = np.moveaxis(h, (axis1, axis2), (0, 1))
    rows, columns = np.nonzero(np.eye(*stack.shape[:2], k=offset))
    stack[rows, columns] = np.moveaxis(a, -1, 0)
    return h


def cofactors(a):
    """The minors of each matrix, with their signs."""
    n = a.shape[-1]
    rest = [[np.delete(np.delete(a, i, -2), j, -1) for j in range(n)] for i in range(n)]
    rows = [np.stack([(-1) ** (i + j) * np.linalg.det(rest[i][j]) for j in range(n)], -1) for i in range(n)]
    return np.stack(rows, -2)


def slopes_of_cofactors(g, a):
    """The coefficient of t in the cofactors of a + t g, which are polynomials."""
    t = np.linspace(-1, 1, 2 * a.shape[-1] + 1)
    values = np.stack([cofactors(a + one * g) for one in t]).reshape(len(t), -1)
    return np.polynomial.polynomial.polyfit(t, values, a.shape[-1])[1].reshape(a.shape)


def p_norm(a, axis, keepdims, p):
    return np.sum(np.abs(a) ** p, axis, keepdims=keepdims) ** (1 / p)


MATRICES = {
    "AddMatMul": lambda c, left, right: c + left @ right,
    "MatMul": np.matmul,
    "Affine": lambda h, W, b: h @ W + b,
    "TensorDot": np.tensordot,
    "Einsum": lambda *operands, subscripts, optimize: np.einsum(subscripts, *operands),
    "Diagonal": np.diagonal,
    "OnDiagonal": on_diagonal,
    "Diag": np.diag,
    "Tril": np.tril,
    "Triu": np.triu,
    "Inv": np.linalg.inv,
    "Solve": lambda a, b: np.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b),
    "Pinv": np.linalg.pinv,
    "Det": np.linalg.det,
    "Cofactors": cofactors,
    "CofactorSlopes": slopes_of_cofactors,
    "SlogDet": lambda a: tuple(np.linalg.slogdet(a)),
    "Cholesky": np.linalg.cholesky,
    "QR": lambda a: tuple(np.linalg.qr(a)),
    "Eigh": lambda a, UPLO: tuple(np.linalg.eigh(a, UPLO)),
    "SVD": lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
    "EuclideanNorm": lambda a, axis, keepdims: p_norm(a, axis, keepdims, 2),
    "PNorm": p_norm,
}


def transform(function):
    return lambda a, axes, s, norm: function(a, s, range(a.ndim) if axes is None else axes, norm)


def both_halves(a, like, axis):
    """Each point as often as its frequency or the opposite one occurs."""
    n = like.shape[axis]
    count = [len({k, -k % n}) for k in range(n // 2 + 1)]
    return np.moveaxis(np.moveaxis(a, axis, -1) * count, -1, axis)


def fit_like(a, like, axes):
    """The first elements along these axes, zeros where there are none."""
    for axis in axes:
        n = like.shape[axis]
        a = np.take(a, range(min(n, a.shape[axis])), axis)
        a = np.pad(a, [(0, n - a.shape[axis]) if i == axis % a.ndim else (0, 0) for i in range(a.ndim)])
    return a


FOURIER = {
    "Fft": transform(np.fft.fftn),
    "Ifft": transform(np.fft.ifftn),
    "Rfft": transform(np.fft.rfftn),
    "Irfft": transform(np.fft.irfftn),
    "BothHalves": both_halves,
    "FftShift": lambda a, axes, inverse: (np.fft.ifftshift if inverse else np.fft.fftshift)(a, axes),
    "FitLike": fit_like,
    "Convolve": lambda a, v, longer_first: np.convolve(a, v),
    "Correlate": lambda a, v: np.correlate(a, v, "valid"),
    "Unwrap": lambda p, discont, axis, period: np.unwrap(p, discont, axis, period=period),
}

VALUES = SHAPES | INDEXING | REDUCTIONS | MATRICES | FOURIER
