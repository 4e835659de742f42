"""Functions under `jit` beside their gradients written by hand in NumPy, called, and beside autograd and JAX.

Three programs as users have them: the dense gradient of an embedding, the marginal likelihood of a Gaussian process,
and logistic regression under `scipy.optimize.minimize`. All gradients are compared first; libraries run in turn, the
best round of each. "jit" is `jit(value_and_grad(f))`, "called" is `value_and_grad(f)`.

    python -m benchmarks jit_by_hand
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as onp

from benchmarks.functional_calls import in_turn

Function = Callable[..., Any]


class Program(NamedTuple):
    """A function of one array for any library that speaks NumPy, its value and gradient by hand, and the array."""

    function: Callable[[Any], Function]
    by_hand: Function
    start: Any


def embedding() -> Program:
    """Mean of softmax losses over a table of 2,000 words in 32 numbers, 512 lookups; the gradient is dense."""
    rng = onp.random.default_rng(0)
    words, labels = rng.integers(0, 2000, 512), rng.integers(0, 10, 512)
    out, rows = rng.normal(size=(32, 10)) / 6, onp.arange(512)

    def function(np: Any) -> Function:
        def loss(table: Any) -> Any:
            scores = np.dot(table[words], out)
            top = np.max(scores, axis=1, keepdims=True)
            log_z = top[:, 0] + np.log(np.sum(np.exp(scores - top), axis=1))
            return np.mean(log_z - scores[rows, labels])

        return loss

    def by_hand(table: Any) -> Any:
        scores = table[words] @ out
        top = scores.max(axis=1, keepdims=True)
        exps = onp.exp(scores - top)
        total = exps.sum(axis=1, keepdims=True)
        value = onp.mean(top[:, 0] + onp.log(total[:, 0]) - scores[rows, labels])
        exps /= total * 512
        exps[rows, labels] -= 1 / 512
        grad = onp.zeros_like(table)
        onp.add.at(grad, words, exps @ out.T)
        return value, grad

    return Program(function, by_hand, rng.normal(size=(2000, 32)) / 6)


def gaussian_process() -> Program:
    """The negative log marginal likelihood of 100 points by three logarithms: scale, length and noise."""
    rng = onp.random.default_rng(0)
    x = rng.uniform(-3, 3, (100, 2))
    y = onp.sin(x[:, 0]) + 0.1 * rng.normal(size=100)
    squares, unit = ((x[:, None] - x[None]) ** 2).sum(axis=2), onp.eye(100)

    def function(np: Any) -> Function:
        def nll(theta: Any) -> Any:
            kernel = np.exp(theta[0] - 0.5 * squares * np.exp(-2 * theta[1])) + np.exp(theta[2]) * unit
            return 0.5 * np.dot(y, np.linalg.solve(kernel, y)) + 0.5 * np.linalg.slogdet(kernel)[1]

        return nll

    def by_hand(theta: Any) -> Any:
        scaled = squares * onp.exp(-2 * theta[1])
        smooth = onp.exp(theta[0] - 0.5 * scaled)
        noise = onp.exp(theta[2])
        kernel = smooth + noise * unit
        alpha = onp.linalg.solve(kernel, y)  # the value is computed as above, the gradient with one inverse more
        inverse = onp.linalg.inv(kernel)
        value = 0.5 * y @ alpha + 0.5 * onp.linalg.slogdet(kernel)[1]
        inner = inverse - onp.outer(alpha, alpha)
        weighted = inner * smooth
        of_length = onp.sum(weighted * scaled)
        return value, 0.5 * onp.array([onp.sum(weighted), of_length, noise * onp.trace(inner)])

    return Program(function, by_hand, onp.array([0.0, 0.1, -2.0]))


def logistic() -> Program:
    """Logistic regression of 500 rows by 20 columns with a ridge."""
    rng = onp.random.default_rng(0)
    x = rng.normal(size=(500, 20))
    signs = onp.where(x @ rng.normal(size=20) + rng.normal(size=500) > 0, 1.0, -1.0)

    def function(np: Any) -> Function:
        def loss(w: Any) -> Any:
            return np.mean(np.logaddexp(0.0, -signs * np.dot(x, w))) + 0.01 * np.sum(w**2)

        return loss

    def by_hand(w: Any) -> Any:
        margins = signs * (x @ w)
        value = onp.mean(onp.logaddexp(0.0, -margins)) + 0.01 * w @ w
        return value, x.T @ (-signs / (1 + onp.exp(margins)) / 500) + 0.02 * w

    return Program(function, by_hand, onp.zeros(20))


def minimised(value_and_grad: Function, start: Any) -> Any:
    """Where L-BFGS ends."""
    from scipy.optimize import minimize

    return minimize(value_and_grad, start, jac=True, method="L-BFGS-B", options={"maxiter": 30}).x


def calls_of(program: Program, minimises: bool) -> dict[str, Callable[[], Any]]:
    """One call of each library: the value and the gradient, or a whole minimisation by them."""
    from flowgraph.functional import jit, value_and_grad

    function = program.function(onp)
    ways: dict[str, Function] = {
        "by hand": program.by_hand, "jit": jit(value_and_grad(function)), "called": value_and_grad(function),
    }  # fmt: skip
    try:
        peer = importlib.import_module("autograd")
        ways["autograd"] = peer.value_and_grad(program.function(importlib.import_module("autograd.numpy")))
    except ImportError as error:
        print(f"autograd: left out ({error})")
    try:
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        compiled = jax.jit(jax.value_and_grad(program.function(jax.numpy)))

        def of_jax(x: Any) -> Any:
            value, grad = compiled(x)
            return float(value), onp.asarray(grad)

        ways["jax.jit"] = of_jax
    except ImportError as error:
        print(f"jax: left out ({error})")
    if minimises:
        return {name: lambda way=way: [minimised(way, program.start)] for name, way in ways.items()}
    return {name: lambda way=way: list(way(program.start)) for name, way in ways.items()}


PROGRAMS = {
    "dense gradient of an embedding": (embedding, False),
    "likelihood of a Gaussian process": (gaussian_process, False),
    "logistic regression": (logistic, False),
    "logistic regression, minimised": (logistic, True),
}


def main() -> None:
    """Print a line for each program, and the same as JSON."""
    found: dict[str, dict[str, float]] = {}
    for name, (make, minimises) in PROGRAMS.items():
        calls = calls_of(make(), minimises)
        found[name] = in_turn(calls, warm=20 if minimises else 140, rounds=20, seconds=0.02)
        columns = "".join(f"   {library} {micros:9.1f}" for library, micros in found[name].items())
        print(f"{name:<36}{columns}   jit / by hand {found[name]['jit'] / found[name]['by hand']:5.2f}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
