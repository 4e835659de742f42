"""Of jax.numpy, jax.scipy.special, jax.nn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.public_functions.examples import INDEX, MASK, POSITIVE, Called, P, Q, S, T, V, W, X, Y, normal


def functions() -> Iterator[Called]:
    """Name, function, example."""
    import jax
    import jax.numpy as jnp
    import jax.scipy.special as special

    jax.config.update("jax_platforms", "cpu")
    unary = (
        "abs arctan cos cosh exp expm1 sin sinc sinh square tan tanh sum mean prod var std max min cumsum cumprod ptp "
        "sort ravel i0 nan_to_num"
    )
    positive = "arcsin arccos arctanh log log10 log1p log2 sqrt reciprocal arcsinh cbrt"
    yield from ((name, getattr(jnp, name), (X,)) for name in unary.split())
    yield from ((name, getattr(jnp, name), (P,)) for name in positive.split())
    yield "arccosh", jnp.arccosh, (P + 1.5,)
    for name in ("arctan2", "hypot", "maximum", "minimum", "logaddexp", "logaddexp2", "multiply", "divide"):
        yield name, getattr(jnp, name), (X, Y)
    for name in ("power", "mod", "fmod", "remainder", "float_power"):
        yield name, getattr(jnp, name), (P, Q)
    for name in ("prod", "var", "std", "max", "cumsum", "cumprod", "median", "sort"):
        yield f"{name}, axis", getattr(jnp, name), (X, 1)
    yield "where", jnp.where, (MASK, X, Y)
    yield "clip", jnp.clip, (X, Y - 0.5, Y + 0.5)
    yield "repeat", jnp.repeat, (X, 2, 1)
    yield "tile", jnp.tile, (X, (2, 1))
    yield "roll", jnp.roll, (X, 1, 1)
    yield "kron", jnp.kron, (X, W)
    yield "matmul", jnp.matmul, (X, W)
    yield "tensordot", jnp.tensordot, (T, W, 1)
    yield "einsum", lambda a, b: jnp.einsum("ij,jk->ik", a, b), (X, W)
    yield "cross", jnp.cross, (normal(4, 3), normal(4, 3, seed=3))
    yield "convolve", jnp.convolve, (V, normal(3), "full")
    yield "take", jnp.take, (X, INDEX, 1)
    yield "index, set", lambda x, i, y: x.at[i].set(y), (X, INDEX[:2], Y[:2])
    yield "index, add", lambda x, i, y: x.at[i].add(y), (X, INDEX[:2], Y[:2])
    yield "triu", jnp.triu, (X, 0)
    yield "diag", jnp.diag, (S, 0)
    yield "pad", jnp.pad, (X, ((1, 2), (0, 1)), "reflect")
    yield "interp", jnp.interp, (P, np.array([0.0, 0.3, 1.0]), np.array([0.2, -0.5, 1.4]))
    yield "quantile", jnp.quantile, (X, 0.3, 1)
    yield "corrcoef", jnp.corrcoef, (X,)
    for name in ("erf", "erfc", "expit", "ndtr", "log_ndtr", "i0", "i0e", "i1", "i1e", "logsumexp"):
        yield f"special.{name}", getattr(special, name), (X,)
    for name in ("gammaln", "digamma", "erfinv", "logit", "ndtri", "entr", "gamma"):
        yield f"special.{name}", getattr(special, name), (P,)
    for name in ("xlogy", "xlog1py", "rel_entr", "kl_div", "betaln", "zeta", "gammainc", "gammaincc", "beta"):
        yield f"special.{name}", getattr(special, name), (P + 1.5, Q + 1.2)
    yield "special.polygamma", special.polygamma, (1, P + 0.5)
    yield "special.betainc", special.betainc, (P + 1, Q + 1, P)
    activations = (
        "relu relu6 sigmoid softplus soft_sign silu log_sigmoid leaky_relu hard_sigmoid hard_silu hard_tanh elu celu "
        "selu gelu glu softmax log_softmax standardize squareplus mish sparse_plus sparse_sigmoid"
    )
    for name in activations.split():
        if hasattr(jax.nn, name):
            yield f"nn.{name}", getattr(jax.nn, name), (X,)
    for name in ("inv", "det", "slogdet", "pinv", "cholesky", "norm"):
        yield f"linalg.{name}", getattr(jnp.linalg, name), (POSITIVE,)
    yield "linalg.eigvalsh", jnp.linalg.eigvalsh, (POSITIVE,)
    yield "linalg.qr", jnp.linalg.qr, (POSITIVE,)
    yield "linalg.solve", jnp.linalg.solve, (POSITIVE, normal(3, 2))
    yield "linalg.norm, axis", jnp.linalg.norm, (X, 2, 1)
    yield "linalg.lstsq", lambda a, b: jnp.linalg.lstsq(a, b)[0], (normal(5, 3), normal(5, 2))
