"""How time grows: with the boxes of a graph, the examples of a batch, the parameters of a network; beside peers.

Seconds of the processor, one thread of BLAS, the least of some rounds, fewer for what takes long. Boxes: a chain of
sums and products of numbers, built, ordered, run forward and backward, compiled, saved; autograd and torch build and
run the same chain in one. Batch and parameters: a step of gradient descent of an MLP, in microseconds. What is
expected to take longer than `--patience` seconds is left out, by what a tenth of it took.

    python -m benchmarks scale
    python -m benchmarks scale --draw docs/pictures     scale-boxes.svg and others, of what was measured last
    python -m benchmarks scale --quick                  up to 10,000 boxes, 1,000 examples, a million parameters
"""

from __future__ import annotations

import argparse
import functools
import importlib
import itertools
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["FLOWGRAPH_CACHE"] = "off"

import numpy as np

import flowgraph as fg
from benchmarks.quoting.pages import measured
from benchmarks.quoting.texts import growth_table
from flowgraph.figures.drawing import COLOURS, Figure
from flowgraph.plan.programs import PROGRAMS

BOXES = (100, 1_000, 10_000, 100_000, 1_000_000)
BATCHES = (1, 10, 100, 1_000, 10_000, 100_000)
PARAMETERS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SIZES = (64, 128, 10)

_LONG = 2.0
"""Seconds from which a point is measured once."""

Curve = dict[int, float]


class Series:
    """Curves by name; a point that would take too long is left out."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.curves: dict[str, Curve] = {}

    def expects(self, name: str, size: int) -> bool:
        """Whether a point may be measured, by the largest one so far."""
        curve = self.curves.setdefault(name, {})
        if not curve:
            return True
        last = max(curve)
        return curve[last] * size / last < self.patience

    def measure(self, name: str, size: int, run: Callable[[], Any]) -> Any:
        """Add the least time of some runs; what the last one returned, None for a point that is left out."""
        if not self.expects(name, size):
            return None
        least, spent, runs, result = math.inf, 0.0, 0, None
        while spent < _LONG / 10 or (runs < 2 and spent < _LONG):  # what is kept of the first run helps the second
            start = time.process_time()
            result = run()
            took = time.process_time() - start
            least, spent, runs = min(least, took), spent + max(took, 1e-4), runs + 1
        self.curves[name][size] = least
        return result


def of_boxes(series: Series, sizes: tuple[int, ...]) -> None:
    """A chain of so many boxes, from building it to saving it."""
    for size in sizes:
        built = series.measure("build", size, functools.partial(built_chain, size))
        if built is not None:
            of_chain(series, size, *built)
        for peer, step in peers_of_chain().items():
            series.measure(peer, size, functools.partial(step, size))


def built_chain(size: int) -> tuple[fg.Parameter, Any]:
    """The parameter that a chain begins with, and its last box."""
    w = fg.Parameter(0.5, name="w")
    return w, chain(w, size)


def of_chain(series: Series, size: int, w: fg.Parameter, h: Any) -> None:
    """What follows once the boxes are there."""

    def compiled() -> None:
        PROGRAMS.forget()
        fg.compile([h, *fg.gradient(h, [w])]).prepare()

    def saved() -> None:
        with tempfile.TemporaryDirectory() as folder:
            fg.save(Path(folder) / "chain.fg", h)

    graph = series.measure("order", size, lambda: fg.Graph(h))
    if graph is not None:
        run = series.measure("fprop", size, graph.fprop)
        series.measure("bprop", size, run.bprop)
    series.measure("gradient and plan", size, compiled)
    series.measure("save", size, saved)


def chain(h: Any, size: int) -> Any:
    """Sums and products in turn, of a number near 1."""
    w = h
    for place in range(size):
        h = h + w if place % 2 else h * w
    return h


def peers_of_chain() -> dict[str, Callable[[int], Any]]:
    """The chain built and run forward and backward in one, as these libraries do."""
    autograd: Any = importlib.import_module("autograd")
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    sys.setrecursionlimit(10_000)

    def by_torch(size: int) -> None:
        w = torch.tensor(0.5, requires_grad=True, dtype=torch.float64)
        chain(w, size).backward()

    return {"autograd, in all": lambda size: autograd.grad(chain)(0.5, size), "torch, in all": by_torch}


def of_steps(series: Series, sizes: tuple[int, ...], batch: Callable[[int], int], width: Callable[[int], int]) -> None:
    """A step of an MLP for each size, whose batch and whose hidden units follow from it."""
    for size in sizes:
        shape = (SIZES[0], width(size), SIZES[2])
        rng = np.random.default_rng(0)
        x = rng.normal(size=(batch(size), shape[0])).astype(np.float32)
        y = rng.integers(0, shape[2], batch(size))
        for peer, make in (("flowgraph", by_flowgraph), ("torch", by_torch), ("jax", by_jax)):
            if series.expects(peer, size):
                step = make(shape, x, y)
                step()
                series.measure(peer, size, step)


def by_flowgraph(shape: tuple[int, ...], x: Any, y: Any) -> Callable[[], Any]:
    """The step as a plan of NumPy."""
    inputs = fg.Input("x", shape=("N", shape[0]), dtype=np.float32), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP(list(shape), hidden="tanh", output="softmax", dtype=np.float32, rng=0)
    loss: Any = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(inputs[0]), inputs[1]))
    grads = fg.gradient(loss, mlp.parameters)
    step = fg.compile([loss], {p: p - 0.01 * g for p, g in zip(mlp.parameters, grads, strict=True)})
    return lambda: step(x=x, y=y)


def by_torch(shape: tuple[int, ...], x: Any, y: Any) -> Callable[[], Any]:
    """The step of torch, without its optimiser's bookkeeping."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    nn = torch.nn
    net = nn.Sequential(nn.Linear(shape[0], shape[1]), nn.Tanh(), nn.Linear(shape[1], shape[2]))
    given, labels = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> float:
        loss = nn.functional.cross_entropy(net(given), labels)
        grads = torch.autograd.grad(loss, list(net.parameters()))
        with torch.no_grad():
            for parameter, grad in zip(net.parameters(), grads, strict=True):
                parameter -= 0.01 * grad
        return float(loss.detach())

    return step


def by_jax(shape: tuple[int, ...], x: Any, y: Any) -> Callable[[], Any]:
    """The step of JAX, compiled."""
    jax: Any = importlib.import_module("jax")
    jnp: Any = importlib.import_module("jax.numpy")
    rng = np.random.default_rng(0)
    held = [[rng.normal(size=pair).astype(np.float32) * 0.05, np.zeros(pair[1], np.float32)]
            for pair in itertools.pairwise(shape)]  # fmt: skip

    def loss_of(layers: Any, x: Any, y: Any) -> Any:
        (W1, b1), (W2, b2) = layers
        logits = jnp.tanh(x @ W1 + b1) @ W2 + b2
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - jnp.take_along_axis(logits, y[:, None], 1)[:, 0])

    @jax.jit  # type: ignore[untyped-decorator]
    def update(layers: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(layers, x, y)
        return loss, jax.tree.map(lambda p, g: p - 0.01 * g, layers, grads)

    given = jnp.asarray(x), jnp.asarray(y)

    def step() -> float:
        nonlocal held
        loss, held = update(held, *given)
        return float(loss)

    return step


def drawn(title: str, curves: dict[str, Curve]) -> Figure:
    """The curves over the size, both in powers of ten; those of peers dashed."""

    def draw(axes: Any) -> None:
        for place, (name, curve) in enumerate(curves.items()):
            by_peer = name.startswith(("autograd", "torch", "jax"))
            sizes, style = [int(size) for size in curve], "o--" if by_peer else "o-"
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(sizes, [1e3 * seconds for seconds in curve.values()], style, ms=3, color=colour, label=name)
        axes.set(xscale="log", yscale="log", xlabel=title, ylabel="milliseconds")
        axes.legend(frameon=False, fontsize=8)

    return Figure(
        draw, {name: np.array([[int(size) for size in curve], [*curve.values()]]) for name, curve in curves.items()}
    )


def main() -> None:
    """Measure, print tables, and the numbers as JSON in the last line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two decades less")
    parser.add_argument("--patience", type=float, default=30.0, help="seconds of one point")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="draw the curves that were measured last")
    options = parser.parse_args([one for one in sys.argv[1:] if one != "scale"])
    if options.draw is not None:
        for title, curves in measured()["scale"]["numbers"].items():
            drawn(title, curves).save(options.draw / f"scale-{title}.svg")
        return
    less = -2 if options.quick else None
    parameters = PARAMETERS[: less and less + 1]
    measures: dict[str, Callable[[Series], None]] = {
        "boxes": lambda series: of_boxes(series, BOXES[:less]),
        "examples": lambda series: of_steps(series, BATCHES[:less], lambda size: size, lambda _: SIZES[1]),
        "parameters": lambda series: of_steps(
            series, parameters, lambda _: 32, lambda size: max(2, size // (SIZES[0] + SIZES[2]))
        ),
    }
    found: dict[str, dict[str, Curve]] = {}
    for title, measure in measures.items():
        series = Series(options.patience)
        measure(series)
        found[title] = series.curves
        print("\n".join(growth_table(title, series.curves)), flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
