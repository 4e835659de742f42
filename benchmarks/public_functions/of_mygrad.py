"""Of mygrad and mygrad.nnet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.public_functions.examples import INDEX, MASK, Called, P, Q, T, W, X, Y, normal


def functions() -> Iterator[Called]:
    """Name, function, example."""
    import mygrad as mg
    import mygrad.nnet as nnet

    unary = (
        "abs arctan cos cosh exp exp2 expm1 negative sin sinc sinh square tan tanh sum mean prod var std max min "
        "cumsum cumprod ravel transpose squeeze"
    )
    positive = "arcsin arccos arctanh log log2 log10 log1p sqrt reciprocal arcsinh cbrt"
    yield from ((name, getattr(mg, name), (X,)) for name in unary.split())
    yield from ((name, getattr(mg, name), (P,)) for name in positive.split())
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "arctan2", "logaddexp", "logaddexp2"):
        yield name, getattr(mg, name), (X, Y)
    yield "power", mg.power, (P, Q)
    for name in ("sum", "mean", "prod", "var", "std", "max", "min", "cumsum", "cumprod"):
        yield f"{name}, axis", getattr(mg, name), (X, 1)
    yield "where", mg.where, (MASK, X, Y)
    yield "clip", mg.clip, (X, -0.5, 0.5)
    yield "repeat", mg.repeat, (X, 2, 1)
    yield "roll", mg.roll, (X, 1, 1)
    yield "transpose, axes", mg.transpose, (T, (1, 2, 0))
    yield "swapaxes", mg.swapaxes, (T, 0, 1)
    yield "moveaxis", mg.moveaxis, (T, 0, 1)
    yield "reshape", mg.reshape, (X, (4, 3))
    yield "expand_dims", mg.expand_dims, (X, 1)
    yield "broadcast_to", mg.broadcast_to, (X, (2, 3, 4))
    yield "concatenate", lambda a, b, axis: mg.concatenate([a, b], axis=axis), (X, Y, 1)
    yield "stack", lambda a, b, axis: mg.stack([a, b], axis=axis), (X, Y, 1)
    yield "matmul", mg.matmul, (X, W)
    yield "einsum", lambda a, b: mg.einsum("ij,jk->ik", a, b), (X, W)
    yield "index", lambda x, i: x[i], (X, INDEX[:3])
    yield "linalg.norm", mg.linalg.norm, (X,)
    yield "linalg.norm, axis", mg.linalg.norm, (X, 2, 1)
    for name in (
        "relu",
        "sigmoid",
        "elu",
        "selu",
        "leaky_relu",
        "hard_tanh",
        "soft_sign",
        "softmax",
        "logsoftmax",
        "glu",
    ):
        arguments = (X, 0.1) if name in ("elu", "leaky_relu") else (X,)
        yield f"nnet.{name}", getattr(nnet.activations, name), arguments
    yield "nnet.softmax_crossentropy", nnet.losses.softmax_crossentropy, (X, INDEX[:3])
    yield "nnet.negative_log_likelihood", nnet.losses.negative_log_likelihood, (np.log(P), INDEX[:3])
    yield "nnet.multiclass_hinge", nnet.losses.multiclass_hinge, (X, INDEX[:3])
    yield "nnet.focal_loss", nnet.losses.focal_loss, (P, INDEX[:3])
    yield "nnet.conv_nd", lambda x, w: nnet.layers.conv_nd(x, w, stride=1), (normal(1, 2, 5, 5), normal(3, 2, 3, 3))
    yield "nnet.max_pool", lambda x: nnet.layers.max_pool(x, (2, 2), 1), (normal(1, 2, 4, 4),)
    yield (
        "nnet.batchnorm",
        lambda x, g, b: nnet.layers.batchnorm(x, gamma=g, beta=b, eps=1e-5),
        (X, normal(4), normal(4)),
    )
