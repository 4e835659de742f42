"""Of autograd.numpy, autograd.scipy.special, linalg, fft."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.public_functions.examples import INDEX, MASK, POSITIVE, Called, P, Q, S, T, V, W, X, Y, normal


def functions() -> Iterator[Called]:
    """Name, function, example."""
    import autograd.numpy as anp
    import autograd.scipy.linalg as alin
    import autograd.scipy.signal as asig
    import autograd.scipy.special as asp
    import autograd.scipy.stats as stats

    unary = (
        "abs arctan cos cosh exp exp2 expm1 negative sin sinc sinh square tan tanh absolute fabs ceil floor sign "
        "cumsum ravel sum mean prod var std max min transpose fliplr flipud squeeze sort ptp nan_to_num"
    )
    positive = "arcsin arccos arctanh log log2 log10 log1p sqrt reciprocal arcsinh rad2deg deg2rad cumprod"
    binary = (
        "add subtract multiply divide true_divide maximum minimum fmax fmin hypot arctan2 logaddexp logaddexp2 kron"
    )
    yield from ((name, getattr(anp, name), (X,)) for name in unary.split() if hasattr(anp, name))
    yield from ((name, getattr(anp, name), (P,)) for name in positive.split() if hasattr(anp, name))
    yield "arccosh", anp.arccosh, (P + 1.5,)
    yield from ((name, getattr(anp, name), (X, Y)) for name in binary.split() if hasattr(anp, name))
    yield from ((name, getattr(anp, name), (P, Q)) for name in ("power", "mod", "fmod", "remainder"))
    yield "where", anp.where, (MASK, X, Y)
    yield "select", lambda x, y: anp.select([MASK, ~MASK], [x, y]), (X, Y)
    yield "clip", anp.clip, (X, -0.5, 0.5)
    for name in ("sum", "mean", "prod", "var", "std", "max", "min", "cumsum", "sort", "argsort"):
        if name != "argsort":
            yield f"{name}, axis", getattr(anp, name), (X, 1)
    yield "var, ddof", partial(_named, anp.var, "axis", "ddof"), (X, 1, 1)
    yield "repeat", anp.repeat, (X, 2, 1)
    yield "tile", anp.tile, (X, (2, 1))
    yield "transpose, axes", anp.transpose, (T, (1, 2, 0))
    yield "swapaxes", anp.swapaxes, (T, 0, 1)
    yield "moveaxis", anp.moveaxis, (T, 0, 1)
    yield "rollaxis", anp.rollaxis, (T, 2, 0)
    yield "roll", anp.roll, (X, 1, 1)
    yield "rot90", anp.rot90, (X, 1)
    yield "reshape", anp.reshape, (X, (4, 3))
    yield "expand_dims", anp.expand_dims, (X, 1)
    yield "broadcast_to", anp.broadcast_to, (X, (2, 3, 4))
    yield "pad", anp.pad, (X, ((1, 2), (0, 1)), "constant")
    yield "concatenate", lambda a, b, axis: anp.concatenate([a, b], axis), (X, Y, 1)
    yield "stack", lambda a, b, axis: anp.stack([a, b], axis), (X, Y, 1)
    yield "vstack", lambda a, b: anp.vstack([a, b]), (X, Y)
    yield "hstack", lambda a, b: anp.hstack([a, b]), (X, Y)
    yield "column_stack", lambda a, b: anp.column_stack([a, b]), (X, Y)
    yield "append", anp.append, (X, Y, 0)
    yield "array_split", lambda a, axis: tuple(anp.array_split(a, 2, axis)), (X, 1)
    yield "triu", anp.triu, (X, 0)
    yield "tril", anp.tril, (X, 0)
    yield "diag", anp.diag, (S, 0)
    yield "diagonal", anp.diagonal, (S, 0)
    yield "trace", anp.trace, (S,)
    yield "take by index", lambda x, i: x[i], (X, INDEX[:3])
    yield "take by mask", lambda x, m: x[m], (X, MASK)
    yield "diff", anp.diff, (X, 1, 1)
    yield "gradient", anp.gradient, (X,)
    yield "partition", anp.partition, (X, 2)
    yield "dot", anp.dot, (X, W)
    yield "matmul", anp.matmul, (X, W)
    yield "inner", anp.inner, (X, Y)
    yield "outer", anp.outer, (V, X[0])
    yield "cross", anp.cross, (normal(4, 3), normal(4, 3, seed=2))
    yield "tensordot", anp.tensordot, (T, W, 1)
    yield "einsum", lambda a, b: anp.einsum("ij,jk->ik", a, b), (X, W)
    yield "atleast_2d", anp.atleast_2d, (V,)
    yield "full", lambda x: anp.full((3, 4), x), (np.array(0.7),)
    yield "linspace", lambda a, b: anp.linspace(a, b, 5), (np.array(0.2), np.array(1.3))
    for name in ("inv", "det", "slogdet", "pinv", "svd", "qr"):
        if hasattr(anp.linalg, name):
            yield f"linalg.{name}", getattr(anp.linalg, name), (POSITIVE,)
    yield "linalg.cholesky", anp.linalg.cholesky, (POSITIVE,)
    yield "linalg.eigh", lambda a: anp.linalg.eigh(a)[0], (POSITIVE,)
    yield "linalg.solve", anp.linalg.solve, (POSITIVE, normal(3, 2))
    yield "linalg.norm", anp.linalg.norm, (X,)
    yield "linalg.norm, axis", anp.linalg.norm, (X, 2, 1)
    for name in ("fft", "ifft", "rfft", "fft2", "fftn"):
        yield f"fft.{name}", partial(_real, anp, getattr(anp.fft, name)), (X,)
    yield "linalg.sqrtm", alin.sqrtm, (POSITIVE,)
    yield "linalg.solve_triangular", alin.solve_triangular, (np.triu(POSITIVE), normal(3, 2))
    yield "signal.convolve", lambda a, b: asig.convolve(a, b, mode="full"), (V, normal(3))
    for name in ("gamma", "gammaln", "psi", "digamma", "rgamma", "beta", "betaln", "gammainc", "gammaincc"):
        arguments = (P + 0.5, Q + 0.5) if name in ("beta", "betaln") else (P + 0.5,)
        if name not in ("gammainc", "gammaincc"):
            yield f"special.{name}", getattr(asp, name), arguments
    for name in ("erf", "erfc", "expit", "j0", "j1", "i0", "i1", "logsumexp"):
        yield f"special.{name}", getattr(asp, name), (X,)
    for name in ("y0", "y1", "logit", "erfinv", "erfcinv"):
        yield f"special.{name}", getattr(asp, name), (P,)
    yield "special.logsumexp, axis", asp.logsumexp, (X, 1)
    for name in ("pdf", "logpdf", "cdf", "logcdf"):
        yield f"stats.norm.{name}", getattr(stats.norm, name), (X, Y, P)
    yield "stats.t.logpdf", stats.t.logpdf, (X, P + 2, Y, Q)
    yield "stats.beta.logpdf", stats.beta.logpdf, (P, P + 1, Q + 1)
    yield "stats.gamma.logpdf", stats.gamma.logpdf, (P, Q + 1)
    yield "stats.multivariate_normal.logpdf", stats.multivariate_normal.logpdf, (normal(5, 3), normal(3), POSITIVE)
    yield "stats.dirichlet.logpdf", stats.dirichlet.logpdf, (np.array([0.2, 0.3, 0.5]), np.array([1.2, 2.0, 0.7]))


def _real(numpy: Any, transform: Any, x: Any) -> Any:
    z = transform(x)
    return numpy.real(z) + 0.3 * numpy.imag(z)


def _named(function: Any, first: str, second: str, x: Any, one: Any, two: Any) -> Any:
    return function(x, **{first: one, second: two})
