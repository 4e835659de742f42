"""Calls of `grad(f)` as programs written for autograd make them, beside autograd: time per call, growth of memory.

Such programs call `grad(objective)(params, iteration)` with another whole number in each call, draw inside the
objective, rebind what it reads, take another branch, or make the derivative anew. Both libraries make the same calls in
the same run, in turn, several rounds, the best of each; their gradients are compared first. Times are processor time,
of one thread each: plans of large arrays use two where there are cores, which takes more processor time, and less time.
"jit" and "jax.jit" are `jit(grad(f))`, of functions that are pure. Memory is measured in a separate process for each
library and idiom: resident bytes after 1,100 calls less those after 100.

`--first` measures first calls alone, each of a function that was never called, and `--captured` arrays that the
function reads from its closure beside the same arrays as arguments. `--plans` measures derivatives beside the plan of
the same gradients (`fg.compile`), called with the same arrays in turn, and under `jit`. `--vmap` measures the
gradients of every example by `vmap`, under `jit` too, by a loop, and by JAX; `--derivatives` second derivatives,
Jacobians and pulls.

    python -m benchmarks functional_calls
    python -m benchmarks functional_calls --no-memory
    python -m benchmarks functional_calls --first
    python -m benchmarks functional_calls --captured
    python -m benchmarks functional_calls --plans
    python -m benchmarks functional_calls --vmap
    python -m benchmarks functional_calls --derivatives
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
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


def branches(np: Any, grad: Callable[..., Any]) -> Call:
    """Another branch in each call: which of two functions each of twenty steps takes follows from the iteration."""

    def f(x: Any, i: int) -> Any:
        for step in range(20):
            x = np.tanh(x) if i * 2654435761 >> step & 1 else np.sin(x) * 1.1
        return np.sum(x)

    x = onp.ones(8)
    slope, count = grad(f), itertools.count()
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
} | {"iteration, 8 numbers": vector, "another branch in each call, 8 numbers": branches}  # fmt: skip


def garch(np: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The likelihood of 300 returns under a GARCH(1, 1) model."""
    returns = onp.random.default_rng(0).normal(size=300)

    def f(theta: Any) -> Any:
        w, a, b = theta
        variance, total = np.var(returns), 0.0
        for r in returns:
            total = total + 0.5 * (np.log(variance) + r**2 / variance)
            variance = w + a * r**2 + b * variance
        return total

    return f, (onp.array([0.1, 0.1, 0.8]),)


def kalman(np: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The likelihood of 100 observations of a random walk, by a Kalman filter."""
    observed = onp.cumsum(onp.random.default_rng(0).normal(size=100))

    def f(theta: Any) -> Any:
        q, r = np.exp(theta)
        mean, variance, total = 0.0, 10.0, 0.0
        for y in observed:
            spread, error = variance + r, y - mean
            total = total - 0.5 * (np.log(2 * np.pi * spread) + error**2 / spread)
            gain = variance / spread
            mean, variance = mean + gain * error, variance * (1 - gain) + q
        return total

    return f, (onp.array([-0.5, 0.2]),)


def markov(np: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The likelihood of 500 symbols under a hidden Markov model of 4 states, by the forward algorithm in logarithms."""
    rng = onp.random.default_rng(0)
    symbols = [int(one) for one in rng.integers(0, 5, 500)]

    def f(params: Any) -> Any:
        moves, shows, start = params
        moves = moves - np.log(np.sum(np.exp(moves), axis=1, keepdims=True))
        shows = shows - np.log(np.sum(np.exp(shows), axis=1, keepdims=True))
        alpha = start - np.log(np.sum(np.exp(start))) + shows[:, symbols[0]]
        for symbol in symbols[1:]:
            joint = alpha[:, None] + moves
            largest = np.max(joint, axis=0)
            alpha = largest + np.log(np.sum(np.exp(joint - largest), axis=0)) + shows[:, symbol]
        return np.max(alpha) + np.log(np.sum(np.exp(alpha - np.max(alpha))))

    return f, ([rng.normal(size=(4, 4)), rng.normal(size=(4, 5)), rng.normal(size=4)],)


def small_network(np: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The network of the table above, with a batch as an argument."""
    x, targets = SMALL.x[: SMALL.batch], SMALL.targets[: SMALL.batch]
    return lambda params, x, targets: SMALL.loss(np, params, x, targets), (SMALL.params, x, targets)


FIRST = {
    "300 steps of GARCH": garch, "100 steps of a Kalman filter": kalman, "500 steps of a hidden Markov model": markov,
    "10-16-3, 32 examples": small_network,
}  # fmt: skip


PURE = {name for name in IDIOMS if name.startswith(("batch as", "iteration unused", "iteration in", "iteration, "))}
"""Those whose function is pure, so that it may be called once: columns of their own say what that gains."""

COMPILED = ("jit", "jax.jit")


def columns(compiled: bool = False) -> dict[str, tuple[Any, Callable[..., Any]]]:
    """For each column of a table the module of NumPy's functions and what makes a gradient."""
    from flowgraph.functional import grad, jit

    found: dict[str, tuple[Any, Callable[..., Any]]] = {"called": (onp, grad)}
    if compiled:
        found["jit"] = (onp, lambda f: jit(grad(f)))
    try:
        import autograd
        import autograd.numpy

        found["autograd"] = (autograd.numpy, autograd.grad)
    except ImportError as error:
        print(f"autograd: left out ({error})")
    try:
        if compiled:
            import jax

            jax.config.update("jax_enable_x64", True)
            found["jax.jit"] = (jax.numpy, lambda f: _in_numpy(jax.jit(jax.grad(f))))
    except ImportError as error:
        print(f"jax: left out ({error})")
    return found


def _in_numpy(slope: Callable[..., Any]) -> Callable[..., Any]:
    """A gradient of JAX whose results are arrays of NumPy, computed to the end."""

    def call(*arguments: Any) -> Any:
        found = slope(*arguments)
        return [onp.asarray(one) for one in found] if isinstance(found, list) else onp.asarray(found)

    return call


def first_calls(rounds: int = ROUNDS) -> dict[str, Any]:
    """Milliseconds of the first and of the third call of a gradient, each round with code that was never called."""
    found: dict[str, Any] = {}
    for name, program in FIRST.items():
        best: dict[str, list[float]] = {}
        for number in range(rounds):
            results = []
            for column, (np, grad) in columns().items():
                f, arguments = program(np)
                slope, times = grad(_of_new_code(f, number)), []
                gc.collect()
                for _ in range(3):
                    start = time.process_time()
                    results.append(slope(*arguments))
                    times.append((time.process_time() - start) * 1e3)
                best[column] = list(map(min, times, best.get(column, times)))
            _refuse_other(results)
        found[name] = {column: {"first": times[0], "third": times[2]} for column, times in best.items()}
        for call in ("first", "third"):
            _print_row(f"{name}, {call} call", {column: times[call] for column, times in found[name].items()}, "ms")
    return found


def _of_new_code(f: Any, number: int) -> Callable[..., Any]:
    """The same function as code of another name, of which nobody keeps anything."""
    code = f.__code__.replace(co_name=f"{f.__name__}_{number}")
    return FunctionType(code, f.__globals__, f.__name__, f.__defaults__, f.__closure__)


def captured() -> dict[str, Any]:
    """Microseconds of a gradient by a number, of data in the closure and of the same data as an argument."""
    found: dict[str, Any] = {}
    for name, size in (("1 kB", 125), ("1 MB", 125_000), ("100 MB", 12_500_000)):
        data = onp.random.default_rng(0).normal(size=size)
        calls = {}
        for column, (np, grad) in columns().items():
            in_closure = grad(lambda x, np=np, data=data: np.mean((x - data) ** 2))
            as_argument = grad(lambda x, data, np=np: np.mean((x - data) ** 2))
            calls[column] = lambda slope=in_closure: slope(0.5)
            calls[f"{column}, as an argument"] = lambda slope=as_argument, data=data: slope(0.5, data)
        found[name] = in_turn(calls, warm=3 if size > 1e7 else 150)
        _print_row(f"captured array of {name}", found[name], "µs")
    return found


def _print_row(name: str, row: Mapping[str, float], unit: str) -> None:
    """One line of a table: a figure for each column, and how many times as long as autograd's the first one is."""
    first, *_ = row.values()
    ratio = f"   {first / row['autograd']:5.2f} x" if "autograd" in row else ""
    values = "".join(f"   {column} {value:9.2f} {unit}" for column, value in row.items())
    print(f"{name:<44}{values}{ratio}", flush=True)


def _refuse_other(results: list[Any]) -> None:
    """Compare what the columns have computed."""
    flat = [onp.concatenate([onp.ravel(part) for part in _listed(result)]) for result in results]
    for other in flat[1:]:
        onp.testing.assert_allclose(other, flat[0], rtol=1e-8, atol=1e-12)


def calls_of(library: str, idiom: str) -> Call:
    """The call of an idiom in a library."""
    return IDIOMS[idiom](*columns(library in COMPILED)[library])


def timed(idiom: str, libraries: list[str]) -> dict[str, float]:
    """Microseconds per call of an idiom in each library."""
    return in_turn({library: calls_of(library, idiom) for library in libraries}, warm=150)


def in_turn(calls: dict[str, Call], warm: int, rounds: int = ROUNDS, seconds: float = SECONDS) -> dict[str, float]:
    """Microseconds per call, the best round of each, after as many calls as it takes until a plan is compiled."""
    for _ in range(warm):  # the first calls of both, compared
        _refuse_other([call() for call in calls.values()])
    best = dict.fromkeys(calls, onp.inf)
    for _ in range(rounds):
        for library, call in calls.items():
            start, count = time.process_time(), 0
            while time.process_time() - start < seconds:
                call()
                count += 1
            best[library] = min(best[library], (time.process_time() - start) / count * 1e6)
    return best


def plan_and_derivative(network: Network) -> dict[str, Call]:
    """The gradient of a network by `grad` of a function of a dict, and by a plan of the same boxes."""
    import flowgraph as fg
    from flowgraph.functional import grad, jit

    params = dict(zip(("W1", "b1", "W2", "b2"), network.params, strict=True))
    x, targets = network.x[: network.batch], network.targets[: network.batch]

    def loss(params: Any, x: Any, targets: Any) -> Any:
        return network.loss(onp, params.values(), x, targets)

    boxes = {name: fg.Input(name, shape=value.shape) for name, value in params.items()}
    x_box, targets_box = fg.Input("x", shape=x.shape), fg.Input("targets", shape=targets.shape)
    gradients = fg.gradient(loss(boxes, x_box, targets_box), list(boxes.values()))
    plan = fg.compile(gradients, inputs=[*boxes.values(), x_box, targets_box])
    slope, given = grad(loss), [*params.values(), x, targets]
    compiled = jit(slope)
    return {
        "grad": lambda: list(slope(params, x, targets).values()),
        "jit": lambda: list(compiled(params, x, targets).values()), "plan": lambda: plan(*given),
    }  # fmt: skip


def beside_plans() -> dict[str, Any]:
    """Microseconds of a call of `grad`, under `jit` too, and of a plan of the same; the ratio of the last two."""
    found: dict[str, Any] = {}
    networks = {"5-8-3, 16": TINY, "10-16-3, 32": SMALL, "784-100-10, 256": LARGE}
    for name, network in networks.items():
        micros = in_turn(plan_and_derivative(network), 150, 100, 0.004)  # short rounds: other work disturbs few
        found[name] = micros
        values = "".join(f"   {column} {value:9.1f} µs" for column, value in micros.items())
        print(f"grad of {name:<28}{values}   {micros['jit'] / micros['plan']:5.2f} x", flush=True)
    return found


def per_example() -> dict[str, float]:
    """Microseconds of the gradients of every example: by `vmap`, under `jit` too, by a loop, and by JAX."""
    from flowgraph.functional import grad, jit, vmap

    network = SMALL
    x, targets = network.x[: network.batch], network.targets[: network.batch]

    def of_one(np: Any) -> Callable[..., Any]:
        return lambda params, x, t: network.loss(np, params, x.reshape((1, -1)), t.reshape((1, -1)))

    each, slope = vmap(grad(of_one(onp)), (None, 0, 0)), grad(of_one(onp))
    once = jit(each)
    calls: dict[str, Call] = {
        "jit": lambda: once(network.params, x, targets),
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


def rosenbrock(np: Any) -> Any:
    """A function of a vector that optimisers are tried on."""
    return lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def further_derivatives() -> dict[str, Any]:
    """Microseconds of second derivatives, Jacobians and pulls, called and under `jit`, beside autograd."""
    import importlib

    from flowgraph import functional

    rng = onp.random.default_rng(0)
    x, v = rng.normal(size=5), rng.normal(size=5)
    W1, W2 = rng.normal(size=(5, 5)), rng.normal(size=(5, 5))
    makers = {"called": (onp, functional), "jit": (onp, functional)}
    with contextlib.suppress(ImportError):
        makers["autograd"] = (importlib.import_module("autograd.numpy"), importlib.import_module("autograd"))
    calls: dict[str, dict[str, Call]] = {}
    for column, (np, library) in makers.items():
        rows: dict[str, Callable[[Any], Any]] = {
            "Hessian of Rosenbrock's function": library.hessian(rosenbrock(np)),
            "Jacobian of two layers": library.jacobian(lambda x, np=np: np.tanh(np.dot(W2, np.tanh(np.dot(W1, x))))),
            "gradient of the norm of a gradient": library.grad(_norm_of(np, library.grad(rosenbrock(np)))),
        }
        for name, derived in rows.items():
            one = functional.jit(derived) if column == "jit" else derived
            calls.setdefault(name, {})[column] = lambda one=one: one(x)
        product = library.hessian_vector_product(rosenbrock(np))
        product = functional.jit(product) if column == "jit" else product
        calls.setdefault("Hessian times a vector", {})[column] = lambda product=product: product(x, v)
    name = "call of `make_vjp` and five pulls"
    calls[name] = {"called": lambda: _pulls(onp, functional.make_vjp, x)}
    if "autograd" in makers:
        make_vjp = importlib.import_module("autograd.core").make_vjp
        calls[name]["autograd"] = lambda: _pulls(makers["autograd"][0], make_vjp, x)
    found: dict[str, Any] = {}
    for name, row in calls.items():
        found[name] = in_turn(row, 20)
        _print_row(name, found[name], "µs")
    return found


def _norm_of(np: Any, slope: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: np.sum(slope(x) ** 2)


def _pulls(np: Any, make_vjp: Callable[..., Any], x: Any) -> Any:
    """Five pulls of one call; autograd's takes the argument at once."""
    f = lambda x: np.tanh(x * 2.0) * np.sin(x)  # noqa: E731
    pull, _ = make_vjp(f, x) if np is not onp else make_vjp(f)(x)
    return [pull(onp.eye(5)[i]) for i in range(5)]


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
    if "--derivatives" in sys.argv:
        print(json.dumps(further_derivatives()))
        return
    if "--first" in sys.argv:
        print(json.dumps(first_calls()))
        return
    if "--captured" in sys.argv:
        print(json.dumps(captured()))
        return
    found: dict[str, Any] = {}
    print(f"one call of a gradient, best of {ROUNDS} rounds; growth in {COUNTED} calls")
    for idiom in IDIOMS:
        micros = timed(idiom, list(columns(idiom in PURE)))
        libraries = [name for name in micros if name not in COMPILED]
        memory = {} if "--no-memory" in sys.argv else dict(growths(idiom, libraries))
        found[idiom] = {"microseconds": micros, "megabytes": memory}
        growth = "".join(f"   {library} {memory[library]:+6.1f} MB" for library in memory)
        _print_row(idiom + growth, micros, "µs")
    print(json.dumps(found))


if __name__ == "__main__":
    if "--grown" in sys.argv:
        print(grown(*sys.argv[-2:]))
    else:
        main()
