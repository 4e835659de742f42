"""Of torch, torch.special, torch.nn.functional, torch.linalg."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.public_functions.examples import INDEX, MASK, POSITIVE, Called, P, Q, S, T, V, W, X, Y, normal, uniform


def functions() -> Iterator[Called]:
    """Name, function, example."""
    import torch

    torch.set_num_threads(1)
    functional, special = torch.nn.functional, torch.special

    def tensors(*values: Any) -> tuple[Any, ...]:
        return tuple(torch.tensor(v) if isinstance(v, np.ndarray) else v for v in values)

    unary = (
        "abs atan cos cosh erf erfc exp exp2 expm1 neg sigmoid sin sinc sinh square tan tanh relu sum mean prod var "
        "std median max min amax amin aminmax logsumexp cumsum sgn nansum trunc frac logdet"
    )
    positive = "acos asin atanh log log10 log1p log2 sqrt rsqrt reciprocal asinh lgamma digamma erfinv logit"
    for name in unary.split():
        if name not in ("logsumexp", "amax", "amin", "cumsum", "logdet"):
            yield name, getattr(torch, name), tensors(X)
    yield from ((name, getattr(torch, name), tensors(P)) for name in positive.split())
    yield "acosh", torch.acosh, tensors(P + 1.5)
    yield "mvlgamma", torch.mvlgamma, tensors(P + 2, 2)
    yield "polygamma", lambda x, n: torch.polygamma(n, x), tensors(P + 0.5, 1)
    for name in (
        "atan2",
        "hypot",
        "maximum",
        "minimum",
        "fmax",
        "fmin",
        "logaddexp",
        "logaddexp2",
        "mul",
        "div",
        "sub",
    ):
        yield name, getattr(torch, name), tensors(X, Y)
    for name in ("pow", "xlogy", "fmod", "remainder", "float_power", "copysign"):
        yield name, getattr(torch, name), tensors(P, Q)
    for name in ("sum", "mean", "prod", "var", "std", "cumsum", "cumprod", "logsumexp", "logcumsumexp", "softmax"):
        yield f"{name}, dim", getattr(torch, name), tensors(X, 1)
    for name in (
        "log_softmax",
        "amax",
        "amin",
        "cummax",
        "cummin",
        "median",
        "sort",
        "norm",
        "diff",
        "flip",
        "squeeze",
    ):
        if name in ("norm", "diff"):
            continue
        yield f"{name}, dim", getattr(torch, name), tensors(X, (1,) if name == "flip" else 1)
    for name in ("i0", "i0e", "i1", "i1e", "erfcx", "ndtr", "log_ndtr", "expit", "sinc", "bessel_j0", "bessel_j1"):
        yield f"special.{name}", getattr(special, name), tensors(X)
    for name in ("entr", "ndtri", "psi", "gammaln"):
        yield f"special.{name}", getattr(special, name), tensors(P)
    yield "special.xlog1py", special.xlog1py, tensors(P, Q)
    yield "special.zeta", lambda s, q: special.zeta(s, q), tensors(P + 2, Q + 1)
    yield "igamma", lambda a, x: torch.igamma(torch.tensor(P + 1), x), tensors(np.array(1.0), Q)
    yield "lerp", torch.lerp, tensors(X, Y, P)
    yield "addcmul", torch.addcmul, tensors(X, Y, P)
    yield "addcdiv", torch.addcdiv, tensors(X, Y, P)
    yield "where", torch.where, tensors(MASK, X, Y)
    yield "clamp", torch.clamp, tensors(X, -0.5, 0.5)
    yield "clamp, tensors", torch.clamp, tensors(X, Y - 0.5, Y + 0.5)
    yield "nan_to_num", torch.nan_to_num, tensors(X)
    yield "renorm", torch.renorm, tensors(X, 2, 0, 1.0)
    yield "dist", torch.dist, tensors(X, Y)
    yield "cdist", torch.cdist, tensors(X, normal(5, 4))
    # pdist is left out: its backward divides an integer by zero on an empty batch, and takes the process with it
    yield "cross", torch.linalg.cross, tensors(normal(4, 3), normal(4, 3, seed=3))
    yield "matmul", torch.matmul, tensors(X, W)
    yield "kron", torch.kron, tensors(X, W)
    yield "outer", torch.outer, tensors(V, X[0])
    yield "tensordot", torch.tensordot, tensors(T, W, 1)
    yield "einsum", lambda a, b: torch.einsum("ij,jk->ik", a, b), tensors(X, W)
    yield "baddbmm", torch.baddbmm, tensors(normal(2, 3, 2), T, normal(2, 4, 2))
    yield "gather", torch.gather, tensors(X, 1, np.array([[0, 3], [1, 1], [2, 0]]))
    yield "index_select", torch.index_select, tensors(X, 1, INDEX)
    yield "take", torch.take, tensors(X, INDEX)
    yield "index_add", lambda x, i, y: torch.index_add(x, 1, i, y), tensors(X, INDEX, Y)
    yield (
        "scatter_add",
        lambda x, i, y: torch.scatter_add(x, 1, i, y),
        tensors(X, np.array([[0, 0], [1, 2], [3, 3]]), Y[:, :2].copy()),
    )
    yield "index_put", lambda x, i, y: x.index_put((i,), y, accumulate=True), tensors(X, INDEX[:2], Y[:2])
    yield "masked_fill", torch.masked_fill, tensors(X, MASK, 0.3)
    yield "masked_select", torch.masked_select, tensors(X, MASK)
    yield "repeat_interleave", torch.repeat_interleave, tensors(X, 2, 1)
    yield "tile", torch.tile, tensors(X, (2, 1))
    yield "roll", torch.roll, tensors(X, 1, 1)
    yield "rot90", torch.rot90, tensors(X, 1, (0, 1))
    yield "triu", torch.triu, tensors(X, 0)
    yield "tril", torch.tril, tensors(X, 0)
    yield "diag", torch.diag, tensors(S, 0)
    yield "diagonal", torch.diagonal, tensors(S, 0)
    yield "diag_embed", torch.diag_embed, tensors(X, 0)
    yield "permute", torch.permute, tensors(T, (1, 2, 0))
    yield "movedim", torch.movedim, tensors(T, 0, 1)
    yield "unfold", lambda x: x.unfold(0, 3, 2), tensors(V)
    yield "as_strided", lambda x: torch.as_strided(x, (2, 2), (1, 1)), tensors(V)
    yield "trapezoid", torch.trapezoid, tensors(X, Y)
    yield "corrcoef", torch.corrcoef, tensors(X)
    yield "cov", torch.cov, tensors(X)
    yield "cat", lambda a, b, dim: torch.cat([a, b], dim), tensors(X, Y, 1)
    yield "stack", lambda a, b, dim: torch.stack([a, b], dim), tensors(X, Y, 1)
    yield "nanmean", torch.nanmean, tensors(X)
    yield "nanmedian", torch.nanmedian, tensors(X)
    yield "quantile", torch.quantile, tensors(X, 0.3)
    yield "kthvalue", torch.kthvalue, tensors(X, 2, 1)
    yield "topk", torch.topk, tensors(X, 2, 1)
    yield "mode", torch.mode, tensors(X, 1)
    yield "ldexp", torch.ldexp, tensors(X, Y)
    activations = (
        "relu6 hardtanh hardswish hardsigmoid hardshrink softshrink tanhshrink softsign softplus mish silu gelu selu "
        "celu elu leaky_relu rrelu logsigmoid threshold normalize glu"
    )
    for name in activations.split():
        arguments = (X, 0.1, 0.2) if name == "threshold" else (X,)
        yield f"F.{name}", getattr(functional, name), tensors(*arguments)
    yield "F.prelu", functional.prelu, tensors(X, np.array([0.25]))
    yield "F.gelu, tanh", lambda x: functional.gelu(x, approximate="tanh"), tensors(X)
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "hinge_embedding_loss"):
        yield f"F.{name}", getattr(functional, name), tensors(X, Y if "margin" not in name else np.sign(Y))
    yield "F.kl_div", functional.kl_div, tensors(np.log(P), Q)
    yield "F.poisson_nll_loss", functional.poisson_nll_loss, tensors(X, Q)
    yield "F.gaussian_nll_loss", functional.gaussian_nll_loss, tensors(X, Y, P)
    yield "F.binary_cross_entropy", functional.binary_cross_entropy, tensors(P, Q)
    yield "F.bce_with_logits", functional.binary_cross_entropy_with_logits, tensors(X, Q)
    yield "F.cross_entropy", functional.cross_entropy, tensors(X, INDEX[:3])
    yield "F.nll_loss", functional.nll_loss, tensors(X, INDEX[:3])
    yield "F.multi_margin_loss", functional.multi_margin_loss, tensors(X, INDEX[:3])
    yield "F.multilabel_soft_margin", functional.multilabel_soft_margin_loss, tensors(X, (Y > 0).astype(float))
    yield (
        "F.margin_ranking_loss",
        functional.margin_ranking_loss,
        tensors(V, V[::-1].copy(), np.sign(normal(5, seed=5))),
    )
    yield "F.triplet_margin_loss", functional.triplet_margin_loss, tensors(X, Y, P)
    yield "F.cosine_similarity", functional.cosine_similarity, tensors(X, Y, 1)
    yield "F.cosine_embedding_loss", functional.cosine_embedding_loss, tensors(X, Y, np.array([1.0, -1.0, 1.0]))
    yield "F.pairwise_distance", functional.pairwise_distance, tensors(X, Y)
    yield "F.linear", functional.linear, tensors(X, normal(2, 4), normal(2))
    yield "F.bilinear", functional.bilinear, tensors(X, normal(3, 2), normal(5, 4, 2), normal(5))
    yield "F.layer_norm", lambda x, w, b: functional.layer_norm(x, x.shape[-1:], w, b), tensors(X, normal(4), normal(4))
    yield "F.rms_norm", lambda x, w: functional.rms_norm(x, x.shape[-1:], w), tensors(X, normal(4))
    yield "F.group_norm", functional.group_norm, tensors(normal(2, 4, 3), 2, normal(4), normal(4))
    yield "F.instance_norm", functional.instance_norm, tensors(normal(2, 4, 3))
    yield "F.batch_norm", _batch_norm, tensors(X, normal(4), normal(4))
    yield "F.local_response_norm", functional.local_response_norm, tensors(normal(2, 4, 3), 2)
    yield "F.conv1d", functional.conv1d, tensors(normal(2, 3, 7), normal(4, 3, 3), normal(4), 1, 0)
    yield "F.conv2d", functional.conv2d, tensors(normal(1, 2, 5, 5), normal(3, 2, 3, 3), normal(3), 2, 1)
    yield "F.conv_transpose1d", functional.conv_transpose1d, tensors(normal(2, 3, 5), normal(3, 4, 3), normal(4), 2, 1)
    for name in ("max_pool1d", "avg_pool1d", "lp_pool1d"):
        arguments = (normal(2, 3, 8), 2.0, 2) if name == "lp_pool1d" else (normal(2, 3, 8), 2)
        yield f"F.{name}", getattr(functional, name), tensors(*arguments)
    yield "F.avg_pool2d", functional.avg_pool2d, tensors(normal(1, 2, 5, 5), 2, 2, 1, True, False)
    yield "F.max_pool2d", functional.max_pool2d, tensors(normal(1, 2, 5, 5), 2)
    yield "F.adaptive_avg_pool1d", functional.adaptive_avg_pool1d, tensors(normal(2, 3, 8), 3)
    yield "F.adaptive_max_pool1d", functional.adaptive_max_pool1d, tensors(normal(2, 3, 8), 3)
    yield "F.pad, reflect", lambda x, pad: functional.pad(x, pad, mode="reflect"), tensors(X, (1, 2))
    yield "F.interpolate", lambda x, n: functional.interpolate(x, n, mode="linear"), tensors(normal(2, 3, 5), 8)
    yield (
        "F.grid_sample",
        lambda x, g: functional.grid_sample(x, g, align_corners=False),
        tensors(normal(1, 2, 4, 4), 0.8 * uniform(1, 3, 3, 2, low=-1)),
    )
    yield "F.unfold", functional.unfold, tensors(normal(1, 2, 4, 4), 2)
    yield "F.fold", lambda x: functional.fold(x, (4, 4), 2), tensors(normal(1, 8, 9))
    yield "F.embedding", lambda i, w: functional.embedding(i, w), tensors(INDEX, X)
    yield "F.embedding_bag", lambda i, w: functional.embedding_bag(i, w), tensors(INDEX.reshape(2, 2), X)
    yield "F.attention", functional.scaled_dot_product_attention, tensors(T, normal(2, 5, 4), normal(2, 5, 4, seed=2))
    yield "F.pixel_shuffle", functional.pixel_shuffle, tensors(normal(1, 4, 3, 3), 2)
    for name in ("inv", "det", "slogdet", "pinv", "cholesky", "matrix_exp", "svdvals"):
        yield f"linalg.{name}", getattr(torch.linalg, name), tensors(POSITIVE)
    yield "linalg.eigvalsh", torch.linalg.eigvalsh, tensors(POSITIVE)
    yield "linalg.qr", torch.linalg.qr, tensors(POSITIVE)
    yield "linalg.solve", torch.linalg.solve, tensors(POSITIVE, normal(3, 2))
    yield "linalg.lstsq", lambda a, b: torch.linalg.lstsq(a, b).solution, tensors(normal(5, 3), normal(5, 2))
    yield "linalg.norm", torch.linalg.norm, tensors(X)
    yield "linalg.vector_norm", torch.linalg.vector_norm, tensors(X, 3.0)
    yield "linalg.matrix_norm", torch.linalg.matrix_norm, tensors(X, "nuc")
    yield "linalg.matrix_power", torch.linalg.matrix_power, tensors(POSITIVE, 3)
    yield "linalg.multi_dot", lambda a, b, c: torch.linalg.multi_dot([a, b, c]), tensors(X, W, normal(2, 3))
    yield "linalg.householder_product", torch.linalg.householder_product, tensors(normal(4, 2), uniform(2))


def _batch_norm(x: Any, weight: Any, bias: Any) -> Any:
    import torch

    mean, variance = torch.zeros_like(x[0]), torch.ones_like(x[0])
    return torch.nn.functional.batch_norm(x, mean, variance, weight, bias, training=True)
