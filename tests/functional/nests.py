"""Random nests of transforms: the same function written once, with flowgraph's transforms and with JAX's.

python -m tests.functional.nests FIRST LAST     draws the nests of these seeds and names those that differ
"""

import functools
import sys
import threading
import types

import numpy as np

WEIGHTS = np.array([[0.3, -0.8, 0.5], [0.9, 0.2, -0.4], [-0.6, 0.7, 0.1]])
ROWS = np.array([[0.7, -0.2, 0.4], [-0.5, 0.3, 0.8]])


def of_flowgraph():
    """The transforms of flowgraph; what JAX has no word for gives the same value there."""
    import flowgraph as fg
    from flowgraph import functional

    def in_a_thread(f):
        def call(x):
            results = []
            thread = threading.Thread(target=lambda: results.append(f(x)))
            thread.start()
            thread.join()
            return results[0]

        return call

    def copied(y):
        return y.named("h").with_children(*y.children) if isinstance(y, fg.Box) and y.children else y

    return types.SimpleNamespace(
        np=np, grad=functional.grad, jacobian=functional.jacobian, hessian=functional.hessian, jit=functional.jit,
        vjp=lambda f, x, v: functional.vjp(f)(x, v), jvp=lambda f, x, v: functional.jvp(f)(x, v),
        pull=lambda f, x, v: functional.make_vjp(f)(x)[0](v), vmap=functional.vmap,
        checkpoint=functional.checkpoint, stop=functional.stop_gradient, scan=fg.scan, in_a_thread=in_a_thread,
        copied=copied,
    )  # fmt: skip


def of_jax():
    """The same transforms of JAX, in double precision."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return types.SimpleNamespace(
        np=jax.numpy, grad=jax.grad, jacobian=jax.jacobian, hessian=jax.hessian, jit=jax.jit,
        vjp=lambda f, x, v: jax.vjp(f, x)[1](v)[0], jvp=lambda f, x, v: jax.jvp(f, (x,), (v,))[1],
        pull=lambda f, x, v: jax.vjp(f, x)[1](v)[0], vmap=jax.vmap, checkpoint=jax.checkpoint,
        stop=jax.lax.stop_gradient, scan=jax.lax.scan, in_a_thread=lambda f: f, copied=lambda y: y,
    )  # fmt: skip


def drawn(rng, ns, depth):
    """A function of three numbers that gives three, with so many transforms inside of each other."""
    if not depth:
        return _plain(rng, ns)
    f = drawn(rng, ns, depth - 1)
    nest = NESTS[rng.integers(len(NESTS))](ns, f)
    g = _plain(rng, ns)
    place = rng.integers(3)
    return [nest, lambda x: nest(x) + g(x), lambda x: nest(g(x))][place]


def _plain(rng, ns):
    steps = [PLAIN[i] for i in rng.integers(len(PLAIN), size=rng.integers(1, 4))]
    return lambda x: functools.reduce(lambda h, step: step(ns, h, x), steps, x)


PLAIN = [
    lambda ns, h, x: ns.np.sin(h),
    lambda ns, h, x: ns.np.tanh(h) * x,
    lambda ns, h, x: ns.np.exp(-h * h),
    lambda ns, h, x: h + 0.5 * x**2,
    lambda ns, h, x: ns.np.where(h > 0.1, h * h, 0.5 * h),
    lambda ns, h, x: WEIGHTS @ h,
    lambda ns, h, x: ns.np.cumsum(h) * 0.5,
    lambda ns, h, x: h[::-1] / (1.5 + ns.np.sum(x * x)),
    lambda ns, h, x: ns.np.maximum(h, 0.2 * x),
    lambda ns, h, x: h * ns.stop(x),
    lambda ns, h, x: ns.copied(ns.np.cos(h)),
    lambda ns, h, x: ns.in_a_thread(lambda t: ns.np.sin(t) * x)(h),
    lambda ns, h, x: ns.np.stack([h[0], h[1] * x[2], ns.np.max(h)]),
]


def _scanned(ns, f):
    def step(carry, row):
        carry = f(carry) * 0.5 + row
        return carry, carry * carry

    def run(x):
        carry, stacked = ns.scan(step, x, ROWS * 0.3)
        return carry + ns.np.sum(stacked, axis=0)

    return run


NESTS = [
    lambda ns, f: lambda x: ns.grad(lambda t: ns.np.sum(f(t) * x))(x),
    lambda ns, f: lambda x: ns.grad(lambda t: ns.np.sum(f(t * x) ** 2))(ROWS[0]),
    lambda ns, f: lambda x: ns.jacobian(lambda t: f(t) * x)(x) @ ROWS[0],
    lambda ns, f: lambda x: x @ ns.jacobian(f)(ns.np.sin(x)),
    lambda ns, f: lambda x: ns.hessian(lambda t: ns.np.sum(f(t)) * x[0])(x) @ ROWS[1],
    lambda ns, f: lambda x: ns.vjp(f, x, x * 0.5),
    lambda ns, f: lambda x: ns.pull(lambda t: f(t) * x, x, ROWS[0]),
    lambda ns, f: lambda x: ns.jvp(f, x, ROWS[1]),
    lambda ns, f: lambda x: ns.jvp(lambda t: f(t) + t * x, ROWS[0], x),
    lambda ns, f: lambda x: ns.np.sum(ns.vmap(lambda row: f(row * x))(ROWS), axis=0),
    lambda ns, f: lambda x: ns.np.mean(ns.vmap(f)(ns.np.stack([x, x * x])), axis=0),
    lambda ns, f: lambda x: ns.checkpoint(lambda t: f(t) * x)(x),
    lambda ns, f: lambda x: ns.checkpoint(f)(x),
    lambda ns, f: lambda x: ns.jit(f)(x),
    lambda ns, f: lambda x: ns.jit(lambda t: f(t) * x)(x),
    _scanned,
    lambda ns, f: lambda x: ns.copied(f(x)) * 2.0,
]


def differences(seed):
    """The gradients of the nest of a seed at three points: flowgraph's and JAX's, or what flowgraph raised."""
    rng = np.random.default_rng(seed)
    depth, start = int(rng.integers(2, 5)), int(rng.integers(1 << 30))
    found = []
    for ns in (of_flowgraph(), of_jax()):
        f = drawn(np.random.default_rng(start), ns, depth)
        slope = ns.grad(lambda x, f=f, ns=ns: ns.np.sum(f(x)))
        found.append(np.stack([np.asarray(slope(point)) for point in POINTS]))
    return found


POINTS = np.array([[0.4, -0.7, 0.9], [-0.3, 0.6, 0.2]])


def are_close(found, needed):
    """Whether they agree to rounding, of numbers that nests of derivatives may make large."""
    atol = 1e-9 * np.maximum(np.abs(needed).max(initial=1.0), 1.0)
    return found.shape == needed.shape and bool(np.allclose(found, needed, rtol=1e-7, atol=atol, equal_nan=True))


def main(first, last):
    """Print the seeds whose nests differ, and how many there are."""
    wrong = refused = 0
    for seed in range(first, last):
        try:
            found, needed = differences(seed)
        except Exception as error:
            refused += 1
            print(seed, type(error).__name__, str(error).splitlines()[0][:150], flush=True)
            continue
        if not are_close(found, needed):
            wrong += 1
            print(seed, "differs", found.tolist(), needed.tolist(), flush=True)
    print(f"{last - first} nests: {wrong} wrong, {refused} refused")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
