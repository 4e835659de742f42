"""Random bodies of loops, the same loops written out, what their tests compare, and a box that counts its runs."""

import numpy as np

import flowgraph as fg

UNARY = (np.tanh, np.sin, lambda a: a * a / (1.0 + a * a), lambda a: np.exp(-a * a), np.abs)
BINARY = (np.add, np.subtract, np.multiply, lambda a, b: a / (2.0 + b * b), np.maximum)


def random_body(rng, shape):
    """A body of two carries, of one element and of what it reads from outside, drawn operation by operation."""
    plan = [(rng.integers(2), rng.integers(5), rng.integers(100), rng.integers(100)) for _ in range(rng.integers(3, 9))]
    last = rng.integers(100, size=3)
    scale = rng.uniform(0.2, 0.8)

    def body_on(outer):
        def body(carry, x):
            pool = [*carry, x, *outer]
            for kind, which, i, j in plan:
                a, b = pool[i % len(pool)], pool[j % len(pool)]
                made = UNARY[which](a) if kind else BINARY[which](a, b)
                pool.append(made * scale)
            if shape:
                pool.append(pool[-1] @ outer[-1] if len(shape) == 2 else np.roll(pool[-1], 1))
            first, second, stacked = (pool[-1 - i % 5] for i in last)
            return (first * scale + carry[1], second - carry[0] * scale), (stacked, first * x)

        return body

    return body_on


def unrolled(body, carry, inputs, length, reverse=False):
    """The loop written out, one box after the other."""
    stacks = []
    for place in range(length - 1, -1, -1) if reverse else range(length):
        carry, stacked = body(carry, inputs[place])
        stacks.append(stacked)
    if reverse:
        stacks.reverse()
    return carry, tuple(np.stack(column) for column in zip(*stacks, strict=True))


def leaves(rng, shape, dtype, length):
    """Leaves of a loop: the first carries, the inputs, two arrays that every step reads."""
    first = [fg.Parameter(rng.normal(size=shape).astype(dtype), name=name) for name in ("c0", "c1")]
    x = fg.Input("x", shape=(length, *shape), dtype=dtype)
    outer = [fg.Parameter(rng.normal(size=shape[-1:] * len(shape)).astype(dtype) / 2, name=n) for n in ("p", "q")]
    return first, x, outer


def objective(results):
    """A number that reads every result."""
    return sum((fg.sum(np.sin(one)) for one in results), 0.0)


def all_derivatives(loss, wrt):
    """The loss, its gradients, a product with its Hessian, and its slope."""
    along = [np.random.default_rng(len(wrt)).normal(size=box.shape).astype(box.dtype) for box in wrt]
    return [loss, *fg.gradient(loss, wrt), *fg.hvp(loss, wrt, along), fg.jvp(loss, wrt, along)]


def assert_close(found, needed, dtype=float, single=2e-4):
    """Equal shapes and dtypes, and numbers to 1e-9, in float32 to `single`."""
    tolerance = single if dtype == np.float32 else 1e-9
    assert len(found) == len(needed)
    for one, other in zip(found, needed, strict=True):
        assert (np.shape(one), one.dtype) == (np.shape(other), other.dtype)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def dear(calls):
    """A class of boxes that note the shape in `calls` whenever one is computed."""

    class Dear(fg.Elementwise):
        """h = a"""

        def fprop(self, a):
            calls.append(a.shape)
            return np.reshape([float(one) for one in np.ravel(a)], a.shape)  # arrays alone: a plan cannot open it

        def bprop(self, grad, h, a):
            return (grad * h / a,)

    return Dear
