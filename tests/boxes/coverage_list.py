"""The functions of NumPy and SciPy that boxes promise to understand, by family, and a call of each."""

import importlib
import operator

import numpy as np

import flowgraph as fg

PROMISED = {
    "elementwise": """
        add subtract multiply divide true_divide negative positive power float_power pow reciprocal square sqrt cbrt
        absolute abs fabs exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2
        sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh arctanh
        asin acos atan atan2 asinh acosh atanh hypot
        maximum minimum fmax fmin clip copysign deg2rad rad2deg degrees radians remainder mod fmod divmod modf ldexp
        sinc i0 nan_to_num where select piecewise heaviside interp unwrap
        conjugate conj real imag angle""",
    "steps": "sign floor ceil rint round around trunc fix floor_divide",
    "truth values and indices": """
        equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not
        isnan isinf isfinite signbit argmax argmin argsort searchsorted nonzero count_nonzero any all digitize""",
    "reductions and scans": """
        sum mean prod max min amax amin ptp std var median quantile percentile average
        nansum nanmean nanprod nanmax nanmin nanstd nanvar nanmedian
        cumsum cumprod cumulative_sum cumulative_prod nancumsum diff ediff1d trapezoid gradient""",
    "products": "matmul dot vdot inner outer tensordot einsum kron cross vecdot matvec vecmat trace",
    "linear algebra": """
        linalg.inv linalg.pinv linalg.det linalg.slogdet linalg.solve linalg.lstsq linalg.cholesky linalg.qr
        linalg.svd linalg.svdvals linalg.eigh linalg.eigvalsh linalg.eig linalg.eigvals linalg.matrix_power
        linalg.multi_dot linalg.norm linalg.vector_norm linalg.matrix_norm linalg.matrix_transpose linalg.tensorinv
        linalg.tensorsolve linalg.cond linalg.outer linalg.cross linalg.trace linalg.diagonal""",
    "shape": """
        reshape ravel transpose permute_dims swapaxes moveaxis rollaxis matrix_transpose expand_dims squeeze
        atleast_1d atleast_2d atleast_3d broadcast_to broadcast_arrays concatenate concat stack hstack vstack dstack
        column_stack block append split array_split hsplit vsplit dsplit unstack tile repeat flip fliplr flipud rot90
        roll pad resize insert delete trim_zeros meshgrid diag diagonal diagflat tril triu copy astype asarray
        zeros_like ones_like full_like""",
    "indexing and ordering": """
        operator.getitem take take_along_axis compress extract choose sort partition fg.set_at fg.add_at""",
    "polynomials, signals, statistics": """
        polyval polyadd polysub polymul polyder polyint vander convolve correlate cov corrcoef
        fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfft2 fft.irfft2 fft.rfftn
        fft.irfftn fft.hfft fft.ihfft fft.fftshift fft.ifftshift fg.Conv2d fg.MaxPool""",
    "sequences, roots and fits": "linspace logspace geomspace roots poly polyfit",
    "truth values about numbers": """
        isclose allclose array_equal isposinf isneginf iscomplex isreal linalg.matrix_rank""",
    "special functions": """
        scipy.special.expit scipy.special.logit scipy.special.log_expit scipy.special.erf scipy.special.erfc
        scipy.special.erfcx scipy.special.erfinv scipy.special.erfcinv scipy.special.ndtr scipy.special.ndtri
        scipy.special.log_ndtr scipy.special.gamma scipy.special.gammaln scipy.special.loggamma scipy.special.rgamma
        scipy.special.digamma scipy.special.psi scipy.special.polygamma scipy.special.beta scipy.special.betaln
        scipy.special.betainc scipy.special.gammainc scipy.special.gammaincc scipy.special.entr
        scipy.special.rel_entr scipy.special.kl_div scipy.special.xlogy scipy.special.xlog1py scipy.special.boxcox
        scipy.special.boxcox1p scipy.special.inv_boxcox scipy.special.exprel scipy.special.j0 scipy.special.j1
        scipy.special.jv scipy.special.y0 scipy.special.y1 scipy.special.yn scipy.special.i0 scipy.special.i0e
        scipy.special.i1 scipy.special.i1e scipy.special.iv scipy.special.ive scipy.special.expi scipy.special.exp1
        scipy.special.expn scipy.special.dawsn scipy.special.spence fg.logsumexp fg.softmax fg.log_softmax""",
}

NOT_YET: frozenset[str] = frozenset()

REFUSED = {"asarray": "run the graph", "scipy.special.polygamma": "docs/functions.md"}
"""Functions whose call on a box is an error, and what its text says."""

FIRST = {"scipy.special.polygamma": (1,)}
"""Arguments of such a call before the box."""

ROOTS = {"fg": fg, "operator": operator}


def found(name):
    """The object of a name, None where the installed version has none of it."""
    root, *rest = name.split(".")
    if root == "scipy":
        place, rest = importlib.import_module("scipy.special"), rest[1:]
    elif root in ROOTS:
        place = ROOTS[root]
    else:
        place, rest = np, [root, *rest]
    for one in rest:
        place = getattr(place, one, None)
    return place


MATRIX = np.array([[0.9, 0.2, 0.3], [0.2, 0.8, 0.1], [0.3, 0.1, 0.7]])
VECTOR = np.array([0.3, 0.8, 0.5])

COMMON = (
    lambda f, x, v: f(x),
    lambda f, x, v: f(x, x),
    lambda f, x, v: f(v),
    lambda f, x, v: f(v, v),
    lambda f, x, v: f(x, 1),
    lambda f, x, v: f([x, x]),
    lambda f, x, v: f(x, x, x),
)

OWN = {
    "select": lambda f, x, v: f([x > 0.5, x > 0.2], [x, 2 * x]),
    "piecewise": lambda f, x, v: f(x, [x > 0.5], [np.sin, np.cos]),
    "interp": lambda f, x, v: f(v, np.array([0.0, 0.5, 1.0]), v),
    "digitize": lambda f, x, v: f(x, np.array([0.2, 0.5])),
    "einsum": lambda f, x, v: f("ij,j", x, v),
    "linalg.tensorsolve": lambda f, x, v: f(x, v),
    "reshape": lambda f, x, v: f(x, (1, 9)),
    "swapaxes": lambda f, x, v: f(x, 0, 1),
    "moveaxis": lambda f, x, v: f(x, 0, 1),
    "broadcast_to": lambda f, x, v: f(x, (2, 3, 3)),
    "dsplit": lambda f, x, v: f(x[None], 3),
    "roll": lambda f, x, v: f(x, 1),
    "insert": lambda f, x, v: f(v, 1, 0.5),
    "astype": lambda f, x, v: f(x, np.float32),
    "take_along_axis": lambda f, x, v: f(x, np.array([[0], [2], [1]]), axis=1),
    "compress": lambda f, x, v: f([True, False, True], x, axis=0),
    "choose": lambda f, x, v: f(np.array([0, 1, 0]), [v, 2 * v]),
    "polyval": lambda f, x, v: f(v, x),
    "polyfit": lambda f, x, v: f(v, 2 * v, 1),
    "fg.set_at": lambda f, x, v: f(x, 0, v),
    "fg.add_at": lambda f, x, v: f(x, 0, v),
    "fg.Conv2d": lambda f, x, v: f(x[None, None], x[None, None, :2, :2]),
    "fg.MaxPool": lambda f, x, v: f(x[None, None], size=2),
}


def flat(results):
    """The results of a call, tuples and lists in them opened."""
    return [part for one in results for part in flat(one)] if isinstance(results, tuple | list) else [results]
