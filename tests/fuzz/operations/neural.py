"""The boxes of networks, by their own names: activations, losses, convolutions, pooling, what is set at places."""

from __future__ import annotations

import numpy as np

from tests.fuzz.operations import operation
from tests.fuzz.pool import Pool

ACTIVATIONS = ("ReLU", "LeakyReLU", "ELU", "Softplus", "GELU", "SiLU", "Sigmoid", "Softmax", "LogSoftmax",
               "Tanh", "LogSumExp")  # fmt: skip


@operation(weight=4, exact=True)
def activations(pool: Pool) -> str | None:
    a = pool.pick("f")
    texts = [f"fg.{name}.apply({{a}})" for name in ACTIVATIONS]
    texts += ["fg.LogSumExp.apply({a}, axis={x}, keepdims=True)", "fg.Softmax.apply({a}, axis={x})"]
    text = pool.one(texts)
    return a and str(text).format(a=a, x=pool.axis(a))


@operation(weight=2, exact=True)
def losses(pool: Pool) -> str | None:
    a = pool.pick("f")
    b = a and pool.pick("f", where=lambda one: one.shape == pool[a].shape)
    text = pool.line("""
        fg.SquaredError.apply({a}, {b})
        fg.AbsoluteError.apply({a}, {b})
        fg.Huber.apply({a}, {b})
        fg.BinaryCrossEntropy.apply({a}, ({b} > 0).astype({b}.dtype))
        fg.Hinge.apply({a}, np.sign({b}))
        fg.L2.apply({a}, {b})
        fg.L1.apply({a}, {b})
    """)
    return b and str(text).format(a=a, b=b)


@operation(weight=2, exact=True)
def affine(pool: Pool) -> str | None:
    a = pool.pick("f", ndim=2)
    w = a and pool.pick("f", ndim=2, where=lambda one: one.shape[0] == pool[a].shape[1])
    b = w and pool.pick("f", ndim=1, where=lambda one: one.shape == pool[w].shape[1:])
    return b and f"fg.Affine.apply({a}, {w}, {b})"


@operation(weight=3, exact=True, named=False)
def windows(pool: Pool) -> str | None:
    a = pool.pick("f", ndim=2, where=lambda one: min(one.shape) > 1 and one.dtype != np.float16)
    text = pool.line("""
        fg.Conv2d.apply({a}[None, None], {a}[None, None, :2, :2])
        fg.Conv1d.apply({a}[None], {a}[:1, None, :2].repeat({n}, 1))
        fg.Conv2d.apply({a}[None, None], {a}[None, None, :2, :1], padding=1, stride=2)
        fg.MaxPool.apply({a}[None, None], size=2)
        np.maximum(fg.Conv2d.apply({a}[:, None, None], {a}[:2, None, None, :2]), 0) * 2
        fg.MaxPool.apply(fg.Conv2d.apply({a}[:, None, None], {a}[:1, None, None, :1]), size=(1, 2)).reshape(-1)
        fg.Conv3d.apply({a}[None, None, None], {a}[None, None, None, :2, :2])
        fg.MeanPool.apply({a}[None, None], size=2)
        fg.MaxPool.apply({a}[None, None], size=(1, 2), stride=1)
        fg.Resize.apply({a}[None], scale=(2.0, 2.0))
        fg.Resize.apply({a}, scale=(2.0,), mode="linear")
    """)
    return a and str(text).format(a=a, n=pool[a].shape[0])


@operation(weight=1, exact=True)
def stopped(pool: Pool) -> str | None:
    a = pool.pick("f")
    return a and f"{a} * fg.stop_gradient({a})"


@operation(weight=1, exact=True, named=False)
def places(pool: Pool) -> str | None:
    a = pool.pick("f", least=1, where=lambda one: one.shape[0] > 1)
    text = pool.one(
        ("fg.set_at({a}, 0, 2.0)", "fg.add_at({a}, [0, 0, 1], 1.5)", "fg.set_at({a}, slice(0, 2), {a}[:1] * 3)")
    )
    return a and str(text).format(a=a)
