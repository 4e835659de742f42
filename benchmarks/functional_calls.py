"""Calls of `grad(f)` as programs written for autograd make them, beside autograd: time per call, growth of memory.

Such programs call `grad(objective)(params, iteration)` with another whole number in each call, draw inside the
objective, rebind what it reads, or make the derivative anew. Both libraries make the same calls in the same run, in
turn, several rounds, the best of each; their gradients are compared first. Memory is measured in a
separate process for each library and idiom: resident bytes after 1,100 calls less those after 100.

`--plans` measures derivatives beside the plan of the same gradients (`fg.compile`), called with the same arrays in
turn, and `--vmap` the gradients of every example by `vmap`, by a loop, and by JAX.

    python -m benchmarks functional_calls
    python -m benchmarks functional_calls --no-memory
    python -m benchmarks functional_calls --plans
    python -m benchmarks functional_calls --vmap
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as onp

ROUNDS, SECONDS = 12, 0.02
WARM, COUNTED = 100, 1000

Call = Callable[[], Any]
Maker = Callable[[Any, Callable[..., Any]], Call]


class Network:
    """An MLP of two layers with its loss, in the functions of a library that speaks NumPy."""

    def __init__(self, sizes: tuple[int, int, int], batch: int, batches: int = 40) -> None:
        rng = onp.random.default_rng(0)
        rows, hidden, classes = sizes
        self.params = [
            rng.normal(size=(rows, hidden)) / rows**0.5, rng.normal(size=hidden) / 9,
            rng.normal(size=(hidden, classes)) / hidden**0.5, rng.normal(size=classes) / 9,
        ]  # fmt: skip
        self.x = rng.normal(size=(batch * batches, rows))
        self.targets = onp.eye(classes)[rng.integers(0, classes, batch * batches)]
        self.batch, self.batches = batch, batches

    def loss(self, np: Any, params: Any, x: Any, targets: Any) -> Any:
        """The mean negative log-likelihood."""
        W1, b1, W2, b2 = params
        scores = np.dot(np.tanh(np.dot(x, W1) + b1), W2) + b2
        log_f = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
        return -np.mean(np.sum(targets * log_f, axis=1))


TINY, SMALL, LARGE = Network((5, 8, 3), 16), Network((10, 16, 3), 32), Network((784, 100, 10), 256, 20)


def unused(network: Network) -> Maker:
    """The objective takes the number of the iteration, as optimisers of autograd give it, and ignores it."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        x, targets = network.x[: network.batch], network.targets[: network.batch]

        def objective(params: Any, iteration: int) -> Any:
            return network.loss(np, params, x, targets)

        slope, count = grad(objective), itertools.count()
        return lambda: slope(network.params, next(count))

    return make


def arithmetic(network: Network) -> Maker:
    """The strength of a penalty follows from the iteration."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        x, targets = network.x[: network.batch], network.targets[: network.batch]

        def objective(params: Any, iteration: int) -> Any:
            return network.loss(np, params, x, targets) + np.sum(params[0] ** 2) / (1.0 + iteration)

        slope, count = grad(objective), itertools.count()
        return lambda: slope(network.params, next(count))

    return make


def index(network: Network) -> Maker:
    """The iteration chooses the batch."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        def objective(params: Any, iteration: int) -> Any:
            start = iteration % network.batches * network.batch
            chosen = slice(start, start + network.batch)
            return network.loss(np, params, network.x[chosen], network.targets[chosen])

        slope, count = grad(objective), itertools.count()
        return lambda: slope(network.params, next(count))

    return make


def rebound(network: Network) -> Maker:
    """The batch is a name in the closure that stands for another array in each call."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        batches = itertools.cycle(range(network.batches))
        x, targets = network.x[: network.batch], network.targets[: network.batch]
        slope = grad(lambda params: network.loss(np, params, x, targets))

        def call() -> Any:
            nonlocal x, targets
            start = next(batches) * network.batch
            chosen = slice(start, start + network.batch)
            x, targets = network.x[chosen] * 1.0, network.targets[chosen]
            return slope(network.params)

        return call

    return make


def anew(network: Network) -> Maker:
    """The derivative is made in the loop."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        x, targets = network.x[: network.batch], network.targets[: network.batch]
        return lambda: grad(lambda params: network.loss(np, params, x, targets))(network.params)

    return make


def draws(network: Network) -> Maker:
    """Variational inference: the objective draws the weights that it is evaluated at."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        generator = onp.random.RandomState(0)
        x, targets = network.x[: network.batch], network.targets[: network.batch]

        def objective(params: Any) -> Any:
            drawn = [p + 0.1 * generator.randn(*p.shape) for p in params]
            return network.loss(np, drawn, x, targets)

        slope = grad(objective)
        return lambda: slope(network.params)

    return make


def vector(np: Any, grad: Callable[..., Any]) -> Call:
    """Three operations on eight numbers, with the iteration in arithmetic: nearly all is overhead."""
    x = onp.ones(8)
    slope, count = grad(lambda x, i: np.sum((x - 0.1 * i) ** 2)), itertools.count()
    return lambda: slope(x, next(count))


def again(network: Network) -> Maker:
    """Nothing changes but the arguments."""

    def make(np: Any, grad: Callable[..., Any]) -> Call:
        slope = grad(lambda params, x, targets: network.loss(np, params, x, targets))
        x, targets = network.x[: network.batch], network.targets[: network.batch]
        return lambda: slope(network.params, x, targets)

    return make


IDIOMS: dict[str, Maker] = {
    f"{name}, {size}": make(network)
    for size, network in (("10-16-3", SMALL), ("784-100-10", LARGE))
    for name, make in (
        ("batch as an argument", again), ("iteration unused", unused), ("iteration in arithmetic", arithmetic),
        ("iteration as an index", index), ("batch rebound", rebound), ("derivative made anew", anew),
        ("draws in the objective", draws),
    )
} | {"iteration, 8 numbers": vector}  # fmt: skip


def calls_of(library: str, idiom: str) -> Call:
    """The call of an idiom in a library."""
    if library == "flowgraph":
        from flowgraph.functional import grad

        return IDIOMS[idiom](onp, grad)
    import autograd
    import autograd.numpy

    return IDIOMS[idiom](autograd.numpy, autograd.grad)


def timed(idiom: str, libraries: list[str]) -> dict[str, float]:
    """Microseconds per call of an idiom in each library."""
    return in_turn({library: calls_of(library, idiom) for library in libraries}, warm=150)


def in_turn(calls: dict[str, Call], warm: int, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, float]:
    """Microseconds per call, the best round of each, after as many calls as it takes until a plan is compiled."""
    for _ in range(warm):  # the first calls of both, compared
        results = [[onp.ravel(part) for part in _listed(call())] for call in calls.values()]
        for other in results[1:]:
            onp.testing.assert_allclose(onp.concatenate(other), onp.concatenate(results[0]), rtol=1e-9, atol=1e-12)
    best = dict.fromkeys(calls, onp.inf)
    for _ in range(rounds):
        for library, call in calls.items():
            start, count = time.perf_counter(), 0
            while time.perf_counter() - start < seconds:
                call()
                count += 1
            best[library] = min(best[library], (time.perf_counter() - start) / count * 1e6)
    return best


def plan_and_derivative(network: Network) -> dict[str, Call]:
    """The gradient of a network by `grad` of a function of a dict, and by a plan of the same boxes."""
    import flowgraph as fg
    from flowgraph.functional import grad

    params = dict(zip(("W1", "b1", "W2", "b2"), network.params, strict=True))
    x, targets = network.x[: network.batch], network.targets[: network.batch]

    def loss(params: Any, x: Any, targets: Any) -> Any:
        return network.loss(onp, params.values(), x, targets)

    boxes = {name: fg.Input(name, shape=value.shape) for name, value in params.items()}
    x_box, targets_box = fg.Input("x", shape=x.shape), fg.Input("targets", shape=targets.shape)
    gradients = fg.gradient(loss(boxes, x_box, targets_box), list(boxes.values()))
    plan = fg.compile(gradients, inputs=[*boxes.values(), x_box, targets_box])
    slope, given = grad(loss), [*params.values(), x, targets]
    return {"grad": lambda: list(slope(params, x, targets).values()), "plan": lambda: plan(*given)}


def beside_plans() -> dict[str, Any]:
    """Microseconds of a call of `grad` and of a plan of the same, and their ratio."""
    found: dict[str, Any] = {}
    networks = {"5-8-3, 16": TINY, "10-16-3, 32": SMALL, "784-100-10, 256": LARGE}
    for name, network in networks.items():
        micros = in_turn(plan_and_derivative(network), 150, 100, 0.004)  # short rounds: other work disturbs few
        found[name] = micros
        print(f"grad of {name:<28}   grad {micros['grad']:9.1f} µs   plan {micros['plan']:9.1f} µs", end="")
        print(f"   {micros['grad'] / micros['plan']:5.2f} x", flush=True)
    return found


def per_example() -> dict[str, float]:
    """Microseconds of the gradients of every example: by `vmap`, by a loop, and by JAX where it is installed."""
    from flowgraph.functional import grad, vmap

    network = SMALL
    x, targets = network.x[: network.batch], network.targets[: network.batch]

    def of_one(np: Any) -> Callable[..., Any]:
        return lambda params, x, t: network.loss(np, params, x.reshape((1, -1)), t.reshape((1, -1)))

    each, slope = vmap(grad(of_one(onp)), (None, 0, 0)), grad(of_one(onp))
    calls: dict[str, Call] = {
        "vmap": lambda: each(network.params, x, targets),
        "loop": lambda: [
            onp.stack(one)
            for one in zip(*[slope(network.params, a, t) for a, t in zip(x, targets, strict=True)], strict=True)
        ],
    }
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        theirs = jax.jit(jax.vmap(jax.grad(of_one(jax.numpy)), (None, 0, 0)))
        calls["jax"] = lambda: [onp.asarray(one) for one in theirs(network.params, x, targets)]
    except ImportError as error:
        print(f"jax: left out ({error})")
    micros = in_turn(calls, 150, 40, 0.01)
    print("gradients of 32 examples, 10-16-3" + "".join(f"   {name} {micros[name]:9.1f} µs" for name in micros))
    return micros


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def grown(library: str, idiom: str) -> int:
    """Bytes by which a process grows in a thousand calls."""
    call = calls_of(library, idiom)
    for _ in range(WARM):
        call()
    before = resident()
    for _ in range(COUNTED):
        call()
    return resident() - before


def growths(idiom: str, libraries: list[str]) -> Iterator[tuple[str, float]]:
    """Megabytes by which the resident memory of each library grows, each measured in a separate process."""
    for library in libraries:
        command = [sys.executable, "-m", "benchmarks.functional_calls", "--grown", library, idiom]
        yield library, int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1e6


def main() -> None:
    """Print the table, and the same as JSON."""
    if "--plans" in sys.argv:
        print(json.dumps(beside_plans()))
        return
    if "--vmap" in sys.argv:
        print(json.dumps(per_example()))
        return
    libraries = ["flowgraph", "autograd"]
    try:
        import autograd  # noqa: F401
    except ImportError as error:
        print(f"autograd: left out ({error})")
        libraries.pop()
    found: dict[str, Any] = {}
    print(f"one call of a gradient, best of {ROUNDS} rounds; growth in {COUNTED} calls")
    for idiom in IDIOMS:
        micros = timed(idiom, libraries)
        memory = {} if "--no-memory" in sys.argv else dict(growths(idiom, libraries))
        found[idiom] = {"microseconds": micros, "megabytes": memory}
        columns = "".join(f"   {library} {micros[library]:9.1f} µs" for library in libraries)
        ratio = f"   {micros['flowgraph'] / micros['autograd']:5.2f} x" if "autograd" in micros else ""
        growth = "".join(f"   {library} {memory[library]:+6.1f} MB" for library in memory)
        print(f"{idiom:<36}{columns}{ratio}{growth}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    if "--grown" in sys.argv:
        print(grown(*sys.argv[-2:]))
    else:
        main()
