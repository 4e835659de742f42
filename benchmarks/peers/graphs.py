"""Graphs that are no MLP, by everybody: a function of no argument each, whose result is compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LONG = 4_000_000
LINKS = 6
BRANCHES = 1_000
PIECE = 1 << 15

Call = Callable[[], float]


def long_x() -> Any:
    """The array of the elementwise chain."""
    return np.random.default_rng(0).standard_normal(LONG).astype("float32")


def branch_weights() -> Any:
    """A number for each branch of the wide graph, and the vector that they share."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(BRANCHES), rng.standard_normal(64)


def chain_of(np: Any, h: Any) -> Any:
    """LINKS times tanh(1.5 h - h² / 2), for any library that looks like NumPy."""
    for _ in range(LINKS):
        h = np.tanh(1.5 * h - 0.5 * (h * h))
    return h


def chain_by_hand() -> Call:
    """In place, in pieces that stay in the cache."""
    x = long_x()
    out = np.empty_like(x)
    t = np.empty(PIECE, x.dtype)
    half, more = np.array(0.5, x.dtype), np.array(1.5, x.dtype)
    pieces = [(x[i : i + PIECE], out[i : i + PIECE], t[: len(x[i : i + PIECE])]) for i in range(0, LONG, PIECE)]

    def call() -> float:
        for h, o, s in pieces:
            for _ in range(LINKS):
                np.multiply(h, half, s)
                np.subtract(more, s, s)
                np.multiply(h, s, o)
                np.tanh(o, o)
                h = o
        return float(out[-1])

    return call


def chain_numpy() -> Call:
    """As it is written."""
    x = long_x()
    return lambda: float(chain_of(np, x)[-1])


def chain_flowgraph() -> Call:
    """A plan whose result stays in its own memory, as it does by hand."""
    import flowgraph as fg

    x = long_x()
    plan = fg.compile([chain_of(np, fg.Input("x", shape=("N",), dtype=np.float32))], borrow=True)
    return lambda: float(plan(x=x)[0][-1])


def chain_torch() -> Call:
    """Eager, without gradients."""
    import torch

    x = torch.from_numpy(long_x())

    def call() -> float:
        with torch.no_grad():
            return float(chain_of(torch, x)[-1])

    return call


def chain_jax() -> Call:
    """One jit."""
    import jax
    import jax.numpy as jnp

    x, f = jnp.array(long_x()), jax.jit(lambda h: chain_of(jnp, h))
    return lambda: float(f(x).block_until_ready()[-1])


def wide_of(np: Any, weights: Any, x: Any) -> Any:
    """The sum of many branches tanh(w x), each with a weight of its own."""
    total = 0.0
    for w in weights:
        total = total + np.tanh(w * x).sum()
    return total


def wide_flowgraph() -> Call:
    """Loss and the gradient of every weight, one plan."""
    import flowgraph as fg

    numbers, x = branch_weights()
    weights = [fg.Parameter(float(w), name=f"w{i}") for i, w in enumerate(numbers)]
    loss = wide_of(np, weights, x)
    plan = fg.compile([loss, *fg.gradient(loss, weights)])
    return lambda: float(sum(float(dw) for dw in plan()))


def wide_graph() -> Call:
    """The same graph, run box by box."""
    import flowgraph as fg

    numbers, x = branch_weights()
    weights = [fg.Parameter(float(w), name=f"w{i}") for i, w in enumerate(numbers)]
    graph = fg.Graph(wide_of(np, weights, x))

    def call() -> float:
        run = graph.fprop()
        grads = run.bprop()
        return float(run) + sum(float(grads[w]) for w in weights)

    return call


def wide_torch() -> Call:
    """Eager."""
    import torch

    numbers, x = branch_weights()
    weights = [torch.tensor(w, dtype=torch.float64, requires_grad=True) for w in numbers]
    data = torch.from_numpy(x)

    def call() -> float:
        loss = wide_of(torch, weights, data)
        return float(loss.detach()) + sum(float(dw) for dw in torch.autograd.grad(loss, weights))

    return call


def wide_autograd() -> Call:
    """value_and_grad of a list of numbers."""
    import autograd.numpy as anp
    from autograd import value_and_grad

    numbers, x = branch_weights()
    f = value_and_grad(lambda weights: wide_of(anp, weights, x))
    weights = [float(w) for w in numbers]

    def call() -> float:
        loss, grads = f(weights)
        return float(loss) + sum(map(float, grads))

    return call


def wide_jax() -> Call:
    """One jit of value_and_grad."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    numbers, x = branch_weights()
    f = jax.jit(jax.value_and_grad(lambda weights: wide_of(jnp, weights, x)))
    weights = [jnp.asarray(w) for w in numbers]

    def call() -> float:
        loss, grads = f(weights)
        return float(loss) + sum(map(float, grads))

    return call


SECTIONS: dict[str, dict[str, Callable[[], Call]]] = {
    f"elementwise chain, {LINKS} links of 4 million floats": {
        "by hand": chain_by_hand,
        "numpy": chain_numpy,
        "flowgraph": chain_flowgraph,
        "torch": chain_torch,
        "jax": chain_jax,
    },
    f"wide graph, {BRANCHES} branches, with gradient": {
        "flowgraph": wide_flowgraph,
        "flowgraph box by box": wide_graph,
        "torch": wide_torch,
        "autograd": wide_autograd,
        "jax": wide_jax,
    },
}
