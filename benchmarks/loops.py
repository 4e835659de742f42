"""Long loops as one box, `fg.scan`, beside jax.lax.scan and a loop of PyTorch: the loss and its gradients, float64.

The loops: Euler steps of Lotka-Volterra, with states that are numbers and with one array of two; a recurrent network.
All compute the same numbers, which is looked at first, in the same run and in turn, several rounds, the least of each.
"First call" is the time from nothing to the first gradients: tracing, differentiating and compiling included.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks loops
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import flowgraph as fg

STEPS, ROUNDS = 3000, 12
H = 0.005
P, STATE = np.array([1.5, 1.0, 1.0, 3.0]), np.array([10.0, 5.0])
LONG, BATCH, WIDTH = 200, 16, 32
RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5, RNG.normal(size=(LONG, BATCH, WIDTH))

Call = Callable[[], Any]


class Case(NamedTuple):
    """A loop: what makes a call of each contender."""

    name: str
    own: Callable[[], Call]
    others: dict[str, Callable[[], Call]]


def euler(p: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """One step of Lotka-Volterra."""
    return x + H * (p[0] * x - p[1] * x * y), y + H * (p[2] * x * y - p[3] * y)


def of_numbers(steps: int = STEPS) -> Call:
    """The states are two numbers."""
    p = [fg.Input(name) for name in "abcd"]
    first = fg.Input("x"), fg.Input("y")
    (x, y), _ = fg.scan(lambda z, _: (euler(p, *z), None), first, length=steps)
    loss = x * x + y * y
    plan = fg.compile([loss, *fg.gradient(loss, [*p, *first])], inputs=[*p, *first])
    return lambda: plan(*P, *STATE)


def of_arrays(steps: int = STEPS) -> Call:
    """The state is an array of two."""
    p, first = fg.Input("p", shape=(4,)), fg.Input("z", shape=(2,))
    last, _ = fg.scan(lambda z, _: (np.stack(euler(p, z[0], z[1])), None), first, length=steps)
    loss = fg.sum(last * last)
    plan = fg.compile([loss, *fg.gradient(loss, [p, first])])
    return lambda: plan(p=P, z=STATE)


def recurrent() -> Call:
    """A recurrent network, whose steps are products of matrices."""
    w, x = fg.Parameter(W, name="w"), fg.Input("x", shape=X.shape)
    h, _ = fg.scan(lambda h, x: (np.tanh(h @ w + x), None), np.zeros((BATCH, WIDTH)), x)
    loss = fg.sum(h * h)
    plan = fg.compile([loss, *fg.gradient(loss, [w])])
    return lambda: plan(x=X)


def in_double() -> Any:
    """JAX, with 64 bits."""
    import jax

    module: Any = jax
    module.config.update("jax_enable_x64", True)
    return module


def by_jax() -> Call:
    """The equation by jax.lax.scan."""
    jax = in_double()

    def loss(p: Any, first: Any) -> Any:
        step = lambda z, _: (jax.numpy.stack(euler(p, z[0], z[1])), None)  # noqa: E731
        last, _ = jax.lax.scan(step, first, None, length=STEPS)
        return (last * last).sum()

    call, given = jax.jit(jax.value_and_grad(loss, (0, 1))), (jax.numpy.array(P), jax.numpy.array(STATE))
    return lambda: jax.block_until_ready(call(*given))


def recurrent_by_jax() -> Call:
    """The recurrent network by jax.lax.scan."""
    jax = in_double()

    def loss(w: Any, x: Any) -> Any:
        h, _ = jax.lax.scan(lambda h, x: (jax.numpy.tanh(h @ w + x), None), jax.numpy.zeros((BATCH, WIDTH)), x)
        return (h * h).sum()

    call, given = jax.jit(jax.value_and_grad(loss)), (jax.numpy.array(W), jax.numpy.array(X))
    return lambda: jax.block_until_ready(call(*given))


def by_torch() -> Call:
    """The equation by PyTorch, eagerly, one thread."""
    import torch

    torch.set_num_threads(1)

    def call() -> Any:
        p, first = torch.tensor(P, requires_grad=True), torch.tensor(STATE, requires_grad=True)
        x, y = first
        for _ in range(STEPS):
            x, y = euler(p, x, y)
        loss = x * x + y * y
        return loss.detach(), *torch.autograd.grad(loss, [p, first])

    return call


def recurrent_by_torch() -> Call:
    """The recurrent network by PyTorch, eagerly, one thread."""
    import torch

    torch.set_num_threads(1)
    w, inputs = torch.tensor(W, requires_grad=True), torch.tensor(X)

    def call() -> Any:
        h = torch.zeros((BATCH, WIDTH), dtype=torch.float64)
        for x in inputs:
            h = torch.tanh(h @ w + x)
        loss = (h * h).sum()
        return loss.detach(), *torch.autograd.grad(loss, [w])

    return call


def by_hand() -> Call:
    """The equation in Python's floats, with the gradient written by hand."""

    def call() -> Any:
        (a, b, c, d), (x, y) = P.tolist(), STATE.tolist()
        kept = []
        for _ in range(STEPS):
            kept.append((x, y))
            x, y = x + H * (a * x - b * x * y), y + H * (c * x * y - d * y)
        loss, gx, gy = x * x + y * y, 2 * x, 2 * y
        ga = gb = gc = gd = 0.0
        for x, y in reversed(kept):
            xy = x * y
            ga, gb, gc, gd = ga + gx * x, gb - gx * xy, gc + gy * xy, gd - gy * y
            gx, gy = gx * (1 + H * (a - b * y)) + gy * H * c * y, gy * (1 + H * (c * x - d)) - gx * H * b * x
        return loss, np.array([ga, gb, gc, gd]) * H, np.array([gx, gy])

    return call


EQUATION = {"by hand": by_hand, "JAX": by_jax, "PyTorch": by_torch}
RECURRENT = {"JAX": recurrent_by_jax, "PyTorch": recurrent_by_torch}
CASES = (
    Case(f"{STEPS:,} Euler steps, numbers", of_numbers, EQUATION),
    Case(f"{STEPS:,} Euler steps, array of 2", of_arrays, EQUATION),
    Case(f"recurrent net, {LONG} x {BATCH} x {WIDTH}", recurrent, RECURRENT),
)


def flat(results: Any) -> Any:
    """All numbers of loss and gradients."""
    loss, *grads = results
    grads = grads[0] if len(grads) == 1 and isinstance(grads[0], tuple) else grads
    return np.concatenate([np.ravel(np.asarray(one)) for one in (loss, *grads)])


def first_call(make: Callable[[], Call]) -> tuple[Call, float]:
    """A call, and the milliseconds until its first result."""
    start = time.perf_counter()
    call = make()
    call()
    return call, (time.perf_counter() - start) * 1e3


def least(calls: dict[str, Call]) -> dict[str, float]:
    """Milliseconds per call, in turn; what takes long is called fewer times."""
    best = dict.fromkeys(calls, float("inf"))
    for turn in range(ROUNDS):
        for name, call in calls.items():
            if turn < 3 or best[name] < 50:
                start = time.perf_counter()
                call()
                best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
    return best


def growth() -> dict[str, dict[str, float]]:
    """Print, and return, how the first call grows with the steps; before the peers are imported, which slow it."""
    print("first call less a call, by the number of steps (least of 5)")
    grown: dict[str, dict[str, float]] = {}
    for name, make in (("numbers", of_numbers), ("array of 2", of_arrays)):
        for steps in (30, 300, 3000, 30000):
            found = []
            for _ in range(5):
                call, first = first_call(functools.partial(make, steps))
                found.append(first - least({"one": call})["one"])
            grown.setdefault(name, {})[str(steps)] = min(found)
            print(f"  {name:12} {steps:6} steps {min(found):8.1f} ms")
    return grown


def main() -> None:
    """Print how the first call grows with the steps, then milliseconds per call, and the same as JSON."""
    results: dict[str, Any] = {"growth": growth(), "cases": {}}
    print(f"\n{'loop':32} {'contender':10} {'first call':>11} {'per call':>9} {'ratio':>7}   milliseconds")
    for case in CASES:
        made = {"flowgraph": first_call(case.own)} | {name: first_call(make) for name, make in case.others.items()}
        calls = {name: call for name, (call, _) in made.items()}
        needed = flat(calls["flowgraph"]())
        for name, call in calls.items():
            np.testing.assert_allclose(flat(call()), needed, rtol=1e-8, err_msg=name)
        best = least(calls)
        results["cases"][case.name] = {name: {"first": first, "call": best[name]} for name, (_, first) in made.items()}
        for name, (_, first) in made.items():
            ratio = best[name] / best["flowgraph"]
            print(f"{case.name:32} {name:10} {first:11.1f} {best[name]:9.2f} {ratio:6.2f}x")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
